"""How functions are compiled, and how one name stands for one of them per kind of model.

Which function a call means is decided by the type of the model when the caller is compiled. To
hand functions over as values would do the same, but what closes over them is never found on disk
again.

With ``NUMBA_DISABLE_JIT=1`` in the environment nothing is compiled: the same functions run as
Python, a hundred times as slowly, and a debugger can step through them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba import types
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.registry import CPUDispatcher
from numba.extending import intrinsic, overload

from asysim.ground.caches import code_can_be_kept
from asysim.jit.notice import compiling
from asysim.jit.parts import Parts
from asysim.jit.sources import PACKAGE, stamp

Function = TypeVar("Function", bound=Callable[..., Any])

AS_PYTHON = bool(numba.config.DISABLE_JIT)
"""Whether what else is compiled runs as Python."""

# Never `fastmath`: a sum's bits would depend on what surrounds it.
_OPTIONS = {"nopython": True, "boundscheck": None, "nogil": True, "error_model": "numpy"}
_AS_A_PART = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

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
    return cast(Function, _Compiled(function, targetoptions=_OPTIONS))


class _Compiled(CPUDispatcher):  # type: ignore[misc]
    """A function that Python calls; what compiled functions call is another compilation of it.

    That one needs none of the code that takes Python's objects apart, which for a function of
    twenty arrays takes longer to compile than the function does; nor is it ever a whole.
    """

    _part: CPUDispatcher | None = None

    def __init__(self, py_func: Any, locals: Any = None, targetoptions: Any = None) -> None:  # noqa: A002
        super().__init__(py_func, locals or {}, targetoptions)
        if code_can_be_kept():
            with suppress(RuntimeError):  # it is in no file: typed at a prompt
                self._cache = _Kept(py_func)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        if self._part is None:
            options = _OPTIONS | _AS_A_PART
            self._part = CPUDispatcher(self.py_func, targetoptions=options, pipeline_class=Parts)
        # A literal has a type of its own, and a function that takes it would be compiled for it.
        args = tuple(types.unliteral(kind) for kind in args)
        kws = {name: types.unliteral(kind) for name, kind in kws.items()}
        return self._part.get_call_template(args, kws)

    def get_overload(self, sig: Any) -> Any:
        assert self._part is not None
        return self._part.get_overload(sig)


class _Kept(FunctionCache):  # type: ignore[misc]
    """Where the machine code of a function is kept."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        # numba itself only looks at the function's own file.
        self._cache_file._source_stamp = stamp(Path(function.__code__.co_filename))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        if _of_a_user(sig):
            return None
        try:
            return super().load_overload(sig, target_context)
        except (ImportError, AttributeError):  # kept by a version whose modules were called others
            self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        if not _of_a_user(sig):
            super().save_overload(sig, data)


class _Listener(event.Listener):  # type: ignore[misc]
    def on_start(self, _event: Any) -> None:
        compiling.on_start()

    def on_end(self, _event: Any) -> None:
        compiling.on_end()


event.register("numba:compile", _Listener())


_users: set[type] = set()  # kinds of models that files outside the package implement something for


def _of_a_user(sig: Any) -> bool:
    """Whether code for such arguments contains what the function's stamp does not tell of."""
    kinds = getattr(sig, "args", sig)
    return bool(_users) and any(getattr(kind, "instance_class", None) in _users for kind in kinds)


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
        if not Path(implementation.__code__.co_filename).is_relative_to(PACKAGE):
            _users.update(kinds)

        def choose(model: Any, *_: Any) -> Function | None:
            known = isinstance(model, types.BaseNamedTuple) and model.instance_class in kinds
            return implementation if known else None

        # numba compares the names of the arguments of the two.
        choose.__signature__ = signature(implementation)  # type: ignore[attr-defined]
        overload(name, jit_options=_OPTIONS | _AS_A_PART | {"pipeline_class": Parts})(choose)
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
        return as_python if AS_PYTHON else cast(Function, intrinsic(build))

    return register
