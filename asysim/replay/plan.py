"""What is known of a block of the stream before any of it is computed."""

from __future__ import annotations

import numpy as np

from asysim.replay.snapshots import LastUses
from asysim.stream import Block
from asysim.trace import LOST

Row = tuple[int, int, int, int, int]


class Plan:
    """What each row needs, and what becomes of each version of x.

    A version that only one gradient reads need not be kept for it: that gradient can be computed
    while the version is the current one, and wait in its stead until it is applied.

    Parameters
    ----------
    block
        A piece of the stream.

    Attributes
    ----------
    rows
        (worker, draw, version, update, instant applied), row by row.
    versions
        When each version of x is used for the last time.
    changes
        When the change that each update made is used for the last time, by a lock-free read that
        saw a part of it.
    sole_reader
        The row of the only gradient that reads a version, if there is just one, and if its read
        saw nothing of later updates.
    closes
        Whether a row is the last of its update.
    """

    def __init__(self, block: Block) -> None:
        facts, instants, sweeps = block.rows.facts, block.rows.ticks[-1], block.rows.sweeps
        kept = np.flatnonzero(facts[3] != LOST)
        version, update = facts[2, kept], facts[3, kept]
        columns = [*(column.tolist() for column in facts), instants.tolist()]
        self.rows: list[Row] = list(zip(*columns, strict=True))
        held = block.held_versions.tolist()
        self.versions = LastUses(version.tolist(), kept.tolist(), held, block.floor)
        seen_by = np.zeros(0, dtype=np.int64)  # for each slice that was seen, the row that did
        self.changes = LastUses([], [], block.held_updates.tolist(), block.floor)
        if sweeps is not None:
            seen_by = np.repeat(np.arange(len(block.rows)), np.diff(sweeps.offsets))
            useful = facts[3, seen_by] != LOST
            self.changes = LastUses(
                sweeps.update[useful].tolist(),
                seen_by[useful].tolist(),
                block.held_updates.tolist(),
                block.floor,
            )
        once, first, count = np.unique(version, return_index=True, return_counts=True)
        reader = kept[first]
        alone = (count == 1) & (once < block.floor) & ~np.isin(reader, seen_by)
        alone &= ~np.isin(once, block.held_versions)
        self.sole_reader: dict[int, int] = dict(
            zip(once[alone].tolist(), reader[alone].tolist(), strict=True)
        )
        closes = np.zeros(len(block.rows), dtype=bool)
        closes[kept[:-1]] = np.diff(update) != 0
        closes[kept[-1:]] = True
        self.closes: list[bool] = closes.tolist()
