"""What a scenario says of the update rule: the tables of its parts, by their kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from asysim.ground import outside
from asysim.ground.ranges import HUGEST, TINIEST, AnyPositive
from asysim.ground.table import NUMBER, Table
from asysim.updates import momentum, staleness_aware
from asysim.updates.base import CorrectionRule, StepRule, WeightRule
from asysim.updates.constant import ConstantStep
from asysim.updates.decaying import DecayingStep
from asysim.updates.delay_compensation import AdaptiveDelayCorrection, DelayCorrection
from asysim.updates.fedasync import FedAsyncWeight, FedBuffWeight
from asysim.updates.gap_aware import GapAwareCorrection
from asysim.updates.koloskova import KoloskovaWeight
from asysim.updates.mishchenko import MishchenkoWeight
from asysim.updates.perturbation import Perturbation
from asysim.updates.staleness_aware import InverseWeight
from asysim.updates.theorem import TheoremStep

STEPS = (ConstantStep, DecayingStep, TheoremStep)
WEIGHTS = (KoloskovaWeight, MishchenkoWeight, InverseWeight, FedAsyncWeight, FedBuffWeight)
CORRECTIONS = (DelayCorrection, AdaptiveDelayCorrection, GapAwareCorrection)
"""All kinds there are: a new one is a file of its own, and a name here."""


def _tag(value: Any) -> str:
    is_table = isinstance(value, dict | StepRule)
    return outside.tag(value) if is_table else NUMBER


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(
            'should be a number, or a step that changes, such as {kind = "decaying", initial = 0.1}'
        )
    return value


def _value(step: ConstantStep) -> float:
    return step.value


if TYPE_CHECKING:
    Step = float | StepRule
    Weight = WeightRule
    Correction = CorrectionRule
else:
    Weight = outside.one_of(WeightRule, WEIGHTS)
    Correction = outside.one_of(CorrectionRule, CORRECTIONS)
    _plain = Annotated[
        AnyPositive,
        BeforeValidator(_number),
        WithJsonSchema(
            {"type": "number", "minimum": TINIEST, "maximum": HUGEST, "description": "constant"}
        ),
        Tag(NUMBER),
    ]
    _constant = Annotated[ConstantStep, AfterValidator(_value), Tag("constant")]
    _others = outside.members(StepRule, STEPS[1:])
    Step = Annotated[Union[(_plain, _constant, *_others)], Discriminator(_tag)]


class Update(Table):
    """What the server makes of the gradients of an update, before x −= γ_k times that."""

    average: bool = False
    """the gradients of one update are averaged, not summed (asysg-con only)"""
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """β of heavy ball at the server: v = βv + g, x −= γ_k v, in the long run as with
    γ_k/(1 − β) (Polyak 1964; asysg-con only)"""
    weight: Weight | None = None
    """a number that multiplies each gradient, by its staleness τ; absent: 1"""
    correction: Correction | None = None
    """what is done to each gradient, by x now and when it was read (asysg-con only)"""
    perturbation: Perturbation | None = None
    """noise beside the gradients, which γ_k scales, too: x −= γ_k (v + ζ_k) (asysg-con only)"""

    @property
    def papers(self) -> Iterator[str]:
        """Keys of ``papers.bib``: whose methods are in it."""
        for part in (self.weight, self.correction, self.perturbation):
            yield from () if part is None else part.papers
        if self.momentum:
            yield momentum.PAPER
        if self.average:
            yield staleness_aware.PAPER


SERVER_ONLY = {
    "average": "an update is one gradient",
    "momentum": "no server keeps a velocity",
    "correction": CorrectionRule.server_only,
    "perturbation": "nobody adds to all of x at once",
}
"""Why keys of the table have no meaning without a server."""
