"""AsySG-con over MPI, both sides of it: a star of messages around the server."""

from __future__ import annotations

import math

from asysim.backends import emulation
from asysim.backends.assignment import Assignment
from asysim.backends.emulation import EmulatedServer
from asysim.backends.mpi.lead import LeadSession
from asysim.backends.mpi.messages import GRADIENT, Message, Received, X
from asysim.backends.mpi.server import Rule, Server
from asysim.backends.mpi.topology import Core
from asysim.backends.mpi.worker import WorkerRank
from asysim.backends.session import Asked, nobody
from asysim.ground.arrays import Vector
from asysim.problems.base import Problem
from asysim.replay.gradients import Computation
from asysim.scenario import Scenario
from asysim.schedule.building import rule_of
from asysim.trace.trace import Trace

_GRANTED, _ARRIVED, _OVERSHOOT, _LATE = 1, 4, 5, 6
"""Words of a head where times are emulated: when x was due to be read; and in the answer, when the
gradient was due to arrive, by how much the wait for that was too long, and by how much it was not
done in time."""


class StarSession(LeadSession):
    """A real run of AsySG-con, whose server this process is.

    Parameters
    ----------
    assignment, asked
        As for any session.
    rule
        Makes the coordination rule; by default the scenario's.
    """

    def __init__(
        self, assignment: Assignment, rule: Rule | None = None, *, asked: Asked = nobody
    ) -> None:
        emulate = assignment.settings.emulate
        super().__init__(assignment, asked, punctual=emulate)
        self._emulated = EmulatedServer(assignment, self._clock) if emulate else None
        self._copies: dict[int, Message] = {}  # of x, that say when it was due to be read
        self._server = Server(
            assignment,
            self._workers.pool,
            rule=rule_of(assignment.scenario) if rule is None else rule,
            clock=self._clock if self._emulated is None else self._emulated.clock,
            send=self._send_x,
        )
        self._core = Core(matters=False)

    def _make_ready(self) -> None:
        self._core = Core(matters=self._workers.nodes.roomy[0])
        self._start()
        self._server.begin()

    # The run -------------------------------------------------------------------------------------

    @property
    def updates(self) -> int:
        return self._server.update

    @property
    def over(self) -> bool:
        return self._server.over or bool(self._failure)

    def stop(self, patience: float = math.inf) -> None:
        super().stop(patience)
        self._server.over = True

    def _send_x(self, worker: int, x: Message, read: int) -> None:
        takes = 0
        if self._emulated is not None:
            takes = self._emulated.grant(worker, read)
            copy = self._copies[worker] = self._workers.pool.filled(0, read)
            copy.body[:] = x.body
            x = copy
        self._workers.endpoint.send(worker + 1, X, x)
        self._watchdog.expect(worker, takes)

    def _receive(self, received: Received) -> None:
        if received.kind != GRADIENT:
            self._workers.pool.put(received.message)
            return
        now = self._clock()
        worker, gradient = received.source - 1, received.message
        self._workers.endpoint.settle(received.source)
        self._watchdog.heard(worker)
        if self._emulated is not None:
            self._workers.pool.put(self._copies.pop(worker))
            arrived, overshoot, late = gradient.head[[_ARRIVED, _OVERSHOOT, _LATE]].tolist()
            self._accuracies[worker].note_wait(overshoot)
            self._accuracies[worker].note_late(late)
            self._emulated.receive(worker, arrived, gradient)
            return
        _, ready, done, core = gradient.head[:4].tolist()
        self._core.meet(core)
        self._server.arrive(worker, gradient, (ready, done, now))

    def _idle(self) -> None:
        deadline, emulated = self._assignment.deadline, self._emulated
        if emulated is None:
            self._look_around(late=self._clock() > deadline)
        elif (served := emulated.served()) is not None:
            _, ready, done = served.gradient.head[:3].tolist()
            self._server.arrive(served.worker, served.gradient, (ready, done, served.arrived))
            return
        else:
            self._look_around(late=emulated.past(deadline))
        self._workers.patience.pause()

    # What came of it -----------------------------------------------------------------------------

    def rows(self) -> Trace | None:
        return self._server.rows()

    def snapshots(self) -> list[tuple[int, Vector]]:
        return self._server.snapshots()

    @property
    def _failure(self) -> str:
        return super()._failure or self._server.failure

    def _last(self) -> tuple[Vector, int | None]:
        return self._server.x.copy(), self._server.diverged


def compute(
    scenario: Scenario, problem: Problem, computation: Computation, rank: WorkerRank, number: int
) -> None:
    """Be a worker: answer each x with a gradient at it, when it is due if that is emulated."""
    ways = None
    if scenario.backend is not None and scenario.backend.emulate:
        ways = emulation.rounds(scenario, problem.dimension, number)
    rank.report()
    rank.await_start(punctual=ways is not None)
    endpoint, clock = rank.endpoint, rank.clock
    draw, answer = 0, endpoint.pool.take()
    while True:
        x = rank.next(X)
        endpoint.settle(0)
        ready = clock()
        computation(x.body, number, draw, answer.body)
        done = clock()
        answer.head[:4] = draw, ready, done, rank.core.number
        if ways is not None:
            ready, done, arrived, late = next(ways).way(int(x.head[_GRANTED]), done)
            answer.head[1:3] = ready, done
            answer.head[_ARRIVED], answer.head[_LATE] = arrived, late
            answer.head[_OVERSHOOT] = rank.wait_until(arrived)
        endpoint.send(0, GRADIENT, answer)
        endpoint.pool.put(x)
        draw += 1
