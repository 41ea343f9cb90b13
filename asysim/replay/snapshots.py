"""The versions of x that are still to be read: one copy of each, none of any other."""

from __future__ import annotations

from collections.abc import Iterable

from asysim.ground.arrays import Vector
from asysim.ground.buffers import Buffers

__all__ = ["Buffers", "LastUses", "Shelf"]

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
        self, names: list[int], positions: Iterable[int], held: list[int], floor: int
    ) -> None:
        self._last = dict(zip(names, positions, strict=True))
        self._last.update(dict.fromkeys(held, _FOREVER))
        self._floor = floor

    @classmethod
    def later(cls, held: list[int], floor: int) -> LastUses:
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
    buffers
        Where vectors that are not needed any more go.
    vectors
        What is on it; others see in it what is.
    """

    def __init__(self, buffers: Buffers, vectors: dict[int, Vector]) -> None:
        self._buffers = buffers
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
        self._buffers.put(self._vectors.pop(name))

    def sweep(self, uses: LastUses) -> None:
        """Drop whatever no row of the block that begins now, or a later one, will use."""
        for name in [name for name in self._vectors if not uses.after(name, -1)]:
            self.drop(name)
