"""Gradients in compiled code, for whole worker loops that are compiled around them."""

from __future__ import annotations

from asysim.problems.compiled.generics import (
    draw_batch,
    gradient,
    is_sparse,
    model_of,
    most_support,
    new_batch,
    new_work,
    sparse_gradient,
    support,
)
from asysim.problems.compiled.problem import CompiledProblem

__all__ = [
    "CompiledProblem",
    "draw_batch",
    "gradient",
    "is_sparse",
    "model_of",
    "most_support",
    "new_batch",
    "new_work",
    "sparse_gradient",
    "support",
]
