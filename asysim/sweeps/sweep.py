"""A sweep: a scenario with many values of some of its keys, and one table of what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent import futures
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asysim.errors import Fault, InputError, unfit
from asysim.ground.one_line import OneLine
from asysim.problems.base import Problem
from asysim.runs.outcome import ENDED_WELL
from asysim.scenario import Scenario
from asysim.scenario.axes import axis, words_of
from asysim.scenario.load import as_given, from_document
from asysim.scenario.models import STUDIES
from asysim.scenario.overrides import lies_in, put
from asysim.scenario.places import knows
from asysim.scenario.sweep import Sweep
from asysim.sweeps.chunk import make
from asysim.sweeps.design import Design
from asysim.sweeps.dispatch import Chunks
from asysim.sweeps.maker import Maker, making
from asysim.sweeps.spans import Span
from asysim.sweeps.store import Store, opened

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Progress = Callable[[int, int], None]
"""Told how many runs are over, and of how many."""


@dataclass(frozen=True, eq=False, repr=False)
class SweepStudy(OneLine):
    """A finished sweep.

    Attributes
    ----------
    scenario
        With its `sweep` table.
    design
        Which runs it has.
    rows
        What came of them, as an Arrow table: a row for each, in order.
    folder
        Where they are kept, if they are.
    """

    scenario: Scenario
    design: Design
    rows: pa.Table
    folder: Path | None = None

    @cached_property
    def table(self) -> pd.DataFrame:
        """The rows as a table of pandas: columns for the axes by their keys, and for results.

        Whole numbers that some rows lack are of pandas' own kind, which knows what is missing.
        """
        import pandas as pd

        kinds = {"int64": pd.Int64Dtype(), "bool": pd.BooleanDtype()}
        lacking = {
            column.name: kinds[str(column.type)]
            for column, values in zip(self.rows.schema, self.rows.columns, strict=True)
            if values.null_count and str(column.type) in kinds
        }
        table: pd.DataFrame = self.rows.to_pandas(integer_object_nulls=True)
        return table.astype(lacking)

    @property
    def endings(self) -> Counter[str]:
        """How many runs ended how."""
        return Counter(self.rows.column("status").to_pylist())

    @property
    def failures(self) -> int:
        """How many did not end well."""
        return sum(count for status, count in self.endings.items() if status not in ENDED_WELL)

    @property
    def failures_told(self) -> str:
        """How many of the runs that failed ended how, and the commonest reason; or nothing."""
        columns = (self.rows.column(name).to_pylist() for name in ("status", "reason"))
        failed = [way for way in zip(*columns, strict=True) if way[0] not in ENDED_WELL]
        if not failed:
            return ""
        ways = Counter(status for status, _ in failed).most_common()
        (_, reason), alike = Counter(failed).most_common(1)[0]
        counts = ", ".join(f"{count:,} {status}" for status, count in ways)
        return f"{counts}{', for example' if alike < len(failed) else ''}: {reason}"

    @property
    def line(self) -> str:
        """Its name, and how many runs."""
        axes = ", ".join(self.design.keys)
        return f"{self.scenario.name}: {len(self.design):,} runs over {axes}"


def sweep(
    scenario: Scenario,
    axes: Mapping[str, Any] | Iterable[str] = (),
    *,
    samples: int | None = None,
    repeats: int | None = None,
    common: Iterable[str] = (),
    folder: str | Path | None = None,
    problem: Problem | None = None,
    processes: int | None = None,
    executor: futures.Executor | None = None,
    progress: Progress | None = None,
) -> SweepStudy:
    """Run a scenario with every combination of values of some keys.

    Parameters
    ----------
    scenario
        Its table `sweep`, if it has one, says what the others of these say.
    axes
        Values by key, ``{"workers.count": [1, 2, 4], "algorithm.step": "0.01:1.0:9:log"}``, or
        words such as ``"workers.count=1,2,4"``; besides those of the table.
    samples, repeats, common
        As in the table: points drawn for axes at random, runs of each point, and the keys of axes
        along which they have the same seeds.
    folder
        Where rows are kept; a sweep that is there goes on where it stopped.
    problem
        An objective of your own, instead of the scenario's; computed in this process unless an
        executor is given, which has to be able to pickle it.
    processes
        That simulate at once; by default as many as there are cores. With more than one, a script
        needs Python's usual ``if __name__ == "__main__":``.
    executor
        What simulates, in place of them: any `concurrent.futures.Executor`, as Dask and mpi4py have
        them, too.
    progress
        Called when runs are over.

    Raises
    ------
    InputError
        If an axis is none, or of no key of a scenario; if every run fails, or the folder can't be
        used.
    """
    settled = settle(scenario, axes, samples=samples, repeats=repeats, common=common)
    design = Design.of(settled)
    whole = Span(0, len(design))
    with making(processes, executor, problem) as maker, opened(folder, design) as store:
        carry_out(store, whole, maker, progress)
        store.pack()
        return finished(settled, store)


def settle(
    scenario: Scenario,
    axes: Mapping[str, Any] | Iterable[str] = (),
    *,
    samples: int | None = None,
    repeats: int | None = None,
    common: Iterable[str] = (),
    source: str = "",
    folder: Path = Path(),
) -> Scenario:
    """Return a scenario whose table `sweep` says all of it.

    Parameters
    ----------
    scenario, axes, samples, repeats, common
        As `sweep`.
    source
        Where the axes were given, for faults.
    folder
        Where paths among their values start from, unless the scenario's table says it.

    Raises
    ------
    InputError
        If there is no axis, or one is none, or not of a key of a run.
    """
    known = scenario.sweep or Sweep(folder=folder)
    told = {one.keys: one.word for one in known.read()}
    for word in words_of(axes):
        given = axis(word, source)
        _check_keys(scenario, given.keys, given.word, source)
        told[given.keys] = word
    for one in known.read():
        _check_keys(scenario, one.keys, one.word, "")
    if not told:
        wanted = "at least one, such as workers.count=1,2,4: what is to be compared"
        raise unfit("sweep.axes", "no axis", wanted, source)
    more = {"samples": samples, "repeats": repeats, "common": list(common) or None}
    table = known.model_dump(exclude_unset=True) | {"axes": list(told.values())}
    table |= {key: value for key, value in more.items() if value is not None}
    table["folder"] = str(known.folder)
    return from_document(as_given(scenario) | {"sweep": table}, source=source, read_files=False)


def _check_keys(scenario: Scenario, keys: Iterable[str], word: str, source: str) -> None:
    """Raise InputError unless keys are those of a run."""
    for key in keys:
        if any(lies_in(key, study) for study in STUDIES):
            expected = "says which runs a study makes: an axis is a key of each run"
            raise InputError(Fault(key, word, expected, source))
        if knows(Scenario, key):
            continue
        try:
            document, _ = put(as_given(scenario), key, 1)
            from_document(document, source=source, read_files=False)
        except InputError as error:
            faults = [fault for fault in error.faults if lies_in(key, fault.key)]
            if faults:
                fault = faults[0]
                raise InputError(Fault(key, word, fault.expected, source)) from None
        raise InputError(Fault(key, word, "is not a key of a scenario", source))


def carry_out(store: Store, whole: Span, maker: Maker, progress: Progress | None) -> None:
    """Have runs made that are missing of a sweep, or of a part of it, and keep their rows."""
    missing = store.missing(whole)
    over, count = len(whole) - sum(map(len, missing)), len(whole)

    def tell() -> None:
        if progress is not None:
            progress(over, count)

    tell()
    for made in maker.made(Chunks(store.text, missing), make):
        if made.content:
            store.keep(made.span, made.content)
        over += len(made.span)
        tell()
        if made.interrupted:
            raise KeyboardInterrupt


def finished(scenario: Scenario, store: Store) -> SweepStudy:
    """Return a sweep all of whose runs are over.

    Raises
    ------
    InputError
        If every one of them failed.
    """
    study = SweepStudy(scenario, store.design, store.table(), store.folder)
    if study.failures == len(store.design):
        found = f"{study.failures:,} runs, every one of which failed"
        folder = "" if store.folder is None else str(store.folder)
        raise InputError(Fault("sweep", found, study.failures_told, folder))
    return study
