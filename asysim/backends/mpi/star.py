"""AsySG-con over MPI, as its driver on rank 0 sees it: a star of messages around the server."""

from __future__ import annotations

import math

from asysim.backends.mpi.cores import Core
from asysim.backends.mpi.emulation import Emulation
from asysim.backends.mpi.lead import LeadSession
from asysim.backends.mpi.messages import GRADIENT, Message, X
from asysim.backends.mpi.post import Letter
from asysim.backends.mpi.server import Rule, Server
from asysim.backends.plan import Plan
from asysim.backends.session import Asked, Ending, nobody
from asysim.ground.arrays import Vector
from asysim.schedule.coordination_rule import rule_of
from asysim.trace.trace import Trace


class StarSession(LeadSession):
    """A real run of AsySG-con, whose server this process is.

    Parameters
    ----------
    plan
        What is to be done.
    rule
        Makes the coordination rule; by default the scenario's.
    asked
        Whether somebody asked the run to end, before it has begun.
    """

    def __init__(self, plan: Plan, rule: Rule | None = None, *, asked: Asked = nobody) -> None:
        emulate = plan.settings.emulate
        super().__init__(plan, asked, punctual=emulate)
        self._emulation = Emulation(plan, self._clock, self._accuracies) if emulate else None
        self._server = Server(
            plan,
            self._crew.pool,
            rule=rule_of(plan.scenario) if rule is None else rule,
            clock=self._clock if self._emulation is None else self._emulation.clock,
            send=self._send_x,
        )
        self._core = Core(matters=False)

    def _begin(self) -> None:
        self._core = Core(matters=self._crew.nodes.roomy[0])
        self._start()
        self._server.begin()

    # The run ---------------------------------------------------------------------------------

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return self._server.update

    @property
    def over(self) -> bool:
        """Whether no update will be made any more."""
        return self._server.over or bool(self._fault)

    def stop(self, patience: float = math.inf) -> None:
        """End the run now."""
        super().stop(patience)
        self._server.over = True

    def _send_x(self, worker: int, x: Message, read: int) -> None:
        if self._emulation is not None:
            x = self._emulation.grant(worker, x, read, self._crew.pool)
        self._crew.post.send(worker + 1, X, x)
        self._watch.expect(worker, 0 if self._emulation is None else self._emulation.takes(worker))

    def _receive(self, letter: Letter) -> None:
        if letter.kind != GRADIENT:
            self._crew.pool.put(letter.message)
            return
        arrived = self._clock()
        worker, gradient = letter.source - 1, letter.message
        self._crew.post.settle(letter.source)
        self._watch.heard(worker)
        if self._emulation is not None:
            self._emulation.receive(worker, gradient, self._crew.pool)
            return
        _, ready, done, core = gradient.head[:4].tolist()
        self._core.meet(core)
        self._server.arrive(worker, gradient, (ready, done, arrived))

    def _idle(self) -> None:
        deadline, emulation = self._plan.deadline, self._emulation
        if emulation is None:
            self._look_around(late=self._clock() > deadline)
        elif self._serve_emulated(emulation):
            return
        else:
            self._look_around(late=emulation.past(deadline))
        self._crew.patience.pause()

    def _serve_emulated(self, emulation: Emulation) -> bool:
        served = emulation.served()
        if served is None:
            return False
        _, ready, done = served.gradient.head[:3].tolist()
        self._server.arrive(served.worker, served.gradient, (ready, done, served.arrived))
        return True

    # What came of it -------------------------------------------------------------------------

    def rows(self) -> Trace | None:
        """Return the rows disposed of since last asked for."""
        return self._server.rows()

    def snapshots(self) -> list[tuple[int, Vector]]:
        """Return (k, copy of x_k) for each wanted k that came by since last asked for."""
        return self._server.snapshots()

    def finish(self) -> Ending:
        """Say how it ended."""
        server = self._server
        failure = self._fault or server.failure
        return Ending(server.x.copy(), server.diverged, failure, self._facts())
