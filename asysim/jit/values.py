"""Compiled functions handed over as values, so that what calls one is not compiled anew for each.

A call through a value costs some nanoseconds more, and can't be merged with the code around it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import config, types
from numba.core.registry import CPUDispatcher

VECTOR = types.Array(types.float64, 1, "C")
"""A vector of float64 without gaps, as an argument of such a function."""


def is_compiled(function: Callable[..., Any]) -> bool:
    """Whether a function is one of `asysim.jit.compiler.compiled`: all are, where none is."""
    return isinstance(function, CPUDispatcher) or bool(config.DISABLE_JIT)


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
    return function if config.DISABLE_JIT else _Value(function, types.void(*arguments))


class _Value(types.WrapperAddressProtocol):  # type: ignore[misc]
    """What numba asks a first-class function for."""

    def __init__(self, function: Any, signature: Any) -> None:
        function.compile(signature.args)
        self._function, self._signature = function, signature
        self._code = function.overloads[signature.args]

    def __wrapper_address__(self) -> int:
        name = self._code.fndesc.llvm_cfunc_wrapper_name
        return int(self._code.library.get_pointer_to_function(name))

    def signature(self) -> Any:
        return self._signature

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)
