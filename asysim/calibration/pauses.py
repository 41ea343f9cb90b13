"""Pauses of the server: regular times in which nothing was applied although somebody waited.

One makes one gradient late each time, and all others wait behind it. Late ones that end at equal
distances of time, to within a service, are no accident of a law with a long tail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asysim.calibration.recorded import RecordedRun
from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import NANOSECOND

LEAST = 3
"""Pauses that have to be seen: two distances that are equal."""

_CHANCE = 1e-6  # that so many ends were at equal distances by accident
_STEEP = 1.5  # how far apart, as a factor, what is late and what is not have to be
_CANDIDATES = 12
_MATTERS = 0.005  # of the run's time
_MOST = 20  # late gradients that may be a server's standstills without any order


@dataclass(frozen=True)
class Pauses:
    """Regular pauses, in ticks.

    Attributes
    ----------
    start
        When the first begins.
    length
        How long each lasts.
    every
        From the start of one to the start of the next.
    """

    start: int
    length: int
    every: int

    def until(self, ticks: Ints) -> Ints:
        """Return when work that comes at these instants can begin; (n,)."""
        phase = (ticks - self.start) % self.every
        paused = (ticks >= self.start) & (phase < self.length)
        return np.where(paused, ticks - phase + self.length, ticks)

    def touch(self, begin: Ints, end: Ints, margin: int = 0) -> NDArray[np.bool_]:
        """Return which intervals have a part of a pause, or come as near as a margin; (n,)."""
        first = np.maximum(-((self.start + self.length + margin - begin) // self.every), 0)
        result: NDArray[np.bool_] = end + margin > self.start + first * self.every
        return result

    def as_table(self) -> dict[str, float]:
        """Return it as an entry of `server.pauses`."""
        names = ("start", "seconds", "every")
        ticks = (self.start, self.length, self.every)
        return {name: value * NANOSECOND for name, value in zip(names, ticks, strict=True)}


@dataclass(frozen=True, eq=False)
class Waits:
    """How long each gradient that is known to have been served last kept the server, in order.

    Attributes
    ----------
    begin, end
        When it came, or the one before was applied; and when it was applied; (n,).
    """

    begin: Ints
    end: Ints


def waits(run: RecordedRun) -> Waits:
    """Return what the server was seen to be busy with."""
    arrived, applied = run.trace.ticks[3:]
    comes, ends = arrived[run.whole], applied[run.whole]
    order = np.lexsort((comes, ends))
    comes, ends = comes[order], ends[order]
    last = np.append(ends[1:] != ends[:-1], True) if len(ends) else np.zeros(0, dtype=np.bool_)
    comes, ends = comes[last], ends[last]
    before = np.concatenate([[0], ends[:-1]])
    return Waits(np.maximum(comes, np.minimum(before, ends)), ends)


def find_pauses(run: RecordedRun) -> tuple[Pauses | None, str]:
    """Return the regular pauses of a run's server, or a sentence about what might be some."""
    seen = waits(run)
    late = seen.end - seen.begin
    if len(late) < 10 * LEAST:
        return None, ""
    order = np.argsort(late)[::-1]
    ordered = np.maximum(late[order].astype(np.float64), 1.0)
    falls = ordered[:-1] / ordered[1:]
    falls = falls[: len(late) // 10]
    for last in np.argsort(falls)[::-1][:_CANDIDATES].tolist():
        if falls[last] < _STEEP:
            break
        if last + 1 >= LEAST:
            found = _regular(seen, np.sort(order[: last + 1]), float(ordered[last + 1]))
            if found is not None:
                return found, ""
    return None, _irregular(run, ordered, falls)


def _regular(seen: Waits, late: Ints, usual: float) -> Pauses | None:
    """Return the pauses that these late gradients are of, if they ended at equal distances."""
    ends = seen.end[late].astype(np.float64)
    tolerance = max(usual, 2.0)
    every = float(np.diff(ends).min())
    if every < 4 * tolerance:
        return None
    for _ in range(4):  # more turns, and thus a better known distance, each time
        turns = np.round((ends - ends[0]) / every)
        every = float(np.polyfit(turns, ends, 1)[0])
    offset = ends - turns * every
    if np.any(np.diff(turns) < 1) or float(np.ptp(offset)) > 2 * tolerance:
        return None
    if (2 * tolerance / every) ** (len(ends) - 2) * len(late) > _CHANCE:
        return None
    # A gradient that came in the pause was served after it; another had a part of its service left.
    end = min(float(offset.min()), float(offset.mean()) - _typical(seen, late))
    before = seen.end[np.maximum(late - 1, 0)]
    begun = np.where(late > 0, before, 0) - turns * every
    length = end - float(begun.max())  # the last that was applied before one says when it began
    if length <= 0 or length >= every:
        return None
    first = end - length
    start = first - np.floor(first / every) * every
    found = Pauses(round(start), round(length), round(every))
    margin = round(2 * tolerance)
    quiet = (seen.end - found.start) % found.every
    inside = (seen.end >= found.start) & (quiet > margin) & (quiet < found.length - margin)
    return None if inside.any() else found


def _typical(seen: Waits, late: Ints) -> float:
    rest = np.ones(len(seen.end), dtype=np.bool_)
    rest[late] = False
    usual: Floats = (seen.end - seen.begin)[rest].astype(np.float64)
    return float(usual.mean())


def _irregular(run: RecordedRun, ordered: Floats, falls: Floats) -> str:
    """Say that the server stood still now and then, if that took time; empty if not."""
    steep = np.flatnonzero(falls[:_MOST] >= 2 * _STEEP)
    if not len(steep):
        return ""
    number = int(steep[-1]) + 1
    share = float(ordered[:number].sum()) / max(1, run.trace.ticks[4].max())
    if share < _MATTERS:
        return ""
    longest = ordered[0] * NANOSECOND
    often = "once" if number == 1 else f"{number} times"
    return (
        f"the server stood still {often}, for {longest:.3g} s at most and {share:.1%} of the time: "
        "pauses (server.pauses), or services that hardly ever take so long; with more workers the "
        f"one costs as much as now, the other more. Record until it has happened {2 * LEAST} times "
        "or, if it never seems regular, with two numbers of workers"
    )
