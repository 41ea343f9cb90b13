"""Laws with light tails: constant, uniform, exponential, gamma and Erlang."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

import numpy as np
from pydantic import (
    ConfigDict,
    Field,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_core import ErrorDetails, InitErrorDetails

from asysim.errors import Clash
from asysim.ground.ranges import Count, Seconds, SomeSeconds, Variation
from asysim.laws.base import Array, LawModel


def _by_either_name(schema: dict[str, Any]) -> None:
    """Tell editors that the duration may be called `mean`, as in every other law."""
    schema["properties"]["mean"] = schema["properties"]["value"] | {
        "description": "the same, as other laws call it: instead of value",
        "title": "Mean",
    }
    del schema["required"]
    schema["oneOf"] = [{"required": [name]} for name in ("value", "mean")]


def _as_mean(fault: ErrorDetails) -> InitErrorDetails:
    """Return what is wrong with a value as what is wrong with the mean that it was given as."""
    loc = tuple("mean" if key == "value" else key for key in fault["loc"])
    return InitErrorDetails(
        type=fault["type"], loc=loc, input=fault["input"], ctx=fault.get("ctx", {})
    )


class Constant(LawModel):
    """Always the same duration; a bare number in the file means this law."""

    model_config = ConfigDict(json_schema_extra=_by_either_name)

    law: Literal["constant"] = "constant"
    value: Seconds = Field(description="duration in seconds")

    @model_validator(mode="wrap")
    @classmethod
    def _mean_is_value(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(given, dict) or "mean" not in given:
            return handler(given)
        if "value" in given:
            raise Clash("mean", "should be left out: `value` says the same")
        try:
            return handler({"value" if key == "mean" else key: part for key, part in given.items()})
        except ValidationError as error:
            raise ValidationError.from_exception_data(
                error.title, [_as_mean(fault) for fault in error.errors()]
            ) from None

    @model_serializer
    def _as_number(self) -> float:
        return self.value

    @property
    def mean(self) -> float:
        return self.value

    @property
    def std(self) -> float:
        """Standard deviation in seconds."""
        return 0.0

    def quantile(self, uniform: Array) -> Array:
        return np.full(uniform.shape, self.value)


def constant(value: float) -> Constant:
    """Return the law of a value that was computed, and may be out of a file's range."""
    return Constant.model_construct(law="constant", value=value)


NO_TIME = Constant(value=0.0)
"""What takes no time at all."""


class Uniform(LawModel):
    """Uniform between `low` and `high`."""

    law: Literal["uniform"]
    low: Seconds = Field(description="shortest duration in seconds")
    high: Seconds = Field(description="longest duration in seconds")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise Clash("low", f"should be at most high = {self.high:g}")
        return self

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    @property
    def std(self) -> float:
        """Standard deviation in seconds."""
        return (self.high - self.low) / math.sqrt(12)

    def quantile(self, uniform: Array) -> Array:
        return self.low + (self.high - self.low) * uniform


class Exponential(LawModel):
    """Exponential with the given mean, after a fixed `shift`: queueing theory's memoryless law."""

    law: Literal["exponential"]
    mean: SomeSeconds = Field(description="mean duration in seconds, the shift included")
    shift: Seconds = Field(default=0.0, description="least duration in seconds, below the mean")

    @model_validator(mode="after")
    def _shift_below_mean(self) -> Self:
        if self.shift >= self.mean:
            raise Clash("shift", f"should be below mean = {self.mean:g}")
        return self

    @property
    def std(self) -> float:
        """Standard deviation in seconds."""
        return self.mean - self.shift

    def quantile(self, uniform: Array) -> Array:
        excess: Array = np.log1p(-uniform) * -(self.mean - self.shift)
        return self.shift + excess


def exponential(mean: float) -> Exponential:
    """Return the law with a mean that was computed, and may be out of a file's range."""
    return Exponential.model_construct(law="exponential", mean=mean, shift=0.0)


class Gamma(LawModel):
    """Gamma with the given mean and coefficient of variation `cv`; cv = 1 is exponential."""

    law: Literal["gamma"]
    mean: SomeSeconds = Field(description="mean duration in seconds")
    cv: Variation = Field(description="standard deviation / mean")

    @property
    def std(self) -> float:
        """Standard deviation in seconds."""
        return self.cv * self.mean

    def quantile(self, uniform: Array) -> Array:
        return _gamma(self.cv**-2, self.mean, uniform)


class Erlang(LawModel):
    """Erlang: the sum of `stages` equal exponential steps; one stage is exponential."""

    law: Literal["erlang"]
    mean: SomeSeconds = Field(description="mean duration in seconds, of all stages together")
    stages: Count = Field(description="how many exponential steps; more of them vary less")

    @property
    def std(self) -> float:
        """Standard deviation in seconds."""
        return self.mean / math.sqrt(self.stages)

    def quantile(self, uniform: Array) -> Array:
        return _gamma(float(self.stages), self.mean, uniform)


def _gamma(shape: float, mean: float, uniform: Array) -> Array:
    from scipy.special import gammaincinv

    unit: Array = np.asarray(gammaincinv(shape, uniform), dtype=np.float64)
    return unit * (mean / shape)
