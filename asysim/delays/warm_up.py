"""Where the warm-up of a series ends, by a rule that nobody chooses for the case at hand."""

from __future__ import annotations

import numpy as np

from asysim.ground.arrays import Floats

RULE = (
    "MSER (White 1997): what is cut off makes the standard error of the mean of the rest least, "
    "half of the gradients at most"
)


def warm_up(means: Floats) -> int:
    """Return how many of the first batches are cut off.

    The marginal standard error rule: with d batches cut off, Σ (x_i − mean)² / (n − d)² over the
    rest is least. A start that is unlike the rest makes it large, and so does leaving out too much.

    Parameters
    ----------
    means
        The mean of each batch; (n,).
    """
    n = len(means)
    if n < 2:
        return 0
    left = np.arange(n, 0, -1, dtype=np.float64)
    shifted = means - means.mean()
    sums = np.cumsum(shifted[::-1])[::-1]
    squares = np.cumsum((shifted**2)[::-1])[::-1]
    error = np.maximum(squares - sums**2 / left, 0.0) / left**2
    # What is only rounding must not decide: the first that is least but for that.
    least = error[: n // 2 + 1].min()
    scale = 1e-12 * max(float(error[0]), 1e-300)
    return int(np.flatnonzero(error[: n // 2 + 1] <= least + scale)[0])
