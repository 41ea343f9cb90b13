"""Files that somebody gave: looked at before they are opened, and read whole."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_HANDED = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")


class NotRegular(OSError):  # noqa: N818  (it is a kind of refusal by the system)
    """Something that is not a file of data: to open it could wait for ever, or never end."""


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
