"""Why not to trust other numbers of workers: what independent times would hardly ever show.

A time that is drawn anew owes nothing to what was before it: neither to the times that came before,
its own worker's or others', nor to how many are at the same as it begins. Each test is of that, and
asks too whether what it sees would move a prediction for several times as many workers.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from asysim.calibration.checks import centred
from asysim.calibration.fit import LEAST
from asysim.calibration.reads import reading_order
from asysim.calibration.recorded import Recorded
from asysim.calibration.stations import fifo
from asysim.calibration.times import under_way
from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import NANOSECOND

LARGER = 4
"""How many times as many workers a prediction is to hold for."""

_SURE = 5.0  # standard deviations: 1 in 2 million by chance
_KNOWN = 0.01  # of the mean: two such errors are 2 %
_PIECES = 32
_INDEPENDENT = 1.5  # times the error of independent times: chance has it in 1 of 10,000
_MATTERS = 0.002  # of a gradient's way round
_DEPENDS = 0.03  # of a correlation
_BUSY = 0.5  # of a server's time, with several times as many workers
_ROUNDED = 10 * NANOSECOND  # times that differ by less are constants
_OVERTAKEN = 1e-3  # of all gradients

Stage = tuple[str, Ints, Ints]


def stages_of(run: Recorded) -> list[Stage]:
    """Return the stages of each gradient's way that are nobody's but its own: begin and end."""
    read, ready, done, arrived, applied = run.trace.ticks
    if run.is_lock_free:
        return [("computing", ready, done)]
    if run.is_locked_memory:
        return [("computing", ready, done)]
    del read, arrived, applied
    return [("pull", run.sent, ready), ("computing", ready, done), ("push", done, run.came)]


def doubts_of(
    run: Recorded,
    busiest: float,
    computing_known_to: float | None,
    negligible: float,
    *,
    told: bool = False,
) -> list[str]:
    """Return sentences on what speaks against a prediction for more workers.

    Parameters
    ----------
    run
        What was recorded.
    busiest
        Seconds that a gradient takes what all share: the server, or its interface.
    computing_known_to
        By what part of itself the mean computing time is unsure, if its law is known.
    negligible
        Seconds below which times differ by what a machine makes of them.
    told
        Whether the scenario tells what messages share, so that their times are not looked at.
    """
    stages = [stage for stage in stages_of(run) if stage[0] == "computing" or not told]
    rows = ~run.ended_early & run.usable
    if int(rows.sum()) < LEAST or run.clock_every > 1:
        return []
    said = [known_too_roughly(run, stages, busiest, computing_known_to)]
    if not run.is_lock_free:
        # What is simulated has no cores to share: whoever is slow at once has a power in common.
        shared = [stage for stage in stages if run.is_real or stage[0] != "computing"]
        said += [slowed_by_others(run, stage, negligible) for stage in shared]
    if waits_for_others(run):
        said += [depends_on_before(run, stage, negligible, "") for stage in stages]
    elif LARGER * run.workers * busiest > _BUSY * cycle(run):
        why = "which matters where they queue at the server"
        said += [depends_on_before(run, stage, negligible, why) for stage in stages]
    if not told:
        said += [overtaken(run), still_waits(run)]
    return [sentence for sentence in said if sentence]


def cycle(run: Recorded) -> float:
    """Return the mean seconds of a gradient's way round."""
    return float((run.trace.ticks[4] - run.trace.ticks[0]).mean()) * NANOSECOND


def waits_for_others(run: Recorded) -> bool:
    """Whether the rule makes workers wait for one another."""
    kind = getattr(run.scenario.coordination, "kind", "asynchronous")
    at_once = kind in ("asynchronous", "softsync", "rennala", "ringmaster")
    algorithm = run.scenario.algorithm
    return not at_once or algorithm.staleness_bound is not None


