"""Rennala SGD: mini-batches collected asynchronously at one x.

Tyurin & Richtárik, "Optimal time complexities of parallel stochastic optimization methods under a
fixed computation model", NeurIPS 2023.

The server collects S gradients at the current x, however many of them a worker gives, drops those
at an older x, and makes a step with the S.
"""

from __future__ import annotations

from asysim.coordination.base import Coordination, Desk
from asysim.coordination.flight import Flight


class Rennala(Coordination):
    """Mini-batches that are collected asynchronously.

    Parameters
    ----------
    desk
        What it acts on.
    batch
        S.
    """

    def __init__(self, desk: Desk, *, batch: int) -> None:
        super().__init__(desk)
        self._batch = batch

    def ask(self, worker: int) -> None:
        self.desk.grant(worker)

    def arrive(self, flight: Flight) -> None:
        desk = self.desk
        if flight.version < desk.update:
            desk.discard(flight)
        else:
            desk.fold(flight)
            if desk.gathered == self._batch:
                desk.make_update()
        desk.free(flight.worker)
