"""The folder of a sweep: scenario.toml, which says all of it, and rows of runs that are over.

    scenario.toml                  the scenario with its table sweep: the same sweep again
    sweep.json                     the version of the format
    chunks/000000000-000000120.parquet   rows of runs 0, …, 119, until all runs are over
    runs/part-00000.parquet        all rows, packed: what pandas, Polars and DuckDB read

A file is there whole or not at all. What is missing is told by the names of files that can be read;
so a sweep goes on after an interruption, and parts of one may be made anywhere, at any time. How
runs were cut into chunks is gone once they are packed.
"""

from __future__ import annotations

import json
import re
import shutil
import time
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asysim.errors import DamagedWarning, InputError, reason, unfit
from asysim.ground.lock import LOCK, Lock
from asysim.ground.outputs import write_whole
from asysim.ground.reading import text as file_text
from asysim.sweeps.design import Design
from asysim.sweeps.packed import FORMAT, Damaged, joined, schema, to_bytes, unpacked
from asysim.sweeps.spans import Span, gaps, union

if TYPE_CHECKING:
    import pyarrow as pa

SCENARIO, ABOUT, CHUNKS, RUNS = "scenario.toml", "sweep.json", "chunks", "runs"
_CHUNK = re.compile(r"(\d+)-(\d+)\.parquet")
_PART = re.compile(r"part-(\d+)\.parquet")
_MOST_FILES, _PACKED = 1000, 10_000
_PATIENCE = 60.0  # seconds for another process that only begins, or ends
_ASIDE = ".partial"
_WHAT = "sweep folder"


