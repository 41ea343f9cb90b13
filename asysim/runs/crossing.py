"""Where a run first came to its target, told between two evaluations.

The loss of a run is noisy: the first evaluation below a target is early by luck, and the more so
the more evaluations there are. So w evaluations in a row make one smoothed point, the mean of their
losses at the mean of their updates and seconds; and the crossing is where the straight line between
two smoothed points meets the target. w is `run.smoothing`, and the run itself ends by the same
means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from asysim.ground.arrays import Floats
from asysim.replay.curve import Point
from asysim.scenario.models import Length


@dataclass(frozen=True)
class Crossing:
    """Where a target was met, or how far a run went that did not meet it.

    Attributes
    ----------
    met
        Whether the target was.
    updates, gradients, seconds
        When, by interpolation; all zero if the first smoothed point was below the target. Of a run
        that did not meet it: how long it was.
    """

    met: bool
    updates: float
    gradients: float
    seconds: float


def crossing(points: Sequence[Point], length: Length) -> Crossing:
    """Find where a run's smoothed curve first meets a target of `run`, whichever is first."""
    found = [
        where
        for target, name in (
            (length.target_loss, "loss"),
            (length.target_gradient, "gradient_norm2"),
        )
        if target is not None
        for where in [_first_below(points, name, target, length.smoothing)]
        if where is not None
    ]
    if found:
        return min(found, key=lambda where: where.updates)
    last = points[-1] if points else None
    if last is None:
        return Crossing(False, 0.0, 0.0, 0.0)
    return Crossing(False, float(last.update), float(last.gradients), last.seconds)


def _first_below(points: Sequence[Point], name: str, target: float, window: int) -> Crossing | None:
    if len(points) < window:
        return None
    values = smoothed([getattr(point, name) for point in points], window)
    (below,) = np.nonzero(values <= target)
    if not len(below):
        return None
    after = int(below[0])
    if after == 0:
        return Crossing(True, 0.0, 0.0, 0.0)
    part = (values[after - 1] - target) / (values[after - 1] - values[after])
    places = []
    for axis in ("update", "gradients", "seconds"):
        where = smoothed([getattr(point, axis) for point in points], window)
        places.append(float(where[after - 1] + part * (where[after] - where[after - 1])))
    return Crossing(True, *places)


def smoothed(values: Sequence[float], window: int) -> Floats:
    """Return the mean of each `window` values in a row, shape (len(values) − window + 1,).

    By the same sum as a run's own judgement, so that the two agree to the last bit.
    """
    means = [fmean(values[i : i + window]) for i in range(len(values) - window + 1)]
    return np.array(means, dtype=np.float64)
