"""Arrays between NumPy and Arrow. Arrow's own way imports pandas, which takes 0.2 s."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def to_arrow(values: NDArray[Any]) -> pa.Array:
    """Return the same numbers as an Arrow array, without a copy if they lie one after the other."""
    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def to_numpy(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Return the same numbers as a NumPy array that can be written to; there must be no gaps."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    empty = np.empty(0, column.type.to_pandas_dtype())
    return np.concatenate([empty, *(np.from_dlpack(chunk) for chunk in chunks)])
