"""S gradients with a delay below R make an update: see coordination_rules.md."""

from asysim.coordination import Coordination, Hooks, ParameterServer, Settings
from asysim.coordination.flight import Flight
from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import apply, discard, free
from asysim.ground.arrays import Ints
from asysim.ground.ranges import Count


class FreshBatch(Settings):
    """The table in a scenario file: kind = "own_rule:FreshBatch", batch = S, delay = R."""

    batch: Count
    delay: Count

    def rule(self, server: ParameterServer, workers: int) -> Coordination:  # noqa: ARG002
        return FreshBatchRule(server, self)

    def set_up(self, m: Ints) -> None:
        m[BATCH], m[DELAY] = self.batch, self.delay

    def hooks(self) -> Hooks:
        return Hooks(arrive)


class FreshBatchRule(Coordination):
    """What SimPy plays, and the server with --on mpi."""

    def __init__(self, server: ParameterServer, told: FreshBatch) -> None:
        super().__init__(server)
        self.told = told

    def arrive(self, flight: Flight) -> None:
        if self.server.update - flight.version >= self.told.delay:
            self.server.discard(flight)
        else:
            self.server.fold(flight)
            if self.server.gathered == self.told.batch:
                self.server.make_update()
        self.server.free(flight.worker)


BATCH, DELAY = n.own(2)


def arrive(m: Ints, flight: int) -> None:
    """Do the same in the compiled machine."""
    worker = m[flight + n.WORKER]
    if m[n.UPDATE] - m[flight + n.VERSION] >= m[DELAY]:
        discard(m, flight)
    else:
        apply(m, flight, m[BATCH])
    free(m, worker)
