"""A folder or file that one process writes at a time: a lock file that says whose it is.

The system frees a lock (`flock`) when its process ends, however that ends; so what a dead process
left is told apart from what is alive. Where a file system has no such locks, the process is looked
for by its number and start; on another host it can't be, and a person has to say.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from asysim.errors import Fault, InputError

LOCK = "lock"
"""The lock file of a folder."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@dataclass(frozen=True)
class Holder:
    """Whose a lock is.

    Attributes
    ----------
    process, host
        Its number there.
    since
        When it took the lock, local time.
    start
        When it was started, in the system's own ticks, if that is known: numbers are used again.
    """

    process: int
    host: str
    since: str
    start: int | None

    @classmethod
    def here(cls) -> Holder:
        """Return this process."""
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        return cls(os.getpid(), platform.node(), now, _start(os.getpid()))

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this host."""
        return self.host == platform.node()

    @property
    def is_alive(self) -> bool:
        """Whether this host has it still."""
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):
            pass  # it is somebody else's
        return self.start is None or _start(self.process) in (None, self.start)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} (since {self.since})"


class Lock:
    """A lock file, held until it is released.

    Parameters
    ----------
    path
        The file; its folder exists.
    what
        What is locked, as a fault's key.

    Raises
    ------
    InputError
        If another process has it, or may have it.
    OSError
        If the file can't be made.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._path, self._what = path, what
        while not self._take():
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def moved(self, path: Path) -> None:
        """Take note that the file is elsewhere now, its folder having been renamed."""
        self._path = path

    def release(self) -> None:
        """Remove the file, and let others have the lock."""
        with suppress(OSError):
            self._path.unlink()
        os.close(self._file)

    def _take(self) -> bool:
        """Try to take the lock; False if its file was removed meanwhile."""
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            holder = _holder(self._file)
            if not self._is_free(holder):
                raise self._held(holder, "has been writing here")
            if holder is not None and not holder.is_here:
                raise self._held(holder, "has been writing here, or still is")
            if not _is_at(self._file, self._path):
                os.close(self._file)
                return False
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, json.dumps(asdict(Holder.here())).encode(), 0)
        except BaseException:
            os.close(self._file)
            raise
        return True

    def _is_free(self, holder: Holder | None) -> bool:
        locks = _try_flock(self._file)
        if locks is not None:
            return locks
        return holder is None or not (holder.is_here and holder.is_alive)

    def _held(self, holder: Holder | None, does: str) -> InputError:
        folder = self._path.parent if self._path.name == LOCK else self._path
        whose = "another process" if holder is None else str(holder)
        wanted = "wait until it is over; --out names another place"
        if holder is not None and not holder.is_here:
            wanted += f". If it is over, and left this behind, remove {self._path}"
        return InputError(Fault(self._what, f"a lock: {whose} {does}", wanted, str(folder)))


def _try_flock(file: int) -> bool | None:
    """Take the system's lock of a file; None where there is none to be had."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def _holder(file: int) -> Holder | None:
    """Return whose a lock file says it is; None if it says nothing, or was broken off."""
    try:
        told: Any = json.loads(os.pread(file, 4096, 0))
        holder = Holder(**told)
    except (ValueError, TypeError):
        return None
    kinds = (int, str, str, int | None)
    fit = all(isinstance(v, k) for v, k in zip(asdict(holder).values(), kinds, strict=True))
    return holder if fit else None


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is the one at a path, and not one that was there."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(file)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def _start(process: int) -> int | None:
    """Return when a process was started, in ticks since the system was; None if that is unknown."""
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return int(told.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
