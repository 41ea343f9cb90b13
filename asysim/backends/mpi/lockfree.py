"""A worker of AsySG-incon over MPI: it reads x and adds to it by itself (Lian et al. 2015)."""

from __future__ import annotations

from itertools import chain

import numpy as np

from asysim.backends.mpi.counter import Counter
from asysim.backends.mpi.messages import ALLOCATE, HEAD, SNAPSHOT
from asysim.backends.mpi.orders import Orders
from asysim.backends.mpi.rowlog import Row, RowLog
from asysim.backends.mpi.sight import Sight
from asysim.backends.mpi.turns import Discarding, Limits, Turns, Unbounded, Waiting, discards
from asysim.backends.mpi.windows import Windows
from asysim.backends.plan import Plan
from asysim.problems.base import Problem
from asysim.replay.kernel import descend_into
from asysim.replay.sampling import Sampler
from asysim.replay.update_rule import rules_of
from asysim.scenario import Scenario
from asysim.schedule.building import memory_timing
from asysim.schedule.sweeps import span
from asysim.trace.gradient import LOST
from asysim.trace.info import TraceInfo

_LIFE = 0.25  # of the watchdog's patience: how often a worker that waits shows that it is alive


class LockFree:
    """A worker that needs nobody's leave.

    Parameters
    ----------
    scenario, problem, sampler
        What is computed.
    orders
        Where rank 0 can be heard.
    number
        Which worker this is.
    """

    def __init__(
        self,
        scenario: Scenario,
        problem: Problem,
        sampler: Sampler,
        orders: Orders,
        number: int,
    ) -> None:
        info = TraceInfo(scenario.algorithm.name, scenario.workers.count, problem.dimension)
        self._plan = Plan(scenario, problem, rules_of(scenario, problem), info)
        self._problem, self._batch = problem, sampler.batch
        self._orders, self._number = orders, number
        self._steps = self._plan.steps
        self._wanted = iter([*self._plan.wanted.tolist(), 2**62])
        self._next_wanted = next(self._wanted)
        timing = memory_timing(scenario, problem.dimension)
        rounds = timing.rounds(number)
        self._rounds = chain([next(rounds)], rounds)  # made before the clock runs
        self._blocks = timing.blocks
        self._log = RowLog(orders.post)
        self._life = _LIFE * self._plan.settings.watchdog
        n = problem.dimension
        self._x, self._gradient, self._change = np.empty(n), np.empty(n), np.zeros(n)
        self._zero = np.zeros(n)
        descend_into(self._zero, self._zero, 1.0, self._change)  # compiles it

    def run(self) -> None:
        """Compute until the run is over."""
        orders, plan = self._orders, self._plan
        orders.report()
        orders.post.pool.put(orders.next(ALLOCATE))
        orders.windows = self._windows = Windows(plan.dimension, plan.workers)
        orders.await_start()
        turns, clock = self._turns(), orders.clock
        draw = 0
        while (view := turns.read()) is not None:
            self._windows.read(self._x)
            after, ready = self._counter.look()[0], clock()
            self._problem.gradient(self._x, self._batch(self._number, draw), self._gradient)
            _, _, compute, _, block = next(self._rounds)
            lo, hi = span(block, self._blocks, plan.dimension)
            finite = len(self._steps) > 1 or self._scale(lo, hi, self._steps[0])
            done, late, overshoot = self._pad(ready + compute, clock())
            number = turns.number(view.version)
            if number is None:
                break
            update, place, instant = number
            applied = instant
            if update == LOST:
                lo, hi, finite = 0, 0, True
            else:
                if len(self._steps) > 1:
                    finite = self._scale(lo, hi, self._steps[update])
                self._take_snapshot(update)
                self._windows.add_to_x(self._change[lo:hi], lo)
                self._sight.end_write()
                applied = clock()
            facts = (place, draw, view.version, update)
            times = (view.instant, ready, done, instant, applied)
            seen = (lo, hi, view.begun, min(after, plan.updates))
            how = (late, overshoot, finite, len(view.partly))
            self._log.add(Row(*facts, *times, *seen, *how), view.partly)
            draw += 1
            orders.look()
        self._log.close()

    def _scale(self, lo: int, hi: int, step: float) -> bool:
        """Make of the gradient what is to be added to x; return whether it is finite."""
        part = slice(lo, hi)
        return descend_into(self._zero[part], self._gradient[part], step, self._change[part])

    def _pad(self, due: int, done: int) -> tuple[int, int, int]:
        """Emulate: return when the gradient is done, by how much that is late, and then waited."""
        if not self._plan.settings.emulate:
            return done, 0, 0
        late, done = max(0, done - due), max(done, due)
        return done, late, self._orders.wait_until(done, self._show_life)

    def _take_snapshot(self, update: int) -> None:
        while self._next_wanted < update:
            self._next_wanted = next(self._wanted)
        if self._next_wanted == update:
            post = self._orders.post
            copy = post.pool.filled(update)
            self._windows.read(copy.body)
            post.drop(0, SNAPSHOT, copy, HEAD + self._plan.dimension)

    def _pause(self) -> None:
        self._orders.look()
        self._show_life()
        self._orders.patience.pause()

    def _show_life(self) -> None:
        self._log.show_life(self._life)

    def _turns(self) -> Turns:
        plan, windows, orders = self._plan, self._windows, self._orders
        bound = plan.scenario.algorithm.staleness_bound
        self._counter = Counter(windows, compares=discards(plan))
        limits = Limits(plan.updates, plan.deadline, orders.clock)
        self._sight = sight = Sight(
            windows, self._counter, self._number,
            updates=plan.updates, clock=orders.clock, pause=self._pause,
        )  # fmt: skip
        if bound is None:
            return Unbounded(self._counter, sight, limits)
        if discards(plan):
            return Discarding(self._counter, sight, limits, bound)
        return Waiting(
            windows, self._counter, sight, limits, worker=self._number, bound=bound,
            pause=self._pause, reset=orders.patience.reset,
        )  # fmt: skip
