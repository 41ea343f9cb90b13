"""Shared memory without locks: reads, writes, and how writes slow one another down."""

from __future__ import annotations

from dataclasses import replace

from asysim.calibration import stages
from asysim.calibration.findings import Findings
from asysim.calibration.rates import Rate, contention
from asysim.calibration.times import Times
from asysim.trace.gradient import NANOSECOND

_COARSE = 20  # ticks: a shorter write is told too roughly


def fit_memory(found: Findings) -> None:
    """Fit read and write sweeps, and contention."""
    pool, base = found.pool, found.pool.base
    read = found.comparable(pool.times(stages.read_sweep))
    found.stages["read sweep"] = pool.fit(read, apart=False)
    write = pool.times(stages.write_sweep)
    if not len(write):
        found.keep("memory.write", "no update was written")
        return
    if stages.resolution(base) < _COARSE:
        found.warn("write sweep: a write is a few clock ticks long, so its time is told roughly")
    rate = _contention(write, found)
    # Runs with more workers have more contention: what is compared is what is left without it.
    said = pool.differ(_without(write, rate))
    if said:
        found.warn(said)
        write = pool.of_most_workers(write)
        rate = _contention(write, found)
    if rate is None:
        met = "no write met another" if base.clock_every == 1 else "few writes were measured"
        found.keep("memory.contention", met)
    elif not rate.is_something:
        at_most = f"{rate.estimate.high:.3g}"
        found.warn(f"memory.contention is not surely above 0 (at most {at_most}), and is left out")
        rate = None
    found.stages["write sweep"] = pool.fit(
        write,
        apart=False,
        rate=rate,
        depends=write.others,
        way="times",
        immaterial=pool.immaterial + stages.rounding(base) * NANOSECOND,
    )


def _contention(write: Times, found: Findings) -> Rate | None:
    base = found.pool.base
    if base.clock_every > 1:
        return None
    return contention(write.seconds, write.others, stages.resolution(base))


def _without(write: Times, rate: Rate | None) -> Times:
    """Return writes as long as they would be alone."""
    if rate is None:
        return write
    return replace(write, seconds=write.seconds / (1 + rate.value * write.others))
