"""Functions that compiled code calls, compiled as far as what calls them needs, and no further.

numba makes a whole of every function, with machine code of its own. What calls it contains it once
more, and so on upwards. A part is LLVM's language only, to be merged into what Python calls. It is
optimised all the same: not to do so halves what the compiled cluster costs to compile, and takes a
sixth of its rate.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


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


class Parts(CompilerBase):  # type: ignore[misc]
    """The pipeline of such functions: numba's own, but for its last step."""

    def define_pipelines(self) -> list[Any]:
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state)
        steps.passes = [
            (_PartLowering if step is NativeLowering else step, says) for step, says in steps.passes
        ]
        steps.finalize()
        return [steps]
