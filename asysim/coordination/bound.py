"""The staleness bound T: who has to wait so that no gradient is applied more than T updates late.

Every gradient that was read at version v must go into one of the updates v … v + T. The gradients
under way can all keep their deadlines if and only if they can in the order of their versions
(earliest deadline first), so a read, or an update out of that order, is admitted exactly when
that order still works afterwards. Something can then always go on: for every T ≥ 0, even T = 0,
which is serial SGD.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled


@dataclass
class Deadlines:
    """The gradients under way, and what may happen next.

    Parameters
    ----------
    bound
        T.
    per_update
        c, gradients folded into one update.
    """

    bound: int
    per_update: int = 1
    _versions: list[int] = field(default_factory=list)

    def add(self, version: int) -> None:
        """Note that a gradient at this version is under way."""
        insort(self._versions, version)

    def remove(self, version: int) -> None:
        """Note that it no longer is."""
        self._versions.remove(version)

    def admits_read(self, version: int, update: int, gathered: int) -> bool:
        """Whether one more gradient, read at `version`, could be under way.

        `update` is the index of the next update and `gathered` the gradients already in it.
        """
        insort(self._versions, version)
        possible = self._possible(self._versions, update, gathered)
        self._versions.remove(version)
        return possible

    def admits_update(self, version: int, update: int, gathered: int) -> bool:
        """Whether a gradient of `version`, one of those under way, may go into `update` now."""
        rest = self._versions.copy()
        rest.remove(version)
        return self._possible(rest, update, gathered + 1)

    def _possible(self, versions: list[int], update: int, gathered: int) -> bool:
        if not versions:
            return True
        c, slack = self.per_update, self.bound - update
        if versions[0] + slack >= (gathered + len(versions) - 1) // c:
            return True  # even the oldest could go last
        return all(
            version + slack >= (gathered + place) // c for place, version in enumerate(versions)
        )


# Compiled: the versions under way are in order in an array, so many of them -----------------


@compiled
def add(versions: Ints, count: int, version: int) -> int:
    """Note that a gradient at this version is under way; return how many are."""
    place = count
    while place > 0 and versions[place - 1] > version:
        versions[place] = versions[place - 1]
        place -= 1
    versions[place] = version
    return count + 1


@compiled
def remove(versions: Ints, count: int, version: int) -> int:
    """Note that it no longer is; return how many are."""
    place = _place(versions, count, version)
    for i in range(place, count - 1):
        versions[i] = versions[i + 1]
    return count - 1


@compiled
def _place(versions: Ints, count: int, version: int) -> int:
    """Return the first place of a version, or where it would be."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if versions[middle] < version:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def admits_read(
    versions: Ints,
    count: int,
    version: int,
    update: int,
    gathered: int,
    bound: int,
    per_update: int,
) -> bool:
    """Whether one more gradient, read at `version`, could be under way."""
    oldest = version if count == 0 else min(version, versions[0])
    if oldest + bound - update >= (gathered + count) // per_update:
        return True
    added = _place(versions, count, version)
    for place in range(count + 1):
        own = version
        if place < added:
            own = versions[place]
        elif place > added:
            own = versions[place - 1]
        if own + bound - update < (gathered + place) // per_update:
            return False
    return True


@compiled
def admits_update(
    versions: Ints, count: int, version: int, update: int, gathered: int, bound: int,
    per_update: int,
) -> bool:  # fmt: skip
    """Whether a gradient of `version`, one of those under way, may go into `update` now."""
    if count == 1:
        return True
    left = _place(versions, count, version)
    oldest = versions[1] if left == 0 else versions[0]
    if oldest + bound - update >= (gathered + count - 1) // per_update:
        return True
    for place in range(count - 1):
        own = versions[place] if place < left else versions[place + 1]
        if own + bound - update < (gathered + 1 + place) // per_update:
            return False
    return True
