"""A file that is there whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file beside its place, and move it there once it is whole.

    Whatever goes wrong, a file that was there before stays as it was. A link stands for what it
    leads to; a device or a pipe is written to as it is.

    Raises
    ------
    OSError
        If it can't be written.
    """
    data = content.encode() if isinstance(content, str) else content
    place = path.resolve()
    if place.exists() and not place.is_file():
        with place.open("wb") as file:
            file.write(data)
        return
    aside = place.with_name(f"{place.name}.{os.getpid()}.partial")
    try:
        aside.write_bytes(data)
        aside.replace(place)
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise
