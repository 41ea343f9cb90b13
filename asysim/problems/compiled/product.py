"""Products of matrices of a few rows, which is what a network's mini-batch makes of its layers.

As in Goto & van de Geijn, "Anatomy of high-performance matrix multiplication", 2008, but with so
few rows nothing needs packing. Every entry is summed in order, by fused multiply-adds: its bits
depend on no tile, vector length, number of threads or library. (A processor without these
instructions gets the same bits slowly.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from llvmlite import binding
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from asysim.problems.base import Vector
from asysim.problems.compiled.jit import compiled
from asysim.problems.compiled.tile import WHOLE, Matrix, at, build_tile, constant


class Tiling(NamedTuple):
    """Numbers in a vector, and the heights and widths of tiles, from the largest to 1."""

    lanes: int
    heights: tuple[int, ...]
    widths: tuple[int, ...]


# A tile and what is multiplied into it have to fit in 32 registers, or in 16.
LARGE = Tiling(8, (10, 4, 1), (16, 8, 4, 1))
SMALL = Tiling(4, (5, 1), (8, 4, 1))


def product_by(tiling: Tiling) -> Any:
    """Return what `multiply` is to call, with tiles of these shapes."""

    def declare(
        _typing: Any, a: Any, b: Any, out: Any, sizes: Any, a_place: Any, b_place: Any, place: Any
    ) -> Any:
        for array in (a, b, out):
            if array.layout != "C" or array.dtype != types.float64:
                raise TypingError(f"a contiguous array of float64 is needed, not {array}")
        numbers = (
            types.UniTuple(types.int64, len(part)) for part in (sizes, a_place, b_place, place)
        )
        return types.void(a, b, out, *numbers), generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def matrix(array: int, place: int) -> Matrix:
            start, *distances = cgutils.unpack_tuple(builder, arguments[place])
            data = context.make_array(signature.args[array])(context, builder, arguments[array])
            return Matrix(builder.gep(data.data, [start]), *distances)

        rows, inner, columns = cgutils.unpack_tuple(builder, arguments[3])
        operands = matrix(0, 4), matrix(1, 5), matrix(2, 6)
        _build_tiles(builder, tiling, *operands, rows, inner, columns)
        return context.get_dummy_value()

    return intrinsic(declare)


def _build_tiles(
    builder: Any,
    tiling: Tiling,
    a: Matrix,
    b: Matrix,
    out: Matrix,
    rows: Any,
    inner: Any,
    columns: Any,
) -> None:
    """Build the loops over the tiles: the largest for as long as they fit, then the next."""
    none = constant(0)
    row_slot = cgutils.alloca_once(builder, WHOLE)
    column_slot = cgutils.alloca_once(builder, WHOLE)
    builder.store(none, row_slot)
    for height in tiling.heights:
        with _while_left(builder, row_slot, height, rows) as row:
            builder.store(none, column_slot)
            for width in tiling.widths:
                with _while_left(builder, column_slot, width, columns) as column:
                    build_tile(
                        builder,
                        a._replace(start=at(builder, a, row, none)),
                        b._replace(start=at(builder, b, none, column)),
                        out._replace(start=at(builder, out, row, column)),
                        inner,
                        height=height,
                        width=width,
                        lanes=tiling.lanes,
                    )


@contextmanager
def _while_left(builder: Any, done: Any, size: int, total: Any) -> Iterator[Any]:
    """Repeat what is built inside for as long as `size` more of `total` are to be done."""
    head, body, after = (builder.append_basic_block() for _ in range(3))
    builder.branch(head)
    builder.position_at_end(head)
    start = builder.load(done)
    end = builder.add(start, constant(size))
    builder.cbranch(builder.icmp_signed("<=", end, total), body, after)
    builder.position_at_end(body)
    yield start
    builder.store(end, done)
    builder.branch(head)
    builder.position_at_end(after)


_product = cast(
    "Callable[..., None]",
    product_by(LARGE if binding.get_host_cpu_features().get("avx512f", False) else SMALL),
)


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
