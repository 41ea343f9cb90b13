"""How a study of staleness is made: one pass over its source, and what follows from the counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from asysim.delays.block_counts import BlockCounts
from asysim.delays.books import Books
from asysim.delays.by_duration import ByDuration
from asysim.delays.by_update import ByUpdate
from asysim.delays.dependence import (
    autocorrelation,
    correlation_time,
    effective_size,
    mean_error,
)
from asysim.delays.fits import Fit, fits, judged
from asysim.delays.given_laws import Tabled
from asysim.delays.headcount import Counting
from asysim.delays.histogram import Histogram
from asysim.delays.piece import Piece
from asysim.delays.pooled_test import LEAST_BLOCKS, PooledTest
from asysim.delays.scale import STALENESS
from asysim.delays.selection import selection
from asysim.delays.sources import Ages, Given, Rows, groups_of, source
from asysim.delays.spread import APPLIED, DISPOSED, MOST, SUM, Spread
from asysim.delays.stored import Stored
from asysim.delays.study import Along, OfUpdates, StalenessStudy
from asysim.delays.two_samples import compare
from asysim.delays.warm_up import warm_up
from asysim.delays.workers import Workers
from asysim.errors import unfit
from asysim.ground.arrays import Ints
from asysim.ground.ranges import MOST_WORKERS
from asysim.ground.text_table import Column
from asysim.scenario.traced import of_its_scenario
from asysim.theory.staleness_law import StalenessLaw, staleness_law, worker_staleness
from asysim.trace.gradient import NANOSECOND
from asysim.trace.info import TraceInfo

_MOST_LANES = 1000  # workers whose quantiles are told
_MOST_LAW = 1 << 20  # τ that a law is tabled for


def staleness(
    given: Given,
    *changes: str,
    column: Column | None = None,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> StalenessStudy:
    """Study how stale gradients are: `asysim staleness`.

    Parameters
    ----------
    given
        A run or its folder; a trace or its file; a scenario or its file, whose schedule is then
        simulated without any gradient; or delays that others measured: a file, or numbers, a line
        for each update with one delay, shape (updates,), or the age of each worker's gradient,
        shape (updates, p). See `asysim.trace.delay_file.DelayFile`.
    *changes
        KEY=VALUE in TOML syntax, to the keys of a scenario's file.
    column
        Which column of a file of delays, by its name or its number from 1; None: all of them.
    workers
        p of delays in one column, if you know.
    progress
        Called after each piece with the gradients so far.

    Raises
    ------
    InputError
        If it can't be read, or holds what could not have happened; or has no gradient that was
        applied; or its delays can't be of so many workers.
    """
    if workers is not None and not 1 <= workers <= MOST_WORKERS:
        raise unfit("workers", str(workers), f"a number between 1 and {MOST_WORKERS:,}")
    found = source(given, *changes, column=column, workers=workers)
    see = progress or (lambda _: None)
    return _of_rows(found, see) if isinstance(found, Rows) else _of_ages(found, see)


def _of_rows(found: Rows, progress: Callable[[int], None]) -> StalenessStudy:
    info = found.info
    group, names = groups_of(info)
    clocked = info.clock == "simulated" and info.algorithm == "asysg-con"
    spread, updates = Spread(info.workers, group), ByUpdate()
    books, durations = Books(info.workers, clocked=clocked), ByDuration(info.workers)
    gradients, latest = 0, 0
    for rows in found.pieces():
        piece = Piece.of(rows)
        spread.add(piece)
        updates.add(piece)
        books.add(piece)
        durations.add(piece)
        gradients += len(rows)
        latest = max(latest, int(piece.disposed.max(initial=0)))
        progress(gradients)
    updates.close()
    law, means, bound = of_its_scenario(info, lambda known: _laws(known, info)) or (None,) * 3
    chosen = selection(durations)
    own = spread.of_worker
    seconds = durations.of_worker * NANOSECOND if chosen is not None else None
    return _study(
        found.name, found.kind, spread, updates, law,
        workers=info.workers, gradients=gradients, seconds=latest * NANOSECOND, clock=info.clock,
        of_workers=Workers(
            own[:, DISPOSED], own[:, APPLIED], own[:, SUM], own[:, MOST],
            None if seconds is None else seconds[:, 0], None if seconds is None else seconds[:, 1],
            group, names, means,
        ),
        balance=books.balance(), selection=chosen, bound=bound, headcount=None, at_arrival=None,
    )  # fmt: skip


def _laws(scenario: Any, info: TraceInfo) -> tuple[Any, Any, int | None]:
    n = info.dimension
    bound = scenario.played.most_staleness(scenario.workers.count)
    return staleness_law(scenario, n), worker_staleness(scenario, n), bound


def _of_ages(found: Ages, progress: Callable[[int], None]) -> StalenessStudy:
    p, lines = len(found.names), 0
    spread, updates = Spread(p, np.zeros(p, np.int64)), ByUpdate()
    stored = Stored(p) if found.by_worker else None
    counting = None if found.by_worker else Counting(found.workers)
    for delays in found.pieces():
        line = lines + np.arange(len(delays), dtype=np.int64)
        worker = np.tile(np.arange(p, dtype=np.int64), len(delays))
        piece = Piece.of_ages(worker, delays.ravel(), np.repeat(line, p))
        spread.add(piece)
        updates.add(piece)
        if stored is not None:
            stored.add(delays)
        if counting is not None:
            counting.add(delays[:, 0])
        lines += len(delays)
        progress(lines * p)
    updates.close()
    head = None if counting is None else counting.headcount()
    if head is not None and head.over is not None:
        raise unfit(
            "workers", str(found.workers),
            f"{head.least} at least: so many gradients were under way at once when update "
            f"{head.where} was made, and more than {found.workers} from update {head.over} on",
            found.source,
        )  # fmt: skip
    own = spread.of_worker
    of_workers = Workers(
        own[:, DISPOSED], own[:, APPLIED], own[:, SUM], own[:, MOST], None, None,
        np.zeros(p, np.int64), (), None,
    )  # fmt: skip
    return _study(
        found.name, "delays", spread, updates, None,
        workers=p if found.by_worker else found.workers, gradients=lines * p, seconds=None,
        clock=None, of_workers=of_workers if found.by_worker else None,
        balance=None if stored is None else stored.balance(), headcount=head, selection=None,
        at_arrival=None if stored is None else (stored.arrivals, stored.mean_at_arrival),
        bound=None,
    )  # fmt: skip


def _study(
    name: str,
    kind: str,
    spread: Spread,
    updates: ByUpdate,
    law: StalenessLaw | None,
    **known: Any,
) -> StalenessStudy:
    """Return what follows from the counts."""
    if not spread.applied:
        raise unfit("content", "no gradient that was applied", "one at least", name)
    means = spread.of_batch[: spread.whole_batches, 0] / spread.batch_length
    cut = warm_up(means)
    blocks = _blocks(spread, cut)
    start = cut * spread.batch_length
    correlation = autocorrelation(spread.stretch[-max(1, spread.applied - start) :])
    time = correlation_time(correlation)
    own = spread.of_worker
    whole = Histogram.of(
        spread.batches.sum(axis=0), int(own[:, SUM].sum()), int(own[:, MOST].max())
    )
    fewest, most = updates.sizes
    enough = blocks.observations > 0
    return StalenessStudy(
        name=name,
        kind=kind,
        applied=spread.applied,
        updates=updates.updates,
        whole=whole,
        lanes=_lanes(spread, known["of_workers"]),
        of_updates=None if most <= 1 else OfUpdates(
            updates.updates, fewest, most, _histogram(updates.first),
            _histogram(updates.largest), updates.mean_of_means,
        ),
        along=_along(spread),
        warm_up=start,
        blocks=blocks,
        correlation=correlation,
        effective=effective_size(blocks.observations, time),
        error=mean_error(blocks)[0] if len(blocks) >= LEAST_BLOCKS else None,
        stationary=_stationary(blocks),
        law=law,
        law_test=_law_test(law, blocks, whole.largest) if law is not None and enough else None,
        fits=fits(blocks) if enough else (),
        **known,
    )  # fmt: skip


def _blocks(spread: Spread, cut: int) -> BlockCounts:
    """Return the full batches after those that are cut off."""
    kept = slice(cut, spread.whole_batches)
    edges = STALENESS.lowest(np.arange(spread.batches.shape[1] + 1))
    return BlockCounts.in_cells(
        spread.batches[kept], edges, spread.of_batch[kept, 0], spread.batch_length
    )


def _stationary(blocks: BlockCounts) -> PooledTest | None:
    """Test whether both halves have the same law."""
    half = len(blocks) // 2
    if half < LEAST_BLOCKS or len(blocks.lowest) < 2:
        return None
    halves = [
        BlockCounts(
            blocks.counts[part], blocks.lowest, blocks.highest, blocks.sums[part], blocks.length
        )
        for part in (slice(0, half), slice(len(blocks) - half, None))
    ]
    found = compare(*halves)
    return None if found is None else found.law


def _law_test(law: StalenessLaw, blocks: BlockCounts, largest: int) -> Fit:
    length = min(max(2 * largest, largest + 64), _MOST_LAW) + 1
    return judged(Tabled(law.words, law.probabilities(length)), blocks)


def _along(spread: Spread) -> Along:
    length, batches = spread.batch_length, -(-spread.applied // spread.batch_length)
    counts, of_batch = spread.batches[:batches], spread.of_batch[:batches]
    number = counts.sum(axis=1)
    so_far = np.cumsum(counts, axis=1)

    def quantile(share: float) -> Ints:
        return STALENESS.lowest((so_far >= share * number[:, None]).argmax(axis=1))

    return Along(
        np.arange(batches) * length, of_batch[:, 0] / number, quantile(0.1), quantile(0.5),
        quantile(0.9), of_batch[:, 1], of_batch[:, 2],
    )  # fmt: skip


def _lanes(spread: Spread, own: Workers | None) -> dict[str, Histogram]:
    """Return τ of each worker, by its number, and of each group, by its name, as far as counted."""
    if own is None or len(spread.lanes) == 1:
        return {}
    by_worker = len(spread.lanes) == len(own.group)
    lanes: dict[str, Histogram] = {}
    if by_worker and len(own.group) <= _MOST_LANES:
        for worker in range(len(own.group)):
            lanes[str(worker)] = _histogram(
                spread.lanes[worker], int(own.staleness_sum[worker]), int(own.largest[worker])
            )
    for group, name in enumerate(own.group_names):
        mine = own.group == group
        counts = spread.lanes[np.unique(spread.lane_of[mine])].sum(axis=0)
        total, largest = int(own.staleness_sum[mine].sum()), int(own.largest[mine].max())
        lanes[name] = _histogram(counts, total, largest)
    return lanes


def _histogram(counts: Ints, total: int | None = None, largest: int | None = None) -> Histogram:
    """Return counts by cell with their sum and largest τ, told by cells if nobody knows better."""
    used = np.flatnonzero(counts)
    lowest = STALENESS.lowest(used)
    return Histogram(
        lowest,
        counts[used],
        int(lowest @ counts[used]) if total is None else total,
        int(lowest.max(initial=0)) if largest is None else largest,
    )
