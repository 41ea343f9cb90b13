"""How functions are compiled, and how one name stands for one of them per kind of model.

Which function a call means is decided by the type of the model when the caller is compiled. To
hand functions over as values would do the same, but what closes over them is never found on disk
again.

numba is imported when a function is first called: to read a scenario file takes the modules that
functions are in, and a quarter of the time that numba does. Until then they wait here.

With ``NUMBA_DISABLE_JIT=1`` in the environment nothing is compiled: the same functions run as
Python, a hundred times as slowly, and a debugger can step through them.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import cached_property, partial, update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from asysim.jit.sources import PACKAGE, stamp

if TYPE_CHECKING:
    from types import ModuleType

Function = TypeVar("Function", bound=Callable[..., Any])


def _as_python() -> bool:
    """Return what numba says of itself, without asking it if only the environment can say so."""
    if Path(".numba_config.yaml").exists():
        import numba

        return bool(numba.config.DISABLE_JIT)
    try:
        return bool(int(os.environ.get("NUMBA_DISABLE_JIT", "0")))
    except ValueError:
        return False


AS_PYTHON = _as_python()
"""Whether what else is compiled runs as Python."""

if AS_PYTHON:
    # Whole numbers wrap around and divisions by 0 are infinite, as they are in machine code.
    np.seterr(over="ignore", divide="ignore", invalid="ignore", under="ignore")


def compiled(function: Function) -> Function:
    """Compile a function, to be kept on disk if it can be, and to run without Python's lock.

    It is compiled when it is first called, for each combination of its arguments' types, and again
    when anything has changed that it may contain: see `asysim.jit.sources`.
    """
    if AS_PYTHON:
        return function
    file = Path(function.__code__.co_filename)
    if not file.is_relative_to(PACKAGE):
        stamp(file)  # it may be edited before it is called, and what is compiled is what it is now
    return cast(Function, Compiled(function))


class Compiled(partial[Any]):
    """A function that is compiled, as Python has it: what numba makes of it, made when asked for.

    It is a `partial`, which costs a call 10 ns; to forward it in Python costs ten times as much.
    """

    _made: Any = None

    def __new__(cls, function: Callable[..., Any], *_: Any) -> Compiled:
        def first(*arguments: Any, **named: Any) -> Any:
            return self.made(*arguments, **named)

        self = super().__new__(cls, first)
        return cast(Compiled, update_wrapper(self, function))

    @property
    def made(self) -> Any:
        """What numba has made of it."""
        if self._made is None:
            with _LOCK:
                if self._made is None:
                    made = _numba().Dispatcher(self.__wrapped__)
                    self.__setstate__((made, (), {}, self.__dict__ | {"_made": made}))
        return self._made

    @property
    def _numba_type_(self) -> Any:
        return self.made._numba_type_  # asked for where compiled code names it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.made, name)

    def __reduce__(self) -> Any:
        return self.__qualname__  # it is found by its name


_LOCK = threading.RLock()
_waiting: list[tuple[Any, ...]] = []  # what numba has yet to be told by `implements`


def _numba() -> ModuleType:
    """Import numba, and tell it what has waited for it."""
    with _LOCK:
        from asysim.jit import dispatcher

        while _waiting:
            dispatcher.implement(*_waiting.pop(0))
    return dispatcher


def generic(name: Function) -> Function:
    """Decorate a function that only gives a name to what `implements` says for kinds of models."""
    if not AS_PYTHON:
        return name
    implementations: dict[type, Callable[..., Any]] = {}

    def call(model: Any, *arguments: Any) -> Any:
        return implementations[type(model)](model, *arguments)

    call.implementations = implementations  # type: ignore[attr-defined]
    return cast(Function, call)


def implements(name: Callable[..., Any], *kinds: type) -> Callable[[Function], Function]:
    """Decorate what compiled code means by `name(model, …)` for models of these kinds.

    Parameters
    ----------
    name
        A function of Python that is `generic`; its first argument is a model.
    kinds
        Classes of named tuples.
    """

    def register(implementation: Function) -> Function:
        if AS_PYTHON:
            name.implementations.update(dict.fromkeys(kinds, implementation))  # type: ignore[attr-defined]
            return implementation
        _waiting.append((name, kinds, implementation))
        if "asysim.jit.dispatcher" in sys.modules:
            _numba()
        return implementation

    return register


def instruction(as_python: Function) -> Callable[[Callable[..., Any]], Function]:
    """Decorate what builds a piece of machine code that Python has no name for.

    Parameters
    ----------
    as_python
        The same in Python; it has the docstring.
    """

    def register(build: Callable[..., Any]) -> Function:
        return as_python if AS_PYTHON else cast(Function, _Instruction(as_python, build))

    return register


class _Instruction:
    """An instruction, as Python has it; numba is told of it where compiled code names it."""

    def __init__(self, as_python: Callable[..., Any], build: Callable[..., Any]) -> None:
        self._as_python, self._build = as_python, build
        update_wrapper(self, as_python)

    def __call__(self, *arguments: Any) -> Any:
        return self._as_python(*arguments)

    @cached_property
    def _numba_type_(self) -> Any:
        return _numba().type_of_intrinsic(self._build)
