"""All laws that a table with `law = …` can name; the mixture is here, being made of any of them."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from asysim.ground.ranges import MOST_SECONDS, Count
from asysim.laws.base import Array, LawModel, SomeOf
from asysim.laws.empirical import Empirical
from asysim.laws.heavy import LogNormal, Pareto, Weibull
from asysim.laws.parts import (
    Hyperexponential,
    Parts,
    Positives,
    deviation_of,
    pick_and_draw,
    same_length,
    weighed,
)
from asysim.laws.simple import Constant, Erlang, Exponential, Gamma, Uniform


class Mixture(LawModel):
    """Mixture: each draw is from one of several laws, picked with the given weights.

    A number picks a law first, so `quantile` does not rise.
    """

    law: Literal["mixture"]
    weights: Positives = Field(description="how often each law is picked; any sum will do")
    laws: SomeOf[Law] = Field(description="a number or a law for each weight")

    @model_validator(mode="after")
    def _law_for_each_weight(self) -> Self:
        same_length("laws", self.laws, self.weights)
        return self

    @cached_property
    def parts(self) -> Parts:
        """The laws with their probabilities."""
        return weighed(self.weights, self.laws)

    @property
    def mean(self) -> float:
        return math.fsum(weight * law.mean for weight, law in self.parts)

    @property
    def std(self) -> float:
        """Standard deviation in seconds; math.inf if a part's is infinite."""
        return deviation_of(self.parts)

    def quantile(self, uniform: Array) -> Array:
        return pick_and_draw(self.parts, uniform)


def which(value: Any) -> str:
    """Say which law a piece of a scenario file means."""
    if isinstance(value, dict):
        return str(value.get("law", "missing"))
    return str(getattr(value, "law", "number"))


def _constant(value: Any) -> Any:
    return value if isinstance(value, Constant) else {"value": value}


_Number = Annotated[
    Constant,
    BeforeValidator(_constant),
    WithJsonSchema(
        {
            "type": "number",
            "minimum": 0,
            "maximum": MOST_SECONDS,
            "description": "constant, in seconds",
        }
    ),
    Tag("number"),
]

_WholeNumber = Annotated[Count, Tag("number")]

_Random = (
    Annotated[Uniform, Tag("uniform")]
    | Annotated[Exponential, Tag("exponential")]
    | Annotated[Gamma, Tag("gamma")]
    | Annotated[Erlang, Tag("erlang")]
    | Annotated[LogNormal, Tag("lognormal")]
    | Annotated[Weibull, Tag("weibull")]
    | Annotated[Pareto, Tag("pareto")]
    | Annotated[Hyperexponential, Tag("hyperexponential")]
    | Annotated[Empirical, Tag("empirical")]
    | Annotated[Mixture, Tag("mixture")]
)

AnyLaw = _Number | Annotated[Constant, Tag("constant")] | _Random

Law = Annotated[AnyLaw, Discriminator(which)]

Size = Annotated[_WholeNumber | _Random, Discriminator(which)]
"""A whole number of bytes, or a law, whose seconds are bytes then."""

Mixture.model_rebuild()
