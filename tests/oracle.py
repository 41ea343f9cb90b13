"""What replay computes, and slow and obviously right ways to compute the same."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from asysim.ground.arrays import Vector
from asysim.problems.base import Problem
from asysim.replay import Sampler, State, replay
from asysim.trace import Trace
from asysim.trace.stream import Stream


def iterates(stream: Stream, problem: Problem, **arguments: Any) -> list[Vector]:
    """Return copies of x_0 … x_K, as replay computes them."""
    state = State(problem.start())
    found = [state.x.copy() for _ in replay(stream, problem, state=state, **arguments)]
    return [*found, state.x.copy()]


def same(one: list[Vector], other: list[Vector]) -> bool:
    """Whether two sequences of x are the same to the bit."""
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def consistent_iterates(
    trace: Trace, problem: Problem, *, step: float, batch_size: int, seed: int
) -> list[Vector]:
    """Keep every version of x and look each read up: returns x_0 … x_K."""
    sampler = Sampler(problem, seed=seed, batch_size=batch_size)
    versions = [problem.start()]
    for update in range(trace.updates):
        total = np.zeros(problem.dimension)
        for row in np.flatnonzero(trace.update == update):
            gradient = np.empty(problem.dimension)
            batch = sampler.batch(int(trace.worker[row]), int(trace.draw[row]))
            problem.gradient(versions[trace.version[row]], batch, gradient)
            total = total + gradient
        versions.append(versions[-1] - step * total)
    return versions


def inconsistent_iterates(
    trace: Trace,
    problem: Problem,
    *,
    step: float,
    batch_size: int,
    seed: int,
    write_pace: int | None = None,
) -> tuple[list[Vector], list[Vector]]:
    """Play memory coordinate by coordinate, by the clock alone.

    A read of coordinate i at time r + iR/n sees every write of coordinate i that was not later;
    its bits are those of x_0 minus the changes seen, in the order of the updates.

    Returns x_0 … x_K, and the reads x̂ of the updates in order. Needs the rows' times and written
    spans, and nothing else of what they say that reads saw. `write_pace` is the time a write of
    all of x takes, in ticks; by default it is read off dense writes.
    """
    assert trace.sweeps is not None
    sampler = Sampler(problem, seed=seed, batch_size=batch_size)
    n = problem.dimension
    versions = [problem.start()]
    changes: list[tuple[int, int, int, int, Vector]] = []
    reads: list[Vector] = []
    for row in np.flatnonzero(trace.was_applied):
        read, ready, _, began, ended = (int(t) for t in trace.ticks[:, row])
        memory = versions[0].copy()
        for i in range(n):
            at = read + Fraction(i * (ready - read), n)
            for lo, hi, begin, pace, change in changes:
                if lo <= i < hi and begin + Fraction((i - lo) * pace, n) <= at:
                    memory[i] -= change[i]
        reads.append(memory)
        gradient = np.empty(n)
        batch = sampler.batch(int(trace.worker[row]), int(trace.draw[row]))
        problem.gradient(memory, batch, gradient)
        lo, hi = int(trace.sweeps.lo[row]), int(trace.sweeps.hi[row])
        pace = ended - began if write_pace is None else write_pace
        changes.append((lo, hi, began, pace, step * gradient))
        x = versions[-1].copy()
        x[lo:hi] -= (step * gradient)[lo:hi]
        versions.append(x)
    return versions, reads
