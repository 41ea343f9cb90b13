"""Rank 0's view of the workers: their coming, their failing and their leaving."""

from __future__ import annotations

import atexit
import sys
import time
from functools import cache
from typing import Any

from asysim.backends.mpi.messages import (
    ALLOCATE,
    BYE,
    COME,
    FAILED,
    GO,
    HEAD,
    HELLO,
    PING,
    PONG,
    READY,
    STOP,
    Pool,
)
from asysim.backends.mpi.node import WORDS, Nodes, describe
from asysim.backends.mpi.patience import PUNCTUAL, Patience
from asysim.backends.mpi.post import Letter, Post
from asysim.backends.mpi.world import mpi
from asysim.backends.session import Asked, nobody

_LEAVE = 2.0  # seconds that workers have to leave
_START = 300.0  # seconds that they have to come, at least: they compile, perhaps

_stranded: set[int] = set()  # workers that did not leave when they were told
_waiting = False  # whether workers wait for orders that only this process can give


class Crew:
    """The workers, as rank 0 knows them.

    Parameters
    ----------
    dimension
        n.
    workers
        p.

    Attributes
    ----------
    pool, post
        What messages are made of, and how they go.
    patience
        How to wait for one.
    failure
        What went wrong at a worker, first of all; empty: nothing.
    """

    def __init__(self, dimension: int, workers: int) -> None:
        self.workers = workers
        self.pool = Pool(dimension, workers)
        self.post = Post(self.pool, range(1, workers + 1))
        self.patience = Patience()
        self.failure = ""
        self._gone: set[int] = set()
        self._clocks: dict[int, tuple[int, int]] = {}
        self._nodes: Nodes | None = None

    def poll(self) -> Letter | None:
        """Return the next message that is about the run itself, if there is one."""
        letter = self.post.poll()
        if letter is None:
            return None
        if letter.kind == FAILED:
            text = letter.message.text
            self.failure = self.failure or f"worker {letter.source - 1} failed: {text}"
        elif letter.kind == BYE:
            self._gone.add(letter.source - 1)
        else:
            return letter
        self.pool.put(letter.message)
        return None

    # Coming ----------------------------------------------------------------------------------

    def muster(
        self, watchdog: float, *, asked: Asked = nobody, punctual: bool = False
    ) -> bool:  # fmt: skip
        """Wait until every worker has come and knows the time; return whether they all have.

        Nobody waits any more once somebody has asked for the end of the run. From then on wait for
        messages punctually, or not.
        """
        descriptions = {-1: describe()}
        # Nobody speaks before: in the run before this one, it would not have been understood.
        self.order(COME)
        limit = max(watchdog, _START)
        until = time.monotonic() + limit
        while len(self._clocks) < self.workers and not self.failure:
            letter = self.poll()
            if letter is None:
                if asked():
                    return False
                if time.monotonic() > until:
                    late = sorted(set(range(self.workers)) - self._clocks.keys())
                    self.failure = f"{_named(late)} did not start within {limit:g} s"
                self.patience.pause()
                continue
            source, kind, message = letter
            if kind == HELLO:
                descriptions[source - 1] = message.words[HEAD : HEAD + WORDS].copy()
            elif kind == PING:
                self.post.note(source, PONG, time.monotonic_ns())
            elif kind == READY:
                self._clocks[source - 1] = int(message.head[0]), int(message.head[1])
            self.pool.put(message)
        if self.failure:
            return False
        self._nodes = Nodes([descriptions[worker] for worker in range(-1, self.workers)])
        spins = self._nodes.roomy[0]
        self.patience = Patience(spins, PUNCTUAL) if punctual else Patience(spins)
        return True

    @property
    def nodes(self) -> Nodes:
        """The machines, once all have come."""
        assert self._nodes is not None
        return self._nodes

    def order(self, kind: int) -> None:
        """Send everybody an order without a content."""
        for worker in range(self.workers):
            self.post.note(worker + 1, kind)

    def allocate(self) -> None:
        """Have everybody join in making the windows that this rank will now make."""
        self.order(ALLOCATE)

    def go(self) -> int:
        """Start everybody, and return the instant of the start by `time.monotonic_ns`."""
        start = time.monotonic_ns()
        for worker in range(self.workers):
            self.post.note(worker + 1, GO, start, self.nodes.roomy[worker + 1])
        return start

    def facts(self) -> dict[str, Any]:
        """Return what a manifest says of ranks, machines and clocks."""
        library = mpi().Get_library_version().replace("\0", "").strip().splitlines()[0]
        facts: dict[str, Any] = {"library": " ".join(library.split()), "ranks": self.workers + 1}
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
        """Tell everybody to leave, and wait a while until they have; then close the post."""
        global _waiting
        _waiting = False
        self.order(STOP)
        until = time.monotonic() + seconds
        while len(self._gone) < self.workers and time.monotonic() < until:
            letter = self.poll()
            if letter is None:
                self.patience.pause()
            else:
                if letter.kind == PING:
                    self.post.note(letter.source, PONG, time.monotonic_ns())
                self.pool.put(letter.message)
        _stranded.update(set(range(self.workers)) - self._gone)
        while self.complete and not self.post.reap():
            self.patience.pause()
        self.post.close()

    @property
    def complete(self) -> bool:
        """Whether all have left."""
        return len(self._gone) == self.workers


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
        Crew(1, mpi().COMM_WORLD.size - 1).dismiss()
    abandon(1)


def abandon(code: int) -> None:
    """End the whole job with an exit code, if a worker did not leave when it was told.

    For rank 0, after everything is saved. Otherwise MPI would wait for that worker for ever.
    """
    if _stranded:
        sys.stdout.flush()
        sys.stderr.flush()
        mpi().COMM_WORLD.Abort(code)
