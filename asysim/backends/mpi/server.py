"""The parameter server of AsySG-con: a coordination rule decides, and x is updated, for real."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from asysim.backends.assignment import Assignment
from asysim.backends.mpi.arithmetic import Arithmetic
from asysim.backends.mpi.messages import Message, Pool
from asysim.coordination import Coordination, ParameterServer
from asysim.coordination.flight import Flight, Parts
from asysim.coordination.mistakes import check_disposal, check_read
from asysim.errors import InputError, unfit
from asysim.ground.arrays import Vector
from asysim.schedule.deadlock import explain
from asysim.trace.row_table import Row, Taken, columns
from asysim.trace.trace import Trace

Rule = Callable[[ParameterServer], Coordination]


class _Over(Exception):  # noqa: N818  (it ends a run, wherever the rule stands)
    """Nothing is disposed of any more."""


def _stopping() -> InputError:
    """Return what is said to a rule of the user's own that did not say that it stops gradients."""
    return unfit(
        "coordination",
        "a rule that stops gradients under way, or limits their time",
        "one that says so by `stopping`: over MPI none can be stopped; or simulate it (no --on)",
    )


class Server:
    """A `ParameterServer` whose gradients are real.

    Parameters
    ----------
    assignment
        What is to be done.
    pool
        Where vectors come from.
    rule
        Makes the coordination rule, given the server that it acts on: this one.
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
        assignment: Assignment,
        pool: Pool,
        *,
        rule: Rule,
        clock: Callable[[], int],
        send: Callable[[int, Message, int], None],
    ) -> None:
        self.update = 0
        self.flights: dict[int, Flight] = {}
        self.members: set[int] = set(range(assignment.workers))
        self.over, self.failure = False, ""
        self.diverged: int | None = None
        self._assignment, self._clock, self._send = assignment, clock, send
        self._arithmetic = Arithmetic(assignment, pool)
        self._gathered: list[Taken] = []
        self._draws = [0] * assignment.workers
        self._moving = 0  # gradients on their way between a read and the rule
        self._unfreed: set[int] = set()  # workers whose gradient is disposed of
        self._rows: list[Row] = []
        self._snapshots: list[tuple[int, Vector]] = []
        self._wanted = iter([*assignment.wanted.tolist(), -1])
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
        if limit is not None or in_hand:
            raise _stopping()
        check_read(self.flights, worker)
        parts = Parts(self._draws[worker], 0, [], [], [], [], [], [])
        self._draws[worker] += 1
        self._moving += 1
        x, now = self._arithmetic.iterate.lend(worker), self._clock()
        self.flights[worker] = Flight(worker, parts, self.update, now)
        self._send(worker, x, now)

    def fold(self, flight: Flight) -> None:
        """Add a gradient to the next update."""
        check_disposal(self.flights, flight, to="folds")
        self._check_the_time()
        self._arithmetic.fold(flight.worker, flight.parts.draw, flight.version, self.update)
        self._gathered.append(flight.taken(self._clock()))
        self._land(flight)

    def make_update(self) -> None:
        """Make the update of all gradients folded into it."""
        update = self.update
        if update == self._next_wanted:
            self._snapshots.append((update, self.x.copy()))
            self._next_wanted = next(self._wanted)
        finite = self._arithmetic.make_update(update, len(self._gathered))
        now = min(self._clock(), self._assignment.deadline)
        self._rows.extend((*taken, update, now) for taken in self._gathered)
        self._gathered.clear()
        self.update += 1
        if not finite:
            self.diverged = update
        if not finite or self.update >= self._assignment.updates:
            raise _Over

    def discard(self, flight: Flight) -> None:
        """Drop a gradient."""
        check_disposal(self.flights, flight, to="discards")
        self._check_the_time()
        self._rows.append(flight.lost(self._clock(), self.update))
        self._arithmetic.drop(flight.worker)
        self._land(flight)

    def stop(self, worker: int) -> None:  # noqa: ARG002
        """Refuse: a worker that computes can't be stopped."""
        raise _stopping()

    def free(self, worker: int) -> None:
        """Let a worker, whose gradient is disposed of, ask to read again."""
        if worker not in self.flights:
            self._unfreed.discard(worker)
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
        self._arithmetic.take(worker, gradient)
        self._go_on(partial(self._rule.arrive, flight))

    def _land(self, flight: Flight) -> None:
        del self.flights[flight.worker]
        self._unfreed.add(flight.worker)

    def _check_the_time(self) -> None:
        if self._clock() > self._assignment.deadline:
            raise _Over

    def _go_on(self, action: Callable[[], None]) -> None:
        try:
            action()
        except _Over:
            self.over = True
        if not self._moving and not self.over:
            waiting = {worker: list(self._rule.awaited(worker)) for worker in sorted(self.members)}
            unfreed = self._unfreed - self.flights.keys()
            self.failure = str(explain(self._clock(), waiting, {}, {}, unfreed))
            self.over = True

    # What came of it -------------------------------------------------------------------------

    @property
    def x(self) -> Vector:
        """x_k, shape (n,). It is not a copy."""
        return self._arithmetic.iterate.x

    def rows(self) -> Trace | None:
        """Return the rows disposed of since last asked for."""
        if not self._rows:
            return None
        facts, ticks = columns(self._rows)
        rows = Trace(facts, ticks, self._assignment.info, None, self._told)
        self._rows.clear()
        self._told = self.update
        return rows

    def snapshots(self) -> list[tuple[int, Vector]]:
        """Return what was wanted of x_k and came by since last asked for."""
        snapshots, self._snapshots = self._snapshots, []
        return snapshots
