"""Replay that advances by as many updates as are wanted at once."""

from __future__ import annotations

import numpy as np

from asysim.errors import unfit
from asysim.problems.compiled import CompiledProblem
from asysim.replay.compiled.blocks import NOTHING, Planner
from asysim.replay.compiled.consistent import run_consistent
from asysim.replay.compiled.counts import ROW, SIZE, UPDATES, X, load, store
from asysim.replay.compiled.inconsistent import run_inconsistent
from asysim.replay.compiled.numbers import CompiledRule
from asysim.replay.compiled.pool import FIRST, Pool
from asysim.replay.compiled.suited import has_form
from asysim.replay.standing import Standing
from asysim.replay.state import Divergence, State
from asysim.trace.stream import Stream
from asysim.updates.base import StepSchedule, UpdateRule

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
        lock_free = rule == "asysg-incon"
        if lock_free and update is not None and update.needs_server:
            raise unfit(
                "update", "a correction, momentum or average", f'left out with rule "{rule}"'
            )
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

    def advance(self, until: int) -> bool:
        """Make updates until there are `until` of them.

        Parameters
        ----------
        until
            0 only looks whether there is an update to make.

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
                elif self._counts[UPDATES] >= until:
                    return True
                else:
                    self._run(until)
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

    def _run(self, until: int) -> None:
        """Make updates of the block that is planned."""
        planned, until = self._planned, min(until, int(self._counts[UPDATES]) + _AT_ONCE)
        pool, plan, steps, weights = self._pool.rows, planned.plan, planned.steps, planned.weights
        if self._lock_free:
            finite = run_inconsistent(
                self._model, pool, self._n, plan, steps, weights, self._counts, until, self._seed,
                self._batch_size, self._rule.parts.weighs, planned.pieces, planned.piece_steps,
            )  # fmt: skip
        else:
            finite = run_consistent(
                self._model, pool, self._n, plan, steps, weights, self._counts, until, self._seed,
                self._batch_size, self._rule.parts, self._rule.kernels, self._rule.numbers,
            )  # fmt: skip
        store(self._counts, self.state)
        self.state.x = self._pool[self._counts[X]]
        if not finite:
            raise Divergence(self.state.updates - 1)
