"""How long to do nothing before asking again whether something has come."""

from __future__ import annotations

import time

_SPIN = 200_000  # nanoseconds for which a rank with a core of its own asks without a pause
_ASK = 4  # questions in a row anyway: a message may take a few from its first part to its last
_LEAST, _MOST = 20_000, 1_000_000  # nanoseconds of a nap
_PART = 8


class Patience:
    """Waits between two questions: at first not at all, then in naps.

    A nap is a part of what has been waited already. So it delays nothing by much, and many ranks
    that wait on few cores leave them to those that don't.

    Parameters
    ----------
    spins
        Whether this rank has a core that nobody else needs.
    """

    def __init__(self, spins: bool = False) -> None:
        self._spins = spins
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
        time.sleep(min(max(_LEAST, waited // _PART), _MOST) * 1e-9)
