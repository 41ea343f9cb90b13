"""The `[problem]` table with kind = "torch": which module, on which data, from which start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from pydantic import Field

from asysim.errors import InputError
from asysim.ground.ranges import Size
from asysim.problems.base import Problem
from asysim.problems.data_settings import DataSettings, DigitsData
from asysim.problems.model import Loss, ProblemModel, Seed, goal
from asysim.problems.torch_source import ModuleSource, SourceText


class TorchSettings(ProblemModel):
    """A PyTorch module of your own; needs asysim[torch]. Its code runs when the problem is made."""

    kind: Literal["torch"] = "torch"
    module: SourceText = Field(
        description='a function, or class, that makes the module: "path/to/file.py:name", relative '
        'to the scenario\'s folder, or "package.module:name"'
    )
    data: DataSettings = DigitsData()
    input_shape: tuple[Size, ...] | None = Field(
        default=None,
        min_length=1,
        description="what the features of a sample are shaped to, such as [3, 32, 32]; if not "
        "given, they stay in one row",
    )
    loss: Loss = None
    dtype: Literal["float32", "float64"] = Field(
        default="float32", description="what torch computes in; x is rounded to it for a gradient"
    )
    seed: Seed = 0

    def build(self) -> Problem:
        from asysim.problems.torch_module import TorchProblem

        source = ModuleSource(self.module)
        with _inside("problem"):
            module = source.make(self.seed)
        data = self.data.build(seed=self.seed)
        loss, targets = goal(data, self.loss, self.data.kind)
        with _inside("problem"):
            return TorchProblem(
                module,
                data.dense_features(),
                targets,
                loss=loss,
                dtype=self.dtype,
                input_shape=self.input_shape,
                source=source,
            )


@contextmanager
def _inside(table: str) -> Iterator[None]:
    """Name faults by the table of the scenario file that their keys are in."""
    try:
        yield
    except InputError as error:
        named = [replace(fault, key=f"{table}.{fault.key}") for fault in error.faults]
        raise InputError(named) from error
