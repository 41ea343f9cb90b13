"""Products of matrices of a few rows, which is what a network's mini-batch makes of its layers.

As in Goto & van de Geijn, "Anatomy of high-performance matrix multiplication", 2008, but with so
few rows nothing needs packing. Every entry is summed in order, by fused multiply-adds: its bits
depend on no tile, vector length, number of threads or library. (A processor without these
instructions gets the same bits slowly.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError

from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled, instruction
from asysim.jit.instructions import fma
from asysim.problems.compiled.tile import (
    WHOLE,
    Descent,
    Matrix,
    at,
    build_tile,
    constant,
    packed,
    zeros,
)


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
        return types.void(*_dense(a, b, out), *_whole(sizes, a_place, b_place, place)), generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, out = (_data(context, builder, signature, arguments, array) for array in range(3))
        sizes, *places = (cgutils.unpack_tuple(builder, numbers) for numbers in arguments[3:])
        left, right, product = map(_matrix, [builder] * 3, (a, b, out), places)
        _build_tiles(builder, tiling, left, right, product, sizes)
        return context.get_dummy_value()

    return instruction(_multiply)(declare)


def descent_by(tiling: Tiling) -> Any:
    """Return what `descend_transposed` is to call, with tiles of these shapes."""

    def declare(
        _typing: Any, a: Any, b: Any, x: Any, out: Any, _step: Any,
        sizes: Any, a_place: Any, b_place: Any, place: Any,
    ) -> Any:  # fmt: skip
        numbers = _whole(sizes, a_place, b_place, place)
        return types.boolean(*_dense(a, b, x, out), types.float64, *numbers), generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, x, out = (_data(context, builder, signature, arguments, array) for array in range(4))
        sizes, *places = (cgutils.unpack_tuple(builder, numbers) for numbers in arguments[5:])
        left, right, product = map(_matrix, [builder] * 3, (a, b, out), places)
        checks = {
            lanes: cgutils.alloca_once(builder, packed(lanes))
            for lanes in {min(width, tiling.lanes) for width in tiling.widths}
        }
        for lanes, check in checks.items():
            builder.store(zeros(lanes), check)
        descent = Descent(_matrix(builder, x, places[-1]), arguments[4], checks)
        _build_tiles(builder, tiling, left, right, product, sizes, descent)
        return _all_numbers(builder, checks)

    return instruction(_descend)(declare)


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


def _dense(*arrays: Any) -> tuple[Any, ...]:
    """Return the types of arrays, which have to be contiguous and of float64."""
    for array in arrays:
        if array.layout != "C" or array.dtype != types.float64:
            raise TypingError(f"a contiguous array of float64 is needed, not {array}")
    return arrays


def _whole(*tuples: Any) -> Iterator[Any]:
    return (types.UniTuple(types.int64, len(numbers)) for numbers in tuples)


def _data(context: Any, builder: Any, signature: Any, arguments: Any, array: int) -> Any:
    """Return a pointer to an argument's first number."""
    return context.make_array(signature.args[array])(context, builder, arguments[array]).data


def _matrix(builder: Any, data: Any, place: Any) -> Matrix:
    start, *distances = place
    return Matrix(builder.gep(data, [start]), *distances)


def _all_numbers(builder: Any, checks: dict[int, Any]) -> Any:
    """Return whether no lane has become something that is not a number."""
    result = ir.Constant(ir.IntType(1), 1)
    for lanes, check in checks.items():
        found = builder.load(check)
        for lane in range(lanes):
            place = ir.Constant(ir.IntType(32), lane)
            number = found if lanes == 1 else builder.extract_element(found, place)
            result = builder.and_(result, builder.fcmp_ordered("ord", number, number))
    return result


def _build_tiles(
    builder: Any,
    tiling: Tiling,
    a: Matrix,
    b: Matrix,
    out: Matrix,
    sizes: Any,
    descent: Descent | None = None,
) -> None:
    """Build the loops over the tiles: the largest for as long as they fit, then the next."""
    rows, inner, columns = sizes
    none = constant(0)
    row_slot = cgutils.alloca_once(builder, WHOLE)
    column_slot = cgutils.alloca_once(builder, WHOLE)
    builder.store(none, row_slot)
    for height in tiling.heights:
        with _while_left(builder, row_slot, height, rows) as row:
            builder.store(none, column_slot)
            for width in tiling.widths:
                with _while_left(builder, column_slot, width, columns) as column:
                    here = descent and descent._replace(
                        start=_moved(builder, descent.start, row, column)
                    )
                    build_tile(
                        builder,
                        _moved(builder, a, row, none),
                        _moved(builder, b, none, column),
                        _moved(builder, out, row, column),
                        inner,
                        height=height,
                        width=width,
                        lanes=tiling.lanes,
                        descent=here,
                    )


def _moved(builder: Any, matrix: Matrix, row: Any, column: Any) -> Matrix:
    return matrix._replace(start=at(builder, matrix, row, column))


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


_HERE = LARGE if binding.get_host_cpu_features().get("avx512f", False) else SMALL
_product = cast("Callable[..., None]", product_by(_HERE))
_descent = cast("Callable[..., bool]", descent_by(_HERE))


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
