"""Words of LLVM's language for matrices, and for numbers that lie side by side in a vector."""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import cgutils

WHOLE = ir.IntType(64)
WORD = 8  # bytes: vectors are aligned like their numbers, not more
_FLOAT = ir.DoubleType()


class Matrix(NamedTuple):
    """Where a matrix lies: its first number, and the distances of rows and of columns.

    No distance of columns means that they lie side by side.
    """

    start: Any
    row: Any
    column: Any = None


def at(builder: Any, matrix: Matrix, row: Any, column: Any) -> Any:
    """Return a pointer to an entry."""
    along = column if matrix.column is None else builder.mul(column, matrix.column)
    return builder.gep(matrix.start, [builder.add(builder.mul(row, matrix.row), along)])


def constant(number: int) -> Any:
    """Return a whole number for LLVM."""
    return ir.Constant(WHOLE, number)


def packed(lanes: int) -> Any:
    """Return LLVM's type of so many numbers side by side."""
    return _FLOAT if lanes == 1 else ir.VectorType(_FLOAT, lanes)


def zeros(lanes: int) -> Any:
    """Return a constant of so many zeros."""
    return ir.Constant(packed(lanes), 0.0 if lanes == 1 else [0.0] * lanes)


def vector_at(builder: Any, pointer: Any, lanes: int) -> Any:
    """Return the same pointer as one to so many numbers."""
    return builder.bitcast(pointer, packed(lanes).as_pointer())


def repeated(builder: Any, number: Any, lanes: int) -> Any:
    """Put a number in every lane."""
    if lanes == 1:
        return number
    nothing = ir.Constant(packed(lanes), ir.Undefined)
    places = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, places)


def fused(builder: Any, x: Any, y: Any, z: Any, lanes: int) -> Any:
    """Return x·y + z, rounded once."""
    name = "llvm.fma.f64" if lanes == 1 else f"llvm.fma.v{lanes}f64"
    kind = ir.FunctionType(x.type, [x.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [x, y, z])


def unrelated(builder: Any, matrix: Matrix) -> Matrix:
    """Hide from the compiler how a matrix's place was computed."""
    kind = ir.FunctionType(matrix.start.type, [matrix.start.type])
    name = "llvm.launder.invariant.group.p0"
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return matrix._replace(start=builder.call(function, [matrix.start]))


def load(builder: Any, matrix: Matrix, row: Any, column: int, lanes: int) -> Any:
    """Load the numbers of a row from some column on: at once, if they lie side by side."""
    first = at(builder, matrix, row, constant(column))
    if lanes == 1:
        return builder.load(first)
    if matrix.column is None:
        return builder.load(vector_at(builder, first, lanes), align=WORD)
    vector = ir.Constant(packed(lanes), ir.Undefined)
    for lane in range(lanes):
        number = builder.load(at(builder, matrix, row, constant(column + lane)))
        vector = builder.insert_element(vector, number, ir.Constant(ir.IntType(32), lane))
    return vector