def known_too_roughly(
    run: Recorded, stages: list[Stage], busiest: float, by_law: float | None
) -> str:
    """Say whether the mean of what decides the throughput is known too roughly."""
    rows = np.flatnonzero(~run.ended_early & run.usable)
    total = np.zeros(len(rows))
    for _, begin, end in stages:
        total += (end - begin)[rows]
    if not total.any():
        return ""
    order = np.argsort(run.trace.ticks[0][rows], kind="stable")
    pieces = np.array_split(total[order], _PIECES)
    means = np.array([piece.mean() for piece in pieces if len(piece)])
    error = float(means.std(ddof=1) / np.sqrt(len(means)) / means.mean())
    alone = float(total.std() / np.sqrt(len(total)) / total.mean())
    if by_law is not None and error < _INDEPENDENT * alone:
        error = by_law  # a law with a long tail tells its mean better than the times themselves
    if error <= _KNOWN or LARGER * run.workers * busiest > 1.3 * cycle(run):
        return ""
    more = min(1000, int(np.ceil(min(error / _KNOWN, 1e3) ** 2)))
    return (
        f"a gradient's mean time is known to ±{error:.1%} only: it has a long tail, or changes as "
        f"the run goes on. Record at least {more} times as long, or until it has settled"
    )


def slowed_by_others(run: Recorded, stage: Stage, negligible: float) -> str:
    """Say whether times are longer the more others are under way, as with what all share."""
    name, begin, end = stage
    rows = ~run.ended_early & run.usable
    time = (end - begin).astype(np.float64)
    others = np.zeros(len(begin))
    # What is counted has to be known before the time is drawn.
    at = run.trace.ticks[0] if name == "pull" else begin
    for other, first, last in stages_of(run):
        if (other == "computing") == (name == "computing"):
            same = other == name and at is begin
            others += under_way(first, last) if same else _meets(at, first, last)
    pairs, product, one, two, slope, squares = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for worker in range(run.workers):
        mine = np.flatnonzero(rows & (run.trace.worker == worker))
        if len(mine) < LEAST or np.ptp(time[mine]) * NANOSECOND <= max(negligible, _ROUNDED):
            continue
        slow, busy = centred(time[mine]), centred(others[mine])
        product += float((slow * busy).sum())
        one, two = one + float((slow**2).sum()), two + float((busy**2).sum())
        off = others[mine] - others[mine].mean()
        slope += float((off * time[mine]).sum())
        squares += float((off**2).sum())
        pairs += len(mine)
    if not (one and two and squares):
        return ""
    r = product / np.sqrt(one * two)
    more = max(0.0, slope / squares) * others[rows].mean() * LARGER * NANOSECOND
    if r * np.sqrt(pairs) < _SURE or more < _MATTERS * cycle(run):
        return ""
    what = "others are computing" if name == "computing" else "messages are under way"
    likely = "cores or memory" if name == "computing" else "the server's interface, or its shards"
    return (
        f"{name} takes longer the more {what} (rank correlation {r:.2f}): all share "
        f"{likely}, in a way that could not be told. Record a run with one worker, where nothing "
        "is shared, and one with as many as you can; or say what is shared in the runs' scenario"
    )


def _meets(begin: Ints, first: Ints, last: Ints) -> Ints:
    """Return how many of other intervals are under way at some instants; (n,)."""
    begun = np.searchsorted(np.sort(first), begin, "right")
    over = np.searchsorted(np.sort(last), begin, "right")
    others: Ints = np.maximum(begun - over, 0)
    return others


def depends_on_before(run: Recorded, stage: Stage, negligible: float, why: str) -> str:
    """Say whether times depend on those that began before, of whichever worker."""
    name, begin, end = stage
    rows = ~run.ended_early & run.usable
    time = (end - begin).astype(np.float64)
    ranks = np.full(len(time), np.nan)
    for worker in range(run.workers):
        mine = np.flatnonzero(rows & (run.trace.worker == worker))
        if len(mine) >= LEAST and np.ptp(time[mine]) * NANOSECOND > max(negligible, _ROUNDED):
            ranks[mine] = centred(time[mine]) / max(1.0, float(centred(time[mine]).std()))
    chosen = np.flatnonzero(~np.isnan(ranks))
    if len(chosen) < 10 * LEAST:
        return ""
    series = ranks[chosen[np.argsort(begin[chosen], kind="stable")]]
    found = max((_after(series, many) for many in (1, run.workers, 8 * run.workers)), key=abs)
    own = max((_own(run, rows, ranks, begin)), key=abs)
    r = max(found, own, key=abs)
    if abs(r) < _DEPENDS or abs(r) * np.sqrt(len(series)) < _SURE:
        return ""
    who = "of all workers together" if abs(found) >= abs(own) else "within a worker"
    why = why or "which matters where workers wait for one another"
    return (
        f"{name}: times depend on those before (rank correlation {r:.2f}, {who}), {why}: slow "
        "spells, or a slowness that all have at once. Record the number of workers that you want "
        "to know of; or say how their power changes (workers.power) in a scenario of your own"
    )


