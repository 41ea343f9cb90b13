"""Laws with heavy tails, where a few draws take far longer than the rest."""

from __future__ import annotations

import math
from typing import Literal, Self

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from asysim.errors import Clash
from asysim.ground.ranges import SomeSeconds, Variation
from asysim.laws.base import Array, EitherLaw, LawModel

_LARGEST_EXPONENT = 600.0  # e^600 of anything is beyond every clock, and still a float


class LogNormal(LawModel):
    """Log-normal with the given mean and coefficient of variation `cv`."""

    law: Literal["lognormal"]
    mean: SomeSeconds = Field(description="mean duration in seconds")
    cv: Variation = Field(description="standard deviation / mean")

    @property
    def std(self) -> float:
        """Standard deviation in seconds."""
        return self.cv * self.mean

    def quantile(self, uniform: Array) -> Array:
        from scipy.special import ndtri

        spread = math.log1p(self.cv**2)
        result: Array = self.mean * np.exp(math.sqrt(spread) * ndtri(uniform) - spread / 2)
        return result


class Weibull(LawModel):
    """Weibull with the given mean and shape; shape = 1 is exponential, below it tails are heavy."""

    law: Literal["weibull"]
    mean: SomeSeconds = Field(description="mean duration in seconds")
    shape: Variation = Field(description="exponent in P(time > t) = exp(−(t / scale)^shape)")

    @property
    def std(self) -> float:
        """Standard deviation in seconds; math.inf if no float holds it (shape < 0.003)."""
        excess = math.lgamma(1 + 2 / self.shape) - 2 * math.lgamma(1 + 1 / self.shape)
        # A rounding can bring a very small excess below 0.
        return self.mean * math.sqrt(max(0.0, math.expm1(excess))) if excess < 700 else math.inf

    def quantile(self, uniform: Array) -> Array:
        # In logarithms: Γ(1 + 1/shape) is beyond a float below shape = 0.006.
        exponent = np.log(-np.log1p(-uniform)) / self.shape - math.lgamma(1 + 1 / self.shape)
        result: Array = self.mean * np.exp(exponent)
        return result


class Pareto(EitherLaw):
    """Pareto with tail exponent `alpha`: P(time > t) = (least / t)^alpha, heavy for alpha ≤ 2.

    Told by its mean or by its least value. At alpha ≤ 1 the mean is infinite, and only the least
    value can tell it.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["mean"]}, {"required": ["least"]}]}
    )

    law: Literal["pareto"]
    mean: SomeSeconds = Field(
        default_factory=lambda: math.nan, description="mean duration in seconds; alpha > 1"
    )
    least: SomeSeconds | None = Field(
        default=None, description="shortest duration in seconds, in place of the mean"
    )
    alpha: Variation = Field(description="tail exponent; the mean is infinite at 1 and below")

    @model_validator(mode="after")
    def _one_scale(self) -> Self:
        if self.told_by(("mean",), ("least",)) == ("least",):
            assert self.least is not None
            factor = self.alpha / (self.alpha - 1) if self.alpha > 1 else math.inf
            object.__setattr__(self, "mean", self.least * factor)  # the one time it is set
        elif self.alpha <= 1:
            raise Clash(
                "alpha",
                "should be > 1 beside mean: at 1 and below the mean is infinite; "
                "give least, the shortest duration, in its place",
            )
        return self

    @property
    def std(self) -> float:
        """Standard deviation in seconds; math.inf for alpha ≤ 2."""
        if self.alpha <= 2:
            return math.inf
        return self.mean / math.sqrt(self.alpha * (self.alpha - 2))

    def quantile(self, uniform: Array) -> Array:
        least = self.mean * (self.alpha - 1) / self.alpha if self.least is None else self.least
        result: Array = least * np.exp(
            np.minimum(-np.log1p(-uniform) / self.alpha, _LARGEST_EXPONENT)
        )
        return result
