"""The staleness bound T, as in `asysim.coordination.bound`: the versions under way, in order."""

from __future__ import annotations

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled


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
