"""Time laws: how long a computation, a message or a sweep takes, in seconds.

A law maps one uniform number in (0, 1) to one duration by its quantile function. So draw i of a
worker is a function of word i of its stream alone, and the same word gives coupled times under
two laws or two means (common random numbers), which makes comparisons sharp.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

from asysim.errors import Clash

Array = NDArray[np.float64]


class TimeLaw(Protocol):
    """What a schedule asks of a law. From Python any object with these two members will do."""

    @property
    def mean(self) -> float:
        """Expected duration in seconds."""
        ...

    def quantile(self, uniform: Array) -> Array:
        """Map numbers uniform on (0, 1) to durations in seconds ≥ 0, same shape."""
        ...


class _Law(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Constant(_Law):
    """Always the same duration; a bare number in the file means this law."""

    law: Literal["constant"] = "constant"
    value: float = Field(ge=0, description="duration in seconds")

    @model_serializer
    def _as_number(self) -> float:
        return self.value

    @property
    def mean(self) -> float:
        return self.value

    def quantile(self, uniform: Array) -> Array:
        return np.full(uniform.shape, self.value)


class Uniform(_Law):
    """Uniform between `low` and `high`."""

    law: Literal["uniform"]
    low: float = Field(ge=0, description="shortest duration in seconds")
    high: float = Field(ge=0, description="longest duration in seconds")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise Clash("low", f"should be at most high = {self.high:g}")
        return self

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    def quantile(self, uniform: Array) -> Array:
        return self.low + (self.high - self.low) * uniform


class Exponential(_Law):
    """Exponential with the given mean, after a fixed `shift`: queueing theory's memoryless law."""

    law: Literal["exponential"]
    mean: float = Field(gt=0, description="mean duration in seconds, the shift included")
    shift: float = Field(default=0.0, ge=0, description="least duration in seconds, below the mean")

    @model_validator(mode="after")
    def _shift_below_mean(self) -> Self:
        if self.shift >= self.mean:
            raise Clash("shift", f"should be below mean = {self.mean:g}")
        return self

    def quantile(self, uniform: Array) -> Array:
        excess: Array = np.log1p(-uniform) * -(self.mean - self.shift)
        return self.shift + excess


class Gamma(_Law):
    """Gamma with the given mean and coefficient of variation `cv`; cv = 1 is exponential."""

    law: Literal["gamma"]
    mean: float = Field(gt=0, description="mean duration in seconds")
    cv: float = Field(gt=0, description="standard deviation / mean")

    def quantile(self, uniform: Array) -> Array:
        from scipy.special import gammaincinv

        shape = self.cv**-2
        unit: Array = np.asarray(gammaincinv(shape, uniform), dtype=np.float64)
        return unit * (self.mean / shape)


class LogNormal(_Law):
    """Log-normal with the given mean and coefficient of variation `cv`."""

    law: Literal["lognormal"]
    mean: float = Field(gt=0, description="mean duration in seconds")
    cv: float = Field(gt=0, description="standard deviation / mean")

    def quantile(self, uniform: Array) -> Array:
        from scipy.special import ndtri

        spread = math.log1p(self.cv**2)
        result: Array = self.mean * np.exp(math.sqrt(spread) * ndtri(uniform) - spread / 2)
        return result


class Pareto(_Law):
    """Pareto with tail exponent `alpha`: P(time > t) = (least / t)^alpha, heavy for alpha ≤ 2."""

    law: Literal["pareto"]
    mean: float = Field(gt=0, description="mean duration in seconds")
    alpha: float = Field(gt=1, description="tail exponent; the mean is infinite at 1 and below")

    def quantile(self, uniform: Array) -> Array:
        least = self.mean * (self.alpha - 1) / self.alpha
        return least * np.exp(-np.log1p(-uniform) / self.alpha)


def _tag(value: Any) -> str:
    """Say which law a piece of a scenario file means."""
    if isinstance(value, dict):
        return str(value.get("law", "missing"))
    return str(getattr(value, "law", "number"))


def _constant(value: Any) -> Any:
    return value if isinstance(value, Constant) else {"value": value}


_Number = Annotated[
    Constant,
    BeforeValidator(_constant),
    WithJsonSchema({"type": "number", "minimum": 0, "description": "constant, in seconds"}),
    Tag("number"),
]

Law = Annotated[
    _Number
    | Annotated[Constant, Tag("constant")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Exponential, Tag("exponential")]
    | Annotated[Gamma, Tag("gamma")]
    | Annotated[LogNormal, Tag("lognormal")]
    | Annotated[Pareto, Tag("pareto")],
    Discriminator(_tag),
]
