"""`[schedule]`: what happened when, from a file: a recorded trace, or delays that were measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, ValidationInfo, model_validator

from asysim.errors import Clash, Fault, InputError, reason, unfit
from asysim.ground.ranges import Count, SomeSeconds
from asysim.ground.reading import check_regular
from asysim.ground.table import FilePath, Table
from asysim.trace.gradient import NANOSECOND
from asysim.trace.info import TraceInfo, trace_at

if TYPE_CHECKING:
    from asysim.trace.known import Known
    from asysim.trace.rows import TraceRows


class FileSchedule(Table):
    """What the kinds of schedules from files have in common."""

    kind: str
    path: Annotated[FilePath, Field(strict=False)]
    """the file, relative to the scenario's folder"""
    repeat: bool = False
    """whether it begins anew when it is over: with all workers at the x that is then there, and
    with later draws; otherwise the run ends with it"""

    @model_validator(mode="after")
    def _can_be_read(self, info: ValidationInfo) -> Self:
        context = info.context if isinstance(info.context, dict) else {}
        if context.get("read_files", True):
            try:
                _ = self.known
            except InputError as error:
                fault = error.faults[0]
                key = fault.key if fault.key in type(self).model_fields else "path"
                raise Clash(key, f"can't be used: {fault}") from None
        return self

    # By its fields: what else there is was read from the file.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileSchedule) and self._said == other._said

    def __hash__(self) -> int:
        return hash(self._said)

    @property
    def _said(self) -> str:
        return self.model_dump_json()

    @property
    def file(self) -> Path:
        """The file that has the rows."""
        return Path(self.path)

    @cached_property
    def known(self) -> Known:
        """What its rows come to, which are all read when it is first asked for.

        Raises
        ------
        InputError
            If the file can't be read, or nothing could have happened so.
        """
        file = Path(self.path)
        try:
            file = self.file
            there = file.stat()
        except OSError as error:
            wanted = "should be a file that can be read"
            raise InputError(Fault("content", reason(error), wanted, str(file))) from None
        return _known(self, (there.st_mtime_ns, there.st_size, there.st_ino))

    @property
    def is_read(self) -> bool:
        """Whether `known` was asked for: a run that is only looked at does without the file."""
        return "known" in self.__dict__

    @property
    def gradients_per_update(self) -> int | None:
        """The gradients in an update, if there are always as many; 1 if that can't be read now."""
        with suppress(InputError):
            return 1 if self.known.applied == self.known.updates else None
        return 1

    @property
    def named(self) -> str:
        """The file, for a sentence."""
        return Path(self.path).name

    @property
    def sentence(self) -> str:
        """What a reader should know of where it is from."""
        return f"the schedule was not simulated: it is that of {self.named}"

    def opened(self) -> tuple[TraceInfo, Iterator[TraceRows]]:
        """Return what its rows are of, and the rows piece by piece."""
        raise NotImplementedError

    def pieces(self) -> Iterator[TraceRows]:
        """Yield its rows."""
        yield from self.opened()[1]


class TraceSchedule(FileSchedule):
    """The gradients of a run that was recorded, simulated or real, each as it was."""

    kind: Literal["trace"]
    path: Annotated[FilePath, Field(strict=False)]
    """a run's folder, or the trace.parquet in it, relative to the scenario's folder"""

    @property
    def file(self) -> Path:
        return trace_at(Path(self.path))

    def opened(self) -> tuple[TraceInfo, Iterator[TraceRows]]:
        from asysim.trace.reader import TraceReader

        reader = TraceReader(self.file)
        if not reader.info.exact:
            with reader:
                found = "reads that could not be observed (exact = false)"
                wanted = "of a simulation, or of asysg-con: lock-free reads leave no trace"
                raise unfit("trace", found, wanted, str(self.file))

        def rows() -> Iterator[TraceRows]:
            with reader:
                yield from reader

        return reader.info, rows()


