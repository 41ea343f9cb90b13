"""Asynchronous: c gradients make an update, whoever computed them, and nobody waits.

c = 1 is AsySG-con (Lian et al. 2015). c > 1 is c-softsync (Zhang, Gupta, Lian & Liu 2016),
K-batch-async (Dutta et al. 2018), or the buffer of FedBuff (Nguyen et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from asysim.coordination.base import Asked, Coordination, Crew, ParameterServer, Plain, Settings
from asysim.coordination.flight import Flight
from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import apply, free
from asysim.coordination.machine.hooks import Hooks
from asysim.coordination.ringmaster import Dropping
from asysim.coordination.waiting import Waiting
from asysim.ground.arrays import Ints
from asysim.ground.ranges import KeptCount
from asysim.jit.compiler import compiled


class Asynchronous(Settings):
    """Each gradient is an update, and its worker reads again at once (Lian et al. 2015)."""

    kind: Literal["asynchronous"] = "asynchronous"

    papers = ("lian2015asynchronous",)
    asks_at_once = True

    @classmethod
    def variants(cls, crew: Crew) -> Sequence[Settings]:  # noqa: ARG003
        return (cls(),)

    def played(self, algorithm: Asked) -> Settings:
        size, bound = algorithm.gradients_per_update, algorithm.staleness_bound
        if bound is None:
            return SoftSync(kind="softsync", gradients=size)
        if algorithm.beyond_bound == "wait":
            return Waiting(bound=bound, gradients=size)
        return Dropping(bound=bound, gradients=size, stop=algorithm.beyond_bound == "restart")


class SoftSync(Settings):
    """c gradients make an update, whoever computed them; nobody waits (Zhang et al. 2016).

    Also known as K-batch-async (Dutta et al. 2018), and as FedBuff's buffer (Nguyen et al. 2022).
    """

    kind: Literal["softsync"]
    gradients: KeptCount
    """c, gradients in an update"""

    papers = ("zhang2016staleness", "dutta2018slow", "nguyen2022federated")
    asks_at_once = True
    applies_all = True
    size_key = "gradients"

    @classmethod
    def variants(cls, crew: Crew) -> Sequence[Settings]:
        # c = 1 is asynchronous; beyond p a step is longer than those of a barrier.
        sizes = crew.parts(1 / 8, 1 / 4, 1 / 2, 1)
        return [cls(kind="softsync", gradients=c) for c in sizes if c > 1]

    def rule(self, server: ParameterServer, workers: int) -> Coordination:  # noqa: ARG002
        return AsynchronousRule(server, per_update=self.gradients)

    def hooks(self) -> Hooks:
        return Hooks(arrive)

    def set_up(self, m: Ints) -> None:
        m[PER_UPDATE] = self.gradients

    def plain(self) -> Plain:
        return {"gradients_per_update": self.gradients}

    def update_size(self, workers: int) -> int:  # noqa: ARG002
        return self.gradients


class AsynchronousRule(Coordination):
    """Nobody waits.

    Parameters
    ----------
    server
        What it acts on.
    per_update
        c.
    """

    def __init__(self, server: ParameterServer, *, per_update: int = 1) -> None:
        super().__init__(server)
        self._per_update = per_update

    def arrive(self, flight: Flight) -> None:
        self.server.fold(flight)
        if self.server.gathered == self._per_update:
            self.server.make_update()
        self.server.free(flight.worker)


(PER_UPDATE,) = n.own(1)


@compiled
def arrive(m: Ints, flight: int) -> None:
    worker = m[flight + n.WORKER]
    apply(m, flight, m[PER_UPDATE])
    free(m, worker)
