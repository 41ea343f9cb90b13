"""Single machine instructions for compiled code that Python has no name for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_FLOAT, _INT, _LONG = types.float64, types.int64, types.uint64


def _fma(_typing: Any, _x: Any, _y: Any, _z: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return _FLOAT(_FLOAT, _FLOAT, _FLOAT), generate


def _bits(_typing: Any, _number: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return _INT(_FLOAT), generate


def _from_bits(_typing: Any, _pattern: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return _FLOAT(_INT), generate


def _high_product(_typing: Any, _a: Any, _b: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        double = ir.IntType(128)
        first, second = (builder.zext(argument, double) for argument in arguments)
        product = builder.mul(first, second)
        return builder.trunc(builder.lshr(product, ir.Constant(double, 64)), ir.IntType(64))

    return _LONG(_LONG, _LONG), generate


def _will_read(_typing: Any, array: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, place_kind = signature.args
        own = context.make_array(kind)(context, builder, arguments[0])
        index = context.cast(builder, arguments[1], place_kind, types.intp)
        pointer = cgutils.get_item_pointer(context, builder, kind, own, [index], wraparound=False)
        number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        called = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, called, "llvm.prefetch.p0")
        hint = [ir.Constant(number, value) for value in (0, 3, 1)]  # to read, keep, data
        builder.call(function, [builder.bitcast(pointer, byte), *hint])
        return context.get_dummy_value()

    return types.void(array, place), generate


will_read = cast("Callable[[Any, int], None]", intrinsic(_will_read))
"""Ask for the cache line of an array's element, to be read soon: only a hint."""

fma = cast("Callable[[float, float, float], float]", intrinsic(_fma))
"""Return x·y + z, rounded once."""

bits = cast("Callable[[float], int]", intrinsic(_bits))
"""Return the 64 bits of a float64 as an int64."""

from_bits = cast("Callable[[int], float]", intrinsic(_from_bits))
"""Return the float64 of 64 bits."""

high_product = cast("Callable[[Any, Any], Any]", intrinsic(_high_product))
"""Return the upper half of the 128-bit product of two uint64."""
