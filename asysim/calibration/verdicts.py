"""Why not to trust other numbers of workers: what independent times would hardly ever show.

A time that is drawn anew owes nothing to what was before it: neither to the times that came before,
its own worker's or others', nor to how many others are at the same step as it begins. Each test is
of that, and most ask too whether what is seen would move a prediction for more workers. Where none
has anything to say, the fitted scenario is simulated: it should be as fast as its runs were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asysim.calibration.alike import centred
from asysim.calibration.fit import LEAST
from asysim.calibration.reads import fifo, reading_order
from asysim.calibration.recorded import RecordedRun
from asysim.calibration.times import of_each_worker, under_way
from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import NANOSECOND

LARGER = 4
"""How many times as many workers a prediction is to hold for."""

_SURE = 5.0  # standard deviations: 1 in 2 million by chance
_KNOWN = 0.01  # of the mean: two such errors are 2 %
_LONGER = 1000  # times as long a record is the most to ask for
_PIECES = 32
_INDEPENDENT = 1.5  # times the error of independent times: chance has it in 1 of 10,000
_MATTERS = 0.002  # of a gradient's way round
_DEPENDS = 0.03  # of a correlation
_BUSY = 0.5  # of a server's time, with several times as many workers
_SATURATED = 1.3  # times as much as the server can do: then that alone decides the throughput
_ROUNDED = 10 * NANOSECOND  # times that differ by less are constants
_OVERTAKEN = 1e-3  # of all gradients


class Step(NamedTuple):
    """A step of every gradient's way that is nobody's but its own: begin and end, in ticks."""

    name: str
    begin: Ints
    end: Ints

    @property
    def ticks(self) -> Floats:
        """How long each took; (rows,)."""
        return (self.end - self.begin).astype(np.float64)


def doubts_of(
    run: RecordedRun,
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
    if int(run.whole.sum()) < LEAST or run.clock_every > 1:
        return []
    steps = [step for step in own_steps(run) if step.name == "computing" or not told]
    said = [known_too_roughly(run, steps, busiest, computing_known_to)]
    if not run.is_lock_free:
        # What is simulated has no cores to share: whoever is slow at once has a power in common.
        shared = [step for step in steps if run.is_real or step.name != "computing"]
        said += [slowed_by_others(run, step, negligible) for step in shared]
    where = ""
    if run.waits_for_others:
        where = "workers wait for one another"
    elif LARGER * run.workers * busiest > _BUSY * run.cycle:
        where = "they queue at the server"
    if where:
        said += [depends_on_before(run, step, negligible, where) for step in steps]
    if not told:
        said += [overtaken(run), still_waits(run)]
    return [sentence for sentence in said if sentence]


def own_steps(run: RecordedRun) -> list[Step]:
    """Return the steps of a gradient's way that are its own."""
    _, ready, done, _, _ = run.trace.ticks
    computing = Step("computing", ready, done)
    if run.is_lock_free or run.is_locked_memory:
        return [computing]
    return [Step("pull", run.sent, ready), computing, Step("push", done, run.came)]


def known_too_roughly(
    run: RecordedRun, steps: list[Step], busiest: float, by_law: float | None
) -> str:
    """Say whether the mean of what decides the throughput is known too roughly."""
    order = np.argsort(run.trace.ticks[0][run.whole], kind="stable")
    total = np.sum([step.ticks for step in steps], axis=0)[run.whole][order]
    if not total.any():
        return ""
    means = np.array([piece.mean() for piece in np.array_split(total, _PIECES) if len(piece)])
    error = float(means.std(ddof=1) / np.sqrt(len(means)) / means.mean())
    alone = float(total.std() / np.sqrt(len(total)) / total.mean())
    if by_law is not None and error < _INDEPENDENT * alone:
        error = by_law  # a law with a long tail tells its mean better than the times themselves
    if error <= _KNOWN or LARGER * run.workers * busiest > _SATURATED * run.cycle:
        return ""
    more = int(np.ceil(min((error / _KNOWN) ** 2, _LONGER)))
    known = f"is known to ±{error:.1%} only" if np.isfinite(error) else "may be infinite"
    return (
        f"a gradient's mean time {known}: it has a long tail, or changes as "
        f"the run goes on. Record at least {more} times as long, or until it has settled"
    )


def slowed_by_others(run: RecordedRun, step: Step, negligible: float) -> str:
    """Say whether times are longer the more others are under way, as with what all share."""
    name, time, others = step.name, step.ticks, _met(run, step)
    each = _of_workers(run, time, negligible)
    if not each:
        return ""
    slow = np.concatenate([centred(time[rows]) for rows in each])
    busy = np.concatenate([centred(others[rows]) for rows in each])
    r = _correlation(slow, busy)
    if r * np.sqrt(len(slow)) < _SURE:
        return ""
    off = np.concatenate([others[rows] - others[rows].mean() for rows in each])
    slope = float(off @ time[np.concatenate(each)]) / float(off @ off)
    if slope * others[run.whole].mean() * LARGER * NANOSECOND < _MATTERS * run.cycle:
        return ""
    what = "others are computing" if name == "computing" else "messages are under way"
    likely = "cores or memory" if name == "computing" else "the server's interface, or its shards"
    return (
        f"{name} takes longer the more {what} (rank correlation {r:.2f}): all share "
        f"{likely}, in a way that could not be told. Record a run with one worker, where nothing "
        "is shared, and one with as many as you can; or say what is shared in the runs' scenario"
    )


