"""What runs in shared memory have in common, whether threads or processes work on it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from asysim.backends.memory import (
    COUNTER,
    DIVERGED,
    LINE,
    LOCK,
    NONE,
    READY,
    START,
    STOP,
    Memory,
    limits,
)
from asysim.backends.plan import Plan
from asysim.backends.rows import LogReader
from asysim.backends.sweeps import ATOMIC, RACING, RELAXED
from asysim.ground.arrays import Ints, Vector
from asysim.problems.compiled import CompiledProblem, is_sparse
from asysim.random.streams import Purpose, WordSource, indices
from asysim.schedule.sweeps import span
from asysim.trace.trace import Trace

_LOOK = 0.5  # seconds between two looks that are usual at most

WRITES = {"relaxed": RELAXED, "atomic": ATOMIC, "racing": RACING}


def blocks_of(plan: Plan) -> int:
    """Return into how many blocks x is cut, of which an update writes one."""
    algorithm = plan.scenario.algorithm
    if algorithm.write == "coordinate":
        return plan.dimension
    return algorithm.blocks or 1


def writes_few(plan: Plan) -> bool:
    """Whether an update writes few coordinates, because gradients have no more."""
    if plan.scenario.algorithm.write != "dense" or plan.info.arithmetic != "compiled":
        return False
    assert isinstance(plan.problem, CompiledProblem)
    return is_sparse(plan.problem.model)


def way_of_writing(plan: Plan) -> str:
    """Return how elements of x are written: what the scenario says, or what fits the problem."""
    asked = plan.settings.write
    if asked != "auto":
        return asked
    return "atomic" if blocks_of(plan) == plan.dimension or writes_few(plan) else "relaxed"


def one_sweep(plan: Plan) -> bool:
    """Whether a worker reads x anew in the sweep that writes it."""
    settings, waits = plan.settings, limits(plan).waits
    return settings.one_sweep and not waits and not settings.emulate and blocks_of(plan) == 1


class Spans:
    """Which coordinates given draws of a worker write."""

    def __init__(self, plan: Plan) -> None:
        self._source, self._n = WordSource(plan.seed), plan.dimension
        self._blocks = blocks_of(plan)

    def __call__(self, worker: int, draws: Ints) -> Ints:
        if self._blocks == 1 or not len(draws):
            return np.tile(np.array([0, self._n]), (len(draws), 1))
        first, last = int(draws.min()), int(draws.max())
        words = self._source.words(Purpose.BLOCK, worker, first, last - first + 1)
        block = indices(words[draws - first], self._blocks)
        spans = [span(b, self._blocks, self._n) for b in block.tolist()]
        return np.array(spans, dtype=np.int64)


class Shared:
    """A run in shared memory, as whoever watches it sees it.

    Parameters
    ----------
    plan
        What is done.
    memory
        What all workers see.
    """

    def __init__(self, plan: Plan, memory: Memory) -> None:
        self.plan, self.memory = plan, memory
        self.lock_free = plan.info.algorithm == "asysg-incon"
        per_update = plan.scenario.algorithm.gradients_per_update
        self.log = LogReader(memory, plan.info, Spans(plan), per_update=per_update)
        self.half_written: list[int] = []
        self._seen = np.zeros(plan.workers, dtype=np.int64)
        self._seen_at = [0.0] * plan.workers
        self._looked = 0.0
        self._closed: int | None = None

    @property
    def updates(self) -> int:
        """Updates begun (lock-free) or made so far."""
        if self._closed is not None:
            return self._closed
        return min(int(self.memory.control[COUNTER]), self.plan.updates)

    def close(self) -> None:
        """Take nothing of what is made from now on, as somebody does not stop who was asked to.

        Whoever had passed that question makes one more update at most, not where this x lies.
        """
        self._closed = self.updates

    @property
    def ready(self) -> int:
        """How many workers wait for the start."""
        return int(self.memory.control[READY])

    @property
    def signs(self) -> int:
        """Signs of life of all workers, counted."""
        memory = self.memory
        return self.ready + int(memory.heads.sum()) + int(memory.beats.sum())

    @property
    def writes(self) -> bool:
        """Whether a worker is in the middle of an update."""
        words = self.memory.writing[::LINE]
        return bool((words < NONE).any() or self.memory.control[LOCK])

    def start(self) -> None:
        """Let everybody go."""
        self._looked = time.monotonic()
        self._seen_at = [self._looked] * self.plan.workers
        self.memory.control[START] = time.monotonic_ns()

    def stop(self) -> None:
        """Ask everybody to stop."""
        self.memory.control[STOP] = 1

    @property
    def stopping(self) -> bool:
        """Whether everybody was asked to stop, or is about to by themselves."""
        return bool(self.memory.control[STOP])

    def snapshots(self) -> list[tuple[int, Vector]]:
        """Return the copies of x that were made since last asked for, by the number of updates."""
        found = []
        # Of a copy: workers go on to mark slots, which NumPy will not have while it counts them.
        for slot in np.flatnonzero(self.memory.marks.copy()).tolist():
            place = int(self.memory.marks[slot]) - 1
            found.append((int(self.memory.wanted[place]), self.memory.snapshots[slot].copy()))
            self.memory.marks[slot] = 0
        return sorted(found, key=lambda pair: pair[0])

    def complaint(self) -> str:
        """Say who gave no sign of life for longer than the scenario allows; empty: nobody."""
        patience = self.plan.settings.watchdog
        silent = self._silent(patience)
        if not silent:
            return ""
        who = ", ".join(map(str, silent))
        holds = " while it held the lock" if int(self.memory.control[LOCK]) - 1 in silent else ""
        workers = "worker" if len(silent) == 1 else "workers"
        return f"{workers} {who} gave no sign of life for {patience:g} s{holds}"

    def _silent(self, seconds: float) -> list[int]:
        signs = self.memory.heads[::LINE] + self.memory.beats[::LINE]
        moment, late = time.monotonic(), []
        # Time in which this process did not look is nobody's silence: workers may have waited for
        # it, or all may have been stopped together.
        away = max(0.0, moment - self._looked - _LOOK)
        self._looked, self._seen_at = moment, [at + away for at in self._seen_at]
        for worker in range(self.plan.workers):
            if signs[worker] != self._seen[worker]:
                self._seen[worker], self._seen_at[worker] = signs[worker], moment
            elif moment - self._seen_at[worker] > seconds:
                late.append(worker)
        holder = int(self.memory.control[LOCK]) - 1
        return [holder] if holder in late else late

    @property
    def diverged(self) -> int | None:
        """After which update x was not finite, if it was not."""
        mark = int(self.memory.control[DIVERGED])
        return mark - 1 if mark else None

    @property
    def x(self) -> Vector:
        """The last iterate."""
        version = 0 if self.lock_free else self.updates
        last: Vector = self.memory.x[version % 2, : self.plan.dimension].copy()
        return last

    def lost(self) -> dict[str, Any]:
        """Return what a manifest says of how x was written, and what of it was lost."""
        if not self.lock_free:
            return {}
        write = way_of_writing(self.plan)
        facts: dict[str, Any] = {"write": write, "one_sweep": one_sweep(self.plan)}
        if self.half_written:
            facts["half_written"] = self.half_written
        tries = int(self.memory.tries.sum())
        if write == "atomic":
            facts["lost_estimate"] = 0.0
        elif tries:
            missing = tries - int(self.memory.canaries.sum())
            facts |= {"lost_estimate": missing / tries, "lost_of_tries": [missing, tries]}
        return facts

    def rows(self, *, over: bool) -> Trace | None:
        """Fetch what was logged, and return what is in order; all of it once nobody works."""
        self.fetch()
        if over and self.lock_free:
            self.half_written += self.log.complete(self.updates)
        return self.log.take(all_of_them=over)

    def fetch(self) -> None:
        """Fetch what was logged, so that nobody waits for room."""
        self.log.fetch(self.updates)
