"""Which versions of x a block of the stream still reads, where each is kept, and until when.

It is known before any gradient of the block is computed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np

from asysim.ground.arrays import Ints, Vector
from asysim.replay.space import Space
from asysim.trace.gradient import LOST
from asysim.trace.stream import Block

_FOREVER = 2**62


class LastUses:
    """When each of some numbered things is used for the last time within a block.

    Parameters
    ----------
    names
        What each use names, in order.
    positions
        In which row it does.
    held
        Names that later blocks will use.
    floor
        Later blocks may use any name from this one on.
    """

    def __init__(
        self, names: Iterable[int], positions: Iterable[int], held: Ints, floor: int
    ) -> None:
        self._last = dict(zip(names, positions, strict=True))
        self._last.update(dict.fromkeys(held.tolist(), _FOREVER))
        self._floor = floor

    @classmethod
    def later(cls, held: Ints, floor: int) -> LastUses:
        """Return the uses by later blocks alone."""
        return cls([], [], held, floor)

    def forget(self, name: int) -> None:
        """Do not count the uses of a thing, which no later block has."""
        del self._last[name]

    def after(self, name: int, position: int) -> bool:
        """Whether something after this row may use the thing."""
        return name >= self._floor or self._last.get(name, -1) > position


class Shelf:
    """Numbered vectors that are kept as long as something will use them.

    Parameters
    ----------
    space
        Where vectors that are not needed any more go.
    vectors
        What is on it: the caller's own, in which it sees what there is.
    """

    def __init__(self, space: Space, vectors: dict[int, Vector]) -> None:
        self._space = space
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def __getitem__(self, name: int) -> Vector:
        return self._vectors[name]

    def __contains__(self, name: int) -> bool:
        return name in self._vectors

    def keep(self, name: int, vector: Vector) -> None:
        """Put a vector on the shelf."""
        self._vectors[name] = vector

    def drop(self, name: int) -> None:
        """Take a vector that nothing will use any more off the shelf."""
        self._space.put(self._vectors.pop(name))

    def sweep(self, uses: LastUses) -> None:
        """Drop whatever no row of the block that begins now, or a later one, will use."""
        for name in [name for name in self._vectors if not uses.after(name, -1)]:
            self.drop(name)


RowFacts = tuple[int, int, int, int, int]
"""(worker, draw, version, update, instant applied) of one row."""


def rows_of(block: Block) -> list[RowFacts]:
    """Return the rows of a block one by one."""
    columns = [*(column.tolist() for column in block.rows.facts), block.rows.ticks[-1].tolist()]
    return list(zip(*columns, strict=True))


class Foreseen:
    """What each row needs, and what becomes of each version of x.

    A version that only one gradient reads need not be kept for it: that gradient can be computed
    while the version is the current one, and wait in its stead until it is applied.

    Parameters
    ----------
    block
        A piece of the stream.
    early
        Whether a gradient may be computed before it is applied.
    shared
        Whether all gradients that read a version are begun early, not only one that is alone.

    Attributes
    ----------
    rows
        Row by row.
    versions
        When each version of x is used for the last time, but for what is begun early.
    early
        The rows to be begun while a version is the current one, or when the block begins.
    closes
        Whether a row is the last of its update.
    """

    def __init__(self, block: Block, *, early: bool = True, shared: bool = False) -> None:
        facts = block.rows.facts
        kept = np.flatnonzero(facts[3] != LOST)
        version, update = facts[2, kept], facts[3, kept]
        self.rows = rows_of(block)
        held = block.held_versions
        self.early: dict[int, list[int]] = defaultdict(list)
        if early and shared:
            for name, reader in zip(version.tolist(), kept.tolist(), strict=True):
                self.early[name].append(reader)
            self.versions = LastUses.later(held, block.floor)
        else:
            self.versions = LastUses(version.tolist(), kept.tolist(), held, block.floor)
            for name, reader in _alone(version, kept, block) if early else ():
                self.early[name].append(reader)
                self.versions.forget(name)
        self._applied = update
        closes = np.zeros(len(block.rows), dtype=bool)
        closes[kept[:-1]] = np.diff(update) != 0
        closes[kept[-1:]] = True
        self.closes: list[bool] = closes.tolist()

    @cached_property
    def gradients(self) -> dict[int, int]:
        """How many gradients each update is made of."""
        updates, counts = np.unique(self._applied, return_counts=True)
        return dict(zip(updates.tolist(), counts.tolist(), strict=True))

    def early_before(self, updates: int) -> list[int]:
        """Return the versions from before the block that gradients are begun at as it begins."""
        return [version for version in self.early if version < updates]


def _alone(version: Ints, row: Ints, block: Block) -> Iterator[tuple[int, int]]:
    """Return the versions that one gradient of the block reads, and no other, with its row."""
    once, first, count = np.unique(version, return_index=True, return_counts=True)
    alone = (count == 1) & (once < block.floor) & ~np.isin(once, block.held_versions)
    return zip(once[alone].tolist(), row[first[alone]].tolist(), strict=True)
