"""What goes from rank to rank, and how: never with a wait inside MPI.

A message is a head of whole numbers and a body of floats, in one buffer. A wait inside MPI keeps
its core busy, so where ranks share cores nobody else gets on. Here everybody asks, and sleeps in
between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from asysim.backends.mpi.topology import mpi
from asysim.ground.arrays import Buffers, Ints, Vector

HEAD = 8
"""Words in a head: a cache line, so that the body begins at one."""

_KIND = HEAD - 1  # the word that says what a message is
_LEAST = 256  # words in a buffer at least, for rows and for what went wrong

# From a worker.
HELLO, PING, READY, GRADIENT, ROWS, SNAPSHOT, FAILED, BYE = range(8)
# From rank 0.
COME, PONG, ALLOCATE, GO, X, STOP = range(8, 14)


class Message:
    """A buffer to send from, or to receive in.

    Attributes
    ----------
    words, head
        All of it as whole numbers, and the first `HEAD` of them.
    body
        A vector, shape (n,).
    packet
        Head and body, which is what is sent.
    whole
        All of it, as floats.
    readers
        How many still need what is in it, where somebody counts.
    """

    __slots__ = ("_kind", "body", "head", "packet", "readers", "whole", "words")

    def __init__(self, whole: Vector, dimension: int) -> None:
        self.whole = whole
        self.words: Ints = whole.view(np.int64)
        self.head: Ints = self.words[:HEAD]
        self.body: Vector = whole[HEAD : HEAD + dimension]
        self.packet: Vector = whole[: HEAD + dimension]
        self.readers = 0
        self._kind = -1

    def mark(self, kind: int) -> None:
        """Say what it is; nothing changes in what is being sent to somebody else as the same."""
        if kind != self._kind:
            self._kind = kind
            self.words[_KIND] = kind

    def received(self) -> int:
        """Return what it is, after something new has come into it."""
        self._kind = int(self.words[_KIND])
        return self._kind

    @property
    def text(self) -> str:
        """The text in it."""
        length = int(self.head[0])
        return self.words[HEAD:].tobytes()[:length].decode(errors="replace")

    @text.setter
    def text(self, text: str) -> None:
        room = self.words[HEAD:].view(np.uint8)
        coded = text.encode()[: len(room)]
        self.head[0] = len(coded)
        room[: len(coded)] = np.frombuffer(coded, dtype=np.uint8)


class Pool:
    """Messages that are used over and over.

    Parameters
    ----------
    dimension
        n.
    workers
        p.
    """

    def __init__(self, dimension: int, workers: int) -> None:
        self.dimension = dimension
        self._buffers = Buffers(max(HEAD + dimension, _LEAST + 2 * workers))
        self._free: list[Message] = []

    def take(self) -> Message:
        """Return a message with anything in it."""
        if self._free:
            return self._free.pop()
        return Message(self._buffers.take(), self.dimension)

    def put(self, message: Message) -> None:
        """Give a message back; nobody may use it any more."""
        self._free.append(message)

    def filled(self, *head: int) -> Message:
        """Return a message with these words in its head."""
        message = self.take()
        message.head[: len(head)] = head
        return message


class Received(NamedTuple):
    """A message that has come; whoever is done with it puts it back into the pool."""

    source: int
    kind: int
    message: Message


class Endpoint:
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

    def poll(self) -> Received | None:
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
        return Received(self._sources[place], message.received(), message)

    def send(self, to: int, kind: int, message: Message) -> None:
        """Send a vector; until `settle` its buffer is not to be changed."""
        message.mark(kind)
        self._sent[to] = self._comm.Isend(message.packet, to)

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
