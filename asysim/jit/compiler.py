"""How kernels are compiled, and how one name stands for one kernel per kind of problem.

Which kernel a call means is decided by the type of the model when the caller is compiled. Kernels
handed over as values would do the same, but what closes over them is never found on disk again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import types
from numba.extending import overload

from asysim.ground.caches import code_can_be_kept

Function = TypeVar("Function", bound=Callable[..., Any])

_PACKAGE = Path(__file__).parents[1]
_HOLDS = b"asysim.jit.compiler import"
_IMPORTS = re.compile(rb"^from (asysim[\w.]*) import", re.MULTILINE)
_OPTIONS = {"nogil": True, "error_model": "numpy"}


def compiled(function: Function) -> Function:
    """Compile a function, to be kept on disk if it can be, and to run without Python's lock.

    It is compiled anew if any module has changed that holds compiled code, or that such a module
    imports from: it contains the functions that it calls, and the constants. Never `fastmath`: a
    sum's bits would depend on what surrounds it.
    """
    dispatcher = numba.njit(cache=code_can_be_kept(), **_OPTIONS)(function)
    # numba itself only looks at the function's own file.
    kept = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if kept is not None:
        kept._source_stamp = (
            kept._source_stamp,
            _stamp(Path(function.__code__.co_filename).parent),
        )
    return cast(Function, dispatcher)


@cache
def _stamp(folder: Path) -> list[tuple[str, int, int]]:
    """Return what changes when code does that a function of a folder may contain."""
    facts = [(path, path.stat()) for path in sorted(_sources() | set(folder.glob("*.py")))]
    return [(str(path), fact.st_mtime_ns, fact.st_size) for path, fact in facts]


@cache
def _sources() -> set[Path]:
    """Return the package's modules that hold compiled code, their neighbours, what they import."""
    found: set[Path] = set()
    for folder, _, names in os.walk(_PACKAGE):
        files = [Path(folder, name) for name in names if name.endswith(".py")]
        imported = [_imports_of(file) for file in files]
        if any(imported):
            found.update(files, *imported)
    return {path for path in found if path.is_file()}


def _imports_of(file: Path) -> set[Path]:
    """Return where the package's modules are that a file imports, if it holds compiled code."""
    text = file.read_bytes()
    if _HOLDS not in text:
        return set()
    named = (match.decode().split(".") for match in _IMPORTS.findall(text))
    places = [_PACKAGE.parent.joinpath(*parts) for parts in named]
    return {place.with_suffix(".py") for place in places} | {p / "__init__.py" for p in places}


def implements(generic: Callable[..., Any], *kinds: type) -> Callable[[Function], Function]:
    """Decorate what compiled code means by `generic(model, …)` for models of these kinds.

    Parameters
    ----------
    generic
        A function of Python whose first argument is a model, and which only gives the name.
    kinds
        Classes of named tuples.
    """

    def register(implementation: Function) -> Function:
        def choose(model: Any, *_: Any) -> Function | None:
            known = isinstance(model, types.BaseNamedTuple) and model.instance_class in kinds
            return implementation if known else None

        # numba compares the names of the arguments of the two.
        choose.__signature__ = signature(implementation)  # type: ignore[attr-defined]
        overload(generic, jit_options=_OPTIONS)(choose)
        return implementation

    return register
