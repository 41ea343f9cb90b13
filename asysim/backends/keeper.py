"""Stays when everybody else is killed, and keeps what a real run had recorded.

An MPI launcher kills all ranks if one dies, that with the rows among them. A keeper is a process of
its own session: when its pipe from the run ends without a word, it makes a run of what is on disk.

    python -m asysim.backends.keeper RUN.partial
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_DONE = b"done"


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
            [sys.executable, "-m", "asysim.backends.keeper", str(self._partial)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # or whoever kills the run's group would kill it as well
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(_DONE)
        self._process.stdin.close()
        self._process.wait()


def main() -> None:
    """Wait for the end of the run, and keep what it had recorded if it says nothing."""
    partial = Path(sys.argv[1])
    if sys.stdin.buffer.read() == _DONE:
        return
    from asysim.backends.recover import recover
    from asysim.errors import InputError

    why = "a rank was killed, and the launcher ended the others"
    try:
        kept = recover(partial, why)
    except InputError as error:
        print(f"error: {why}, before anything was recorded ({error})", file=sys.stderr)
    else:
        print(f"error: {why}; what was recorded so far is in {kept}", file=sys.stderr)


if __name__ == "__main__":
    main()
