"""A plan on its way to other processes: its arrays lie in shared memory, and are not copied."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

_ALIGNMENT = 64


class Parcel:
    """An object taken to pieces: a small one that is sent, and large buffers that all can see.

    Parameters
    ----------
    content
        Anything that can be pickled.
    """

    def __init__(self, content: Any) -> None:
        self._buffers: list[pickle.PickleBuffer] = []
        self.letter = pickle.dumps(content, protocol=5, buffer_callback=self._buffers.append)
        self.sizes = [len(buffer.raw()) for buffer in self._buffers]

    @property
    def size(self) -> int:
        """Bytes that the buffers take."""
        return places(self.sizes)[-1]

    def put(self, memory: memoryview) -> None:
        """Copy the buffers into memory that all can see."""
        for buffer, place in zip(self._buffers, places(self.sizes), strict=False):
            raw = buffer.raw()
            memory[place : place + len(raw)] = raw


def unpack(letter: bytes, sizes: Sequence[int], memory: memoryview) -> Any:
    """Put an object together again; its arrays are the shared ones, and can't be written."""
    parts = zip(places(sizes), sizes, strict=False)
    buffers = [memory[place : place + size].toreadonly() for place, size in parts]
    return pickle.loads(letter, buffers=buffers)


def places(sizes: Sequence[int]) -> list[int]:
    """Return where each buffer begins, and where the last one ends."""
    found = [0]
    for size in sizes:
        found.append(found[-1] + -(-size // _ALIGNMENT) * _ALIGNMENT)
    return found
