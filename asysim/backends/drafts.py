"""Rows that lock-free workers had drafted and did not live to show: whose update each is of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asysim.backends.memory import COUNTER, LINE, Memory
from asysim.ground.arrays import Ints


def drafts(
    memory: Memory, drafted: Sequence[int], logged: set[int], *, least: int, most: int
) -> Ints:
    """Return the workers that took an update's number and did not log it, and these numbers.

    Parameters
    ----------
    memory
        Of a run without a lock in which nobody is at work any more.
    drafted
        The number in each worker's row behind its log: of a draft, or of a row of long ago; (p,).
    logged
        Numbers of updates from `least` on that were logged.
    least, most
        Smaller numbers were all logged; there is none from `most` on.

    Returns
    -------
    Ints
        A row for each, shape (drafts, 2): the worker, the number.
    """
    words = memory.writing[: LINE * len(drafted) : LINE].tolist()
    begun = min(int(memory.control[COUNTER]), most)
    found = {
        worker: number
        for numbers in (drafted, words)
        for worker, number in enumerate(numbers)
        if least <= number < begun and number not in logged
    }
    # Killed between taking a number and saying which: it is the one that nobody has.
    asking = [worker for worker, word in enumerate(words) if word < 0]
    missing = set(range(least, begun)) - logged - set(found.values())
    if len(asking) == len(missing) == 1:
        found[asking[0]] = missing.pop()
    return np.array(sorted(found.items()), dtype=np.int64).reshape(-1, 2)
