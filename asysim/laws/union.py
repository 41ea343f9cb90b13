"""All laws that a table with `law = …` can name; a mixture and a batch are made of any of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from asysim.ground.ranges import MOST_SECONDS, Count, Seconds
from asysim.laws.base import Array, LawModel, SomeOf, TimeLaw
from asysim.laws.empirical import Empirical
from asysim.laws.heavy import LogNormal, Pareto, Weibull
from asysim.laws.parts import (
    Hyperexponential,
    Parts,
    Positives,
    deviation,
    deviation_of,
    pick_and_draw,
    same_length,
    weighed,
)
from asysim.laws.simple import Constant, Erlang, Exponential, Gamma, Uniform, constant


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


class Batch(LawModel):
    """Batch: M samples take (fixed + M · per_sample) · noise; of `workers.compute` alone.

    It has no mean of its own: `for_batch` makes it a law once M is known.
    """

    law: Literal["batch"]
    fixed: Seconds = Field(description="seconds that a gradient takes whatever its size")
    per_sample: Seconds = Field(description="seconds for each sample of the mini-batch")
    noise: Law | None = Field(
        default=None,
        description="a factor of its own for each gradient: a number or a law, of any mean",
    )


ComputeLaw = Annotated[AnyLaw | Annotated[Batch, Tag("batch")], Discriminator(which)]


@dataclass(frozen=True)
class Scaled:
    """A law whose every draw is multiplied.

    Parameters
    ----------
    law
        What is multiplied.
    factor
        By how much; > 0.
    """

    law: TimeLaw
    factor: float

    @property
    def mean(self) -> float:
        return self.factor * self.law.mean

    @property
    def std(self) -> float:
        """Standard deviation in seconds."""
        return self.factor * deviation(self.law)

    @property
    def parts(self) -> Parts:
        """The law's parts, if it has some, each multiplied."""
        parts: Parts = getattr(self.law, "parts", ())
        return tuple((weight, Scaled(law, self.factor)) for weight, law in parts)

    def quantile(self, uniform: Array) -> Array:
        return self.factor * self.law.quantile(uniform)


def for_batch(law: ComputeLaw | TimeLaw, batch_size: int) -> TimeLaw:
    """Return the law of one gradient's time, in seconds at speed 1.

    Parameters
    ----------
    law
        Any law; all but `Batch` are returned as they are.
    batch_size
        M, samples in the mini-batch.
    """
    if not isinstance(law, Batch):
        return law
    seconds = law.fixed + batch_size * law.per_sample
    if law.noise is None or seconds == 0:
        return constant(seconds)
    if isinstance(law.noise, Constant):
        return constant(seconds * law.noise.value)
    return Scaled(law.noise, seconds)