def _met(run: RecordedRun, step: Step) -> Floats:
    """Return how many others of its kind each meets, known before its time is drawn; (rows,)."""
    # A pull's time is drawn as it is asked for, which may be long before it is sent off.
    at = run.trace.ticks[0] if step.name == "pull" else step.begin
    met = np.zeros(len(at))
    for other in own_steps(run):
        if other.name == step.name != "pull":
            met += under_way(other.begin, other.end)
        elif "computing" not in (other.name, step.name):
            begun = np.searchsorted(np.sort(other.begin), at, "right")
            over = np.searchsorted(np.sort(other.end), at, "right")
            met += np.maximum(begun - over, 0)
    return met


def _of_workers(run: RecordedRun, ticks: Floats, negligible: float) -> list[Ints]:
    """Return the whole rows of each worker that has enough, and whose times differ."""
    order = run.by_worker[run.whole[run.by_worker]]
    each = [order[places] for places in of_each_worker(run.trace.worker[order])]
    least = max(negligible, _ROUNDED)
    return [r for r in each if len(r) >= LEAST and np.ptp(ticks[r]) * NANOSECOND > least]


def depends_on_before(run: RecordedRun, step: Step, negligible: float, where: str) -> str:
    """Say whether times depend on those that began before, of whichever worker."""
    each = _of_workers(run, step.ticks, negligible)
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *each])
    if len(rows) < 10 * LEAST:
        return ""
    ranks = [centred(step.ticks[mine]) for mine in each]
    ranks = [mine / mine.std() for mine in ranks]
    in_order = np.concatenate(ranks)[np.lexsort((rows, step.begin[rows]))]
    p = run.workers
    together = max((_after([in_order], many) for many in (1, p, 8 * p)), key=abs)
    own = max((_after(ranks, many) for many in (1, 8)), key=abs)
    r = max(together, own, key=abs)
    if abs(r) < _DEPENDS or abs(r) * np.sqrt(len(rows)) < _SURE:
        return ""
    who = "of all workers together" if abs(together) >= abs(own) else "within a worker"
    return (
        f"{step.name}: times depend on those before (rank correlation {r:.2f}, {who}), which "
        f"matters where {where}: slow spells, or a slowness that all have at once. Record the "
        "number of workers that you want to know of; or say how their power changes "
        "(workers.power) in a scenario of your own"
    )


def _after(series: Sequence[Floats], many: int) -> float:
    """Return the correlation of numbers with the mean of so many before, in series long enough."""
    total, count = 0.0, 0
    for numbers in series:
        if len(numbers) > 4 * many:
            sums = np.concatenate([[0.0], np.cumsum(numbers)])
            before = (sums[many:-1] - sums[: -many - 1]) / many
            total += len(numbers) * _correlation(before, numbers[many:])
            count += len(numbers)
    return total / count if count else 0.0


def _correlation(one: Floats, other: Floats) -> float:
    """Return the correlation of numbers; 0 if one are all alike."""
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale else 0.0


def still_waits(run: RecordedRun) -> str:
    """Say whether what is left of pulls goes with how long they waited for others; empty if not."""
    if run.is_lock_free or run.is_locked_memory:
        return ""
    read, ready = run.trace.ticks[:2]
    order = reading_order(run)
    waits: list[Ints] = []
    if run.unshared is None or not run.unshared.read:  # what varies in reads is in both
        # How many had asked just before: at one instant, or while the last were sent off.
        place = np.arange(len(read)) - np.searchsorted(read[order], read[order], "left")
        waits = [place, (run.sent - read)[order]]
    apart = np.diff(np.sort(run.trace.ticks[3]))
    least = int(apart[apart > 0].min()) if apart.any() else 0
    # Or while the last was sent off, if x takes several times as long as a gradient.
    asked = run.sent[order]
    waits += [fifo(asked, many * least) - many * least - asked for many in (2, 4, 8) if least > 10]
    left = (ready - run.sent)[order].astype(np.float64)
    r = max((_goes_with(run, left, wait) for wait in waits), key=abs, default=0.0)
    if not r:
        return ""
    return (
        f"a pull takes longer the more were asked for before it (correlation {r:.2f}): x leaves "
        "the server for one worker after another, in a way that could not be told. Record more "
        "gradients, or say what is shared in the runs' scenario"
    )


def _goes_with(run: RecordedRun, left: Floats, wait: Ints) -> float:
    """Return the correlation of times with waits; 0 where chance has it, or it is immaterial."""
    r = _correlation(wait.astype(np.float64), left)
    if abs(r) * np.sqrt(len(wait)) < _SURE:
        return 0.0
    moved = abs(r) * left.std() / wait.std() * np.abs(wait - wait.mean()).mean() * LARGER
    return r if moved * NANOSECOND >= _MATTERS * run.cycle else 0.0


def overtaken(run: RecordedRun) -> str:
    """Say whether gradients left the server in another order than they came; empty if not."""
    together = run.rule != "asynchronous" or run.scenario.algorithm.gradients_per_update > 1
    if run.is_real or run.is_lock_free or run.waits_for_others or together:
        return ""  # a real clock is read before and after what it times
    arrived, applied = run.trace.ticks[3:, ~run.ended_early]
    ends = applied[np.lexsort((applied, arrived))]
    share = float((ends < np.maximum.accumulate(ends)).mean())
    if share < _OVERTAKEN:
        return ""
    return (
        f"{share:.1%} of the gradients were applied before others that had come sooner: there is "
        "more than one queue (server.shards). Say how many in the runs' scenario; or record the "
        "number of workers that you want to know of"
    )
