"""Who has been silent for too long while there was something to compute."""

from __future__ import annotations

import time
from types import TracebackType

_EVERY = 0.25  # seconds between two looks
_LEAST = 2.0  # seconds that workers have to leave


class Watch:
    """A watchdog. Its time passes only while it is entered: who does not listen hears nobody.

    Parameters
    ----------
    limit
        Seconds of silence after which a worker counts as hung.

    Attributes
    ----------
    longest
        Seconds that the longest answer took to come.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._since: float | None = None
        self._passed = 0.0
        self._next_look = 0.0
        self._asked: dict[int, tuple[float, float]] = {}
        self._hung = False
        self.longest = 0.0

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._passed = self._now()
        self._since = None

    def _now(self) -> float:
        return self._passed + (0.0 if self._since is None else time.monotonic() - self._since)

    def expect(self, worker: int, takes: int = 0) -> None:
        """Expect to hear of a worker, which waits for so many nanoseconds of its own accord."""
        self._asked[worker] = self._now(), takes * 1e-9

    def heard(self, worker: int) -> None:
        """Note that it was heard of."""
        now = self._now()
        asked, _ = self._asked.pop(worker, (now, 0.0))
        self.longest = max(self.longest, now - asked)

    def lost(self) -> int | None:
        """Return a worker that has been silent for too long; it is looked for now and then."""
        now = self._now()
        if now < self._next_look:
            return None
        self._next_look = now + min(_EVERY, self._limit / 4)
        for worker, (asked, takes) in self._asked.items():
            if now - asked - takes > self._limit:
                self._hung = True
                return worker
        return None

    @property
    def usual(self) -> float:
        """Seconds in which a worker that is well will have finished what it is at."""
        return _LEAST if self._hung else max(_LEAST, 2 * self.longest)
