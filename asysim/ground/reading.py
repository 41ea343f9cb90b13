"""Files that somebody gave: looked at before they are opened, and no larger than can be."""

from __future__ import annotations

import bz2
import errno
import gzip
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, cast

_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
_HANDED = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
_AT_ONCE = 2**20
_MOST_TEXT = 2**26  # bytes of a scenario, a manifest or an attempt, all written by hand or by us


class NotRegular(OSError):  # noqa: N818  (it is a kind of refusal by the system)
    """Something that is not a file of data: to open it could wait for ever, or never end."""


class TooLarge(OSError):  # noqa: N818
    """A file, or what is compressed in one, that does not fit where it is read to."""


def check_regular(path: str | Path) -> None:
    """Raise OSError unless `path` is a regular file, or a pipe that this process was handed.

    A pipe that nobody writes to is waited for without end, and a device may have none.
    """
    mode = Path(path).stat().st_mode
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if stat.S_ISFIFO(mode):
        if str(path).startswith(_HANDED):
            return
        raise NotRegular("a pipe, not a file")
    raise NotRegular("a socket, not a file" if stat.S_ISSOCK(mode) else "a device, not a file")


def content(path: str | Path, most: int | None = None) -> bytes:
    """Return what is in a file of data, as it is.

    Parameters
    ----------
    path
        The file.
    most
        Bytes that it may have; None: half of the memory.

    Raises
    ------
    OSError
        If it can't be read, is something else than a file, or too large.
    """
    check_regular(path)
    most = _half_the_memory() if most is None else most
    with Path(path).open("rb") as file:
        found = _read(file, most) if os.fstat(file.fileno()).st_size <= most else None
    if found is None:
        raise TooLarge(f"more than {most:,} bytes, which is too much to read at once")
    return found


def unpacked(packed: bytes) -> bytes:
    """Return what gzip or bzip2 compressed, or the very bytes if neither did.

    Raises
    ------
    OSError, EOFError, zlib.error
        If the compression is damaged, or what comes out too large.
    """
    if not packed.startswith((_GZIP, _BZIP2)):
        return packed
    most = _half_the_memory()
    inner = BytesIO(packed)
    zipped = packed.startswith(_GZIP)
    with cast("IO[bytes]", gzip.GzipFile(fileobj=inner) if zipped else bz2.BZ2File(inner)) as file:
        found = _read(file, most)
    if found is None:
        raise TooLarge(f"more than {most:,} bytes when unpacked, which is too much")
    return found


@contextmanager
def opened(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file of data, to be read from its beginning; what was compressed comes unpacked.

    Raises
    ------
    OSError
        If it can't be opened, or is something else than a file. Reading raises what `unpacked`
        does.
    """
    check_regular(path)
    with Path(path).open("rb") as file:
        start = file.peek(3)[:3]
        if start.startswith((_GZIP, _BZIP2)):
            zipped = start.startswith(_GZIP)
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=file) if zipped else bz2.BZ2File(file))
        else:
            yield file


def _read(file: IO[bytes], most: int) -> bytes | None:
    """Return all that is in a file; None if it is more than so many bytes, or than fit."""
    pieces: list[bytes] = []
    try:
        while piece := file.read(_AT_ONCE):
            pieces.append(piece)
            most -= len(piece)
            if most < 0:
                return None
        return b"".join(pieces)
    except MemoryError:
        return None


def text(path: str | Path) -> str:
    """Return a text that is in UTF-8, with or without a byte order mark.

    Raises
    ------
    OSError
        If it can't be read, is something else than a file, or absurdly large.
    UnicodeDecodeError
        If it is not UTF-8.
    """
    return content(path, _MOST_TEXT).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def _half_the_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
