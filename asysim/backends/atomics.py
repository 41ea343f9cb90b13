"""Single words of shared memory: loads, stores and additions that no other thread sees half done.

Compiled code only. Everything here is one machine instruction or two; nothing takes a lock. All of
it works on memory shared by processes as well as by threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

intrinsic: Any = extending.intrinsic  # what it makes has arguments that its types don't tell of

_WORD = 8  # bytes: numbers are int64 and float64, aligned


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return cgutils.get_item_pointer(
        context, builder, signature.args[0], array, [arguments[1]], wraparound=False
    )


def _loader(order: str) -> Callable[..., Any]:
    def load(_typing: Any, array: Any, _place: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = _pointer(context, builder, signature, arguments)
            return builder.load_atomic(pointer, order, _WORD)

        return array.dtype(array, types.intp), generate

    return load


def _storer(order: str) -> Callable[..., Any]:
    def store(_typing: Any, array: Any, _place: Any, _value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = _pointer(context, builder, signature, arguments)
            builder.store_atomic(arguments[2], pointer, order, _WORD)
            return context.get_dummy_value()

        return types.void(array, types.intp, array.dtype), generate

    return store


relaxed_load = intrinsic(_loader("monotonic"))
"""Load a word: not torn, in no order with what is elsewhere in memory."""

relaxed_store = intrinsic(_storer("monotonic"))
"""Store a word: not torn, in no order with what is elsewhere in memory."""

load = intrinsic(_loader("seq_cst"))
"""Load a word, in the one order that all threads agree on."""

store = intrinsic(_storer("seq_cst"))
"""Store a word, in the one order that all threads agree on."""


@intrinsic
def relaxed_add(_typing: Any, array: Any, _place: Any, _value: Any) -> Any:
    """Add to a word and return what it was before: of any number of additions none is lost."""
    kind = "fadd" if isinstance(array.dtype, types.Float) else "add"

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature, arguments)
        return builder.atomic_rmw(kind, pointer, arguments[2], "monotonic")

    return array.dtype(array, types.intp, array.dtype), generate


@intrinsic
def fetch_add(_typing: Any, array: Any, _place: Any, _value: Any) -> Any:
    """Add to a whole number and return what it was before, in the one order."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature, arguments)
        return builder.atomic_rmw("add", pointer, arguments[2], "seq_cst")

    return array.dtype(array, types.intp, array.dtype), generate


@intrinsic
def replace_if(_typing: Any, array: Any, _place: Any, _old: Any, _new: Any) -> Any:
    """Put a new whole number in the place of an old one, if it is still there: return whether."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature, arguments)
        pair = builder.cmpxchg(pointer, arguments[2], arguments[3], "seq_cst", "seq_cst")
        return builder.extract_value(pair, 1)

    word = array.dtype
    return types.boolean(array, types.intp, word, word), generate


@intrinsic
def will_write(_typing: Any, array: Any, _place: Any) -> Any:
    """Ask for the cache line of a word, to be written soon: only a hint."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature, arguments)
        number = ir.IntType(32)
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        hint = [ir.Constant(number, value) for value in (1, 3, 1)]  # to write, keep, data
        builder.call(function, [builder.bitcast(pointer, byte), *hint])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
