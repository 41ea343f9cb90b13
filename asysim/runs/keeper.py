"""Stays when everybody else is killed, and keeps what a real run had recorded.

An MPI launcher kills all ranks if one dies, that with the rows among them. A keeper is a process of
its own session: when its pipe from the run ends without a word, it makes a run of what is on disk.
It also removes the shared memory that the MPI library then leaves behind.

    python -m asysim.runs.keeper RUN.partial
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Self

_DONE = b"done"
_SHARED = Path("/dev/shm")
_OF_MPI = ("mpich_shm_", "sm_segment.", "vader_segment.")
_LOOK = 0.5  # seconds between two looks at what the run has mapped


class Keeper:
    """A keeper at work while a context lasts.

    Parameters
    ----------
    partial
        The folder with the run's rows.
    """

    def __init__(self, partial: Path) -> None:
        self._partial = partial.resolve()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "asysim.runs.keeper", str(self._partial)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # or whoever kills the run's group would kill it as well
        )
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(_DONE)
        self._process.stdin.close()
        self._process.wait()


def _listen(run: int) -> tuple[bytes, set[Path]]:
    """Return what a run says before its pipe ends, and the MPI library's memory that it mapped."""
    said, segments = b"", set[Path]()
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin.buffer, selectors.EVENT_READ)
        while True:
            while not selector.select(_LOOK):
                segments |= _mapped(run)
            heard = os.read(sys.stdin.fileno(), len(_DONE))
            if not heard:
                return said, segments
            said += heard


def _mapped(run: int) -> set[Path]:
    """Return the shared memory of an MPI library that a process has mapped, where that is known."""
    try:
        lines: Iterable[str] = Path(f"/proc/{run}/maps").read_text().splitlines()
    except OSError:
        return set()
    paths = (Path(line.split(maxsplit=5)[-1]) for line in lines if str(_SHARED) in line)
    return {path for path in paths if path.parent == _SHARED and path.name.startswith(_OF_MPI)}


def main() -> None:
    """Wait for the end of the run, and keep what it had recorded if it says nothing."""
    partial = Path(sys.argv[1])
    said, segments = _listen(os.getppid())
    if said == _DONE:
        return
    for segment in segments:
        segment.unlink(missing_ok=True)
    from asysim.errors import InputError
    from asysim.runs.salvage import recover

    why = "a rank was killed, and the launcher ended the others"
    try:
        kept = recover(partial, why)
    except InputError as error:
        print(f"error: {why}, before anything was recorded ({error})", file=sys.stderr)
    else:
        print(f"error: {why}; what was recorded so far is in {kept}", file=sys.stderr)


if __name__ == "__main__":
    main()
