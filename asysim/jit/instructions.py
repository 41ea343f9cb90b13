"""Single machine instructions that Python has no name for; and the same in Python."""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

import numpy as np

from asysim.jit.compiler import AS_PYTHON, instruction


def _exact_fma(x: float, y: float, z: float) -> float:
    """Return x·y + z, rounded once."""
    plain = x * y + z
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
        return plain
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    try:
        return float(exact) if exact else plain  # which of the two zeros it is
    except OverflowError:
        return math.copysign(math.inf, exact)


def _fma_of_python() -> Callable[[float, float, float], float]:
    """Return what multiplies and adds at once: Python's own, the C library's, or fractions."""
    try:
        function = ctypes.CDLL(None).fma
    except (AttributeError, OSError, TypeError):
        return getattr(math, "fma", _exact_fma)
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double] * 3
    return cast("Callable[[float, float, float], float]", function)


_fma = _fma_of_python() if AS_PYTHON else _exact_fma


@instruction(_fma)
def fma(_typing: Any, _x: Any, _y: Any, _z: Any) -> Any:
    """Return x·y + z, rounded once."""
    from numba import types

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(*[types.float64] * 3), generate


def _bits(number: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", number))[0])


@instruction(_bits)
def bits(_typing: Any, _number: Any) -> Any:
    """Return the 64 bits of a float64 as an int64."""
    from llvmlite import ir
    from numba import types

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


def _from_bits(pattern: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", pattern % 2**64))[0])


@instruction(_from_bits)
def from_bits(_typing: Any, _pattern: Any) -> Any:
    """Return the float64 of 64 bits."""
    from llvmlite import ir
    from numba import types

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


def _high_product(a: Any, b: Any) -> Any:
    return np.uint64(int(a) * int(b) >> 64)


@instruction(_high_product)
def high_product(_typing: Any, _a: Any, _b: Any) -> Any:
    """Return the upper half of the 128-bit product of two uint64."""
    from llvmlite import ir
    from numba import types

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        double = ir.IntType(128)
        first, second = (builder.zext(argument, double) for argument in arguments)
        product = builder.mul(first, second)
        return builder.trunc(builder.lshr(product, ir.Constant(double, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


def _nothing(array: Any, place: int) -> None:
    """Do nothing: a hint to the processor has no counterpart."""


@instruction(_nothing)
def will_read(_typing: Any, array: Any, place: Any) -> Any:
    """Ask for the cache line of an array's element, to be read soon: only a hint."""
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils

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


def calling(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
    """Generate a call of the function at an address, the first argument, with the others."""
    from llvmlite import ir

    address, *passed = arguments
    function = ir.FunctionType(ir.VoidType(), [value.type for value in passed])
    builder.call(builder.inttoptr(address, function.as_pointer()), passed)
    return context.get_dummy_value()
