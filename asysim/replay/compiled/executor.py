"""Replay that advances by as many updates as are wanted at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from asysim.jit.values import is_compiled
from asysim.problems.base import Problem
from asysim.problems.compiled import CompiledProblem, model_of
from asysim.replay.compiled.loops import (
    ROW,
    SIZE,
    UPDATES,
    X,
    load,
    run_consistent,
    run_inconsistent,
    store,
)
from asysim.replay.compiled.planner import NOTHING, Planner
from asysim.replay.compiled.rule import CompiledRule
from asysim.replay.compiled.version_memory import FIRST, Pool
from asysim.replay.compiled.watched_loops import watch_consistent, watch_inconsistent
from asysim.replay.state import Divergence, Standing, State
from asysim.replay.update_rule import check_server
from asysim.replay.watch import Watch
from asysim.trace.stream import Stream
from asysim.updates.base import Correction, KernelCorrection, StepSchedule, UpdateRule, is_pure

LARGEST = 4096
"""The largest n for which replay in Python takes longer by a tenth or more."""


def has_form(
    problem: Problem, *, step: float | StepSchedule, update: UpdateRule | None, seed: int
) -> bool:
    """Whether there is compiled code for a problem and what is ours of update rules."""
    if not isinstance(problem, CompiledProblem) and model_of(problem) is None:
        return False
    if not (isinstance(step, int | float) or is_pure(step)) or not 0 <= seed < 2**64:
        return False
    if update is None:
        return True
    return (
        type(update) is UpdateRule
        and (update.weight is None or is_pure(update.weight))
        and (update.correction is None or _is_compiled(update.correction))
    )


def _is_compiled(correction: Correction) -> bool:
    """Whether a correction is what its compiled kernels make of it, and nothing else."""
    kind = type(correction)
    if not issubclass(kind, KernelCorrection) or not is_compiled(kind.kernel):
        return False
    changed = kind.correct, kind.stepped
    return changed == (KernelCorrection.correct, KernelCorrection.stepped) and (
        kind.follow is None or is_compiled(kind.follow)
    )


def suits(
    problem: Problem, update: UpdateRule | None = None, *, step: float | StepSchedule, seed: int = 1
) -> bool:
    """Whether `CompiledReplay` can do what `asysim.replay.replay` would, and is faster.

    Parameters
    ----------
    problem
        The objective, compiled or one that could be.
    update, step, seed
        As for `asysim.replay.replay`. A rule's part that does not say what it
        depends on, or has no compiled kernel, may do anything, and is left to Python.
    """
    return problem.dimension <= LARGEST and has_form(problem, step=step, update=update, seed=seed)


_AT_ONCE = 2**16  # updates between two chances for Python to take a signal


class CompiledReplay:
    """What `asysim.replay.replay` does, to the bit, for as many updates as are wanted at once.

    Parameters
    ----------
    stream, step, batch_size, seed, rule, state, standing
        As for `asysim.replay.replay`.
    problem
        The objective.
    update
        As there, but of parts that `suits` knows.

    Attributes
    ----------
    state
        x_k with its counts, advanced in place.

    Raises
    ------
    InputError
        If a part of `update` needs a server, which lock-free memory does not have.
    ValueError
        If there is no compiled code for what is asked.
    """

    def __init__(
        self,
        stream: Stream,
        problem: CompiledProblem,
        *,
        step: float | StepSchedule,
        update: UpdateRule | None = None,
        batch_size: int = 1,
        seed: int = 1,
        rule: str = "asysg-con",
        state: State | None = None,
        standing: Standing | None = None,
    ) -> None:
        check_server(rule, update)
        lock_free = rule == "asysg-incon"
        if not has_form(problem, step=step, update=update, seed=seed):
            raise ValueError("no compiled code for what is asked: `suits` says for what there is")
        update = UpdateRule() if update is None else update
        self.state = State(problem.start()) if state is None else state
        self._stream = iter(stream)
        self._over = False
        self._lock_free = lock_free
        self._model, self._n = problem.model, problem.dimension
        self._seed, self._batch_size = np.uint64(seed), int(batch_size)
        self._pool = Pool(self._n)
        self._pool[FIRST][:] = self.state.x
        self._planner = Planner(
            self._pool, self._n, step=step, weight=update.weight, lock_free=lock_free
        )
        self._planned = NOTHING
        self._rule = CompiledRule(update, self._pool)
        self._counts = np.zeros(SIZE, dtype=np.int64)
        self._counts[X] = FIRST
        load(self._counts, self.state)
        if standing is not None:
            self._planner.go_on(standing)
            self._rule.recall(standing.memory())

    def standing(self) -> Standing:
        """Return what is held besides the state; true while the stream is asked for a block."""
        return self._planner.standing(self._rule.memory)

    def advance(self, until: int, watch: Watch | None = None) -> bool:
        """Make updates until there are `until` of them, or x is where it is waited for.

        Parameters
        ----------
        until
            0 only looks whether there is an update to make.
        watch
            Ends it sooner, at the first x that meets it; perhaps at once.

        Returns
        -------
        bool
            Whether there is another update to make; if not, the stream is over, perhaps sooner.

        Raises
        ------
        Divergence
            After the first update that makes x infinite or not a number.
        Exception
            What the stream raises, after all updates before it.
        """
        try:
            while not self._over:
                if self._counts[ROW] == len(self._planned.plan):
                    self._over = not self._pull()
                elif self._counts[UPDATES] >= until or (watch and watch.met(self.state.x)):
                    return True
                else:
                    self._run(until, watch)
        except BaseException:
            self._over = True
            raise
        return False

    def _pull(self) -> bool:
        """Plan the next block; return False if there is none."""
        block = next(self._stream, None)
        if block is None:
            return False
        self._planned = self._planner.plan(block)
        self._counts[ROW] = 0
        return True

    def _run(self, until: int, watch: Watch | None) -> None:
        """Make updates of the block that is planned."""
        planned, until = self._planned, min(until, int(self._counts[UPDATES]) + _AT_ONCE)
        pool, plan, steps, weights = self._pool.rows, planned.plan, planned.steps, planned.weights
        watched = () if watch is None else (watch.center, watch.limit, watch.outside)
        if self._lock_free:
            go: Any = run_inconsistent if watch is None else watch_inconsistent
            finite = go(
                self._model, pool, self._n, plan, steps, weights, self._counts, until, self._seed,
                self._batch_size, self._rule.parts.weighs, planned.pieces, planned.piece_steps,
                *watched,
            )  # fmt: skip
        else:
            go = run_consistent if watch is None else watch_consistent
            finite = go(
                self._model, pool, self._n, plan, steps, weights, self._counts, until, self._seed,
                self._batch_size, self._rule.parts, self._rule.kernels, self._rule.numbers,
                *watched,
            )  # fmt: skip
        store(self._counts, self.state)
        self.state.x = self._pool[self._counts[X]]
        if not finite:
            raise Divergence(self.state.updates - 1)
