"""One process at a time compiles a function: who needs it too waits, and finds it on disk.

Processes that begin together, as those of a study do, would otherwise all compile the same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32

try:
    import fcntl
except ImportError:  # then each compiles for itself
    fcntl = None  # type: ignore[assignment]

LONGEST = 60.0
"""Seconds after which it is compiled all the same: who has its turn may have been stopped."""

_NAME = "asysim-compiling.lock"
_PAUSE = 0.05  # seconds


@contextmanager
def turn(folder: Path, name: str, longest: float = LONGEST) -> Iterator[None]:
    """Hold the turn to compile what is called so, after whoever has it.

    The system ends it when the process ends. Where there are no such locks, nobody waits.

    Parameters
    ----------
    folder
        Where machine code is kept; one file in it is for all of its functions.
    name
        Of a function there.
    longest
        Seconds to wait at most.
    """
    file = None
    with suppress(OSError):
        file = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if file is not None and fcntl is not None:
            _wait(file, crc32(name.encode()), time.monotonic() + longest)
        yield
    finally:
        if file is not None:
            os.close(file)


def _wait(file: int, place: int, until: float) -> None:
    """Lock a byte of a file, if it can be had in time."""
    while time.monotonic() < until:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except BlockingIOError:
            time.sleep(_PAUSE)
        except OSError:
            return
        else:
            return
