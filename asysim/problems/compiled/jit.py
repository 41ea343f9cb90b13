"""How kernels are compiled, and how one name stands for one kernel per kind of problem.

Which kernel a call means is decided by the type of the model when the caller is compiled. Kernels
handed over as values would do the same, but what closes over them is never found on disk again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import types
from numba.extending import overload

from asysim.caches import code_can_be_kept

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS = {"nogil": True, "error_model": "numpy"}


def compiled(function: Function) -> Function:
    """Compile a function, to be kept on disk if it can be, and to run without Python's lock.

    It is compiled anew if any module of its own folder or of this one has changed, for it contains
    the functions that it calls. Never `fastmath`: a sum's bits would depend on what surrounds it.
    """
    dispatcher = numba.njit(cache=code_can_be_kept(), **_OPTIONS)(function)
    # numba itself only looks at the function's own file.
    kept = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if kept is not None:
        folders = {Path(__file__).parent, Path(function.__code__.co_filename).parent}
        stamps = [_stamp(folder) for folder in sorted(folders)]
        kept._source_stamp = (kept._source_stamp, stamps)
    return cast(Function, dispatcher)


@cache
def _stamp(folder: Path) -> list[tuple[str, int, int]]:
    """Return what changes when a module of a folder does."""
    facts = [(path.name, path.stat()) for path in sorted(folder.glob("*.py"))]
    return [(name, fact.st_mtime_ns, fact.st_size) for name, fact in facts]


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
