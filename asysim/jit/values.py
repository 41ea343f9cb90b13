"""Compiled functions handed over by their addresses: what calls one is not compiled anew for each.

A call through an address costs some nanoseconds more, and can't be merged with the code around it.
Values that are numba's own (`value_of`) take 15 µs each to be handed over, an address nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import types
from numba.core.registry import CPUDispatcher

from asysim.jit.compiler import AS_PYTHON, Compiled, instruction
from asysim.jit.instructions import calling

VECTOR = types.Array(types.float64, 1, "C")
"""A vector of float64 without gaps, as an argument of such a function."""

_PLAIN: dict[int, Callable[..., Any]] = {}  # functions of Python, where nothing is compiled


def is_compiled(function: Callable[..., Any]) -> bool:
    """Whether a function is one of `asysim.jit.compiler.compiled`: all are, where none is."""
    return isinstance(function, Compiled | CPUDispatcher) or AS_PYTHON


@cache
def value_of(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return a compiled function that returns nothing, as an argument for compiled code.

    Parameters
    ----------
    function
        It is compiled at once, for arguments of these types alone.
    arguments
        Types of numba's.
    """
    return function if AS_PYTHON else _Value(function, types.void(*arguments))


@cache
def address_of(function: Callable[..., Any], *arguments: Any) -> int:
    """Return where the machine code of such a function is, for `call4` and `call5`."""
    if AS_PYTHON:
        _PLAIN[id(function)] = function
        return id(function)
    return int(value_of(function, *arguments).__wrapper_address__())


class _Value(types.WrapperAddressProtocol):  # type: ignore[misc]
    """What numba asks a first-class function for."""

    def __init__(self, function: Any, signature: Any) -> None:
        function.compile(signature.args)
        self._function, self._signature = function, signature
        code = function.overloads[signature.args]
        name = code.fndesc.llvm_cfunc_wrapper_name
        self._address = int(code.library.get_pointer_to_function(name))

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> Any:
        return self._signature

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


def _call_plainly(address: int, *arguments: Any) -> None:
    _PLAIN[int(address)](*arguments)


@instruction(_call_plainly)
def call4(_typing: Any, _address: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Call the function at an address with four arguments, of the very types that it has."""
    return types.void(types.int64, a, b, c, d), calling


@instruction(_call_plainly)
def call5(_typing: Any, _address: Any, a: Any, b: Any, c: Any, d: Any, e: Any) -> Any:
    """Call the function at an address with five arguments, of the very types that it has."""
    return types.void(types.int64, a, b, c, d, e), calling
