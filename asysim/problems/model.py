"""What every `[problem]` table of a scenario file has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from asysim.errors import unfit
from asysim.ground.ranges import NotNegative
from asysim.problems.base import Problem
from asysim.problems.data_settings import TableSize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from asysim.problems.data import DataSet

Seed: TypeAlias = Annotated[
    int, Field(ge=0, lt=2**63, description="names synthetic data and a random start")
]
LossName: TypeAlias = Literal["squared", "cross_entropy"]
Loss: TypeAlias = Annotated[
    LossName | None,
    Field(
        description="squared: ½‖output − target‖², classes as 0 and 1; if not given, cross_entropy "
        "for classes and squared for real targets"
    ),
]


Ridge: TypeAlias = Annotated[NotNegative, Field(description="weight of ½‖x‖²")]


class Sizes(NamedTuple):
    """What a problem takes of memory, roughly, before it is made.

    Attributes
    ----------
    dimension
        n, the length of x; 0: only a file says it.
    of_a_sample
        Numbers that wait instead of a gradient, if they are fewer, for each sample of it.
    making
        Bytes besides the data.
    key
        The key of the table that decides it.
    """

    dimension: float = 0.0
    of_a_sample: float = 0.0
    making: float = 0.0
    key: str = "data"


class ProblemModel(BaseModel, ABC):
    """A description of an objective that can make it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    papers: ClassVar[tuple[str, ...]] = ()
    """Keys of ``papers.bib``: whose problem it is."""
    compiled_by: ClassVar[tuple[str, ...] | None] = None
    """What `asysim warm` adds to ``kind`` so that all its kernels are compiled, a run for each;
    None: it has none."""

    def needs(self, table: TableSize | None) -> Sizes:  # noqa: ARG002
        """Return what it takes of memory, with data of this size; as far as it is known."""
        return Sizes()

    @abstractmethod
    def build(self) -> Problem:
        """Make the objective, and first its data.

        Raises
        ------
        InputError
            If data and objective do not fit, or a file can't be used.
        """


def goal(data: DataSet, loss: LossName | None, kind: str) -> tuple[LossName, NDArray[Any]]:
    """Return the loss, which the data decide if nobody else does, and the targets it takes."""
    import numpy as np

    if data.classes is None:
        if loss == "cross_entropy":
            found = f"cross_entropy for real targets ({kind})"
            raise unfit("problem.loss", found, "squared, or data with classes")
        return "squared", data.targets
    if loss == "squared":
        return loss, np.eye(data.classes)[data.class_numbers]
    return "cross_entropy", data.class_numbers
