"""Every worker's draws from the laws, made for many workers at once and kept until they are used.

They are the draws of `asysim.schedule.timing`: each word by name, each law's `quantile` in NumPy,
one element at a time; only how many are made together is another matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from asysim.ground.arrays import Floats, Ints
from asysim.jit.compiler import compiled
from asysim.laws import Constant
from asysim.random.philox import index, uniform, words
from asysim.random.streams import Purpose, Words
from asysim.schedule.timing import LONGEST, Duration
from asysim.trace.gradient import NANOSECOND

_FIRST, _MOST, _LEAST = 16, 1024, 8  # draws kept for one worker: at first, at most, at least
_KEPT = 2**22  # words of one kind kept for all workers, if that is enough
_AT_ONCE = 2**15  # made at once: so many stay in the cache
_QUANTUM = 4  # a counter of Philox makes four words

Fill = Callable[[Ints, Ints, Ints], None]
"""Makes draws first, …, last − 1 of some workers."""


class Draws:
    """The draws of all workers: several lanes of them, which are used up together.

    A lane's table has shape (p, kept, parts). Draw d of worker w, for server s, is at
    [w, d & (kept − 1), s]; kept is a power of 2, and 1 if all draws are the same.

    Parameters
    ----------
    seed
        Names all draws.
    workers
        p.
    parts
        Words of each draw, one for each server.

    Attributes
    ----------
    made
        How many draws of each worker have been made; (p,).
    """

    def __init__(self, seed: int, workers: int, *, parts: int = 1) -> None:
        self._kept = _MOST
        while self._kept > _LEAST and self._kept * workers * parts > _KEPT:
            self._kept //= 2
        self.made = np.zeros(workers, dtype=np.int64)
        self._seed, self._workers, self._parts = seed, workers, parts
        self._fills: list[Fill] = []

    def ticks(
        self,
        steps: Sequence[Duration],
        speeds: Sequence[float] | None = None,
        *,
        plus: Sequence[Duration] = (),
        out: Ints | None = None,
    ) -> Ints:
        """Return a lane's table of durations.

        Parameters
        ----------
        steps
            Of each worker; (p,).
        speeds
            Divide them; (p,).
        plus
            Added to each, in ticks; (p,).
        out
            The table to be filled, a part of a `lane`; None: a new one.
        """
        rates = np.ones(self._workers) if speeds is None else np.array(speeds, dtype=np.float64)
        groups = _alike(steps)
        more = [(step, among) for step, among in _alike(plus) if step.takes_time]
        constant = all(isinstance(step.law, Constant) for step, _ in (*groups, *more))
        table = self._table(1 if constant else self._kept) if out is None else out
        for step, among in groups:
            if isinstance(step.law, Constant) and not more:
                seconds = np.full(np.count_nonzero(among), step.law.value)
                table[among] = step.in_ticks(seconds, rates[among])[:, None, None]
            else:
                self._fills.append(partial(self._durations, step, rates, among, table, False))
        for step, among in more:
            one = np.ones(self._workers)
            self._fills.append(partial(self._durations, step, one, among, table, True))
        return table

    def lane(self, parts: int) -> Ints:
        """Return a table of so many numbers for each draw, for `ticks` to fill part by part."""
        return np.zeros((self._workers, self._kept, parts), dtype=np.int64)

    def losses(self, purpose: Purpose, probability: float) -> Ints:
        """Return a lane's table of what is lost with some probability: 1, or 0."""
        if probability <= 0:
            return self._table(1)
        table = self._table(self._kept)
        self._fills.append(partial(self._losses, purpose, probability, table))
        return table

    def indices(self, purpose: Purpose, bound: int) -> Ints:
        """Return a lane's table of numbers uniform on 0 … bound − 1."""
        if bound <= 1:
            return self._table(1)
        table = self._table(self._kept)
        self._fills.append(partial(self._indices, purpose, bound, table))
        return table

    def refill(self, used: Ints) -> None:
        """Make more draws for every worker that has few left.

        Parameters
        ----------
        used
            The first draw of each worker that has not been used yet; (p,).
        """
        if not self._fills:
            self.made[:] = np.iinfo(np.int64).max
            return
        wanted = np.maximum(2 * self.made, _FIRST)
        wanted = np.minimum(used // _QUANTUM * _QUANTUM + self._kept, wanted)
        short = 2 * (wanted - self.made) >= np.minimum(wanted, self._kept)
        workers = np.flatnonzero(short | (used >= self.made))
        first, last = self.made[workers], wanted[workers]
        for fill in self._fills:
            fill(workers, first, last)
        self.made[workers] = last

    def _table(self, kept: int) -> Ints:
        return np.zeros((self._workers, kept, self._parts), dtype=np.int64)

    def _raw(
        self, purpose: Purpose, workers: Ints, first: Ints, last: Ints
    ) -> Iterator[tuple[int, int, Words]]:
        """Yield the words of workers[begin:end], one after the other, piece by piece."""
        parts, begin = self._parts, 0
        room = max(_AT_ONCE, int((last - first).max(initial=0)) * parts)
        raw = np.empty(room, dtype=np.uint64)
        while begin < len(workers):
            end, count = _words(self._seed, int(purpose), workers, first, last, parts, begin, raw)
            yield begin, end, raw[:count]
            begin = end

    def _durations(
        self, step: Duration, rates: Floats, among: NDArray[np.bool_], table: Ints, added: bool,
        workers: Ints, first: Ints, last: Ints,
    ) -> None:  # fmt: skip
        mine = among[workers]
        told = workers[mine], first[mine], last[mine]
        for begin, end, raw in self._raw(step.purpose, *told):
            seconds = step.law.quantile(_uniforms(raw))
            _file_ticks(seconds, *told, begin, end, step.factor, step.extra, rates, table, added)

    def _losses(
        self, purpose: Purpose, probability: float, table: Ints,
        workers: Ints, first: Ints, last: Ints,
    ) -> None:  # fmt: skip
        for begin, end, raw in self._raw(purpose, workers, first, last):
            _file_losses(raw, workers, first, last, begin, end, probability, table)

    def _indices(
        self, purpose: Purpose, bound: int, table: Ints, workers: Ints, first: Ints, last: Ints
    ) -> None:
        for begin, end, raw in self._raw(purpose, workers, first, last):
            _file_indices(raw, workers, first, last, begin, end, bound, table)


def _alike(steps: Sequence[Duration]) -> list[tuple[Duration, NDArray[np.bool_]]]:
    """Return the different ones among durations, each with the workers that have it."""
    unlike = {id(step): step for step in steps}
    groups: dict[tuple[int, float, float], int] = {}
    numbers: dict[int, int] = {}
    firsts: dict[int, Duration] = {}
    for name, step in unlike.items():
        key = id(step.law), step.extra, step.factor
        numbers[name] = number = groups.setdefault(key, len(groups))
        firsts.setdefault(number, step)
    which = np.fromiter(map(numbers.__getitem__, map(id, steps)), np.int64, len(steps))
    return [(step, which == number) for number, step in firsts.items()]


@compiled
def _words(
    seed: int, purpose: int, workers: Ints, first: Ints, last: Ints, parts: int, begin: int,
    out: Words,
) -> tuple[int, int]:  # fmt: skip
    """Write the words of workers[begin:], one after the other, as far as there is room.

    Returns the first one that there was no room for, and the number of words.
    """
    place = 0
    for i in range(begin, workers.size):
        count = (last[i] - first[i]) * parts
        if place + count > out.size:
            return i, place
        words(seed, purpose, workers[i], first[i] * parts, out[place : place + count])
        place += count
    return workers.size, place


@compiled
def _uniforms(raw: Words) -> Floats:
    out = np.empty(raw.size)
    for i in range(raw.size):
        out[i] = uniform(raw[i])
    return out


@compiled
def _file_ticks(
    seconds: Floats, workers: Ints, first: Ints, last: Ints, begin: int, end: int,
    factor: float, extra: float, rates: Floats, table: Ints, added: bool,
) -> None:  # fmt: skip
    """Put durations into their places as ticks, or add them there, as `Duration.in_ticks` does."""
    _, kept, parts = table.shape
    place = 0
    for i in range(begin, end):
        speed = rates[workers[i]]
        for draw in range(first[i], last[i]):
            own = table[workers[i], draw & (kept - 1)]
            for part in range(parts):
                ticks = np.rint((seconds[place] * factor / speed + extra) / NANOSECOND)
                whole = np.int64(min(ticks, LONGEST))
                own[part] = own[part] + whole if added else whole
                place += 1


@compiled
def _file_losses(
    raw: Words, workers: Ints, first: Ints, last: Ints, begin: int, end: int,
    probability: float, table: Ints,
) -> None:  # fmt: skip
    _, kept, parts = table.shape
    place = 0
    for i in range(begin, end):
        for draw in range(first[i], last[i]):
            for part in range(parts):
                lost = uniform(raw[place]) < probability
                table[workers[i], draw & (kept - 1), part] = 1 if lost else 0
                place += 1


@compiled
def _file_indices(
    raw: Words, workers: Ints, first: Ints, last: Ints, begin: int, end: int, bound: int,
    table: Ints,
) -> None:  # fmt: skip
    _, kept, parts = table.shape
    place = 0
    for i in range(begin, end):
        for draw in range(first[i], last[i]):
            for part in range(parts):
                table[workers[i], draw & (kept - 1), part] = index(raw[place], bound)
                place += 1
