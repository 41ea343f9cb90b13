"""Rank 0 in any run over MPI: the coming, the failing and the leaving of workers."""

from __future__ import annotations

import atexit
import math
import time
from abc import abstractmethod
from contextlib import ExitStack
from functools import cache
from typing import Any

from asysim.backends.assignment import Assignment
from asysim.backends.emulation import Accuracy
from asysim.backends.liveness import Patience, Watchdog
from asysim.backends.mpi import job, topology
from asysim.backends.mpi import messages as kinds
from asysim.backends.mpi.messages import HEAD, Endpoint, Pool, Received
from asysim.backends.mpi.topology import WORDS, Clock, Nodes
from asysim.backends.session import PATIENCE, Asked, Session, nobody

_LEAVE = 2.0  # seconds that workers have to leave
_COME = 60.0  # seconds that they have for it which may not have come: they import, compile perhaps
_START = 300.0  # seconds that they have to come, at least: they compile, perhaps

_waiting = False  # whether workers wait for orders that only this process can give


class Workers:
    """The workers, as rank 0 knows them.

    Parameters
    ----------
    dimension
        n.
    workers
        p.

    Attributes
    ----------
    pool, endpoint
        What messages are made of, and how they go.
    count
        P.
    patience
        How to wait for a message.
    failure
        What went wrong at a worker, first of all; empty: nothing.
    """

    def __init__(self, dimension: int, workers: int) -> None:
        self.count = workers
        self.pool = Pool(dimension, workers)
        self.endpoint = Endpoint(self.pool, range(1, workers + 1))
        self.patience = Patience()
        self.failure = ""
        self._gone: set[int] = set()
        self._clocks: dict[int, tuple[int, int]] = {}
        self._nodes: Nodes | None = None

    def poll(self) -> Received | None:
        """Return the next message that is about the run itself, if there is one."""
        received = self.endpoint.poll()
        if received is None:
            return None
        if received.kind == kinds.FAILED:
            text = received.message.text
            self.failure = self.failure or f"worker {received.source - 1} failed: {text}"
        elif received.kind == kinds.BYE:
            self._gone.add(received.source - 1)
        else:
            return received
        self.pool.put(received.message)
        return None

    # Coming ----------------------------------------------------------------------------------

    def muster(
        self, watchdog: float, *, asked: Asked = nobody, punctual: bool = False
    ) -> bool:  # fmt: skip
        """Wait until every worker has come and knows the time; return whether they all have.

        Nobody waits any more once somebody has asked for the end of the run. From then on wait for
        messages punctually, or not.
        """
        descriptions = {-1: topology.describe()}
        # Nobody speaks before: in the run before this one, it would not have been understood.
        self.order(kinds.COME)
        limit = max(watchdog, _START)
        until = time.monotonic() + limit
        while len(self._clocks) < self.count and not self.failure:
            received = self.poll()
            if received is None:
                if asked():
                    return False
                if time.monotonic() > until:
                    late = sorted(set(range(self.count)) - self._clocks.keys())
                    self.failure = f"{_named(late)} did not start within {limit:g} s"
                self.patience.pause()
                continue
            source, kind, message = received
            if kind == kinds.HELLO:
                descriptions[source - 1] = message.words[HEAD : HEAD + WORDS].copy()
            elif kind == kinds.PING:
                self.endpoint.note(source, kinds.PONG, time.monotonic_ns())
            elif kind == kinds.READY:
                self._clocks[source - 1] = int(message.head[0]), int(message.head[1])
            self.pool.put(message)
        if self.failure:
            return False
        self._nodes = Nodes([descriptions[worker] for worker in range(-1, self.count)])
        spins = self._nodes.roomy[0]
        self.patience = Patience(spins, punctual=punctual)
        return True

    @property
    def nodes(self) -> Nodes:
        """The machines, once all have come."""
        assert self._nodes is not None
        return self._nodes

    def order(self, kind: int) -> None:
        """Send everybody an order without a content."""
        for worker in range(self.count):
            self.endpoint.note(worker + 1, kind)

    def go(self) -> int:
        """Start everybody, and return the instant of the start by `time.monotonic_ns`."""
        start = time.monotonic_ns()
        for worker in range(self.count):
            self.endpoint.note(worker + 1, kinds.GO, start, self.nodes.roomy[worker + 1])
        return start

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says of ranks, machines and clocks."""
        library = topology.mpi().Get_library_version().replace("\0", "").strip().splitlines()[0]
        facts: dict[str, Any] = {"library": " ".join(library.split()), "ranks": self.count + 1}
        if self._nodes is not None:
            facts["nodes"] = self._nodes.count
            facts["cores_per_node"] = self._nodes.least_cores
            facts["core_for_each_rank"] = all(self._nodes.roomy)
            offsets = [offset for offset, _ in self._clocks.values()]
            trips = [trip for _, trip in self._clocks.values()]
            facts["clock_offset_most_us"] = round(max(map(abs, offsets)) / 1e3, 1)
            facts["clock_round_trip_most_us"] = round(max(trips) / 1e3, 1)
        return facts

    # Leaving ---------------------------------------------------------------------------------

    def dismiss(self, seconds: float = _LEAVE) -> None:
        """Tell everybody to leave, wait a while until they have, and receive nothing any more."""
        global _waiting
        _waiting = False
        self.order(kinds.STOP)
        until = time.monotonic() + seconds
        while len(self._gone) < self.count and time.monotonic() < until:
            received = self.poll()
            if received is None:
                self.patience.pause()
                continue
            if received.kind == kinds.PING:
                self.endpoint.note(received.source, kinds.PONG, time.monotonic_ns())
            self.pool.put(received.message)
        job.strand(set(range(self.count)) - self._gone)
        while self.complete and not self.endpoint.reap():
            self.patience.pause()
        self.endpoint.close()

    @property
    def complete(self) -> bool:
        """Whether all have left."""
        return len(self._gone) == self.count


def _named(workers: list[int]) -> str:
    numbers = ", ".join(map(str, workers[:4])) + (" …" if len(workers) > 4 else "")
    return f"worker {numbers}" if len(workers) == 1 else f"workers {numbers}"


def expect() -> None:
    """See to it that workers which wait for orders are sent home, should this process end early."""
    global _waiting
    _waiting = True
    _at_exit()


@cache
def _at_exit() -> None:
    atexit.register(_send_home)


def _send_home() -> None:
    if _waiting:
        Workers(1, topology.world()[1] - 1).dismiss(_COME)
    job.abandon(1)


class LeadSession(Session):
    """A real run over MPI that this process, rank 0, leads.

    Parameters
    ----------
    assignment, asked
        As for any session.
    punctual
        Whether to wait for messages punctually.
    """

    def __init__(
        self, assignment: Assignment, asked: Asked = nobody, *, punctual: bool = False
    ) -> None:
        super().__init__(assignment, asked)
        self._punctual, self._patience = punctual, math.inf
        self._workers = Workers(assignment.dimension, assignment.workers)
        self._clock = Clock()
        self._watchdog = Watchdog(assignment.settings.watchdog)
        self._accuracies = [Accuracy() for _ in range(assignment.workers)]
        self._stack = ExitStack()

    def _begin(self) -> None:
        self._stack.enter_context(topology.single_threaded())
        limit, punctual = self._assignment.settings.watchdog, self._punctual
        if self._workers.muster(limit, asked=self._asked, punctual=punctual):
            self._make_ready()
        else:
            self.stop(PATIENCE)

    def _end(self) -> None:
        self.stop()
        self._workers.dismiss(min(self._watchdog.usual, self._patience))
        self._stack.close()

    def _start(self) -> None:
        """Start all workers, and the clock."""
        self._clock.begin(self._workers.go())

    def work(self, seconds: float) -> None:
        with self._watchdog:
            until = time.monotonic_ns() + round(seconds * 1e9)
            workers = self._workers
            while not self.over:
                received = workers.poll()
                if received is not None:
                    workers.patience.reset()
                    self._receive(received)
                else:
                    self._idle()
                if time.monotonic_ns() > until:
                    break

    def stop(self, patience: float = math.inf) -> None:
        self._patience = min(self._patience, patience)

    def _look_around(self, *, late: bool) -> None:
        """Stop if it is too late to go on, and see whether all workers are alive."""
        if late:
            self.stop()
        lost = self._watchdog.lost()
        if lost and not self._failures:
            limit = self._assignment.settings.watchdog
            self._failures.append(f"worker {lost[0]} gave no sign of life for {limit:g} s")

    @property
    def _failure(self) -> str:
        return self._workers.failure or super()._failure

    def _facts(self) -> dict[str, Any]:
        return {"mpi": self._workers.facts()}

    # What an algorithm does in its own way -------------------------------------------------------

    @abstractmethod
    def _make_ready(self) -> None:
        """Make ready and start, now that all workers have come."""

    @abstractmethod
    def _receive(self, received: Received) -> None:
        """Take what a worker sent; its message is now this session's to put back."""

    @abstractmethod
    def _idle(self) -> None:
        """Do what there is to do while nothing has come."""
