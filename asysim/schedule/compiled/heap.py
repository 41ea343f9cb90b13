"""A heap of instants: who comes first, ties going by rank. Compiled.

A place of the heap is (instant, rank); rank is a worker, or kind × width + place. A heap with four
children to a node: for very many workers it is half as deep as one with two.
"""

from __future__ import annotations

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled

_CHILDREN = 4


@compiled
def push(instants: Ints, ranks: Ints, size: int, instant: int, rank: int) -> int:
    """Add a place to a heap of so many; return how many there are then."""
    hole = size
    while hole > 0:
        parent = (hole - 1) // _CHILDREN
        above = instants[parent]
        if above < instant or (above == instant and ranks[parent] < rank):
            break
        instants[hole], ranks[hole] = above, ranks[parent]
        hole = parent
    instants[hole], ranks[hole] = instant, rank
    return size + 1


@compiled
def replace(instants: Ints, ranks: Ints, size: int, instant: int, rank: int) -> None:
    """Put a place where the first one is, which goes."""
    hole = 0
    while True:
        child = _CHILDREN * hole + 1
        if child >= size:
            break
        best, least = child, instants[child]
        # Without branches: which of the children comes first is anybody's guess.
        for other in range(child + 1, min(child + _CHILDREN, size)):
            found = instants[other]
            sooner = (found < least) | ((found == least) & (ranks[other] < ranks[best]))
            best = other if sooner else best
            least = found if sooner else least
        if instant < least or (instant == least and rank < ranks[best]):
            break
        instants[hole], ranks[hole] = least, ranks[best]
        hole = best
    instants[hole], ranks[hole] = instant, rank


@compiled
def pop(instants: Ints, ranks: Ints, size: int) -> int:
    """Take the first place away; return how many are left."""
    size -= 1
    if size > 0:
        replace(instants, ranks, size, instants[size], ranks[size])
    return size
