"""What all workers share beside the server's queue, found in a trace and taken out of its times.

The server's pauses first: one makes one gradient late each time, and all others wait behind it.
Late ones that end at equal distances of time, to within a service, are no accident of a law with a
long tail. Then reads (`reads`) and the interface (`interface`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asysim.calibration.fit import Estimate, Fit, constant
from asysim.calibration.interface import Interface, find_interface, passed
from asysim.calibration.reads import fifo, find_read, find_turns, reading_order
from asysim.calibration.recorded import RecordedRun, Unshared
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


_ALIKE = 0.01  # of sizes of messages, as the scenario has them and as they are
_CONSTANT = 0.05  # cv of a read that is taken to be always alike


@dataclass(frozen=True)
class Shared:
    """What all workers share.

    Attributes
    ----------
    pauses
        Of the server.
    read, read_cv
        Mean ticks that a read takes the server, and by what part of itself that varies.
    interface
        Of the server.
    push_bytes, pull_per_push
        Of a push where the interface was found, and how many times as many those of a pull are.
    """

    pauses: Pauses | None = None
    read: int = 0
    read_cv: float = 0.0
    interface: Interface | None = None
    push_bytes: float = 1.0
    pull_per_push: float = 1.0

    @property
    def bandwidth(self) -> float:
        """Bytes per second of the interface."""
        assert self.interface is not None
        return self.push_bytes / (self.interface.push * NANOSECOND)

    @property
    def longest(self) -> float:
        """Seconds of a gradient's way round at whatever of these is the narrowest."""
        ticks = [float(self.read)]
        if self.interface is not None:
            pull, push = self.interface.pull, self.interface.push
            ticks.append(pull + push if self.interface.duplex == "half" else max(pull, push))
        return max(ticks) * NANOSECOND

    def server(self) -> dict[str, Any]:
        """Return the keys of a scenario's server."""
        table: dict[str, Any] = {}
        if self.pauses is not None:
            table["pauses"] = [self.pauses.as_table()]
        if self.read:
            table["read"] = self._read_law
        return table

    @property
    def _read_law(self) -> dict[str, Any]:
        mean = self.read * NANOSECOND
        if self.read_cv < _CONSTANT:
            return constant(mean)
        return {"law": "gamma", "mean": mean, "cv": self.read_cv}

    def network(self, known: dict[str, Any]) -> dict[str, Any]:
        """Return keys of a scenario's network, of which the sizes of messages are `known`."""
        if self.interface is None:
            return {}
        table: dict[str, Any] = {
            "server_bandwidth": self.bandwidth,
            "sharing": self.interface.sharing,
            "duplex": self.interface.duplex,
        }
        # By what messages take, one kind is smaller than the scenario has it.
        smaller = self.interface.pull / self.interface.push / self.pull_per_push
        if abs(smaller - 1) > _ALIKE:
            key = "push_compression" if smaller > 1 else "pull_compression"
            table[key] = known.get(key, 1.0) * max(smaller, 1 / smaller)
            table["server_bandwidth"] /= max(smaller, 1.0)  # it was told from pushes
        return table

    @property
    def fits(self) -> list[Fit]:
        """What was found, for people."""
        found = []
        if self.pauses is not None:
            found.append(Fit("pauses", None, _as_they_are(self.pauses.as_table()), 0))
        if self.read:
            law = self._read_law
            numbers = {key: value for key, value in law.items() if key != "law"}
            found.append(Fit("server read", law, _as_they_are(numbers), 0))
        if self.interface is not None:
            name = f"interface, {self.interface.sharing}, {self.interface.duplex} duplex"
            ticks = self.interface.push
            ends = [self.push_bytes / ((ticks + off) * NANOSECOND) for off in (0.5, -0.5)]
            told = {"bandwidth": Estimate(self.bandwidth, *ends)}
            found.append(Fit(name, None, told, 0))
        return found


def _as_they_are(values: dict[str, float]) -> dict[str, Estimate]:
    return {key: Estimate(value, value, value) for key, value in values.items()}


def find_shared(
    runs: list[RecordedRun], base: RecordedRun
) -> tuple[Shared, list[RecordedRun], str]:
    """Find what is shared, and return runs without it; and a sentence on pauses that are not clear.

    Parameters
    ----------
    runs
        Of a parameter server, whose scenarios tell nothing that would hide it.
    base
        The one with the most workers, which shows it best.
    """
    longest = max(runs, key=lambda run: int(run.trace.ticks[4].max()))
    pauses, unclear = find_pauses(longest)
    known = Shared(pauses)
    mine = _apart(base, known)
    read, varies = find_read(mine)
    known = replace(known, read=read, read_cv=varies)
    interface = find_interface(_apart(base, known))
    if interface is not None:
        pull, push = base.message_bytes
        known = replace(known, interface=interface, push_bytes=push, pull_per_push=pull / push)
    elif not read:
        known = replace(known, read=find_turns(mine))
    return known, [_apart(run, known, base) for run in runs], unclear


def _apart(run: RecordedRun, known: Shared, base: RecordedRun | None = None) -> RecordedRun:
    """Return a run with the instants at which messages were at what they share."""
    if known == Shared():
        return run
    read, ready, _, arrived, applied = run.trace.ticks
    sent, paused = read.copy(), np.zeros(len(read), dtype=np.bool_)
    if known.pauses is not None:
        later = known.pauses.until(sent)
        # Who had x before the pause was over had read before it began, which is known roughly.
        sent = np.where(ready < later, sent, later)
        seen = waits(run)
        margin = 2 * int(np.median(seen.end - seen.begin)) if len(seen.end) else 0
        # A service is not known if a pause touched it, or the wait for it.
        before = np.concatenate([[0], np.sort(applied)])
        free = before[np.searchsorted(before, applied, "left") - 1]
        paused = known.pauses.touch(np.maximum(arrived, free), applied, margin)
    if known.read:
        order = reading_order(replace(run, unshared=Unshared(sent, arrived, paused)))
        sent[order] = fifo(sent[order], known.read)
    mine = replace(run, unshared=Unshared(sent, arrived, paused, known.read))
    if known.interface is None:
        return mine
    interface = known.interface
    if base is not None:
        sizes = zip(run.message_bytes, base.message_bytes, strict=True)
        interface = interface.of_sizes(*(ours / theirs for ours, theirs in sizes))
    sent, came = passed(mine, interface)
    return replace(mine, unshared=Unshared(sent, came, paused, known.read))
