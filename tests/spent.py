"""How long something has taken: of a processor's time, which a busy machine does not lengthen."""

from __future__ import annotations

import os
import time
from pathlib import Path

IDLE = 10
"""Times as long may pass by the clock on the wall, as what waits for ever uses no processor."""


class Spent:
    """What a process has spent since now.

    Parameters
    ----------
    process
        Its number.
    """

    def __init__(self, process: int) -> None:
        self._process = process
        self._since = time.monotonic()
        self._before = processor_seconds(process)

    def more_than(self, limit: float) -> bool:
        """Whether it has used more than `limit` seconds of processors, or ten times that passed."""
        passed = time.monotonic() - self._since
        now = processor_seconds(self._process)
        used = passed if now is None or self._before is None else now - self._before
        return used > limit or passed > IDLE * limit


def processor_seconds(process: int) -> float | None:
    """Return what a process and its threads have used so far; None if that can't be known."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        # Its name, in parentheses, may hold anything; utime and stime are fields 14 and 15.
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return None
