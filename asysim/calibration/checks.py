"""What fitted laws of independent times can't say: each finding is a sentence for a person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asysim.calibration.classes import differ, level
from asysim.calibration.fit import LEAST
from asysim.calibration.recorded import Recorded
from asysim.calibration.times import Times
from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import NANOSECOND

MATTERS = 0.1
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
    if abs(r) < MATTERS or abs(r) * np.sqrt(pairs) < _SURE:
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


def differs_with_workers(times: Times, runs: Sequence[Recorded], negligible: float = 0.0) -> bool:
    """Whether times differ between runs with different numbers of workers, by enough seconds."""
    numbers = np.array([run.workers for run in runs])
    counts = np.unique(numbers)
    if len(counts) < 2 or not len(times):
        return False
    # Of workers that every run has: others may be slower machines.
    common = times.of_workers(range(int(counts.min())))
    groups = [level(common.where(numbers[common.run] == p)) for p in counts]
    return differ(groups, negligible)
