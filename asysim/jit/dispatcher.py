"""What numba makes of a function that is compiled. Only `asysim.jit.compiler` imports this, late.

A function that compiled code calls is compiled as far as what calls it needs, and no further. numba
makes a whole of every function, with machine code of its own. What calls it contains it once more,
and so on upwards. A part is LLVM's language only, to be merged into what Python calls. It is
optimised all the same: not to do so halves what the compiled cluster costs to compile, and takes a
sixth of its rate.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import Any

from numba import types
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.typed_passes import NativeLowering
from numba.extending import intrinsic, overload

from asysim.ground.caches import code_can_be_kept
from asysim.jit.notice import compiling
from asysim.jit.sources import PACKAGE, stamp

# Never `fastmath`: a sum's bits would depend on what surrounds it.
_OPTIONS = {"nopython": True, "boundscheck": None, "nogil": True, "error_model": "numpy"}


class _Part(JITCodeLibrary):  # type: ignore[misc]
    """Code that is linked into other code only."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):  # type: ignore[misc]
    _name = "asysim_part_lowering"

    def run_pass(self, state: Any) -> bool:
        library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        library.enable_object_caching()
        state.library, state.flags.no_compile = library, True
        super().run_pass(state)
        # numba knows a function by its entry for Python: here it is anything that is of that kind.
        entry: Any = [].append
        lowered = state["cr"]
        state.targetctx.insert_user_function(entry, lowered.fndesc, [library])
        state.reload_init.extend(library._reload_init)
        state["cr"] = lowered._replace(cfunc=entry)
        return True


class _Parts(CompilerBase):  # type: ignore[misc]
    """The pipeline of such functions: numba's own, but for its last step."""

    def define_pipelines(self) -> list[Any]:
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state)
        steps.passes = [
            (_PartLowering if step is NativeLowering else step, says) for step, says in steps.passes
        ]
        steps.finalize()
        return [steps]


_AS_A_PART = _OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class Dispatcher(CPUDispatcher):  # type: ignore[misc]
    """A function that Python calls; what compiled functions call is another compilation of it.

    That one needs none of the code that takes Python's objects apart, which for a function of
    twenty arrays takes longer to compile than the function does; nor is it ever a whole.
    """

    _part: CPUDispatcher | None = None

    def __init__(self, py_func: Any, locals: Any = None, targetoptions: Any = None) -> None:  # noqa: A002
        super().__init__(py_func, locals or {}, targetoptions or _OPTIONS)
        if code_can_be_kept():
            with suppress(RuntimeError):  # it is in no file: typed at a prompt
                self._cache = _Kept(py_func)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        if self._part is None:
            self._part = CPUDispatcher(
                self.py_func, targetoptions=_AS_A_PART, pipeline_class=_Parts
            )
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


def implement(
    name: Callable[..., Any], kinds: tuple[type, ...], implementation: Callable[..., Any]
) -> None:
    """Have compiled code mean a function by `name(model, …)` for models of these kinds."""
    if not Path(implementation.__code__.co_filename).is_relative_to(PACKAGE):
        _users.update(kinds)

    def choose(model: Any, *_: Any) -> Callable[..., Any] | None:
        known = isinstance(model, types.BaseNamedTuple) and model.instance_class in kinds
        return implementation if known else None

    # numba compares the names of the arguments of the two.
    choose.__signature__ = signature(implementation)  # type: ignore[attr-defined]
    overload(name, jit_options=_AS_A_PART | {"pipeline_class": _Parts})(choose)


def type_of_intrinsic(build: Callable[..., Any]) -> Any:
    """Return the type by which numba knows a piece of machine code."""
    made, context = intrinsic(build), cpu_target.typing_context
    context.refresh()
    return context.resolve_value_type(made)