def _after(series: Floats, many: int) -> float:
    """Return the correlation of each number with the mean of so many before it."""
    sums = np.concatenate([[0.0], np.cumsum(series)])
    before = (sums[many:-1] - sums[: -many - 1]) / many
    now = series[many:]
    scale = float(before.std() * now.std())
    return float((before * now).mean() - before.mean() * now.mean()) / scale if scale else 0.0


def _own(run: Recorded, rows: NDArray[np.bool_], ranks: Floats, begin: Ints) -> list[float]:
    """Return correlations of times with the means of 1 and 8 before of the same worker."""
    order = np.lexsort((begin, run.trace.worker))
    order = order[~np.isnan(ranks[order]) & rows[order]]
    worker = run.trace.worker[order]
    edges = [0, *(np.flatnonzero(np.diff(worker)) + 1).tolist(), len(order)]
    found = []
    for many in (1, 8):
        parts = [(_after(ranks[order[a:b]], many), b - a) for a, b in pairwise(edges)
                 if b - a > 4 * many]  # fmt: skip
        total = sum(n for _, n in parts)
        found.append(sum(r * n for r, n in parts) / total if total else 0.0)
    return found


def still_waits(run: Recorded) -> str:
    """Say whether what is left of pulls goes with how long they waited for others; empty if not."""
    if run.is_lock_free or run.is_locked_memory:
        return ""
    read, ready = run.trace.ticks[:2]
    order = reading_order(run)
    # How many had asked just before: at one instant, or while the last were sent off.
    place = np.arange(len(read)) - np.searchsorted(read[order], read[order], "left")
    left = (ready - run.sent)[order].astype(np.float64)
    waits = [place, (run.sent - read)[order]]
    if run.unshared is not None and run.unshared.read:
        waits = []  # what varies in reads is in both
    apart = np.diff(np.sort(run.trace.ticks[3]))
    least = int(apart[apart > 0].min()) if (apart > 0).any() else 0
    # Or while the last was sent off, if x takes several times as long as a gradient.
    asked = run.sent[order]
    waits += [fifo(asked, many * least) - many * least - asked for many in (2, 4, 8) if least > 10]
    r = max((_goes_with(run, left, wait) for wait in waits), key=abs, default=0.0)
    if not r:
        return ""
    return (
        f"a pull takes longer the more were asked for before it (correlation {r:.2f}): x leaves "
        "the server for one worker after another, in a way that could not be told. Record more "
        "gradients, or say what is shared in the runs' scenario"
    )


def _goes_with(run: Recorded, left: Floats, wait: Ints) -> float:
    """Return the correlation of times with waits; 0 where chance has it, or it is immaterial."""
    off, rest = wait - wait.mean(), left - left.mean()
    product = float((off * rest).sum())
    scale = float(np.sqrt((off**2).sum() * (rest**2).sum()))
    if not scale:
        return 0.0
    moved = abs(product / float((off**2).sum())) * float(np.abs(off).mean()) * LARGER
    sure = abs(product / scale) * np.sqrt(len(off)) >= _SURE
    return product / scale if sure and moved * NANOSECOND >= _MATTERS * cycle(run) else 0.0


def overtaken(run: Recorded) -> str:
    """Say whether gradients left the server in another order than they came; empty if not."""
    if run.is_real or run.is_lock_free or waits_for_others(run):
        return ""  # a real clock is read before and after what it times
    kind = getattr(run.scenario.coordination, "kind", "asynchronous")
    if kind != "asynchronous" or run.scenario.algorithm.gradients_per_update > 1:
        return ""
    arrived, applied = run.trace.ticks[3:]
    there = ~run.ended_early
    order = np.lexsort((applied[there], arrived[there]))
    ends = applied[there][order]
    share = float((ends < np.maximum.accumulate(ends)).mean())
    if share < _OVERTAKEN:
        return ""
    return (
        f"{share:.1%} of the gradients were applied before others that had come sooner: there is "
        "more than one queue (server.shards). Say how many in the runs' scenario; or record the "
        "number of workers that you want to know of"
    )
