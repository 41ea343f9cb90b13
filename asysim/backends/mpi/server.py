"""The parameter server of AsySG-con: a coordination rule decides, and x is updated, for real.

Its arithmetic is that of `asysim.replay.consistent`, operation for operation. So a run computed
again from its trace has the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from asysim.backends.mpi.iterate import Iterate
from asysim.backends.mpi.messages import Message, Pool
from asysim.backends.plan import Plan
from asysim.problems.base import Vector
from asysim.replay.gradients import GradientSource
from asysim.replay.plan import Row as ReplayRow
from asysim.replay.ruled import Constant, Ruled
from asysim.replay.rules.base import StepSchedule, UpdateRule
from asysim.replay.state import State
from asysim.schedule.coordination import Coordination, Desk
from asysim.schedule.deadlock import explain
from asysim.schedule.flight import Flight
from asysim.schedule.rows import Row, Taken, columns
from asysim.schedule.timing import Parts
from asysim.trace import Trace

Rule = Callable[[Desk], Coordination]


class _Over(Exception):  # noqa: N818  (it ends a run, wherever the rule stands)
    """Nothing is disposed of any more."""


class Server:
    """A `Desk` whose gradients are real.

    Parameters
    ----------
    plan
        What is to be done.
    pool
        Where vectors come from.
    rule
        Makes the coordination rule, given the desk that it acts on: this server.
    clock
        Tells the nanoseconds since the start.
    send
        Sends a worker x; told the instant of the read.

    Attributes
    ----------
    over
        Whether no update will be made any more.
    diverged
        Index of the update that made x infinite or not a number.
    failure
        Why nobody can go on, if so.
    """

    def __init__(
        self,
        plan: Plan,
        pool: Pool,
        *,
        rule: Rule,
        clock: Callable[[], int],
        send: Callable[[int, Message, int], None],
    ) -> None:
        self.update = 0
        self.flights: dict[int, Flight] = {}
        self.members: set[int] = set(range(plan.workers))
        self.over, self.failure = False, ""
        self.diverged: int | None = None
        self._plan, self._pool, self._clock, self._send = plan, pool, clock, send
        self._iterate = Iterate(pool, plan.problem.start())
        self._state = State(self._iterate.x)
        self._arrived: dict[int, Message] = {}
        self._gradients: GradientSource = _Arrived(self._arrived)
        self._step, self._ruled = _arithmetic(plan)
        if self._ruled is not None:
            self._gradients = self._ruled.over(self._gradients, self._state)
        self._corrects = self._ruled is not None and self._ruled.corrects
        self._total: Message | None = None
        self._gathered: list[Taken] = []
        self._draws = [0] * plan.workers
        self._moving = 0  # gradients on their way between a read and the rule
        self._rows: list[Row] = []
        self._snapshots: list[tuple[int, Vector]] = []
        self._wanted = iter([*plan.wanted.tolist(), -1])
        self._next_wanted = next(self._wanted)
        self._told = 0  # updates before the first of these rows
        self._rule = rule(self)

    # What a coordination rule may do ---------------------------------------------------------

    @property
    def gathered(self) -> int:
        """Gradients in the update that is being put together."""
        return len(self._gathered)

    def grant(self, worker: int, *, limit: int | None = None, in_hand: bool = False) -> None:
        """Send a worker x."""
        assert limit is None, "a gradient under way can't be stopped"
        assert not in_hand
        now, draw = self._clock(), self._draws[worker]
        self._draws[worker] += 1
        parts = Parts(draw, 0, [], [], [], [], [], [])
        self.flights[worker] = Flight(worker, parts, self.update, now)
        self._moving += 1
        self._send(worker, self._iterate.lend(worker), now)

    def fold(self, flight: Flight) -> None:
        """Add a gradient to the next update."""
        worker = flight.worker
        self._check_the_time()
        read = self._iterate.lent_to(worker) if self._corrects else self._iterate.x
        row = (worker, flight.parts.draw, flight.version, self.update, 0)
        gradient = self._gradients.finish(self._gradients.begin(read, row))
        message = self._arrived.pop(worker)
        if self._total is None:
            self._total = message
        else:
            self._total.body += gradient
            self._pool.put(message)
        self._iterate.give_back(worker)
        self._gathered.append(flight.taken(self._clock()))
        del self.flights[worker]

    def make_update(self) -> None:
        """Make the update of all gradients folded into it."""
        update, total = self.update, self._total
        assert total is not None
        if update == self._next_wanted:
            self._snapshots.append((update, self._iterate.x.copy()))
            self._next_wanted = next(self._wanted)
        velocity, step = total.body, self._step
        if self._ruled is not None:
            velocity, step = self._ruled.settle(update, velocity, len(self._gathered))
        finite = self._iterate.descend(velocity, step)
        self._state.x = self._iterate.x
        self._pool.put(total)
        self._total = None
        now = min(self._clock(), self._plan.deadline)
        self._rows.extend((*taken, update, now) for taken in self._gathered)
        self._gathered.clear()
        self.update += 1
        if not finite:
            self.diverged = update
        if not finite or self.update >= self._plan.updates:
            raise _Over

    def discard(self, flight: Flight) -> None:
        """Drop a gradient."""
        self._check_the_time()
        self._rows.append(flight.lost(self._clock()))
        self._pool.put(self._arrived.pop(flight.worker))
        self._iterate.give_back(flight.worker)
        del self.flights[flight.worker]

    def stop(self, worker: int) -> None:
        """Refuse: a worker that computes can't be stopped."""
        raise AssertionError(f"worker {worker} is to be stopped, which `unsupported` refuses")

    def free(self, worker: int) -> None:
        """Let a worker, whose gradient is disposed of, ask to read again."""
        self._rule.ask(worker)

    # What happens ----------------------------------------------------------------------------

    def begin(self) -> None:
        """Let everybody ask to read."""

        def ask() -> None:
            for worker in sorted(self.members):
                self._rule.ask(worker)

        self._go_on(ask)

    def arrive(self, worker: int, gradient: Message, times: tuple[int, int, int]) -> None:
        """Take a worker's gradient, which was ready, done and at the server at these instants."""
        flight = self.flights[worker]
        ready, done, arrived = times
        arrived = max(arrived, flight.read)
        done = min(max(done, flight.read), arrived)
        flight.ready, flight.done = min(max(ready, flight.read), done), done
        flight.arrived, flight.at_server = arrived, True
        self._moving -= 1
        self._arrived[worker] = gradient
        if not self._corrects:
            self._iterate.give_back(worker)
        self._go_on(partial(self._rule.arrive, flight))

    def _check_the_time(self) -> None:
        if self._clock() > self._plan.deadline:
            raise _Over

    def _go_on(self, action: Callable[[], None]) -> None:
        try:
            action()
        except _Over:
            self.over = True
        if not self._moving and not self.over:
            waiting = {worker: list(self._rule.awaited(worker)) for worker in sorted(self.members)}
            self.failure = str(explain(self._clock(), waiting, {}, {}))
            self.over = True

    # What came of it -------------------------------------------------------------------------

    @property
    def x(self) -> Vector:
        """x_k, shape (n,). It is not a copy."""
        return self._iterate.x

    def rows(self) -> Trace | None:
        """Return the rows disposed of since last asked for."""
        if not self._rows:
            return None
        facts, ticks = columns(self._rows)
        rows = Trace(facts, ticks, self._plan.info, None, self._told)
        self._rows.clear()
        self._told = self.update
        return rows

    def snapshots(self) -> list[tuple[int, Vector]]:
        """Return what was wanted of x_k and came by since last asked for."""
        snapshots, self._snapshots = self._snapshots, []
        return snapshots


class _Arrived:
    """Gradients that workers have computed."""

    def __init__(self, messages: dict[int, Message]) -> None:
        self._messages = messages

    def begin(self, _x: Vector, row: ReplayRow) -> Vector:
        return self._messages[row[0]].body

    def finish(self, begun: Vector) -> Vector:
        return begun


def _arithmetic(plan: Plan) -> tuple[float, Ruled | None]:
    """Return γ, or an update rule that says it: as `asysim.replay.replay` does."""
    step, update = plan.rules
    if isinstance(step, int | float):
        if update is None:
            return float(step), None
        steps: StepSchedule = Constant(step)
    else:
        steps = step
    return 0.0, Ruled(steps, UpdateRule() if update is None else update)
