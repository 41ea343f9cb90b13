"""When nothing can ever happen again: who waits for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from asysim.trace.gradient import NANOSECOND
from asysim.trace.stream import Block, Deadlock, Stream, disposal

__all__ = ["Deadlock", "explain", "patient"]

_SHOWN = 4
_IN_VAIN = 100_000  # gradients without an update


def explain(
    now: int,
    waiting: Mapping[int, Sequence[int]],
    down: Mapping[int, int],
    left: Mapping[int, int],
    unfreed: Set[int],
) -> Deadlock:
    """Put a deadlock into words.

    Parameters
    ----------
    now
        The tick.
    waiting
        Each worker that is up, and those whose gradients it waits for.
    down, left
        The tick at which each worker that is down crashed, and at which others left.
    unfreed
        Workers whose gradients are disposed of, and that the rule has not freed since.
    """
    if not waiting:
        fates = [f"{_name([worker])} crashed at {_seconds(tick)}" for worker, tick in down.items()]
        fates += [f"{_name([worker])} left at {_seconds(tick)}" for worker, tick in left.items()]
        shown = fates if len(fates) <= _SHOWN else [*fates[:_SHOWN], f"{len(fates) - _SHOWN} more"]
        return Deadlock(now, "no worker is left: " + ", ".join(shown))
    groups: dict[tuple[int, ...], list[int]] = {}
    parts, forgotten = [], []
    for worker, awaited in waiting.items():
        apart = set(awaited) - {worker}
        # Nobody that it waits for can bring anything.
        if {worker, *apart} <= unfreed - down.keys():
            forgotten.append(worker)
        else:
            groups.setdefault(tuple(sorted(apart)), []).append(worker)
    if forgotten:
        what = "was not freed after its last gradient was"
        if len(forgotten) > 1:
            what = "were not freed after their last gradients were"
        parts.append(f"{_name(forgotten)} {what} disposed of, which the rule has to do")
    for others, workers in groups.items():
        verb = "waits" if len(workers) == 1 else "wait"
        if not others:
            parts.append(f"{_name(workers)} {verb} for more gradients than can come")
            continue
        lost = [worker for worker in others if worker in down]
        crashes = (f"worker {w} crashed at {_seconds(down[w])} for good" for w in lost[:_SHOWN])
        why = ", ".join(crashes)
        parts.append(f"{_name(workers)} {verb} for {_name(lost or others)}" + (why and f" ({why})"))
    return Deadlock(now, "; ".join(parts))


def patient(blocks: Iterable[Block], workers: int, most: int = _IN_VAIN) -> Stream:
    """Hand blocks on until so many gradients in a row came to nothing that no update will come.

    Raises
    ------
    Deadlock
        After more than `most` of them, or 1000 of each worker.
    """
    vain, most = 0, max(most, 1000 * workers)
    for block in blocks:
        yield block
        rows = block.rows
        vain = 0 if rows.was_applied.any() else vain + len(rows)
        if vain > most:
            reason = f"none of the last {vain:,} gradients was applied: all were dropped, or lost"
            raise Deadlock(int(rows.ticks[disposal(rows)][-1]), reason)


def _name(workers: Sequence[int]) -> str:
    if len(workers) == 1:
        return f"worker {workers[0]}"
    shown = ", ".join(map(str, workers[:_SHOWN]))
    more = f" and {len(workers) - _SHOWN} more" if len(workers) > _SHOWN else ""
    return f"workers {shown}{more}"


def _seconds(tick: int) -> str:
    return f"{tick * NANOSECOND:.6g} s"
