"""What is alike and what differs: workers, runs, and times one after the other.

Two things have to hold before workers are told apart: chance alone would hardly ever make such
differences (Kruskal & Wallis 1952, on means of long pieces, so that neighbouring times may depend
on one another), and they are of a size that matters. A million times tell 0.1 % from chance; that
is no reason to split a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from asysim.calibration.fit import LEAST
from asysim.calibration.recorded import RecordedRun
from asysim.calibration.times import Times
from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import NANOSECOND

CHANCE = 1e-3
"""How often workers, or runs, that are alike are told apart at most."""

MATTERS = 0.02
"""Differences of a typical time below this are let be: 2 %."""

_PIECES = 32
_TICKS = 2.0  # a difference that rounding alone can make


@dataclass(frozen=True, eq=False)
class Level:
    """Where the times of somebody lie: the mean of their logarithms, by pieces.

    Attributes
    ----------
    pieces
        Means of the logarithms of consecutive times; (pieces,).
    count
        How many times there are.
    """

    pieces: Floats
    count: int

    @cached_property
    def place(self) -> float:
        """The mean of the logarithms."""
        return float(self.pieces.mean())

    @cached_property
    def variance(self) -> float:
        """Of `place`, from the spread of the pieces."""
        some = len(self.pieces)
        return float(self.pieces.var(ddof=1) / some) if some > 1 else np.inf


def level(times: Times) -> Level:
    """Return where times lie."""
    # Times of 0 have no logarithm; next to real times a tick is as good as nothing.
    logs = [np.log(np.maximum(part, NANOSECOND)) for part in times.series]
    together = np.concatenate(logs) if logs else np.zeros(0)
    pieces = np.array_split(together, min(_PIECES, len(together))) if len(together) else []
    return Level(np.array([piece.mean() for piece in pieces]), len(together))


def differ(levels: Sequence[Level], negligible: float = 0.0) -> bool:
    """Whether times of several sources differ more than chance has it, and enough to matter.

    Differences up to `negligible` seconds don't.
    """
    some = [entry for entry in levels if len(entry.pieces) >= 2]
    if len(some) < 2:
        return False
    places = [entry.place for entry in some]
    if max(places) - min(places) < MATTERS or _near(places, negligible):
        return False
    if all(np.ptp(entry.pieces) == 0 for entry in some):
        return True
    from scipy.stats import kruskal

    return bool(kruskal(*[entry.pieces for entry in some]).pvalue < CHANCE)


def _near(places: Sequence[float], negligible: float) -> bool:
    longest, shortest = np.exp(max(places)), np.exp(min(places))
    return bool(longest - shortest <= max(_TICKS * NANOSECOND, negligible))


def alike(times: Times, workers: int, negligible: float = 0.0) -> list[int]:
    """Return for each worker the number of its class, by the worker who comes first; (workers,).

    A worker without times is in the class of the one before. Differences up to `negligible`
    seconds are let be.
    """
    known = {w: level(mine) for w, mine in times.each_worker.items()}
    found = dict.fromkeys(known, 0)
    if differ(list(known.values()), negligible):
        found = _clustered(known, negligible)
    numbers: dict[int, int] = {}
    classes, last = [], None
    for w in range(workers):
        last = found.get(w, last)
        classes.append(last)
    first = next((c for c in classes if c is not None), 0)
    return [numbers.setdefault(first if c is None else c, len(numbers)) for c in classes]


def _clustered(levels: dict[int, Level], negligible: float) -> dict[int, int]:
    """Put workers into classes, from the fastest to the slowest."""
    from scipy.special import ndtri

    far = -float(ndtri(CHANCE / 2 / len(levels)))
    ordered = sorted(levels, key=lambda w: (levels[w].place, w))
    found, members = {}, 0
    number, centre, variance = -1, -np.inf, 0.0
    for w in ordered:
        mine = levels[w]
        gap = mine.place - centre
        if number < 0 or not (
            gap < MATTERS
            or _near([centre, mine.place], negligible)
            or gap**2 < far**2 * (mine.variance + variance)
        ):
            number, centre, variance, members = number + 1, mine.place, mine.variance, 1
        else:
            centre = (centre * members + mine.place) / (members + 1)
            variance = (variance * members**2 + mine.variance) / (members + 1) ** 2
            members += 1
        found[w] = number
    return found


_CORRELATED = 0.1
"""Correlations below this are let be, however many times there are."""

_SURE = 4.0  # standard deviations: 1 in 16,000 by chance


def dependence_in_time(times: Times, negligible: float = 0.0) -> str:
    """Say whether a worker's times depend on the one before; empty if not.

    Spreads below `negligible` seconds are a machine's own.
    """
    series = [part for part in times.series if _varies(part, negligible)]
    if not series:
        return ""
    pairs, product, squares = 0, 0.0, 0.0
    for part in series:
        ranks = centred(part)
        ranks /= ranks.std()
        product += float((ranks[1:] * ranks[:-1]).sum())
        squares += float((ranks**2).sum())
        pairs += len(part) - 1
    # Ranks about their own mean are correlated by −1/n.
    r = product / squares + len(series) / squares
    if abs(r) < _CORRELATED or abs(r) * np.sqrt(pairs) < _SURE:
        return ""
    return (
        f"{times.name}: a time depends on the one before (rank correlation {r:.2f} within a "
        "worker): slow spells or a drift. The scenario draws each anew: its throughput stays right "
        "where nobody waits for anybody, but not how far runs and staleness spread"
    )


def _varies(seconds: Floats, negligible: float) -> bool:
    """Whether there are enough times, and most of them differ by more than rounding."""
    if len(seconds) < LEAST:
        return False
    low, high = np.quantile(seconds, [0.05, 0.95])
    return bool(high - low > max(3 * NANOSECOND, negligible))


def centred(values: Floats | Ints) -> Floats:
    """Return the ranks of values less their mean; (n,)."""
    from scipy.stats import rankdata

    ranks: Floats = np.asarray(rankdata(values), dtype=np.float64)
    centred: Floats = ranks - ranks.mean()
    return centred


def differs_with_workers(
    times: Times, runs: Sequence[RecordedRun], negligible: float = 0.0
) -> bool:
    """Whether times differ between runs with different numbers of workers, by enough seconds."""
    numbers = np.array([run.workers for run in runs])
    counts = np.unique(numbers)
    if len(counts) < 2 or not len(times):
        return False
    # Of workers that every run has: others may be slower machines.
    common = times.of_workers(range(int(counts.min())))
    groups = [level(common.where(numbers[common.run] == p)) for p in counts]
    return differ(groups, negligible)
