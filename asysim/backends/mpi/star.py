"""AsySG-con over MPI, as its driver on rank 0 sees it: a star of messages around the server."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from asysim.backends.mpi.clocks import Clock
from asysim.backends.mpi.cores import Core, single_threaded
from asysim.backends.mpi.crew import Crew
from asysim.backends.mpi.emulation import Emulation
from asysim.backends.mpi.messages import GRADIENT, Message, X
from asysim.backends.mpi.server import Rule, Server
from asysim.backends.mpi.watch import Watch
from asysim.backends.plan import Plan
from asysim.backends.session import Ending
from asysim.problems.base import Vector
from asysim.schedule.coordination import rule_of
from asysim.trace import Trace


class StarSession:
    """A real run of AsySG-con, whose server this process is.

    Parameters
    ----------
    plan
        What is to be done.
    rule
        Makes the coordination rule; by default the scenario's.
    """

    def __init__(self, plan: Plan, rule: Rule | None = None) -> None:
        self._plan = plan
        self._crew = Crew(plan.dimension, plan.workers)
        self._clock = Clock()
        self._emulation = Emulation(plan, self._clock) if plan.settings.emulate else None
        self._server = Server(
            plan,
            self._crew.pool,
            rule=rule_of(plan.scenario) if rule is None else rule,
            clock=self._clock if self._emulation is None else self._emulation.clock,
            send=self._send_x,
        )
        self._watch = Watch(plan.settings.watchdog)
        self._core = Core(matters=False)
        self._failure = ""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(single_threaded())
        settings = self._plan.settings
        if self._crew.muster(settings.watchdog, punctual=settings.emulate):
            self._core = Core(matters=self._crew.nodes.roomy[0])
            self._clock.begin(self._crew.go())
            self._server.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.over = True
        self._crew.dismiss(self._watch.usual)
        self._stack.close()

    # The run ---------------------------------------------------------------------------------

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return self._server.update

    @property
    def over(self) -> bool:
        """Whether no update will be made any more."""
        return self._server.over or bool(self._failure or self._crew.failure)

    def work(self, seconds: float) -> None:
        """Serve for about so long, or until it is over."""
        with self._watch:
            until = time.monotonic_ns() + round(seconds * 1e9)
            crew = self._crew
            while not self.over:
                letter = crew.poll()
                if letter is not None:
                    crew.patience.reset()
                    if letter.kind == GRADIENT:
                        self._receive(letter.source - 1, letter.message)
                    else:
                        crew.pool.put(letter.message)
                elif not self._serve_emulated():
                    self._check_the_time()
                    self._look_after_workers()
                    crew.patience.pause()
                if time.monotonic_ns() > until:
                    break

    def _send_x(self, worker: int, x: Message, read: int) -> None:
        if self._emulation is not None:
            x = self._emulation.grant(worker, x, read, self._crew.pool)
        self._crew.post.send(worker + 1, X, x)
        self._watch.expect(worker, 0 if self._emulation is None else self._emulation.takes(worker))

    def _receive(self, worker: int, gradient: Message) -> None:
        arrived = self._clock()
        self._crew.post.settle(worker + 1)
        self._watch.heard(worker)
        if self._emulation is not None:
            self._emulation.receive(worker, gradient, self._crew.pool)
            return
        _, ready, done, core = gradient.head[:4].tolist()
        self._core.meet(core)
        self._server.arrive(worker, gradient, (ready, done, arrived))

    def _serve_emulated(self) -> bool:
        served = None if self._emulation is None else self._emulation.served()
        if served is None:
            return False
        _, ready, done = served.gradient.head[:3].tolist()
        self._server.arrive(served.worker, served.gradient, (ready, done, served.arrived))
        return True

    def _check_the_time(self) -> None:
        deadline, emulation = self._plan.deadline, self._emulation
        if self._clock() > deadline if emulation is None else emulation.past(deadline):
            self._server.over = True

    def _look_after_workers(self) -> None:
        lost = self._watch.lost()
        if lost is not None:
            limit = self._plan.settings.watchdog
            self._failure = f"worker {lost} gave no sign of life for {limit:g} s"

    # What came of it -------------------------------------------------------------------------

    def rows(self) -> Trace | None:
        """Return the rows disposed of since last asked for."""
        return self._server.rows()

    def snapshots(self) -> list[tuple[int, Vector]]:
        """Return (k, copy of x_k) for each wanted k that came by since last asked for."""
        return self._server.snapshots()

    def stop(self) -> None:
        """End the run now."""
        self._server.over = True

    def finish(self) -> Ending:
        """Say how it ended."""
        facts = {"mpi": self._crew.facts()}
        if self._emulation is not None:
            facts["emulation"] = self._emulation.report()
        failure = self._crew.failure or self._failure or self._server.failure
        return Ending(self._server.x.copy(), self._server.diverged, failure, facts)
