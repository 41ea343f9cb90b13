"""Emulation: each gradient and message takes the time that the scenario's laws say, by waiting.

What is due when follows from what was due before, not from when somebody woke up: so a sleep that
lasts too long delays one step, and not all that come after it. Work that is not done when it is due
delays the rest, and is counted.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asysim.scenario import Scenario
from asysim.schedule.building import cluster_timing, memory_timing

_SPIN = 50_000  # nanoseconds at the end of a wait that are not slept away
_PR_SET_TIMERSLACK = 29


def sharpen() -> None:
    """Ask the system to wake this thread without the delay it allows itself by default (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def wait_until(instant: int) -> int:
    """Sleep until an instant of `time.monotonic_ns`; return how much later it is, in ns."""
    while (left := instant - time.monotonic_ns()) > 0:
        if left > _SPIN:
            time.sleep((left - _SPIN) * 1e-9)
        # else: another turn of this loop takes less than a system call
    return -left


def steps(scenario: Scenario, dimension: int, worker: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield, draw by draw, a worker's times to pull, compute and push, and the server's, in ns.

    They are the very draws that a simulation of the scenario makes.
    """
    if scenario.algorithm.name == "asysg-incon":
        for _, _, compute, _, _ in memory_timing(scenario, dimension).rounds(worker):
            yield 0, compute, 0, 0
    else:
        for _, ready, done, arrived, service in cluster_timing(scenario, dimension).rounds(worker):
            yield ready, done - ready, arrived - done, service


@dataclass
class Accuracy:
    """How well one worker's padding went, counted in nanoseconds.

    Attributes
    ----------
    overshoots
        By how much each wait was too long.
    late, slip
        How many gradients were not done when they were due, and by how much in all.
    """

    overshoots: list[int] = field(default_factory=list)
    late: int = 0
    slip: int = 0

    def note_wait(self, overshoot: int) -> None:
        """Count a wait."""
        self.overshoots.append(overshoot)

    def note_late(self, by: int) -> None:
        """Count a gradient that was not done in time."""
        self.late += 1
        self.slip += by


def report(accuracies: list[Accuracy]) -> dict[str, Any]:
    """Return what a manifest says of the padding of all workers."""
    overshoots = np.array([o for a in accuracies for o in a.overshoots], dtype=np.float64)
    some = overshoots if len(overshoots) else np.zeros(1)
    return {
        "waits": len(overshoots),
        "overshoot_median_us": round(float(np.median(some)) / 1e3, 1),
        "overshoot_99_us": round(float(np.quantile(some, 0.99)) / 1e3, 1),
        "late_gradients": sum(a.late for a in accuracies),
        "slip_seconds": sum(a.slip for a in accuracies) * 1e-9,
    }
