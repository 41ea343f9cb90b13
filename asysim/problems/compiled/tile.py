"""A matrix product, tile by tile, in LLVM's language, into which numba translates all else.

No loop in Python is sure to become this: the tile stays in vector registers while its sums run,
each in order, by fused multiply-adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError

from asysim.problems.compiled.lanes import (
    WHOLE,
    WORD,
    Matrix,
    at,
    constant,
    fused,
    load,
    packed,
    repeated,
    unrelated,
    vector_at,
    zeros,
)

Tiling = tuple[int, tuple[int, ...], tuple[int, ...]]  # see `asysim.problems.compiled.product`
# The compiler finds each row from the one above, in a chain of additions that takes longer than all
# the products of a long tile; so it is not told that one group of rows has to do with the next.
_GROUP = 4


class Descent(NamedTuple):
    """What is to be done with a product G: X − γ·G is written instead.

    Parameters
    ----------
    start
        X, which lies row by row as the product does.
    step
        γ.
    checks
        A variable for each number of lanes: lanes that are 0, until something written is not
        finite.
    """

    start: Matrix
    step: Any
    checks: dict[int, Any]


def build_tile(
    builder: Any,
    a: Matrix,
    b: Matrix,
    out: Matrix,
    inner: Any,
    *,
    height: int,
    width: int,
    lanes: int,
    descent: Descent | None = None,
) -> None:
    """Build the code that writes `height` rows of `width` columns of A·B, or descends along them.

    Parameters
    ----------
    builder
        Where to build.
    a, b, out
        A, B and the product, each from the tile's first row or column on.
    inner
        Columns of A.
    height, width
        The tile's shape.
    lanes
        How many numbers a vector has, at most.
    descent
        What is written instead of the product, if something is.
    """
    lanes = min(lanes, width)
    zero = zeros(lanes)
    places = [(row, column) for row in range(height) for column in range(0, width, lanes)]
    groups = {
        row: unrelated(builder, a._replace(start=at(builder, a, constant(row), constant(0))))
        for row in range(0, height, _GROUP)
    }
    before = builder.block
    head, body, after = (builder.append_basic_block() for _ in range(3))
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(WHOLE)
    k.add_incoming(constant(0), before)
    sums = {place: builder.phi(packed(lanes)) for place in places}
    builder.cbranch(builder.icmp_signed("<", k, inner), body, after)
    builder.position_at_end(body)
    right = {column: load(builder, b, k, column, lanes) for column in range(0, width, lanes)}
    left = {
        first + row: repeated(builder, builder.load(at(builder, group, constant(row), k)), lanes)
        for first, group in groups.items()
        for row in range(min(_GROUP, height - first))
    }
    for (row, column), total in sums.items():
        total.add_incoming(zero, before)
        total.add_incoming(fused(builder, left[row], right[column], total, lanes), body)
    k.add_incoming(builder.add(k, constant(1)), body)
    builder.branch(head)
    builder.position_at_end(after)
    for (row, column), total in sums.items():
        value = total
        if descent is not None:
            value = _descended(builder, descent, total, row, column, lanes)
        pointer = at(builder, out, constant(row), constant(column))
        builder.store(value, vector_at(builder, pointer, lanes), align=WORD)


def _descended(
    builder: Any, descent: Descent, total: Any, row: int, column: int, lanes: int
) -> Any:
    """Return X − γ·G at a place, rounded twice: nothing lets the compiler fuse the two."""
    start = load(builder, descent.start, constant(row), column, lanes)
    change = builder.fmul(repeated(builder, descent.step, lanes), total)
    value = builder.fsub(start, change)
    check = descent.checks[lanes]
    # 0 times what is not finite is not a number, nor is a sum that it is in.
    builder.store(fused(builder, value, zeros(lanes), builder.load(check), lanes), check)
    return value


# Products -----------------------------------------------------------------------------------


def product(tiling: Tiling, arrays: tuple[Any, ...], numbers: tuple[Any, ...]) -> Any:
    """Return the types, and what generates the code, of a product by tiles of these shapes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, out = (_data(context, builder, signature, arguments, array) for array in range(3))
        sizes, *places = (cgutils.unpack_tuple(builder, numbers) for numbers in arguments[3:])
        left, right, product = map(_matrix, [builder] * 3, (a, b, out), places)
        _build_tiles(builder, tiling, left, right, product, sizes)
        return context.get_dummy_value()

    return types.void(*_dense(*arrays), *_whole(*numbers)), generate


def descent(tiling: Tiling, arrays: tuple[Any, ...], numbers: tuple[Any, ...]) -> Any:
    """Return the same of a descent along a product."""
    lanes_at_most, _, widths = tiling

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, x, out = (_data(context, builder, signature, arguments, array) for array in range(4))
        sizes, *places = (cgutils.unpack_tuple(builder, numbers) for numbers in arguments[5:])
        left, right, product = map(_matrix, [builder] * 3, (a, b, out), places)
        checks = {
            lanes: cgutils.alloca_once(builder, packed(lanes))
            for lanes in {min(width, lanes_at_most) for width in widths}
        }
        for lanes, check in checks.items():
            builder.store(zeros(lanes), check)
        descent = Descent(_matrix(builder, x, places[-1]), arguments[4], checks)
        _build_tiles(builder, tiling, left, right, product, sizes, descent)
        return _all_numbers(builder, checks)

    return types.boolean(*_dense(*arrays), types.float64, *_whole(*numbers)), generate


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
    (lanes, heights, widths), (rows, inner, columns) = tiling, sizes
    none = constant(0)
    row_slot = cgutils.alloca_once(builder, WHOLE)
    column_slot = cgutils.alloca_once(builder, WHOLE)
    builder.store(none, row_slot)
    for height in heights:
        with _while_left(builder, row_slot, height, rows) as row:
            builder.store(none, column_slot)
            for width in widths:
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
                        lanes=lanes,
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
