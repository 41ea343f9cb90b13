"""Products of matrices of a few rows, which is what a network's mini-batch makes of its layers.

As in Goto & van de Geijn, "Anatomy of high-performance matrix multiplication", 2008, but with so
few rows nothing needs packing. Every entry is summed in order, by fused multiply-adds: its bits
depend on no tile, vector length, number of threads or library. (A processor without these
instructions gets the same bits slowly.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, cast

from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled, instruction
from asysim.jit.instructions import fma

Tiling = tuple[int, tuple[int, ...], tuple[int, ...]]
"""Numbers in a vector, and the heights and widths of tiles, from the largest to 1."""

# A tile and what is multiplied into it have to fit in 32 registers, or in 16.
LARGE: Tiling = (8, (10, 4, 1), (16, 8, 4, 1))
SMALL: Tiling = (4, (5, 1), (8, 4, 1))


def product_by(tiling: Tiling | None = None) -> Any:
    """Return what `multiply` is to call, with tiles of these shapes; None: what suits here."""

    def declare(
        _typing: Any, a: Any, b: Any, out: Any, sizes: Any, a_place: Any, b_place: Any, place: Any
    ) -> Any:
        from asysim.problems.compiled import tile

        return tile.product(tiling or _here(), (a, b, out), (sizes, a_place, b_place, place))

    return instruction(_multiply)(declare)


def descent_by(tiling: Tiling | None = None) -> Any:
    """Return what `descend_transposed` is to call, with tiles of these shapes."""

    def declare(
        _typing: Any, a: Any, b: Any, x: Any, out: Any, _step: Any,
        sizes: Any, a_place: Any, b_place: Any, place: Any,
    ) -> Any:  # fmt: skip
        from asysim.problems.compiled import tile

        return tile.descent(tiling or _here(), (a, b, x, out), (sizes, a_place, b_place, place))

    return instruction(_descend)(declare)


def _here() -> Tiling:
    from llvmlite import binding

    return LARGE if binding.get_host_cpu_features().get("avx512f", False) else SMALL


Place = tuple[int, ...]
"""As of a `Matrix`, in an array: its first number, distance of rows, and of columns if not 1."""


def _multiply(
    a: Vector, b: Vector, out: Vector, sizes: Place, a_place: Place, b_place: Place, place: Place
) -> None:
    for entry, total in _entries(a, b, sizes, a_place, b_place, place):
        out[entry] = total


def _descend(
    a: Vector, b: Vector, x: Vector, out: Vector, step: float,
    sizes: Place, a_place: Place, b_place: Place, place: Place,
) -> bool:  # fmt: skip
    finite = True
    for entry, total in _entries(a, b, sizes, a_place, b_place, place):
        out[entry] = value = x[entry] - step * total
        finite &= math.isfinite(value)
    return finite


def _entries(
    a: Vector, b: Vector, sizes: Place, a_place: Place, b_place: Place, place: Place
) -> Iterator[tuple[int, float]]:
    """Yield where each entry of a product belongs, and what it is, in Python."""
    rows, inner, columns = sizes
    left, right = a.tolist(), b.tolist()
    (a_at, a_row, a_column), (b_at, b_row, b_column) = ((*p, 1)[:3] for p in (a_place, b_place))
    for i in range(rows):
        for j in range(columns):
            total = 0.0
            for k in range(inner):
                factor = right[b_at + k * b_row + j * b_column]
                total = fma(left[a_at + i * a_row + k * a_column], factor, total)
            yield place[0] + i * place[1] + j, total


_product = cast("Callable[..., None]", product_by())
_descent = cast("Callable[..., bool]", descent_by())


@compiled
def multiply(
    a: Vector, a_at: int, a_row: int, b: Vector, b_at: int, b_row: int,
    out: Vector, out_at: int, out_row: int, rows: int, inner: int, columns: int,
) -> None:  # fmt: skip
    """Write A·B into `out`, for A of shape (rows, inner) and B of shape (inner, columns).

    All three lie row by row somewhere in contiguous arrays of float64: entry (i, k) of A is
    a[a_at + i·a_row + k]. Arrays may be the same one, if only the product lies apart.
    """
    places = (a_at, a_row, 1), (b_at, b_row), (out_at, out_row)
    _product(a, b, out, (rows, inner, columns), *places)


@compiled
def multiply_transposed(
    a: Vector, a_at: int, a_row: int, b: Vector, b_at: int, b_row: int,
    out: Vector, out_at: int, out_row: int, rows: int, inner: int, columns: int,
) -> None:  # fmt: skip
    """Write Aᵀ·B into `out`: as `multiply`, but for A of shape (inner, rows)."""
    places = (a_at, 1, a_row), (b_at, b_row), (out_at, out_row)
    _product(a, b, out, (rows, inner, columns), *places)


@compiled
def multiply_by_transposed(
    a: Vector, a_at: int, a_row: int, b: Vector, b_at: int, b_row: int,
    out: Vector, out_at: int, out_row: int, rows: int, inner: int, columns: int,
) -> None:  # fmt: skip
    """Write A·Bᵀ into `out`: as `multiply`, but for B of shape (columns, inner)."""
    places = (a_at, a_row, 1), (b_at, 1, b_row), (out_at, out_row)
    _product(a, b, out, (rows, inner, columns), *places)


@compiled
def descend_transposed(
    a: Vector, a_at: int, a_row: int, b: Vector, b_at: int, b_row: int,
    x: Vector, out: Vector, out_at: int, out_row: int, step: float,
    rows: int, inner: int, columns: int,
) -> bool:  # fmt: skip
    """Write X − γ·(Aᵀ·B) into `out`, and return whether all of it is finite.

    X lies in x where the result lies in `out`, which may be the same array. The product is rounded
    as `multiply_transposed` does, then γ times it, and then the difference.
    """
    places = (a_at, 1, a_row), (b_at, b_row), (out_at, out_row)
    return _descent(a, b, x, out, step, (rows, inner, columns), *places)
