"""What a rank makes of its core: one thread on it, and nobody else that it talks to.

A rank that waits without a pause is busy to the system's eyes, and one that naps is not. So two
ranks that wait for each other may be left on one core, where each message waits until the other
side gives up and naps, while another core is idle.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from asysim.backends.padding import sharpen

_TIMES = 4  # meetings in a row before it is held that they are no chance


@contextmanager
def single_threaded() -> Iterator[None]:
    """Compute on one core, be woken in time, and take numbers that are not finite as they come."""
    import scipy.linalg  # noqa: F401  (so that its BLAS is there to be limited)
    from threadpoolctl import threadpool_limits

    sharpen()
    # Other threads of BLAS would only take other ranks' cores.
    with threadpool_limits(1), np.errstate(all="ignore"):
        yield


class Core:
    """The core that this thread runs on, as far as that can be found out (Linux).

    Parameters
    ----------
    matters
        Whether there is a core for each rank, so that nobody need share one.
    """

    def __init__(self, *, matters: bool) -> None:
        self._ask = None
        self._met = 0
        if matters and sys.platform == "linux":
            self._ask = getattr(ctypes.CDLL(None), "sched_getcpu", None)

    @property
    def number(self) -> int:
        """Its number; −1 if it does not matter."""
        return -1 if self._ask is None else int(self._ask())

    def meet(self, other: int) -> None:
        """Take note of a message from a rank on a core; go elsewhere if it is always this one."""
        if self._ask is None or other != self._ask():
            self._met = 0
            return
        self._met += 1
        if self._met < _TIMES:
            return
        self._met = 0
        allowed = os.sched_getaffinity(0)
        elsewhere = allowed - {other}
        if elsewhere:
            with suppress(OSError):
                os.sched_setaffinity(0, elsewhere)  # moves it at once
            with suppress(OSError):
                os.sched_setaffinity(0, allowed)
