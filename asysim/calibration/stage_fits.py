"""The fit of each stage: computing, messages, the server and its lock, memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from asysim.calibration import stage_times
from asysim.calibration.findings import Findings, Record
from asysim.calibration.fit import CONSTANT, LEAST, Estimate, Fit, constant
from asysim.calibration.queue import Queue, lock_latency, locked_read, service
from asysim.calibration.rates import Rate, contention, per_byte
from asysim.calibration.stage import Stage
from asysim.calibration.times import Times, joined
from asysim.ground.arrays import Floats
from asysim.trace.gradient import NANOSECOND


def fit_messages(found: Findings) -> None:
    """Fit pulls and pushes."""
    record = found.record
    why = next((run.hides_messages for run in record.runs if run.hides_messages), "")
    if why:
        found.keep("network", why)
        return
    ways = [record.times(stage_times.pull), record.times(stage_times.push)]
    sizes = [record.message_bytes(times, way) for way, times in enumerate(ways)]
    if any(np.ptp(size) > 0 for size in sizes):
        _by_size(ways, sizes, found)
    else:
        _of_one_size(ways, found)


def fit_lock(found: Findings) -> None:
    """Fit what takes the place of messages in shared memory: reads under the lock, and getting it.

    Reads take the server's time; a free lock is got after a while, which is a latency.
    """
    read = found.comparable(found.record.times(locked_read))
    found.stages["server read"] = found.record.fit(read, apart=False)
    latency = found.record.times(lock_latency)
    if len(latency) >= LEAST:
        found.stages["push"] = found.record.fit(latency, apart=False)


def _of_one_size(ways: list[Times], found: Findings) -> None:
    for times in map(found.comparable, ways):
        found.look_at_order(times)
        found.stages[times.name] = found.record.fit(times)
    if any(times.seconds.any() for times in ways):
        pulled, pushed = (f"{size:,.0f}" for size in found.record.base.message_bytes)
        found.warn(
            "latency and bandwidth can't be told apart by messages of one size: pull and push are "
            f"what messages of {pulled} and {pushed} bytes take in all"
        )


def _by_size(ways: list[Times], sizes: list[Floats], found: Findings) -> None:
    """Fit latency and bandwidth to messages of several sizes."""
    # A size is a run's, so workers who differ are those who do at one size.
    first = [times.where(size == size[0]) for times, size in zip(ways, sizes, strict=True)]
    classes = [found.record.fit(part, samples=0).classes for part in first]
    rate = _rate(ways, sizes, classes)
    if rate is not None and not rate.is_something:
        found.warn("larger messages don't take surely longer: no bandwidth is fitted")
        rate = None
    for times, size, mine in zip(ways, sizes, classes, strict=True):
        found.look_at_order(times)
        depends = None if rate is None else np.where(times.seconds > NANOSECOND, size, 0.0)
        found.stages[times.name] = found.record.fit(times, classes=mine, rate=rate, depends=depends)


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


_COARSE = 20  # ticks: a shorter write is told too roughly


def fit_memory(found: Findings) -> None:
    """Fit read and write sweeps, and contention."""
    record, base = found.record, found.record.base
    read = found.comparable(record.times(stage_times.read_sweep))
    found.stages["read sweep"] = record.fit(read, apart=False)
    write = record.times(stage_times.write_sweep)
    if not len(write):
        found.keep("memory.write", "no update was written")
        return
    if stage_times.resolution(base) < _COARSE:
        found.warn("write sweep: a write is a few clock ticks long, so its time is told roughly")
    rate = _contention(write, found)
    # Runs with more workers have more contention: what is compared is what is left without it.
    said = record.differ(_without(write, rate))
    if said:
        found.warn(said)
        write = record.of_most_workers(write)
        rate = _contention(write, found)
    if rate is None:
        met = "no write met another" if base.clock_every == 1 else "few writes were measured"
        found.keep("memory.contention", met)
    elif not rate.is_something:
        at_most = f"{rate.estimate.high:.3g}"
        found.warn(f"memory.contention is not surely above 0 (at most {at_most}), and is left out")
        rate = None
    found.stages["write sweep"] = record.fit(
        write,
        apart=False,
        rate=rate,
        depends=write.others,
        way="times",
        immaterial=record.immaterial + stage_times.rounding(base) * NANOSECOND,
    )


def _contention(write: Times, found: Findings) -> Rate | None:
    base = found.record.base
    if base.clock_every > 1:
        return None
    return contention(write.seconds, write.others, stage_times.resolution(base))


def _without(write: Times, rate: Rate | None) -> Times:
    """Return writes as long as they would be alone."""
    if rate is None:
        return write
    return replace(write, seconds=write.seconds / (1 + rate.value * write.others))


_TICKS = 2  # by which runs may differ in a constant service time


def fit_server(found: Findings) -> None:
    """Fit the server's service."""
    record = found.record
    why = next((run.hides_service for run in record.runs if run.hides_service), "")
    if why:
        found.keep("server", why)
        return
    queues = [service(run, number) for number, run in enumerate(record.runs)]
    times = found.comparable(joined("service", [queue.times for queue in queues]))
    if record.base.is_locked_memory and record.base.scenario.idle_workers:
        found.warn(
            "service: workers that wait for T look for leave under the lock, so how long an update "
            "takes the server is told too high"
        )
    if len(times) >= LEAST:
        found.stages["service"] = record.fit(times, apart=False)
    else:
        _mean_service(queues, times, found)


def _mean_service(queues: list[Queue], times: Times, found: Findings) -> None:
    """Take the one service time that explains all updates, if there is one."""
    means = [queue.mean for queue in queues if queue.mean is not None]
    if len(means) < len(queues) or max(means) - min(means) > _TICKS:
        found.keep("server.service", "gradients are applied together, so only the last is seen")
        return
    value = float(np.median(means)) * NANOSECOND
    half = 1.5 * NANOSECOND  # what several services at a time leave open
    estimate = Estimate(value, max(0.0, value - half), value + half)
    rows = sum(len(run.trace) for run in found.record.runs)
    fit = Fit("service", constant(value), {"value": estimate}, rows, verdict=CONSTANT)
    classes = [0] * found.record.base.workers
    found.stages["service"] = Stage("service", times, classes, [fit], [])


def findings(record: Record) -> Findings:
    """Fit every stage of some runs."""
    found = Findings(record)
    found.look_at_traces()
    if not record.base.is_lock_free:
        found.take_apart()
        record = found.record
    compute = found.comparable(record.times(stage_times.compute))
    found.look_at_order(compute)
    found.stages["compute"] = record.fit(compute, scaling=True)
    if record.base.is_lock_free:
        fit_memory(found)
        return found
    if record.base.is_locked_memory:
        fit_lock(found)
    else:
        fit_messages(found)
    fit_server(found)
    return found
