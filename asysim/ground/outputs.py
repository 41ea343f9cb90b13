"""Where what a person asked for is written: looked at before anything is computed, written whole.

One rule for all commands: a file that is there is never replaced, except by a new drawing of a
picture that asysim drew. What is a link stands for what it leads to.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from asysim.errors import Fault, InputError, reason

OUT = "--out"
PICTURE_MARK = "drawn by asysim"
"""Stands in the metadata of every picture."""

_NEW = "should be a new file: asysim replaces none"


def check_new_file(path: Path, key: str = OUT, *, picture: bool = False) -> None:
    """Raise InputError unless a file can be made at a path; makes nothing.

    Parameters
    ----------
    path
        Where it is to be. Devices and pipes will do.
    key
        What the fault says was given.
    picture
        Whether a picture that asysim drew before may be there.
    """
    try:
        place = path.resolve()
        if place.is_dir():
            raise _fault(path, key, "is a directory", "should be a file")
        if place.is_file() and not (picture and _is_ours(place)):
            raise _fault(path, key, "file exists", _NEW)
        if not place.exists():
            _check_room(place.parent, path, key)
    except (OSError, RuntimeError) as error:  # a name that is too long, links in a circle
        raise _fault(path, key, _words(error), "should be a place for a new file") from None


def check_folder(path: Path) -> None:
    """Raise InputError unless files can be put into a folder, or it can be made; makes nothing."""
    try:
        _check_room(path.resolve(), path, OUT)
    except (OSError, RuntimeError) as error:
        raise _fault(path, OUT, _words(error), "should be a place for a folder") from None


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


def _check_room(folder: Path, path: Path, key: str) -> None:
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise _fault(path, key, f"{folder}, which is not a directory", "should be in a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _fault(path, key, f"{folder}, which may not be written to", "should be elsewhere")


def _is_ours(picture: Path) -> bool:
    return PICTURE_MARK.encode() in picture.read_bytes()


def _words(error: OSError | RuntimeError) -> str:
    return reason(error) if isinstance(error, OSError) else "a link to itself"


def _fault(path: Path, key: str, found: str, expected: str) -> InputError:
    return InputError(Fault(key, found, expected, str(path)))
