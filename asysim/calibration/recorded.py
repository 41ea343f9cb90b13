"""A recorded run that is to be calibrated from: its trace, its scenario, and what they rule out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asysim.coordination.asynchronous import Asynchronous
from asysim.errors import InputError, unfit
from asysim.ground.arrays import Ints
from asysim.laws import Constant
from asysim.scenario import Scenario
from asysim.scenario.cluster import Network
from asysim.scenario.load import from_document
from asysim.trace.gradient import LOST, NANOSECOND
from asysim.trace.trace import Trace

LEAST_ROWS = 20
"""Gradients that a calibration needs at least, of all traces together."""

WARM_UP = 0.05
"""Part of each worker's gradients in a real trace that are left out: caches fill, clocks rise."""

_STOPPED = 0.01  # of all gradients: if more were stopped, those left are too short a sample
_CLOCK_EVERY = 16  # shared.threads: where gradients are short, one in so many is timed


@dataclass(frozen=True, eq=False)
class Unshared:
    """When messages came to what all workers share, and left it, in ticks.

    Attributes
    ----------
    sent
        When x left the server, and its interface; (rows,).
    came
        When the gradient came to the server's interface; (rows,).
    paused
        Whether a pause of the server may have touched the gradient's service; (rows,).
    read
        How long a read takes the server.
    """

    sent: Ints
    came: Ints
    paused: NDArray[np.bool_]
    read: int = 0

    def first(self, rows: int) -> Unshared:
        """Return the same of the first rows."""
        return Unshared(self.sent[:rows], self.came[:rows], self.paused[:rows], self.read)


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """One run.

    Attributes
    ----------
    trace
        Its rows.
    scenario
        What it was a run of.
    source
        The file it is from, for people.
    unshared
        What was found of messages at what all workers share; None: nothing.
    """

    trace: Trace
    scenario: Scenario
    source: str
    unshared: Unshared | None = None

    def first(self, rows: int) -> RecordedRun:
        """Return the run as far as its first rows."""
        unshared = None if self.unshared is None else self.unshared.first(rows)
        return replace(self, trace=self.trace[:rows], unshared=unshared)

    @property
    def workers(self) -> int:
        """P."""
        return self.trace.info.workers

    @property
    def is_real(self) -> bool:
        """Whether a machine's clock made its times."""
        return self.trace.info.clock == "real"

    @property
    def is_lock_free(self) -> bool:
        """Whether it is of AsySG-incon."""
        return self.trace.info.algorithm == "asysg-incon"

    @property
    def is_emulated(self) -> bool:
        """Whether it is real, but its times are those of the scenario's laws."""
        backend = self.scenario.backend
        return self.is_real and backend is not None and backend.emulate

    @property
    def sent(self) -> Ints:
        """When x left the server; (rows,)."""
        return self.trace.ticks[0] if self.unshared is None else self.unshared.sent

    @property
    def came(self) -> Ints:
        """When each gradient was over its link; (rows,)."""
        return self.trace.ticks[3] if self.unshared is None else self.unshared.came

    @cached_property
    def is_locked_memory(self) -> bool:
        """Whether consistent reads were copies of shared memory, under a lock."""
        _, _, done, arrived, _ = self.trace.ticks
        return self.is_real and not (self.is_lock_free or self.is_emulated) and bool(
            np.array_equal(done, arrived)
        )  # fmt: skip

    @cached_property
    def cycle(self) -> float:
        """Mean seconds of a gradient's way round."""
        return float((self.trace.ticks[4] - self.trace.ticks[0]).mean()) * NANOSECOND

    @property
    def rule(self) -> str:
        """The kind of its coordination."""
        kind: str = getattr(self.scenario.coordination, "kind", "asynchronous")
        return kind

    @property
    def waits_for_others(self) -> bool:
        """Whether a worker may have to wait for others before it reads again."""
        at_once = (self.scenario.coordination or Asynchronous()).asks_at_once
        return not at_once or self.scenario.algorithm.staleness_bound is not None

    @cached_property
    def by_worker(self) -> Ints:
        """Rows by worker and draw; (rows,)."""
        return np.lexsort((self.trace.draw, self.trace.worker))

    @cached_property
    def clock_every(self) -> int:
        """One in how many gradients had its instants measured; those between are interpolated."""
        if not (self.is_real and self.is_lock_free):
            return 1
        order = self.by_worker
        read, worker = self.trace.ticks[0, order], self.trace.worker[order]
        between = (self.trace.draw[order] % _CLOCK_EVERY)[1:-1]
        own = (worker[2:] == worker[:-2]) & (between > 1) & (between < _CLOCK_EVERY - 1)
        even = np.abs(np.diff(read, 2))[own] <= 1
        return _CLOCK_EVERY if len(even) and even.mean() > 0.99 else 1

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Rows whose instants are known and not of the warm-up; (rows,)."""
        rows = self.trace
        if not self.is_real:
            return np.ones(len(rows), dtype=np.bool_)
        last = np.zeros(self.workers, dtype=np.int64)
        np.maximum.at(last, rows.worker, rows.draw)
        warm = rows.draw >= np.maximum(1, np.ceil(WARM_UP * (last + 1)))[rows.worker]
        timed: NDArray[np.bool_] = warm & (rows.draw % self.clock_every == 0)
        return timed

    # What gradients that ended early hide -----------------------------------------------------

    @cached_property
    def ended_early(self) -> NDArray[np.bool_]:
        """Rows of gradients that were stopped, or lost, before they were at the server; (rows,)."""
        _, _, _, arrived, applied = self.trace.ticks
        early: NDArray[np.bool_] = (self.trace.update == LOST) & (arrived == applied)
        return early if self._stops else np.zeros(len(self.trace), dtype=np.bool_)

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """Rows that are usable to the end of their way; (rows,)."""
        return ~self.ended_early & self.usable

    @property
    def is_cut_off(self) -> bool:
        """Whether so many gradients were stopped that the times of the others are too short."""
        return bool(len(self.trace)) and float(self.ended_early.mean()) > _STOPPED

    @property
    def _stops(self) -> bool:
        """Whether anything in the scenario ends gradients half way."""
        stops = self.scenario.played.stopping() is not None
        return not self.is_real and (stops or self.scenario.faults is not None)

    # What the scenario's hardware hides -------------------------------------------------------

    @property
    def hides_messages(self) -> str:
        """Why a message's time is not its own; empty if it is."""
        network, server, faults = self.scenario.network, self.scenario.server, self.scenario.faults
        if self._has_random_sizes and (self.is_emulated or not self.is_real):
            return "a trace does not tell what size each message was (network.message_bytes)"
        if self.is_real:
            return ""
        if network is not None and network.server_bandwidth is not None:
            return "messages queue at the server's interface (network.server_bandwidth)"
        if server is not None and server.shards > 1:
            return "a message is there when the last of its parts is (server.shards)"
        if server is not None and server.pauses:
            return "reads wait for the server's pauses (server.pauses)"
        if server is not None and server.read != Constant(value=0.0):
            return "reads wait for the server (server.read)"
        if faults is not None and faults.loss > 0:
            return "lost messages are sent again (faults.loss)"
        return ""

    @property
    def hides_service(self) -> str:
        """Why the server's queue can't be followed; empty if it can."""
        server = self.scenario.server
        if self.is_real or server is None:
            return ""
        if server.shards > 1:
            return "there are several servers (server.shards)"
        if server.pauses:
            return "the server pauses (server.pauses)"
        if server.read != Constant(value=0.0):
            return "reads take the server's time too (server.read)"
        return ""

    @cached_property
    def message_bytes(self) -> tuple[float, float]:
        """Size of a pull and of a push: of a real run whose scenario has a law for it, all of x."""
        network = self.scenario.network or Network()
        if self._has_random_sizes and self.is_real:
            network = network.model_copy(update={"message_bytes": None})
        return network.message_sizes(self.trace.info.dimension)

    @property
    def _has_random_sizes(self) -> bool:
        network = self.scenario.network
        return network is not None and network.random_size is not None


def recorded(traces: Sequence[Trace], sources: Sequence[str]) -> list[RecordedRun]:
    """Bring traces and their scenarios together.

    Raises
    ------
    InputError
        If a trace has no scenario or no gradients, or is of something else than the first.
    """
    runs = [_one(trace, source) for trace, source in zip(traces, sources, strict=True)]
    first = runs[0]
    for run in runs[1:]:
        for key, mine, theirs in _must_agree(run, first):
            if mine != theirs:
                wanted = f"{theirs}, as in {first.source}: one law can't be of both"
                raise unfit(key, str(mine), wanted, run.source)
    total = sum(int(run.usable.sum()) for run in runs)
    if total < LEAST_ROWS:
        wanted = f"at least {LEAST_ROWS}, of all traces together"
        raise unfit("trace", f"{total} gradients that can be used", wanted, first.source)
    return runs


def _one(trace: Trace, source: str) -> RecordedRun:
    if not trace.info.scenario:
        wanted = "a trace of a run, which has one: its law's place is there"
        raise unfit("trace", "no scenario", wanted, source)
    if not len(trace):
        raise unfit("trace", "no gradients", "a run of some updates", source)
    try:
        scenario = from_document(trace.info.scenario, read_files=False, source="its scenario")
    except InputError as error:
        fault = error.faults[0]
        wanted = "one that this asysim reads"
        raise unfit("trace", f"a scenario of another make ({fault})", wanted, source) from None
    if scenario.schedule is not None:
        found = f"a run with the schedule of {scenario.schedule.named}"
        raise unfit("trace", found, "the run that was recorded: this one plays it again", source)
    run = RecordedRun(trace, scenario, source)
    if scenario.workers.count != run.workers:
        found = f"rows of {run.workers} workers and a scenario of {scenario.workers.count}"
        raise unfit("trace", found, "of as many workers as its scenario", source)
    if run.is_cut_off:
        found = f"{run.ended_early.mean():.0%} of all gradients stopped or lost half way"
        wanted = "a run that stops nobody: those that were not stopped are the quick ones"
        raise unfit("trace", found, wanted, source)
    return run


def _must_agree(run: RecordedRun, first: RecordedRun) -> list[tuple[str, Any, Any]]:
    mine, theirs = run.scenario.algorithm, first.scenario.algorithm
    return [
        ("algorithm.name", mine.name, theirs.name),
        ("algorithm.batch_size", mine.batch_size, theirs.batch_size),
        ("algorithm.write", mine.write, theirs.write),
        ("clock", run.trace.info.clock, first.trace.info.clock),
    ]
