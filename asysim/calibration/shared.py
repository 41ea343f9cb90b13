"""What all workers share beside the server's queue, found in a trace and taken out of its times.

The server's pauses first (`pauses`), then reads (`reads`) and the interface (`interface`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from asysim.calibration.fit import Estimate, Fit, constant
from asysim.calibration.interface import Interface, find_interface, passed
from asysim.calibration.pauses import Pauses, find_pauses, waits
from asysim.calibration.reads import fifo, find_read, find_turns, reading_order
from asysim.calibration.recorded import RecordedRun, Unshared
from asysim.trace.gradient import NANOSECOND

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
