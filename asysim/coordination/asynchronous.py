"""Asynchronous: c gradients make an update, whoever computed them, and nobody waits.

c = 1 is AsySG-con (Lian et al. 2015). c > 1 is c-softsync (Zhang, Gupta, Lian & Liu 2016),
K-batch-async (Dutta et al. 2018), or the buffer of FedBuff (Nguyen et al. 2022).
"""

from __future__ import annotations

from asysim.coordination.base import Coordination, Desk
from asysim.coordination.flight import Flight


class Asynchronous(Coordination):
    """Nobody waits.

    Parameters
    ----------
    desk
        What it acts on.
    per_update
        c.
    """

    def __init__(self, desk: Desk, *, per_update: int = 1) -> None:
        super().__init__(desk)
        self._per_update = per_update

    def ask(self, worker: int) -> None:
        self.desk.grant(worker)

    def arrive(self, flight: Flight) -> None:
        self.desk.fold(flight)
        if self.desk.gathered == self._per_update:
            self.desk.make_update()
        self.desk.free(flight.worker)
