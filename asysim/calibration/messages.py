"""Messages: latencies as they are, or latency and bandwidth where there are several sizes."""

from __future__ import annotations

import numpy as np

from asysim.calibration import stages
from asysim.calibration.findings import Findings
from asysim.calibration.fit import LEAST
from asysim.calibration.queue import lock_latency, locked_read
from asysim.calibration.rates import Rate, per_byte
from asysim.calibration.times import Times
from asysim.ground.arrays import Floats
from asysim.trace.gradient import NANOSECOND


def fit_messages(found: Findings) -> None:
    """Fit pulls and pushes."""
    pool = found.pool
    why = next((run.hides_messages for run in pool.runs if run.hides_messages), "")
    if why:
        found.keep("network", why)
        return
    ways = [pool.times(stages.pull), pool.times(stages.push)]
    sizes = [pool.message_bytes(times, way) for way, times in enumerate(ways)]
    if any(np.ptp(size) > 0 for size in sizes):
        _by_size(ways, sizes, found)
    else:
        _of_one_size(ways, found)


def fit_lock(found: Findings) -> None:
    """Fit what takes the place of messages in shared memory: reads under the lock, and getting it.

    Reads take the server's time; a free lock is got after a while, which is a latency.
    """
    read = found.comparable(found.pool.times(locked_read))
    found.stages["server read"] = found.pool.fit(read, apart=False)
    latency = found.pool.times(lock_latency)
    if len(latency) >= LEAST:
        found.stages["push"] = found.pool.fit(latency, apart=False)


def _of_one_size(ways: list[Times], found: Findings) -> None:
    for times in map(found.comparable, ways):
        found.look_at_order(times)
        found.stages[times.name] = found.pool.fit(times)
    if any(times.seconds.any() for times in ways):
        pulled, pushed = (f"{size:,.0f}" for size in found.pool.base.message_bytes)
        found.warn(
            "latency and bandwidth can't be told apart by messages of one size: pull and push are "
            f"what messages of {pulled} and {pushed} bytes take in all"
        )


def _by_size(ways: list[Times], sizes: list[Floats], found: Findings) -> None:
    """Fit latency and bandwidth to messages of several sizes."""
    # A size is a run's, so workers who differ are those who do at one size.
    first = [times.where(size == size[0]) for times, size in zip(ways, sizes, strict=True)]
    classes = [found.pool.fit(part, samples=0).classes for part in first]
    rate = _rate(ways, sizes, classes)
    if rate is not None and not rate.is_something:
        found.warn("larger messages don't take surely longer: no bandwidth is fitted")
        rate = None
    for times, size, mine in zip(ways, sizes, classes, strict=True):
        found.look_at_order(times)
        depends = None if rate is None else np.where(times.seconds > NANOSECOND, size, 0.0)
        found.stages[times.name] = found.pool.fit(times, classes=mine, rate=rate, depends=depends)


def _rate(ways: list[Times], sizes: list[Floats], classes: list[list[int]]) -> Rate | None:
    """Return the seconds a byte takes, each direction and class having a latency of its own."""
    seconds, each = [], []
    for times, size, mine in zip(ways, sizes, classes, strict=True):
        kinds = np.array(mine)[times.worker]
        for kind in np.unique(kinds):
            part = times.seconds[kinds == kind]
            if part.max() > NANOSECOND:  # beside the server there is no link
                seconds.append(part)
                each.append(size[kinds == kind])
    return per_byte(seconds, each)
