"""What a simulated run left that did not come to its end: its rows, which were on disk already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from asysim.errors import InputError, first_line, reason, unfit
from asysim.ground.reading import check_regular
from asysim.trace.footer import restore_footer
from asysim.trace.info import TRACE, TraceInfo
from asysim.trace.parquet import schema_of
from asysim.trace.reader import TraceReader, info_of, rows_of
from asysim.trace.trace import Trace
from asysim.trace.waiting_rows import Waiting

__all__ = ["TRACE", "WAITING", "Leavings"]

WAITING = "rows.arrow"
"""There while a trace is written: see `asysim.trace.waiting_rows`."""


@dataclass(frozen=True)
class Leavings:
    """The rows that a simulated run left in its folder.

    Attributes
    ----------
    folder
        RUN.partial.
    info
        What the trace says of itself.
    rows
        How many there are.
    """

    folder: Path
    info: TraceInfo
    rows: int

    @classmethod
    def find(cls, folder: Path) -> Leavings | None:
        """Return what is in a folder; None if no row is.

        Raises
        ------
        InputError
            If what says how far the rows are whole can't be read.
        """
        if (folder / WAITING).exists():
            rows, info = _waiting(folder)
        elif (folder / TRACE).exists():
            try:
                with TraceReader(folder / TRACE) as reader:
                    rows, info = len(reader), reader.info
            except (InputError, OSError, ValueError):
                return None  # so early that nothing was recorded
        else:
            return None
        return cls(folder, info, rows) if rows else None

    def pieces(self) -> Iterator[Trace]:
        """Yield the rows in order.

        Raises
        ------
        InputError
            If they can't be read.
        """
        if not (self.folder / WAITING).exists():
            with TraceReader(self.folder / TRACE) as reader:
                yield from map(Trace.of, reader)
            return
        try:
            waiting = Waiting.read(self.folder / WAITING)
            check_regular(self.folder / TRACE)
            found = restore_footer(self.folder / TRACE, waiting.schema, waiting.whole.end)
            if found != waiting.whole.rows:
                raise ValueError(f"{found} rows, where {waiting.whole.rows} were written")
            updates = 0
            if found:
                with TraceReader(self.folder / TRACE) as reader:
                    for rows in map(Trace.of, reader):
                        yield rows
                        updates = rows.updates
            for batch in waiting.batches():
                rows = Trace.of(rows_of(batch, self.info, updates))
                yield rows
                updates = rows.updates
        except (OSError, ValueError, pa.ArrowException) as error:
            damage = f"a damaged {TRACE} ({first_line(error)})"
            raise unfit("run folder", damage, "as the run left it", str(self.folder)) from None


def _waiting(folder: Path) -> tuple[int, TraceInfo]:
    """Return how many rows there are where some wait, and what the trace says of itself."""
    try:
        waiting = Waiting.read(folder / WAITING)
        info = info_of(folder / TRACE, waiting.schema.metadata or {})
        if waiting.schema != schema_of(info):
            raise ValueError("columns of something else")
        return waiting.whole.rows + sum(len(batch) for batch in waiting.batches()), info
    except (InputError, OSError, ValueError) as error:
        why = error.faults[0].found if isinstance(error, InputError) else reason(error)
        raise unfit(
            "run folder",
            f"a {WAITING} that can't be read ({why}), which says how far {TRACE} is whole",
            f"as the run left it; `asysim run --resume {folder}` computes its rows again, or "
            "remove the folder",
            str(folder / WAITING),
        ) from None
