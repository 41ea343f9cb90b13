"""Which runs of a sweep are made next: chunks that last some seconds.

Who makes runs is asked for a few at first. From how long these took follows how many make a chunk;
and a chunk that takes far longer nevertheless comes back with what it has, and the rest of its runs
go to whoever is free.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from asysim.sweeps.chunk import Chunk, Made
from asysim.sweeps.spans import Span

AIM, MOST = 10.0, 20.0
"""Seconds that a chunk is to last, and after which it is cut short."""

_FIRST, _LEAST = 1.0, 0.5  # seconds of the first chunks, and of the last at least


@dataclass
class Chunks:
    """Runs that are to be made, cut as they are asked for.

    Parameters
    ----------
    text
        The design.
    missing
        Which runs.
    ahead
        Chunks of each maker that are on their way.
    """

    text: str
    missing: list[Span]
    ahead: int = 2
    _runs: int = 0
    _seconds: float = 0.0
    _waiting: deque[Span] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._waiting.extend(self.missing)

    def __len__(self) -> int:
        return sum(map(len, self._waiting))

    def next(self, makers: int) -> Chunk | None:
        """Return a chunk for one of so many makers; None if no run is waiting."""
        if not self._waiting:
            return None
        left = len(self)
        # Or some would have nothing to do at the end.
        size = left if makers == 1 else -(-left // (self.ahead * makers))
        if self._runs:
            rate = self._runs / max(self._seconds, 1e-9)
            size = max(1, int(_LEAST * rate), min(size, int(AIM * rate)))
        first, end = self._waiting.popleft()
        cut = min(end, first + size)
        if cut < end:
            self._waiting.appendleft(Span(cut, end))
        return Chunk(self.text, Span(first, cut), MOST if self._runs else _FIRST)

    def note(self, chunk: Chunk, made: Made) -> None:
        """Take note of what came of a chunk: what is left of it waits again."""
        if made.span.end < chunk.span.end:
            self._waiting.appendleft(Span(made.span.end, chunk.span.end))
        # What was long ago counts for less: other points take other times.
        self._runs = self._runs // 2 + len(made.span)
        self._seconds = self._seconds / 2 + made.seconds
