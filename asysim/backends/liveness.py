"""Who has been silent for too long, and how long to do nothing before asking again."""

from __future__ import annotations

import math
import time

# Listening --------------------------------------------------------------------------------------

_EVERY = 0.25  # seconds between two looks
_LEAST = 2.0  # seconds that workers have to leave


class Quiet:
    """How long nothing has been heard.

    Parameters
    ----------
    limit
        Seconds after which that is too long.
    """

    def __init__(self, limit: float) -> None:
        self._limit, self._since = limit, time.monotonic()

    def lasts(self, *, heard: bool) -> bool:
        """Return whether it is too long now, given whether something was heard."""
        moment = time.monotonic()
        if heard:
            self._since = moment
        return moment - self._since > self._limit


class Watchdog:
    """Listens for workers that have something to compute.

    Its time passes while it is entered, or as `look` says: who does not listen hears nobody.

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

    def __exit__(self, *error: object) -> None:
        self.look()
        self._since = None

    def look(self, most: float = math.inf) -> None:
        """Let the time pass since it was entered or last looked, but not more than so much."""
        moment = time.monotonic()
        if self._since is not None:
            self._passed += min(moment - self._since, most)
        self._since = moment

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

    def lost(self) -> list[int]:
        """Return workers that have been silent for too long; they are looked for now and then."""
        now = self._now()
        if now < self._next_look:
            return []
        self._next_look = now + min(_EVERY, self._limit / 4)
        found = [
            w for w, (asked, takes) in self._asked.items() if now - asked - takes > self._limit
        ]
        self._hung = self._hung or bool(found)
        return found

    @property
    def usual(self) -> float:
        """Seconds in which a worker that is well will have finished what it is at."""
        return _LEAST if self._hung else max(_LEAST, 2 * self.longest)


# Waiting ----------------------------------------------------------------------------------------

_SPIN = 200_000  # nanoseconds for which a rank with a core of its own asks without a pause
_ASK = 4  # questions in a row anyway: a message may take a few from its first part to its last
_SHORTEST, _LONGEST = 20_000, 1_000_000  # nanoseconds of a nap
_PART = 8
_PUNCTUAL = 50_000  # where cores are idle anyway, and things are to happen in time


class Patience:
    """Waits between two questions: at first not at all, then in naps.

    A nap is a part of what has been waited already. So it delays nothing by much, and many ranks
    that wait on few cores leave them to those that don't.

    Parameters
    ----------
    spins
        Whether this rank has a core that nobody else needs.
    punctual
        Whether things are to happen in time, so that no nap may be long.
    """

    def __init__(self, spins: bool = False, *, punctual: bool = False) -> None:
        self._spins, self._most = spins, _PUNCTUAL if punctual else _LONGEST
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
        time.sleep(min(max(_SHORTEST, waited // _PART), self._most) * 1e-9)
