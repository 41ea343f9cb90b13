"""Memory that workers share: all of it there, or one message why not; and objects in it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asysim.errors import InputError, unfit
from asysim.ground.machine import free_memory

_PLACE = Path("/dev/shm")
_GIGA = 1e9
_ALIGNMENT = 64


def shared_segment(size: int) -> SharedMemory:
    """Return a new segment of shared memory whose bytes are all taken.

    The system hands out names for more than it has, and kills with a bus error whoever then writes.
    So all of it is asked for beforehand, where that can be asked.

    Raises
    ------
    InputError
        If there is no room.
    """
    room = free_of(_PLACE)
    if room is not None and size > room:
        raise _no_room(size, room)
    try:
        segment = SharedMemory(create=True, size=size)
    except OSError:
        raise _no_room(size, room) from None
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(segment._fd, 0, size)  # type: ignore[attr-defined]
    except OSError:  # somebody else was faster
        segment.close()
        segment.unlink()
        raise _no_room(size, room) from None
    return segment


def own_memory(size: int) -> NDArray[np.uint8]:
    """Return zeroed bytes of this process, for threads to share; shape (size,).

    The system gives out more than it has here as well, and ends a process that then uses it.

    Raises
    ------
    InputError
        If there is no room.
    """
    room = free_memory()
    if size > room:
        raise unfit(
            "--on",
            f"threads, which share {size / _GIGA:,.2f} GB of memory, of which "
            f"{room / _GIGA:,.2f} GB are free",
            "a run that fits: fewer workers.count, or a smaller problem",
            "command line",
        )
    return np.zeros(size, dtype=np.uint8)


def free_of(place: Path) -> int | None:
    """Return the bytes that are free in a file system; None where there is no such place."""
    try:
        found = os.statvfs(place)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def _no_room(size: int, room: int | None) -> InputError:
    free = "" if room is None else f", of which {room / _GIGA:,.2f} GB are free in {_PLACE}"
    return unfit(
        "--on",
        f"processes, which share {size / _GIGA:,.2f} GB of memory{free}",
        f"a run that fits: fewer workers.count, a smaller problem, more room in {_PLACE} (a "
        "container's is set when it is started, with --shm-size), or --on threads",
        "command line",
    )


class Pickled:
    """An object taken to pieces: a few bytes that are sent, and large buffers that all can see.

    Parameters
    ----------
    content
        Anything that can be pickled.

    Attributes
    ----------
    code, sizes
        What is sent: the object without its buffers, and the bytes that each of them takes.
    """

    def __init__(self, content: Any) -> None:
        self._buffers: list[pickle.PickleBuffer] = []
        self.code = pickle.dumps(content, protocol=5, buffer_callback=self._buffers.append)
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


def unpickled(code: bytes, sizes: Sequence[int], memory: memoryview) -> Any:
    """Put an object together again; its arrays are the shared ones, and can't be written."""
    parts = zip(places(sizes), sizes, strict=False)
    buffers = [memory[place : place + size].toreadonly() for place, size in parts]
    return pickle.loads(code, buffers=buffers)


def places(sizes: Sequence[int]) -> list[int]:
    """Return where each buffer begins, and where the last one ends."""
    found = [0]
    for size in sizes:
        found.append(found[-1] + -(-size // _ALIGNMENT) * _ALIGNMENT)
    return found
