"""A worker's rank in any run over MPI: what rank 0 sends it, until it sends everybody home."""

from __future__ import annotations

import time
from collections.abc import Callable

from asysim.backends.emulation import wait_until
from asysim.backends.liveness import Patience
from asysim.backends.mpi import messages as kinds
from asysim.backends.mpi import topology
from asysim.backends.mpi.job import heed_signals
from asysim.backends.mpi.messages import HEAD, Endpoint, Message
from asysim.backends.mpi.topology import ROUNDS, WORDS, Clock, Core, Offset
from asysim.backends.mpi.windows import Windows


class Dismissed(Exception):  # noqa: N818  (it ends a worker, as StopIteration ends a loop)
    """Rank 0 has sent everybody home."""


def nothing() -> None:
    """Do nothing."""


class WorkerRank:
    """A worker's side of what goes to and from rank 0.

    Parameters
    ----------
    endpoint
        How it goes.

    Attributes
    ----------
    patience
        How to wait for it.
    clock
        Tells the nanoseconds since the common start, once there was one.
    core
        Where this rank runs, once it matters.
    windows
        Shared memory that this rank has a part in, and so in giving it back.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.patience = Patience()
        self.clock = Clock()
        self.core = Core(matters=False)
        self.windows: Windows | None = None
        self._start = 0  # by this rank's own clock

    def next(self, kind: int) -> Message:
        """Wait for a message of a kind, which is the caller's to put back.

        Raises
        ------
        Dismissed
            If the other one comes, which sends everybody home.
        """
        while (message := self.look(kind)) is None:
            self.patience.pause()
        self.patience.reset()
        return message

    def look(self, kind: int | None = None) -> Message | None:
        """Return a message of a kind if it has come; raises as `next` does."""
        received = self.endpoint.poll()
        if received is None:
            heed_signals()
            return None
        if received.kind == kinds.STOP:
            raise Dismissed
        if received.kind == kind:
            return received.message
        self.endpoint.pool.put(received.message)
        return None

    def report(self) -> None:
        """Tell rank 0 that this rank is here, and find out what its clock says."""
        endpoint, pool = self.endpoint, self.endpoint.pool
        pool.put(self.next(kinds.COME))
        hello = pool.take()
        hello.words[HEAD : HEAD + WORDS] = topology.describe()
        endpoint.drop(0, kinds.HELLO, hello, HEAD + WORDS)
        offset = Offset()
        for _ in range(ROUNDS):
            asked = time.monotonic_ns()
            endpoint.note(0, kinds.PING)
            answer = self.next(kinds.PONG)
            offset.note(asked, int(answer.head[0]), time.monotonic_ns())
            pool.put(answer)
        endpoint.note(0, kinds.READY, offset.measured, offset.round_trip)
        self._offset = offset.value

    def await_start(self, *, punctual: bool = False) -> None:
        """Wait until everybody is let go; from then on wait for messages punctually, or not."""
        go = self.next(kinds.GO)
        start, spins = go.head[:2].tolist()
        self.endpoint.pool.put(go)
        self.clock = Clock(start, self._offset)
        self._start = start - self._offset
        self.patience = Patience(bool(spins), punctual=punctual)
        self.core = Core(matters=bool(spins))

    def wait_until(self, instant: int, meanwhile: Callable[[], None] = nothing) -> int:
        """Wait for an instant after the start, in ns; return by how much it is later.

        In a long wait, something else is done now and then.

        Raises
        ------
        Dismissed
            If everybody is sent home first.
        """

        def ends() -> bool:
            self.look()
            meanwhile()
            return False

        return wait_until(instant + self._start, ends)

    def leave(self, *, dismissed: bool) -> None:
        """Wait to be sent home, if that has not happened, and take leave."""
        try:
            while not dismissed:
                self.look()
                self.patience.pause()
        except Dismissed:
            pass
        self._see_off()
        # What comes after this message is for the next run.
        self.endpoint.close()
        self.endpoint.note(0, kinds.BYE)
        self._see_off()
        if self.windows is not None:
            self.windows.free()

    def _see_off(self) -> None:
        while not self.endpoint.reap():
            self.patience.pause()
