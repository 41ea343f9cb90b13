"""Messages that are sent again: named draws apart from those of the first time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from asysim.random.streams import Purpose, uniforms
from asysim.schedule.timing import ClusterTiming, Duration, draw_blocks, ticks_one_by_one


class Resends:
    """Latency and loss of messages that are sent again, worker by worker, in order of sending.

    Parameters
    ----------
    timing
        Their laws: those of the first time.
    """

    def __init__(self, timing: ClusterTiming) -> None:
        self._timing = timing
        self._streams: dict[tuple[int, Purpose], Iterator[int]] = {}

    def pull(self, worker: int) -> tuple[int, int]:
        """Return the ticks of the next pull that is sent again, and whether it is lost."""
        law = self._timing.workers[worker].pull
        return self._next(worker, replace(law, purpose=Purpose.AGAIN_PULL)), self._lost(worker)

    def push(self, worker: int) -> tuple[int, int]:
        """Return the same for a push."""
        law = self._timing.workers[worker].push
        return self._next(worker, replace(law, purpose=Purpose.AGAIN_PUSH)), self._lost(worker)

    def _next(self, worker: int, step: Duration) -> int:
        key = worker, step.purpose
        if key not in self._streams:
            self._streams[key] = ticks_one_by_one(step, self._timing.source, worker)
        return next(self._streams[key])

    def _lost(self, worker: int) -> int:
        key = worker, Purpose.LOST_AGAIN
        if key not in self._streams:
            self._streams[key] = self._losses(worker)
        return next(self._streams[key])

    def _losses(self, worker: int) -> Iterator[int]:
        for start, count in draw_blocks():
            words = self._timing.source.words(Purpose.LOST_AGAIN, worker, start, count)
            yield from map(int, uniforms(words) < self._timing.loss)
