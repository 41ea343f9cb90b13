"""What holds a schedule and its compiled twin together: block for block, the same bits."""

from __future__ import annotations

from itertools import islice

import numpy as np


def assert_same_blocks(reference, twin, blocks):
    """Pull so many blocks from two schedules and compare all that is in them."""
    pairs = zip(islice(iter(reference), blocks), islice(iter(twin), blocks), strict=True)
    for number, (a, b) in enumerate(pairs):
        assert a.rows == b.rows, f"rows of block {number}"
        assert a.rows.updates_at_start == b.rows.updates_at_start
        assert np.array_equal(a.held_versions, b.held_versions)
        assert np.array_equal(a.held_updates, b.held_updates)
        assert a.floor == b.floor
        for array in (b.rows.facts, b.rows.ticks, b.held_versions):
            assert array.dtype == np.int64
