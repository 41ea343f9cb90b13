"""The clock that all threads and processes of a machine share, and giving way, in compiled code."""

from __future__ import annotations

import sys
from typing import Any

from numba import extending, types
from numba.core import cgutils

from asysim.jit.compiler import compiled

intrinsic: Any = extending.intrinsic  # what it makes has arguments that its types don't tell of

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
def _address(_typing: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(types.int64)(array), generate


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
