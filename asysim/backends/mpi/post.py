"""Sending and receiving messages without ever waiting for them inside MPI.

A wait inside MPI keeps its core busy, so where ranks share cores nobody else gets on. Here
everybody asks, and sleeps in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from asysim.backends.mpi.messages import HEAD, Message, Pool
from asysim.backends.mpi.world import mpi


class Letter(NamedTuple):
    """A message that has come; whoever is done with it puts it back into the pool."""

    source: int
    kind: int
    message: Message


class Post:
    """Everything that this rank sends and receives.

    Parameters
    ----------
    pool
        Where messages come from.
    sources
        The ranks that may send something. A receive is open for each of them, and none for
        whoever comes: those of MPICH get stuck on some networks.
    """

    def __init__(self, pool: Pool, sources: Sequence[int]) -> None:
        library = mpi()
        self.pool = pool
        self._comm, self._test = library.COMM_WORLD, library.Request.Testsome
        self._sources = list(sources)
        self._messages = [pool.take() for _ in self._sources]
        self._requests = [self._listen(place) for place in range(len(self._sources))]
        self._come: deque[int] = deque()  # places whose messages have come, and wait to be read
        self._sent: dict[int, Any] = {}
        self._parked: list[tuple[Any, Message]] = []

    def _listen(self, place: int) -> Any:
        return self._comm.Irecv(self._messages[place].whole, self._sources[place])

    def poll(self) -> Letter | None:
        """Return the next message, if one has come; all that is under way makes progress.

        Of all that have come nobody's second is before another's first.
        """
        if not self._come:
            self._come.extend(self._test(self._requests))
            if not self._come:
                return None
        place = self._come.popleft()
        message = self._messages[place]
        self._messages[place] = self.pool.take()
        self._requests[place] = self._listen(place)
        return Letter(self._sources[place], message.received(), message)

    def send(self, to: int, kind: int, message: Message) -> None:
        """Send a vector; until `settle` its buffer is not to be changed."""
        message.mark(kind)
        self._sent[to] = self._comm.Isend(message.parcel, to)

    def settle(self, to: int) -> None:
        """See the last vector off to a rank that has answered it."""
        request = self._sent.get(to)
        if request is not None:
            request.Wait()

    def drop(self, to: int, kind: int, message: Message, length: int = HEAD) -> None:
        """Send the first words of a message, and see to its buffer too."""
        message.mark(kind)
        self._parked.append((self._comm.Isend(message.whole[:length], to), message))
        if len(self._parked) > 1:
            self.reap()

    def note(self, to: int, kind: int, *head: int) -> None:
        """Send a message that is a head only."""
        self.drop(to, kind, self.pool.filled(*head))

    def reap(self) -> bool:
        """Take back what was dropped; return whether nothing is on its way any more."""
        left = []
        for request, message in self._parked:
            if request.Test():
                self.pool.put(message)
            else:
                left.append((request, message))
        self._parked = left
        return not left and all(request.Test() for request in self._sent.values())

    def close(self) -> None:
        """Receive nothing any more."""
        for request in self._requests:
            if request:
                request.Cancel()
                request.Wait()
