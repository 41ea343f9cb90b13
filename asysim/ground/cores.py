"""The cores that this process may use, which may be fewer than the machine has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def usable_cores() -> set[int]:
    """Return the numbers of the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


@contextmanager
def one_core() -> Iterator[None]:
    """Compute on one core, and take numbers that are not finite as they come.

    Other threads of linear algebra would only take other workers' cores.
    """
    import numpy as np
    import scipy.linalg  # noqa: F401  (so that its BLAS is there to be limited)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), np.errstate(all="ignore"):
        yield
