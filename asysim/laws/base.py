"""What every time law has: a mean, and a map from one uniform number to one duration."""

from __future__ import annotations

import math
from inspect import getdoc
from typing import Annotated, Any, Protocol, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from asysim.errors import Clash, Fault, InputError
from asysim.ground.arrays import Floats

Array = Floats


class TimeLaw(Protocol):
    """What a schedule asks of a law. From Python any object with these two members will do."""

    @property
    def mean(self) -> float:
        """Expected duration in seconds; math.inf if it is infinite."""
        ...

    def quantile(self, uniform: Array) -> Array:
        """Map numbers uniform on (0, 1) to durations in seconds ≥ 0, same shape, one by one.

        For most laws this is the quantile function, and so it rises. A law with parts (a mixture,
        a hyperexponential) spends the number on the choice of a part and, rescaled, on that
        part's own draw: right in law, still one number a draw, but then it does not rise.
        """
        ...


def _some(values: Any) -> Any:
    """Return a list as it is; raise ValueError if it is empty.

    Pydantic's own ``min_length`` counts the good entries, and so finds a second fault in a list
    of one bad entry.
    """
    if not values:
        raise ValueError("should be a list of at least 1")
    return values


_T = TypeVar("_T")
SomeOf: TypeAlias = Annotated[
    tuple[_T, ...], Field(strict=False, json_schema_extra={"minItems": 1}), AfterValidator(_some)
]
"""A list in a scenario file with at least one entry."""


class LawModel(BaseModel):
    """A law as a table of a scenario file."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
    )


class EitherLaw(LawModel):
    """A law that can be told in either of two ways, each with keys of its own."""

    def told_by(self, *ways: tuple[str, ...]) -> tuple[str, ...]:
        """Return the keys of the way that was taken.

        Raises
        ------
        Clash
            If keys of both ways were given, or not all of one.
        """
        given = [tuple(key for key in way if self._was_given(key)) for way in ways]
        taken = [number for number, keys in enumerate(given) if keys]
        if len(taken) > 1:
            raise Clash(given[taken[1]][0], f"should not stand beside {given[taken[0]][0]}")
        way = ways[taken[0] if taken else 0]
        for key in way:
            if not self._was_given(key):
                about = type(self).model_fields[key].description
                others = "" if taken else "; or give " + " and ".join(ways[1])
                raise Clash(key, f"is required: {about}{others}")
        return way

    def _was_given(self, key: str) -> bool:
        return key in self.model_fields_set and getattr(self, key) is not None

    @model_serializer(mode="wrap")
    def _as_it_was_told(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # What follows from the keys that were given would clash with them when read back.
        document: dict[str, Any] = handler(self)
        return {key: value for key, value in document.items() if self._was_given(key)}


_LONG_LIST = 8


def as_written(law: object) -> str:
    """Write a law as a scenario file does, shortened if it is long."""
    if not isinstance(law, BaseModel):
        return repr(law)
    from asysim.ground.toml_text import shown

    return shown(law.model_dump(mode="json", exclude_none=True))


def in_full(law: BaseModel) -> str:
    """Write a law as a scenario file does, on one line; only long lists are shortened."""
    return _inline(law.model_dump(mode="json", exclude_none=True))


def _inline(value: Any) -> str:
    from asysim.ground.toml_text import shown

    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list) and len(value) <= _LONG_LIST:
        return "[" + ", ".join(map(_inline, value)) + "]"
    return shown(value)


def about(law: object) -> str:
    """Return the first line of what is said of a kind of law."""
    return (getdoc(type(law)) or type(law).__name__).partition("\n")[0].removesuffix(".")


def finite_mean(law: TimeLaw, key: str, why: str) -> float:
    """Return the mean of a law in seconds.

    Parameters
    ----------
    law
        Any law.
    key
        Where it stands in the scenario: ``workers.compute``.
    why
        What needs the mean, for the error.

    Raises
    ------
    InputError
        If the mean is infinite.
    """
    if math.isfinite(law.mean):
        return law.mean
    found = f"{as_written(law)}, whose mean is infinite"
    raise InputError(Fault(key, found, f"should have a finite mean: {why}"))
