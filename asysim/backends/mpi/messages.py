"""What goes from rank to rank: a head of whole numbers and a body of floats, in one buffer."""

from __future__ import annotations

import numpy as np

from asysim.ground.arrays import Ints, Vector
from asysim.replay.snapshots import Buffers

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
    parcel
        Head and body, which is what is sent.
    whole
        All of it, as floats.
    readers
        How many still need what is in it, where somebody counts.
    """

    __slots__ = ("_kind", "body", "head", "parcel", "readers", "whole", "words")

    def __init__(self, whole: Vector, dimension: int) -> None:
        self.whole = whole
        self.words: Ints = whole.view(np.int64)
        self.head: Ints = self.words[:HEAD]
        self.body: Vector = whole[HEAD : HEAD + dimension]
        self.parcel: Vector = whole[: HEAD + dimension]
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
