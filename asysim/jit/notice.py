"""Whether functions are being compiled for so long that a person should hear of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

AFTER = 1.0
"""Seconds of compiling before anybody is told."""

WORDS = "compiling what such runs need, once for an installation (`asysim warm` does it ahead)"


@dataclass
class Compiling:
    """What is compiled by this process, and who is to be told.

    Attributes
    ----------
    functions
        How many have been compiled so far.
    seconds
        How long that took.
    """

    functions: int = 0
    seconds: float = 0.0
    _depth: int = 0
    _began: float = 0.0
    _told: bool = False
    _timer: threading.Timer | None = None
    _watchers: list[tuple[Callable[[], None], Callable[[], None]]] = field(default_factory=list)

    def on_start(self) -> None:
        """Take note that a function begins to be compiled, perhaps for another one that is."""
        self._depth += 1
        if self._depth == 1:
            self._began = time.monotonic()
            if self._watchers:
                self._timer = threading.Timer(max(0.0, AFTER - self.seconds), self._tell)
                self._timer.daemon = True
                self._timer.start()

    def on_end(self) -> None:
        """Take note that it has been."""
        self._depth -= 1
        self.functions += 1
        if self._depth == 0:
            self.seconds += time.monotonic() - self._began
            if self._timer is not None:
                self._timer.cancel()
                self._timer.join()
                self._timer = None
            if self._told and self._watchers:
                self._watchers[-1][1]()
            self._told = False

    @contextmanager
    def told(self, begin: Callable[[], None], end: Callable[[], None]) -> Iterator[None]:
        """Call `begin`, in another thread, when compiling has taken long, and `end` at its end.

        Both may be called several times. Who was told before is not, as long as the context lasts.
        """
        self._watchers.append((begin, end))
        try:
            yield
        finally:
            self._watchers.pop()

    def _tell(self) -> None:
        if self._watchers:
            self._told = True
            self._watchers[-1][0]()


compiling = Compiling()
"""Of this process."""
