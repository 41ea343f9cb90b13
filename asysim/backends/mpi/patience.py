"""How long to do nothing before asking again whether something has come."""

from __future__ import annotations

import time

_SPIN = 200_000  # nanoseconds for which a rank with a core of its own asks without a pause
_ASK = 4  # questions in a row anyway: a message may take a few from its first part to its last
_LEAST, _MOST = 20_000, 1_000_000  # nanoseconds of a nap
_PART = 8
PUNCTUAL = 50_000
"""Nanoseconds of a nap at most, where cores are idle anyway, and things are to happen in time."""


class Patience:
    """Waits between two questions: at first not at all, then in naps.

    A nap is a part of what has been waited already. So it delays nothing by much, and many ranks
    that wait on few cores leave them to those that don't.

    Parameters
    ----------
    spins
        Whether this rank has a core that nobody else needs.
    most
        Nanoseconds of a nap at most.
    """

    def __init__(self, spins: bool = False, most: int = _MOST) -> None:
        self._spins, self._most = spins, most
        self._since = self._asked = 0

    def reset(self) -> None:
        """Note that something has come."""
        self._asked = 0

    def pause(self) -> None:
        """Let a moment pass in which nothing came."""
        asked = self._asked
        self._asked = asked + 1
        if asked == 0:
            self._since = time.monotonic_ns()
        if asked < _ASK:
            return
        waited = time.monotonic_ns() - self._since
        if self._spins and waited < _SPIN:
            return
        time.sleep(min(max(_LEAST, waited // _PART), self._most) * 1e-9)
