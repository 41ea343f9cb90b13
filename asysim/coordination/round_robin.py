"""Round robin: Langford, Smola & Zinkevich, "Slow learners are fast", NIPS 2009.

Gradients are applied in the order 0, 1, …, p − 1, 0, …; one that is early waits for its turn, and
its worker with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from asysim.coordination.base import Coordination, Desk
from asysim.coordination.flight import Flight


class RoundRobin(Coordination):
    """Everybody in turn.

    Parameters
    ----------
    desk
        What it acts on.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._parked: dict[int, Flight] = {}
        self._turn = 0

    def ask(self, worker: int) -> None:
        self.desk.grant(worker)

    def arrive(self, flight: Flight) -> None:
        self._parked[flight.worker] = flight
        self._go_on()

    def leave(self, worker: int) -> None:  # noqa: ARG002
        self._go_on()

    def awaited(self, worker: int) -> Iterable[int]:  # noqa: ARG002
        return [self._turn]

    def _go_on(self) -> None:
        desk = self.desk
        while desk.members:
            if self._turn not in desk.members:
                self._turn = min(desk.members, key=lambda worker: (worker < self._turn, worker))
            if self._turn not in self._parked:
                return
            worker = self._turn
            desk.fold(self._parked.pop(worker))
            desk.make_update()
            self._turn += 1
            desk.free(worker)
