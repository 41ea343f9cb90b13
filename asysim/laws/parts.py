"""Laws made of parts, of which each draw picks one: how one uniform number does both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Literal, Self, TypeAlias

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from asysim.errors import Clash
from asysim.ground.ranges import Positive, SomeSeconds
from asysim.laws.base import Array, EitherLaw, SomeOf, TimeLaw
from asysim.laws.simple import exponential

Parts: TypeAlias = tuple[tuple[float, TimeLaw], ...]
"""Probabilities, which sum to 1, each with a law."""

Positives: TypeAlias = SomeOf[Positive]

_LEAST, _MOST = 2.0**-53, 1 - 2.0**-53


def weighed(weights: Sequence[float], laws: Sequence[TimeLaw]) -> Parts:
    """Return as many laws as weights, the weights made to sum to 1."""
    total = math.fsum(weights)
    return tuple((weight / total, law) for weight, law in zip(weights, laws, strict=True))


def pick_and_draw(parts: Parts, uniform: Array) -> Array:
    """Let each number choose a part and then, rescaled to (0, 1), be that part's own number.

    A part of probability w has w · 2^52 different draws, which is plenty for any w a run can see.
    """
    bounds = np.concatenate([[0.0], np.cumsum([weight for weight, _ in parts])])
    bounds[-1] = 1.0
    chosen = np.searchsorted(bounds[1:-1], uniform, side="right")
    result = np.empty(uniform.shape)
    for number, (low, high) in enumerate(pairwise(bounds)):
        mine = chosen == number
        # At a bound rounding may give 0 or 1, where a quantile can be infinite.
        own = np.clip((uniform[mine] - low) / (high - low), _LEAST, _MOST)
        result[mine] = parts[number][1].quantile(own)
    return result


class Hyperexponential(EitherLaw):
    """Hyperexponential: each draw is exponential with one of several means, so cv is above 1.

    Told by its mean and coefficient of variation (two phases that each bring half of the mean,
    "balanced means"), or by the phases themselves. A number picks a phase first, so `quantile`
    does not rise.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["mean", "cv"]}, {"required": ["weights", "means"]}]
        }
    )

    law: Literal["hyperexponential"]
    mean: SomeSeconds = Field(
        default_factory=lambda: math.nan, description="mean duration in seconds, with cv"
    )
    cv: float | None = Field(
        default=None,
        gt=1,
        le=1e12,
        description="standard deviation / mean, with mean; 1 is exponential",
    )
    weights: Positives | None = Field(default=None, description="how often each phase is taken")
    means: SomeOf[SomeSeconds] | None = Field(
        default=None, description="mean of each phase in seconds"
    )

    @model_validator(mode="after")
    def _phases_told(self) -> Self:
        if self.told_by(("mean", "cv"), ("weights", "means")) == ("weights", "means"):
            assert self.weights is not None
            assert self.means is not None
            same_length("means", self.means, self.weights)
            mean = math.fsum(weight * phase.mean for weight, phase in self.parts)
            object.__setattr__(self, "mean", mean)  # the one time it is set
        return self

    @cached_property
    def parts(self) -> Parts:
        """The phases, the short one first if mean and cv tell them."""
        weights, means = self.weights, self.means
        if weights is None or means is None:
            assert self.cv is not None
            slant = math.sqrt((1 - self.cv**-2) / (1 + self.cv**-2))
            # (1 − slant) / 2, without its cancellation when cv is large.
            rare = self.cv**-2 / (1 + self.cv**-2) / (1 + slant)
            weights = (1 - rare, rare)
            means = (self.mean / 2 / (1 - rare), self.mean / 2 / rare)
        return weighed(weights, [exponential(mean) for mean in means])

    @property
    def std(self) -> float:
        """Standard deviation in seconds."""
        return deviation_of(self.parts)

    def quantile(self, uniform: Array) -> Array:
        return pick_and_draw(self.parts, uniform)


def same_length(key: str, values: Sequence[object], weights: Sequence[float]) -> None:
    """Raise a Clash unless there are as many values as weights."""
    if len(values) != len(weights):
        raise Clash(
            key, f"should be as many as there are weights, {len(weights)}, not {len(values)}"
        )


def deviation_of(parts: Parts) -> float:
    """Return the standard deviation of a law with parts, in seconds; nan if a part tells none."""
    mean = sum(weight * law.mean for weight, law in parts)
    if math.isinf(mean):
        return math.inf
    spreads = [(weight, law.mean - mean, deviation(law)) for weight, law in parts]
    return math.sqrt(sum(weight * (off**2 + std**2) for weight, off, std in spreads))


def deviation(law: TimeLaw) -> float:
    """Return a law's standard deviation in seconds: nan if it tells none (a law of your own)."""
    return float(getattr(law, "std", math.nan))
