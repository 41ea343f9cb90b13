"""A curve's file: Parquet, a column for each of its columns."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from asysim.errors import first_line
from asysim.ground.reading import check_regular
from asysim.replay.curve import COLUMNS, Point, columns, points_of


def save(points: Iterable[Point], path: Path) -> None:
    """Write points to a Parquet file, of the columns of `columns`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from asysim.trace.parquet import to_arrow

    arrays = {name: to_arrow(column) for name, column in columns(points).items()}
    pq.write_table(pa.table(arrays), path)


def load(path: Path) -> tuple[Point, ...] | None:
    """Read points from a Parquet file; None if its columns can't be those of a curve.

    Raises
    ------
    OSError, ValueError
        If there is no such file, it is not Parquet, or holds no evaluations in their order.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_regular(path)
    try:
        with path.open("rb") as file:
            parquet = pq.ParquetFile(file)
            names = parquet.schema_arrow.names
            if not _is_curve(parquet.schema_arrow):
                return None
            table = parquet.read()
    except (pa.ArrowException, MemoryError) as error:
        raise ValueError(first_line(error)) from None
    if any(column.null_count for column in table.columns):
        raise ValueError("a place without a number")
    points = tuple(points_of({name: table.column(name).to_numpy() for name in names}))
    last = -1
    for row, point in enumerate(points):
        if not (math.isfinite(point.loss) and math.isfinite(point.gradient_norm2)):
            raise ValueError(f"row {row}: a loss or ‖∇f‖² that is not finite")
        if not (point.update > last and point.gradients >= 0 and point.seconds >= 0):
            raise ValueError(f"row {row}: no evaluation after update {last}")
        last = point.update
    return points


def _is_curve(schema: Any) -> bool:
    """Whether an Arrow schema has `COLUMNS`, and nothing but floats of other names after them."""
    import pyarrow as pa

    found = [(column.name, column.type) for column in schema]
    known = [(name, pa.from_numpy_dtype(kind)) for name, kind in COLUMNS.items()]
    own = found[len(known) :]
    return (
        found[: len(known)] == known
        and len({name for name, _ in found}) == len(found)
        and all(kind == pa.float64() for _, kind in own)
    )
