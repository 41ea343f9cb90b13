"""Rennala SGD: mini-batches collected asynchronously at one x.

Tyurin & Richtárik, "Optimal time complexities of parallel stochastic optimization methods under a
fixed computation model", NeurIPS 2023.

The server collects S gradients at the current x, however many of them a worker gives, drops those
at an older x, and makes a step with the S.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from asysim.coordination.base import Coordination, Crew, ParameterServer, Settings
from asysim.coordination.flight import Flight
from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import apply, discard, free
from asysim.coordination.machine.hooks import Hooks
from asysim.ground.arrays import Ints
from asysim.ground.ranges import KeptCount
from asysim.jit.compiler import compiled


class Rennala(Settings):
    """S gradients at the current x make an update; others are dropped (Tyurin & Richtárik 2023)."""

    kind: Literal["rennala"]
    batch: KeptCount
    """S, gradients in an update"""

    papers = ("tyurin2023optimal",)
    asks_at_once = True
    is_fresh = True
    size_key = "batch"

    @classmethod
    def variants(cls, crew: Crew) -> Sequence[Settings]:
        return [cls(kind="rennala", batch=s) for s in crew.parts(1 / 8, 1 / 4, 1 / 2, 1)]

    def rule(self, server: ParameterServer, workers: int) -> Coordination:  # noqa: ARG002
        return RennalaRule(server, batch=self.batch)

    def hooks(self) -> Hooks:
        return Hooks(arrive)

    def set_up(self, m: Ints) -> None:
        m[BATCH] = self.batch

    def update_size(self, workers: int) -> int:  # noqa: ARG002
        return self.batch

    def collected(self) -> int:
        return self.batch


class RennalaRule(Coordination):
    """Mini-batches that are collected asynchronously.

    Parameters
    ----------
    server
        What it acts on.
    batch
        S.
    """

    def __init__(self, server: ParameterServer, *, batch: int) -> None:
        super().__init__(server)
        self._batch = batch

    def arrive(self, flight: Flight) -> None:
        server = self.server
        if flight.version < server.update:
            server.discard(flight)
        else:
            server.fold(flight)
            if server.gathered == self._batch:
                server.make_update()
        server.free(flight.worker)


(BATCH,) = n.own(1)


@compiled
def arrive(m: Ints, flight: int) -> None:
    worker = m[flight + n.WORKER]
    if m[flight + n.VERSION] < m[n.UPDATE]:
        discard(m, flight)
    else:
        apply(m, flight, m[BATCH])
    free(m, worker)
