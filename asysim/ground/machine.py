"""What of the machine this process may use: its cores, and the memory that is still free."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


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

    with one_thread(), np.errstate(all="ignore"):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread of linear algebra: others would only wait for one another."""
    with _libraries(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _libraries(_modules: int) -> ThreadpoolController:
    """Return the libraries of linear algebra that are loaded, which it takes a millisecond to find.

    They may be others when more modules are there.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def free_memory() -> float:
    """Return how many bytes this process can still take; math.inf where nothing says.

    The least of what the machine has, what the control groups of the process leave (containers,
    job schedulers), and what its own limits do (``ulimit -v``).
    """
    return min(_of_the_machine(), _of_control_groups(), _of_limits())


def _of_the_machine() -> float:
    facts = {}
    for line in _read("/proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        facts[name] = 1024.0 * int(rest.split()[0])
    if "MemAvailable" not in facts:
        return math.inf
    return facts["MemAvailable"] + facts.get("SwapFree", 0.0)


def _of_control_groups() -> float:
    root, least = Path("/sys/fs/cgroup"), math.inf
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2, of which there is one tree
            base, limit, used = root, "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            base, limit, used = root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        inner = base / path.lstrip("/")
        # A container sees its own group as the root, whatever it is called outside.
        for group in {base, inner, *(above for above in inner.parents if base in above.parents)}:
            told, taken = _read(group / limit).strip(), _read(group / used).strip()
            if told.isdecimal() and taken.isdecimal():
                cached = _of_file_cache(group)
                least = min(least, int(told) - max(0.0, int(taken) - cached))
    return least


def _of_file_cache(group: Path) -> float:
    """Return bytes that a control group counts as taken, and would give back."""
    facts = dict(line.split(maxsplit=1) for line in _read(group / "memory.stat").splitlines())
    return float(facts.get("inactive_file", facts.get("total_inactive_file", 0)))


def _of_limits() -> float:
    try:
        import resource
    except ImportError:  # not on Windows
        return math.inf
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = _read("/proc/self/statm").split()
    if limit == resource.RLIM_INFINITY or not pages:
        return math.inf
    return max(0.0, limit - int(pages[0]) * os.sysconf("SC_PAGE_SIZE"))


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
