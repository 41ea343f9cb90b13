"""The compiled twin of the SimPy schedules: the same rows, bit for bit, many times as fast.

`asysim.schedule.reference` has the schedules that are the reference: what a reader
studies and a user extends. Whoever changes one of them changes its twin here, or tests fail.
"""

from __future__ import annotations

_STEPS = 2**24  # of which each event may take one for each worker
_FEWEST, _MOST = 1024, 2**18


def events_at_once(workers: int) -> int:
    """Return how many events compiled code plays before Python can take a signal.

    They take a fraction of a second; one call of compiled code takes some microseconds.
    """
    return min(_MOST, max(_FEWEST, _STEPS // workers))
