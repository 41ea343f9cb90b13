"""A worker whose gradients Python computes: one in a process of its own, or an emulated one."""

from __future__ import annotations

import time

import numpy as np

from asysim.backends import padding
from asysim.backends.locked import apply, read, serve
from asysim.backends.loops import line_up, read_x, write_x
from asysim.backends.memory import (
    COUNTER,
    DIVERGED,
    DRAW,
    FACTS,
    LINE,
    START,
    Memory,
    limits,
    rehearsal,
)
from asysim.backends.plan import Plan
from asysim.backends.shared import WRITES, Spans, one_sweep, way_of_writing
from asysim.backends.turns import clock, stop, stopped
from asysim.replay.sampling import Sampler

_NAP = 50_000_000  # nanoseconds that a long wait goes without looking up


class Worker:
    """One worker in shared memory.

    Parameters
    ----------
    plan
        What is done. The problem is this worker's alone.
    memory
        What all workers see.
    number
        Which worker this is.
    """

    def __init__(self, plan: Plan, memory: Memory, number: int) -> None:
        self._plan, self._memory, self._number = plan, memory, number
        self._limits = limits(plan)
        self._sampler = Sampler(plan.problem, seed=plan.seed, batch_size=plan.batch_size)
        self._x, self._g = np.empty(plan.dimension), np.empty(plan.dimension)
        self._facts, self._instants = np.zeros(FACTS, np.int64), np.zeros(5, np.int64)
        self._partly = np.zeros(plan.workers, dtype=np.int64)
        self.accuracy: padding.Accuracy | None = None
        self._pads = None
        if plan.settings.emulate:
            self.accuracy = padding.Accuracy()
            self._pads = padding.steps(plan.scenario, plan.dimension, number)
            padding.sharpen()

    def run(self) -> None:
        """Make a few updates of a memory of one's own, line up, and work until all are to stop."""
        plan, memory = rehearsal(self._plan, 2)
        Worker(plan, memory, self._number).work()
        serve(memory, self._number, 0, 0)
        self._memory.beats[LINE * self._number] += 1  # ready: who still comes has none
        if line_up(self._memory):
            self.work()
        stop(self._memory)

    def work(self) -> None:
        """Work until all are to stop."""
        if self._plan.info.algorithm == "asysg-incon":
            self._lock_free()
        else:
            self._consistent()

    def _gradient(self, draw: int) -> None:
        batch = self._sampler.batch(self._number, draw)
        self._plan.problem.gradient(self._x, batch, self._g)

    def _lock_free(self) -> None:
        m, number, limits_ = self._memory, self._number, self._limits
        facts, instants, partly = self._facts, self._instants, self._partly
        how, spans = WRITES[way_of_writing(self._plan)], Spans(self._plan)
        seen = self._x if one_sweep(self._plan) else np.empty(0)
        place, draw, has_x = 0, 0, False
        while not stopped(m):
            if not has_x and not read_x(m, number, limits_, self._x, facts, instants, partly):
                return
            facts[DRAW] = draw
            self._gradient(draw)
            if self._pads is not None:
                self._pad(int(instants[1]), next(self._pads)[1])
            instants[2] = clock(m)
            lo, hi = spans(number, np.array([draw]))[0].tolist()
            place, has_x = write_x(
                m, number, limits_, how, self._g, (lo, hi), seen, place, facts, instants, partly
            )
            if place < 0:
                return
            draw += 1

    def _consistent(self) -> None:
        m, number, facts, instants = self._memory, self._number, self._facts, self._instants
        place, draw, due = 0, 0, 0
        while let := read(m, number, self._limits, self._x, facts, instants):
            facts[DRAW] = draw
            if self._pads is None:
                self._gradient(draw)
                instants[2] = instants[3] = clock(m)
            else:
                due = self._emulate(draw, due if let == 1 else int(instants[0]))
            place = apply(m, number, self._limits, self._g, place, facts, instants)
            if place < 0:
                return
            if m.control[DIVERGED] or m.control[COUNTER] >= self._limits.updates:
                return
            draw += 1

    def _emulate(self, draw: int, granted: int) -> int:
        """Compute a gradient on its way round an emulated network; return when it is served."""
        m, instants = self._memory, self._instants
        assert self._pads is not None
        pull, compute, push, service = next(self._pads)
        ready = granted + pull
        self._gradient(draw)
        done = self._by(ready + compute)
        arrived = done + push
        self._wait(arrived)
        finish = arrived
        if service:
            finish = int(serve(m, self._number, arrived, service))
            self._wait(finish)
        instants[1:4] = max(int(instants[0]), ready), done, arrived
        return finish

    def _pad(self, begun: int, compute: int) -> None:
        self._wait(self._by(begun + compute))

    def _by(self, due: int) -> int:
        """Return when a gradient that is done now counts as done: when due, if it is in time."""
        assert self.accuracy is not None
        late = int(clock(self._memory)) - due
        if late > 0:
            self.accuracy.note_late(late)
            return due + late
        return due

    def _wait(self, instant: int) -> None:
        assert self.accuracy is not None
        m, beat = self._memory, LINE * self._number
        instant += int(m.control[START])
        while instant - time.monotonic_ns() > 2 * _NAP:
            time.sleep(_NAP * 1e-9)
            m.beats[beat] += 1
            if stopped(m):
                return
        self.accuracy.note_wait(padding.wait_until(instant))
