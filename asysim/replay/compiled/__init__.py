"""Replay without coming back to Python for each update, for problems so small that it matters.

`asysim.replay.consistent` and `.inconsistent` are the reference: what a reader studies and a user
extends. Whoever changes one of them changes its twin here, or tests fail.
"""

from __future__ import annotations

from asysim.replay.compiled.executor import LARGEST, CompiledReplay, suits

__all__ = ["LARGEST", "CompiledReplay", "suits"]
