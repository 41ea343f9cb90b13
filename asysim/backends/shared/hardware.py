"""What compiled code asks of the processor and the system: single words, the clock, giving way.

A word is loaded, stored or added to so that no other thread or process sees it half done: one
machine instruction or two, and never a lock.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled

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


# The clock, and giving way ------------------------------------------------------------------

NAP = 20_000
"""Nanoseconds that who gives way sleeps."""

_MONOTONIC = 6 if sys.platform == "darwin" else 1  # <time.h>

# Named, not by address: what names a symbol can be kept on disk once it is compiled.
_clock_gettime = types.ExternalFunction(
    "clock_gettime", types.int32(types.int32, types.CPointer(types.int64))
)
_nanosleep = types.ExternalFunction(
    "nanosleep", types.int32(types.CPointer(types.int64), types.CPointer(types.int64))
)
_sched_yield = types.ExternalFunction("sched_yield", types.int32())


@intrinsic
def _pair(_typing: Any, _first: Any, _second: Any) -> Any:
    """Put two whole numbers on the stack and return where: a struct timespec."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = context.get_value_type(types.int64)
        place = cgutils.alloca_once(builder, kind, size=2)
        builder.store(arguments[0], place)
        builder.store(arguments[1], cgutils.gep_inbounds(builder, place, 1))
        return place

    return types.CPointer(types.int64)(types.int64, types.int64), generate


@intrinsic
def _at(_typing: Any, _pointer: Any, _place: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.load(builder.gep(arguments[0], [arguments[1]]))

    return types.int64(types.CPointer(types.int64), types.intp), generate


@compiled
def now() -> int:
    """Return the instant in nanoseconds, by the clock of `time.monotonic_ns`."""
    time = _pair(0, 0)
    _clock_gettime(_MONOTONIC, time)
    nanoseconds: int = _at(time, 0) * 1_000_000_000 + _at(time, 1)
    return nanoseconds


@compiled
def nap(nanoseconds: int) -> None:
    """Sleep for less than a second."""
    time = _pair(0, nanoseconds)
    _nanosleep(time, _pair(0, 0))


@compiled
def give_way(turns: int) -> None:
    """Let others run who may be waiting for this core; sleep a while after many turns."""
    if turns < 64:
        return
    if turns < 256:
        _sched_yield()
        return
    nap(NAP)


# How long a word takes ------------------------------------------------------------------------

_BATCHES, _ROUNDS = 20, 200
_LONGEST = 50_000_000  # nanoseconds for all of it


@compiled
def _bounce(ball: Ints, side: int, batches: Ints, rounds: int) -> bool:
    """Pass a word to and fro, and note how long each batch of so many rounds took.

    Returns False if others had the cores, so that it took too long.
    """
    first = now()
    for batch in range(batches.shape[0]):
        begun = now()
        for turn in range(batch * rounds, (batch + 1) * rounds):
            waited = 0
            while load(ball, 0) != 2 * turn + side:
                waited += 1
                if waited % 1024 == 0 and now() - first > _LONGEST:
                    return False
            store(ball, 0, 2 * turn + side + 1)
        batches[batch] = now() - begun
    return True


def core_to_core() -> float | None:
    """Measure the nanoseconds that a word takes from core to core; None if there is but one free.

    The median of some batches: when others run, some are interrupted.
    """
    if (os.cpu_count() or 1) < 2:
        return None
    ball, batches = np.zeros(16, dtype=np.int64), np.zeros(_BATCHES, dtype=np.int64)
    _bounce(ball, 0, batches[:0], 0)  # compiled by now
    arguments = (ball, 1, batches.copy(), _ROUNDS)
    other = threading.Thread(target=_bounce, args=arguments, daemon=True)
    other.start()
    answered = _bounce(ball, 0, batches, _ROUNDS)
    other.join()
    return float(np.median(batches[1:])) / (2 * _ROUNDS) if answered else None