class Part(NamedTuple):
    """Which of so many equal parts of a sweep a process makes, from 1."""

    number: int
    of: int

    def span(self, count: int) -> Span:
        """Return its runs, of so many."""
        return Span(count * (self.number - 1) // self.of, count * self.number // self.of)


@dataclass
class Store:
    """Rows that are kept: in a folder, or in memory.

    Parameters
    ----------
    design
        Of which sweep.
    folder
        Where; None: in memory.
    """

    design: Design
    folder: Path | None = None
    _known: dict[Span, Path | bytes] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The design as text."""
        return self.design.text

    def look(self) -> None:
        """Find what is there; damaged files count as none, which is told."""
        assert self.folder is not None
        for place, span in self._files(self.folder):
            try:
                unpacked(place, schema(self.text), *span)
            except Damaged as error:
                warnings.warn(
                    f"{place}: damaged ({error}); its {len(span):,} runs are made again",
                    DamagedWarning, stacklevel=2,
                )  # fmt: skip
            else:
                self._known[span] = place

    def missing(self, within: Span) -> list[Span]:
        """Return which runs there are no rows of."""
        return list(gaps(self._known, within))

    def keep(self, span: Span, content: bytes) -> None:
        """Keep a chunk.

        Raises
        ------
        InputError
            If it can't be written.
        """
        if self.folder is None:
            self._known[span] = content
            return
        place = self.folder / CHUNKS / f"{span.first:09}-{span.end:09}.parquet"
        self._write(place, content)
        self._known[span] = place

    def pack(self) -> None:
        """Pack all rows into files of many, in their order, and remove the chunks.

        Raises
        ------
        InputError
            If it can't be written.
        """
        if self.folder is None:
            return
        if not self._is_packed():
            for number, table in enumerate(self._parts()):
                self._write(self.folder / RUNS / f"part-{number:05}.parquet", to_bytes(table))
            self._known = {span: place for place, span in self._files(self.folder, chunks=False)}
        shutil.rmtree(self.folder / CHUNKS, ignore_errors=True)
        for place in [*self.folder.glob(f"*{_ASIDE}"), *(self.folder / RUNS).glob(f"*{_ASIDE}")]:
            place.unlink(missing_ok=True)  # of processes that were killed

    def table(self) -> pa.Table:
        """Return all rows that there are, in their order."""
        return joined(self._tables(), schema(self.text))

    @property
    def chunks(self) -> int:
        """Files of chunks that are still to be packed."""
        return 0 if self.folder is None else len(list(self._files(self.folder, parts=False)))

    @property
    def _rows_of_a_part(self) -> int:
        return max(_PACKED, -(-len(self.design) // _MOST_FILES))

    def _is_packed(self) -> bool:
        assert self.folder is not None
        parts = self._files(self.folder, chunks=False)
        found = [span for place, span in parts if self._known.get(span) == place]
        return union(found) == union([Span(0, len(self.design))])

    def _tables(self) -> Iterator[pa.Table]:
        """Yield rows in their order, each once, as they lie in files."""
        at = 0
        for span, place in sorted(self._known.items(), key=lambda item: item[0]):
            if span.end > at:
                yield unpacked(place, schema(self.text), *span).slice(max(0, at - span.first))
                at = span.end

    def _parts(self) -> Iterator[pa.Table]:
        size, waiting = self._rows_of_a_part, schema(self.text).empty_table()
        for table in self._tables():
            waiting = joined([waiting, table], schema(self.text))
            while len(waiting) >= size:
                yield waiting.slice(0, size)
                waiting = waiting.slice(size)
        if len(waiting):
            yield waiting

    def _files(
        self, folder: Path, *, chunks: bool = True, parts: bool = True
    ) -> Iterator[tuple[Path, Span]]:
        """Yield files, with the runs that they should hold."""
        if parts and (folder / RUNS).is_dir():
            size, count = self._rows_of_a_part, len(self.design)
            for place in sorted((folder / RUNS).iterdir()):
                if name := _PART.fullmatch(place.name):
                    first = int(name[1]) * size
                    yield place, Span(first, min(count, first + size))
        if chunks and (folder / CHUNKS).is_dir():
            for place in sorted((folder / CHUNKS).iterdir()):
                if name := _CHUNK.fullmatch(place.name):
                    yield place, Span(int(name[1]), int(name[2]))

    def _write(self, place: Path, content: bytes) -> None:
        try:
            place.parent.mkdir(exist_ok=True)
            write_whole(place, content)
        except OSError as error:
            raise _unwritten(place, error) from None


@contextmanager
def opened(folder: str | Path | None, design: Design, part: Part | None = None) -> Iterator[Store]:
    """Yield the store of a sweep, which nobody else writes the same runs to meanwhile.

    Parameters
    ----------
    folder
        Where it is; None: in memory.
    design
        What it is of.
    part
        What this process makes of it; other processes may make other parts at the same time.

    Raises
    ------
    InputError
        If it can't be written to, holds something else, or another process is making the same.
    """
    if folder is None:
        yield Store(design)
        return
    folder = Path(folder)
    with ExitStack() as held:
        try:
            with suppress(FileExistsError):  # a folder, perhaps made just now; or something else
                folder.mkdir(parents=True)
            if not folder.is_dir():
                raise unfit(_WHAT, "something else", _WANTED, str(folder))
            if part is None:
                held.enter_context(Lock(folder / LOCK, _WHAT))
                for place in folder.glob(f"{LOCK}-*"):
                    with Lock(place, _WHAT):
                        pass  # nobody is making it
            else:
                held.enter_context(Lock(folder / f"{LOCK}-{part.number}-of-{part.of}", _WHAT))
                with _patiently(folder / LOCK):
                    _begin(folder, design)
            if part is None:
                _begin(folder, design)
        except OSError as error:
            raise _unwritten(folder, error) from None
        store = Store(design, folder)
        store.look()
        yield store


@contextmanager
def _patiently(place: Path) -> Iterator[None]:
    """Hold a lock that others hold for a moment, too."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            lock = Lock(place, _WHAT)
        except InputError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            break
    with lock:
        yield


_WANTED = "a new or empty folder, or one of this very sweep; --out names another"


def _begin(folder: Path, design: Design) -> None:
    """Write what a folder is of, or see that it is of the same."""
    names = {path.name for path in folder.iterdir()}
    kept = {name for name in names if not name.startswith(LOCK) and not name.endswith(_ASIDE)}
    if kept - {SCENARIO}:
        found = _other(folder, design)
        if found is not None:
            raise unfit(_WHAT, found, _WANTED, str(folder))
    else:  # perhaps what was killed before it had written that it is a sweep
        if SCENARIO in kept and file_text(folder / SCENARIO) != design.text:
            raise unfit(_WHAT, "something else", _WANTED, str(folder))
        write_whole(folder / SCENARIO, design.text)
        write_whole(folder / ABOUT, json.dumps({"format": FORMAT, "runs": len(design)}) + "\n")


def _other(folder: Path, design: Design) -> str | None:
    """Return what a folder holds, if it is something else than this sweep."""
    try:
        about = json.loads(file_text(folder / ABOUT))
        version = about["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "something else"
    if version != FORMAT:
        return f"a sweep that another version of asysim wrote (format {version}, not {FORMAT})"
    try:
        kept = Design(tomllib.loads(file_text(folder / SCENARIO)))
    except (OSError, ValueError, RecursionError):
        return f"a sweep whose {SCENARIO} can't be read"
    return None if kept.digest == design.digest else "a sweep of another scenario, or other axes"


def _unwritten(place: Path, error: OSError) -> InputError:
    wanted = (
        "a place that can be written to, with room for the sweep: runs that are over are kept, and "
        "the same command goes on; --out names another"
    )
    return unfit(_WHAT, reason(error), wanted, str(place))
