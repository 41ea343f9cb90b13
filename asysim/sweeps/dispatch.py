"""Which runs are made next, by whom: chunks that last some seconds, made by one process or many.

Who makes runs is asked for a few at first. From how long these took follows how many make a chunk;
and a chunk that takes far longer nevertheless comes back with what it has, and the rest of its runs
go to whoever is free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Protocol

from asysim.errors import AsysimError, first_line
from asysim.ground.process import heeded
from asysim.problems.base import Problem
from asysim.sweeps.chunk import Chunk, Made, make
from asysim.sweeps.pool import watched
from asysim.sweeps.spans import Span

AIM, MOST = 10.0, 20.0
"""Seconds that a chunk is to last, and after which it is cut short."""

_FIRST, _LEAST = 1.0, 0.5  # seconds of the first chunks, and of the last at least
_AHEAD = 2  # chunks of each maker that are on their way


class Maker(Protocol):
    """Whoever makes chunks, several at a time perhaps."""

    def made(self, chunks: Chunks) -> Iterator[Made]:
        """Yield what comes of chunks, taking one after the other until there are no more."""
        ...


@dataclass
class Chunks:
    """Runs that are to be made, cut as they are asked for.

    Parameters
    ----------
    text
        The design.
    missing
        Which runs.
    """

    text: str
    missing: list[Span]
    _runs: int = 0
    _seconds: float = 0.0
    _waiting: deque[Span] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._waiting.extend(self.missing)

    def next(self, makers: int) -> Chunk | None:
        """Return a chunk for one of so many makers; None if no run is waiting."""
        if not self._waiting:
            return None
        left = sum(map(len, self._waiting))
        # Or some would have nothing to do at the end.
        size = left if makers == 1 else -(-left // (_AHEAD * makers))
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


@dataclass(frozen=True)
class Here:
    """Makes one chunk after the other in this process.

    Attributes
    ----------
    problem
        In place of the scenario's.
    """

    problem: Problem | None = None

    def made(self, chunks: Chunks) -> Iterator[Made]:
        """Yield what comes of chunks."""
        with heeded() as asked:
            while (chunk := chunks.next(1)) is not None:
                done = make(chunk, self.problem)
                chunks.note(chunk, done)
                yield done
                if done.interrupted:
                    raise KeyboardInterrupt
                asked.check()


@dataclass(frozen=True)
class Elsewhere:
    """Has chunks made by an executor.

    Attributes
    ----------
    pool
        The executor.
    makers
        Tells how many it makes at once.
    problem
        In place of the scenario's, if it can be pickled.
    """

    pool: futures.Executor
    makers: Callable[[], int]
    problem: Problem | None = None

    def made(self, chunks: Chunks) -> Iterator[Made]:
        """Yield what comes of chunks.

        Raises
        ------
        InputError
            If the processes ran the script that started them, for want of a main guard.
        AsysimError
            If one of the processes is killed, or can't make runs.
        """
        waiting: dict[futures.Future[Made], Chunk] = {}
        with heeded() as asked, watched(self.pool, waiting) as handed:
            while True:
                makers = max(1, self.makers())
                while len(waiting) < _AHEAD * makers and (chunk := chunks.next(makers)) is not None:
                    waiting[self.pool.submit(make, chunk, self.problem)] = chunk
                handed()
                if not waiting:
                    return
                over, _ = futures.wait(waiting, return_when=futures.FIRST_COMPLETED)
                for future in over:
                    chunk, done = waiting.pop(future), _result(future)
                    chunks.note(chunk, done)
                    yield done
                    asked.check()


def _result(future: futures.Future[Made]) -> Made:
    try:
        return future.result()
    except (AsysimError, BrokenProcessPool):
        raise
    except Exception as error:  # of whatever kind of executor it is
        raise AsysimError(
            f"what makes the runs failed ({type(error).__name__}: {first_line(error)}); runs that "
            "are over are kept: the same command goes on"
        ) from error