class DelaySchedule(FileSchedule):
    """Delays that were measured: line k has τ_k, and update k is of the x before τ_k updates.

    Of a file with a column for each worker, with the ages of the gradients that the server keeps,
    as in PIAG, an update is of those gradients that are new in its line. Workers of one column are
    the fewest that could have made its gradients.
    """

    kind: Literal["delays"]
    path: Annotated[FilePath, Field(strict=False)]
    """a table of text (.csv, .tsv, gzip or bzip2 or not) or .parquet, a line for each update,
    relative to the scenario's folder"""
    column: str | Count | None = None
    """the column with the delays, by its name or its number from 1; absent: all, and if there are
    several each is a worker's"""
    seconds_per_update: SomeSeconds = 1.0
    """from one update to the next: a file of delays has no times"""

    @property
    def sentence(self) -> str:
        return f"{super().sentence}, whose delays were measured; its times are made up"

    def opened(self) -> tuple[TraceInfo, Iterator[TraceRows]]:
        from asysim.trace.delay_file import DelayFile
        from asysim.trace.delay_rows import rows_of_delays

        file = DelayFile(self.file, self.column)
        if _is_trace(self.file):
            raise unfit("kind", '"delays"', f'"trace": {self.named} is a trace', str(self.file))
        workers = len(file.names)
        info = TraceInfo(algorithm="asysg-con", workers=workers, dimension=1)
        tick = max(1, round(self.seconds_per_update / NANOSECOND))
        return info, rows_of_delays(file, info, tick)


AnySchedule: TypeAlias = Annotated[TraceSchedule | DelaySchedule, Field(discriminator="kind")]


@lru_cache(maxsize=8)
def _known(schedule: FileSchedule, _as_it_is: tuple[int, ...]) -> Known:
    """Go through a file once, however many scenarios of a study name it."""
    from asysim.trace.known import Known

    info, pieces = schedule.opened()
    known = Known.of(pieces, info, source=str(schedule.file))
    if not known.updates:
        raise unfit("content", "no update", "one at least", str(schedule.file))
    return known


def _is_trace(path: Path) -> bool:
    """Whether there is a file that says of itself that it is a trace."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from asysim.trace.reader import is_trace

    try:
        check_regular(path)
        with pq.ParquetFile(str(path)) as file:
            return is_trace(file)
    except (OSError, pa.ArrowException):
        return False


def without_simulation(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without what says when things happen, for a file to say it instead."""
    gone = {"workers", "engine", *_ELSEWHERE}
    changed = {key: table for key, table in document.items() if key not in gone}
    kept = {k: v for k, v in document["algorithm"].items() if k not in _HARMLESS["algorithm"]}
    return changed | {"algorithm": kept}


def table_of(path: Path) -> dict[str, Any]:
    """Return the table `schedule` for a file, which is of delays if it is no run's and no trace."""
    with suppress(OSError):  # such as a name that is too long: whoever reads the file tells
        if path.is_dir():
            return {"kind": "trace", "path": str(path.absolute())}
    trace = _is_trace(path)
    return {"kind": "trace" if trace else "delays", "path": str(path.absolute())}


_ELSEWHERE = ("network", "server", "memory", "coordination", "faults")
_HARMLESS: dict[str, dict[str, tuple[Any, ...]]] = {
    "workers": {"groups": ([],), "speed": (1,), "speed_law": (), "power": (),
                "compute": (0, {"law": "constant", "value": 0})},
    "algorithm": {"gradients_per_update": (1,), "staleness_bound": (), "beyond_bound": ("wait",),
                  "write": ("dense",), "blocks": ()},
}  # fmt: skip
"""Keys that say when things happen, and what may stand there beside a schedule."""


def schedule_clashes(document: dict[str, Any]) -> Iterator[Clash]:
    """Find what else in a document says what happens when, beside the file of its `[schedule]`."""
    schedule = document.get("schedule")
    if not isinstance(schedule, dict):
        return
    beside = [name for name in _ELSEWHERE if document.get(name) is not None]
    for name, keys in _HARMLESS.items():
        table = document.get(name)
        if isinstance(table, dict):
            beside += [
                f"{name}.{key}"
                for key, harmless in keys.items()
                if table.get(key) is not None and table[key] not in harmless
            ]
    if document.get("engine", "auto") != "auto":
        beside.append("engine")
    if beside:
        *first, last = beside
        named = f"{', '.join(first)} and {last}" if first else last
        yield Clash(
            "schedule",
            f"should be alone in saying what happens when: leave out {named} "
            f"(on the command line: {' '.join(f'{one}=' for one in beside)})",
        )
    algorithm = document.get("algorithm")
    lock_free = isinstance(algorithm, dict) and algorithm.get("name") == "asysg-incon"
    if schedule.get("kind") == "delays" and lock_free:
        yield Clash(
            "algorithm.name",
            'should be "asysg-con": delays do not say what a read without locks saw',
        )
