"""Where staleness comes from: a run or its folder, a trace, a scenario, or delays alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from asysim.errors import unfit
from asysim.ground.arrays import Ints
from asysim.ground.text_table import Column
from asysim.replay.room import problem_of
from asysim.runs.outcome import Run
from asysim.scenario import Scenario, load
from asysim.schedule import simulate, trace_info
from asysim.trace.delay_file import DelayFile, check_delays
from asysim.trace.info import TRACE, TraceInfo, trace_at
from asysim.trace.kept_trace import KeptTrace, Recorded
from asysim.trace.rows import TraceRows
from asysim.trace.stream import Deadlock, limited
from asysim.trace.trace import Trace

Given: TypeAlias = Run | Trace | KeptTrace | Scenario | str | Path | ArrayLike


@dataclass(frozen=True, eq=False)
class Rows:
    """Gradients with all that a trace knows of them.

    Attributes
    ----------
    name
        What tables and pictures call it.
    kind
        ``run``, ``trace`` or ``scenario``.
    info
        What the trace says of itself.
    of
        What is gone through: a trace, or a scenario whose schedule is simulated.
    """

    name: str
    kind: str
    info: TraceInfo
    of: Recorded | Scenario

    def pieces(self) -> Iterator[TraceRows]:
        """Yield the rows in order; a schedule that comes to a deadlock just ends."""
        if not isinstance(self.of, Scenario):
            yield from self.of.pieces()
            return
        length = self.of.run
        stream = simulate(self.of, self.info.dimension)
        blocks = limited(stream, updates=length.updates, seconds=length.seconds)
        try:
            for block in blocks:
                yield block.rows
        except Deadlock:
            return


@dataclass(frozen=True, eq=False)
class Ages:
    """Delays of which nothing else is known.

    Attributes
    ----------
    name
        What tables and pictures call it.
    names
        Of the columns: one, or one for each worker.
    of
        What is gone through: pieces of shape (updates, columns).
    workers
        p, if somebody says.
    """

    name: str
    names: tuple[str, ...]
    of: DelayFile | Ints
    workers: int | None = None
    source: str = ""

    @property
    def by_worker(self) -> bool:
        """Whether there is a column for each worker."""
        return len(self.names) > 1

    def pieces(self) -> Iterator[Ints]:
        """Yield delays; (updates, columns)."""
        yield from self.of if isinstance(self.of, DelayFile) else [self.of]


def source(
    given: Given, *changes: str, column: Column | None = None, workers: int | None = None
) -> Rows | Ages:
    """Return what is to be studied.

    Parameters
    ----------
    given
        As `asysim.staleness` says.
    *changes
        To a scenario's keys.
    column, workers
        Of delays only.

    Raises
    ------
    InputError
        If it can't be read, or an option does not belong to it.
    """
    found = _found(given, changes, column, workers)
    if isinstance(found, Rows):
        for key, value in (("column", column), ("workers", workers)):
            if value is not None:
                raise unfit(key, str(value), f"left out with a {found.kind}, which says it itself")
    elif workers is not None and found.by_worker and workers != len(found.names):
        wanted = f"{len(found.names)}, or left out: there is a column for each"
        raise unfit("workers", str(workers), wanted, found.source)
    if changes and not isinstance(found.of, Scenario):
        raise unfit("KEY=VALUE", changes[0], "left out: only a scenario's keys can be changed")
    return found


def _found(
    given: Given, changes: tuple[str, ...], column: Column | None, workers: int | None
) -> Rows | Ages:
    match given:
        case Run():
            return Rows(given.scenario.name, "run", given.info, given.recorded)
        case Trace() | KeptTrace():
            name = given.info.scenario.get("name", "trace")
            return Rows(str(name), "trace", given.info, given)
        case Scenario():
            return _of_scenario(given)
        case str() | Path():
            path = Path(given)
            if path.suffix == ".toml":
                return _of_scenario(load(path, *changes))
            if path.is_dir():
                kept = KeptTrace.open(trace_at(path))
                return Rows(path.name, "run", kept.info, kept)
            if _is_trace(path):
                kept = KeptTrace.open(path)
                return Rows(path.stem, "trace", kept.info, kept)
            file = DelayFile(path, column)
            return Ages(path.name, tuple(file.names), file, workers, str(path))
    delays = _checked(given)
    names = tuple(str(i + 1) for i in range(delays.shape[1]))
    return Ages("delays", names, delays, workers, "delays")


def _is_trace(path: Path) -> bool:
    """Whether a file is a trace, or one that is damaged so that only its reader can say how."""
    if path.suffix != ".parquet" or not path.is_file():
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    from asysim.trace.reader import is_trace

    try:
        with pq.ParquetFile(str(path), pre_buffer=False) as file:
            return is_trace(file)
    except (OSError, pa.ArrowException):
        return path.name == TRACE


def _of_scenario(scenario: Scenario) -> Rows:
    table = getattr(scenario.problem, "data", None)
    dimension = int(scenario.problem.needs(None if table is None else table.size()).dimension)
    dimension = dimension or problem_of(scenario).dimension
    return Rows(scenario.name, "scenario", trace_info(scenario, dimension), scenario)


def _checked(given: ArrayLike) -> Ints:
    """Return delays that were given as numbers, looked at as those of a file are."""
    try:
        numbers = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise unfit("delays", type(given).__name__, "numbers, (updates,) or (updates, p)") from None
    if numbers.ndim == 1:
        numbers = numbers[:, None]
    if numbers.ndim != 2 or not numbers.size:
        raise unfit("delays", f"shape {numbers.shape}", "(updates,) or (updates, p), not empty")
    names = [str(i + 1) for i in range(numbers.shape[1])]
    check_delays(numbers, lambda row: f"line {row + 1}", names, "delays")
    return numbers.astype(np.int64)


def groups_of(info: TraceInfo) -> tuple[Ints, tuple[str, ...]]:
    """Return the group of each worker, (p,), and what groups are called; one for all without."""
    workers = info.scenario.get("workers")
    told = workers.get("groups") if isinstance(workers, dict) else None
    groups = [group for group in told or () if isinstance(group, dict)]
    counts = [group.get("count", 0) for group in groups]
    if len(groups) < 2 or not all(isinstance(n, int) for n in counts):
        return np.zeros(info.workers, np.int64), ()
    if sum(counts) != info.workers:
        return np.zeros(info.workers, np.int64), ()
    names = tuple(f"{place + 1}: {n} workers" for place, n in enumerate(counts))
    return np.repeat(np.arange(len(counts), dtype=np.int64), counts), names
