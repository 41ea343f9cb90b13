"""A row of the map of returns: γδ and the delay are given, γλ_max goes from stable to not.

On f = ½ λ s² − ½ δ u², and on f = ½ λ s² − ½ δ u² + ¼ δ u⁴ / W², which has wells at u = ±W, runs
begin at the saddle 0 with a constant delay τ, and are watched after they first were farther than R
from it.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from asysim.ground.arrays import Floats, Ints
from asysim.jit.compiler import compiled
from asysim.problems.base import Problem
from asysim.random.normal import quantile
from asysim.random.philox import uniform, words
from asysim.random.streams import Purpose
from asysim.scenario import parse
from asysim.studies.record import Job, Simulated
from asysim.theory.stability import stability_limit

OF_LIMIT: Floats = np.linspace(0.5, 1.4, 19)
"""γλ_max as a part of 2 sin(π / (2(2τ + 1)))."""
GROWING: Floats = np.geomspace(1e-3, 1.0, 16)
"""γδ."""
WELL = 2.0
"""W, in radii."""
_MOST = 200_000  # updates until a run has escaped
_GONE = 1e6  # radii

_SAMPLE = int(Purpose.SAMPLE)
_AT_ONCE = 128  # random words


def window(delay: int) -> int:
    """Return for how many updates a run is watched: ten periods at the limit, and 100 more."""
    return 20 * (2 * delay + 1) + 100


@compiled
def count_returns(
    delay: int, stable: float, growing: float, cubic: float, noise: float, runs: int,
    seed: Any, first: int, most: int, after: int, counts: Ints,
) -> None:  # fmt: skip
    """Count how many runs escape past 1, and how many of them are within 1 again.

    Parameters
    ----------
    delay, stable, growing
        τ, γλ and γδ.
    cubic
        γδ/W²; 0: no wells.
    noise
        Standard deviation of what an update adds to each of s and u, in radii.
    runs, seed, first
        How many, named by the seed and numbers from `first` on.
    most, after
        Updates until escape at most, and then.
    counts
        Written to: escaped, returned.
    """
    length = delay + 1
    s_held, u_held = np.empty(length), np.empty(length)
    raw = np.empty(_AT_ONCE, np.uint64)
    escaped = returned = 0
    for run in range(runs):
        for i in range(length):
            s_held[i] = u_held[i] = 0.0
        s = u = 0.0
        place, drawn, last, out = 0, 0, most, False
        k = 0
        while k < last:
            at = drawn % _AT_ONCE
            if at == 0:
                words(seed, _SAMPLE, first + run, drawn, raw)
            s_read, u_read = s_held[place], u_held[place]
            s = s - stable * s_read + noise * quantile(uniform(raw[at]))
            u = u + growing * u_read - cubic * u_read * u_read * u_read
            u = u + noise * quantile(uniform(raw[at + 1]))
            drawn += 2
            # What is read τ updates later: the ring has one place for each of τ + 1.
            s_held[place], u_held[place] = s, u
            place = place + 1 if place + 1 < length else 0
            k += 1
            square = s * s + u * u
            if not out:
                if not square <= 1.0:
                    out = True
                    escaped += 1
                    last = k + after
            elif square <= 1.0:
                returned += 1
                break
            if not square <= _GONE * _GONE:
                break
    counts[0], counts[1] = escaped, returned


class ReturnsTask(NamedTuple):
    """A row of the map for one delay, as it travels to another process.

    Attributes
    ----------
    base
        The scenario as TOML.
    workers, seed
        τ + 1, and the place of γδ.
    noise, runs
        In radii; runs of each cell.
    """

    base: str
    workers: int
    seed: int
    noise: float
    runs: int

    @property
    def job(self) -> Job:
        """Which row it is."""
        return self.workers, self.seed


_Counts = Annotated[tuple[int, ...], Field(min_length=len(OF_LIMIT), max_length=len(OF_LIMIT))]


class RowOfReturns(Simulated):
    """A row of the map: lists with an entry for each γλ_max.

    Attributes
    ----------
    workers, row
        τ + 1, and the place of γδ.
    escaped, returned
        Of the runs on the saddle alone.
    escaped_wells, returned_wells
        Of those with wells.
    """

    workers: int = Field(ge=1)
    row: int = Field(ge=0)
    escaped: _Counts
    returned: _Counts
    escaped_wells: _Counts
    returned_wells: _Counts

    @property
    def job(self) -> Job:
        """Which one it is."""
        return self.workers, self.row


def row_of_returns(task: ReturnsTask, problem: Problem | None = None) -> RowOfReturns:  # noqa: ARG001
    """Compute a row of the map."""
    delay, growing = task.workers - 1, float(GROWING[task.seed])
    seed = np.uint64(parse(task.base).seed)
    found: list[list[tuple[int, int]]] = [[], []]
    counts = np.zeros(2, dtype=np.int64)
    for wells in (0, 1):
        cubic = growing / WELL**2 if wells else 0.0
        for column, part in enumerate(OF_LIMIT.tolist()):
            cell = (task.seed * len(OF_LIMIT) + column) * 2 + wells
            count_returns(
                delay, part * stability_limit(delay), growing, cubic, task.noise, task.runs, seed,
                cell * task.runs, _MOST, window(delay), counts,
            )  # fmt: skip
            found[wells].append((int(counts[0]), int(counts[1])))
    (escaped, returned), (escaped_wells, returned_wells) = (zip(*one, strict=True) for one in found)
    return RowOfReturns(
        workers=task.workers, row=task.seed, escaped=escaped, returned=returned,
        escaped_wells=escaped_wells, returned_wells=returned_wells,
    )  # fmt: skip


def compute_one_cell() -> None:
    """Compute as little as there is, so that the kernel is compiled."""
    count_returns(
        0, 1.0, 0.1, 0.0, 1.0, 1, np.uint64(1), 0, 1, 0, np.zeros(2, dtype=np.int64)
    )  # fmt: skip
