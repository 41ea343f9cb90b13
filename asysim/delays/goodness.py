"""Whether a law of τ could be the true one, also where it was fitted to the very same τ.

What is tested is the difference between the found and the expected shares of pools of τ. What is
free in the law is fitted to the pools first, also by maximum likelihood: the test is of the kind of
law, and one τ that is far out can't make everything else seem uncertain. Fitting moves the expected
shares after the found ones: to first order by J H⁻¹ s, with J the derivative of the pools'
probabilities, H the curvature of the mean log-likelihood and s the mean score (Fisher 1924, for
independent draws). Each τ's part in that is known, so blocks say how the difference may vary, with
the dependence of draws and the fitting both in it, and nothing need be fitted to new draws.
"""

from __future__ import annotations

import numpy as np

from asysim.delays.block_counts import ABOVE, BlockCounts
from asysim.delays.count_laws import CountLaw
from asysim.delays.likelihood import inverse_curvature, maximised, scores
from asysim.delays.pooled_test import (
    LEAST_BLOCKS,
    PooledTest,
    compared,
    independent,
    pooling,
    pools_of,
)
from asysim.ground.arrays import Ints

_UNSEEN = 100
"""τ that a law expects at least in a range where there are none, for it to be a pool."""


def goodness(law: CountLaw, blocks: BlockCounts) -> PooledTest | None:
    """Test whether τ have a law of a kind; see `asysim.delays.pooled_test` for the test.

    Parameters
    ----------
    law
        Given by a theorem, or fitted to these τ.
    blocks
        The τ, of a stationary series.

    Returns
    -------
    None if it can't be tested: there are fewer blocks than `LEAST_BLOCKS`, or no more pools of τ
    than numbers that are free.
    """
    if len(blocks) < LEAST_BLOCKS:
        return None
    said = law.log_mass(blocks.lowest, blocks.highest)
    if np.isneginf(said).any():
        # There are τ that the law says are impossible.
        return PooledTest(np.inf, (0.0, 0.0), 0.0, blocks.lowest[:1], len(blocks))
    pooled = _pooled(law, blocks)
    pools, free = pooled.lowest, len(law.theta)
    if (
        len(pools) == 1 and not free and np.exp(said).sum() > 1 - 1e-12
    ):  # a constant, as it should be
        return PooledTest(0.0, (0.0, 0.0), 1.0, pools, len(blocks))
    if len(pools) < 2 + free:
        return None
    nearest = maximised(law, pooled) if free else law
    found = pooled.total / pooled.observations
    due = np.exp(nearest.log_mass(pooled.lowest, pooled.highest))
    score = scores(nearest, pooled)
    follows = (due[:, None] * score) @ inverse_curvature(nearest, pooled)
    # Not by what is expected alone: where that is next to nothing, one pool would be the whole sum.
    whitened = 1 / np.sqrt((found + due) / 2)
    influence = (np.eye(len(pools)) - score @ follows.T) * whitened
    difference = (found - due - follows @ (found @ score)) * whitened  # the last 0 at the maximum
    _, uncertainty = independent(pooled, influence)
    return compared(difference, [uncertainty], pools, estimated=free)


def _pooled(law: CountLaw, blocks: BlockCounts) -> BlockCounts:
    """Return the counts of pools; those where a law expects many and none are have their own."""
    pools = pools_of(blocks.lowest, blocks.total)
    counts = (blocks.counts @ pooling(blocks.lowest, pools)).astype(np.int64)
    ends: list[tuple[Ints, Ints]] = []
    least, most = int(blocks.lowest[0]), int(blocks.highest[-1])
    for low, high in ((0, least - 1), (most + 1, ABOVE)):
        unseen = np.array([low]), np.array([high])
        expected = blocks.observations * np.exp(law.log_mass(*unseen)) if low <= high else 0.0
        ends.append(unseen if expected > _UNSEEN else (np.zeros(0, np.int64),) * 2)
    nothing = [np.zeros((len(blocks), len(low)), np.int64) for low, _ in ends]
    starts = pools.copy()
    starts[0] = least if len(ends[0][0]) else 0
    lowest = np.concatenate([ends[0][0], starts, ends[1][0]])
    return BlockCounts(
        np.concatenate([nothing[0], counts, nothing[1]], axis=1),
        lowest, np.append(lowest[1:] - 1, ABOVE), blocks.sums, blocks.length,
    )  # fmt: skip
