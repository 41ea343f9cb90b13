"""What manifests of runs and attempts of studies both keep as JSON, and of which types it is."""

from __future__ import annotations

import json
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from asysim.runs.outcome import STATUSES


def _known(status: str) -> str:
    if status not in STATUSES:
        raise ValueError(f"should be one of {', '.join(STATUSES)}")
    return status


Status: TypeAlias = Annotated[str, AfterValidator(_known)]
"""How a run ended."""


class Facts(BaseModel):
    """A table of which some keys are known, and the others are let pass."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Emulation(Facts):
    overshoot_median_us: float = Field(ge=0, allow_inf_nan=False)
    overshoot_99_us: float = Field(ge=0, allow_inf_nan=False)
    late_gradients: int = Field(ge=0)
    slip_seconds: float = Field(ge=0, allow_inf_nan=False)


class _Measured(Facts):
    """Of the facts that are shown, the types."""

    backend: str
    core_to_core_ns: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    write: str = ""
    lost_estimate: float = 0.0
    lost_of_tries: tuple[int, int] = (0, 0)
    half_written: list[int] | None = None
    clock_every: int = 1
    emulation: _Emulation | None = None


def _checked(facts: dict[str, Any]) -> dict[str, Any]:
    if not facts:
        return facts
    read_as(_Measured, json.dumps(facts))
    for name in ("write", "lost_of_tries") if "lost_estimate" in facts else ():
        if name not in facts:
            raise ValueError(f"lost_estimate without {name}")
    return facts


Measured: TypeAlias = Annotated[dict[str, Any], AfterValidator(_checked)]
"""What a real run measured of the hardware; empty for a simulation."""


class Mistake(NamedTuple):
    """Where something is wrong, as names with dots between; which kind of mistake; and words."""

    place: str
    kind: str
    words: str

    @property
    def told(self) -> str:
        """The place and the words."""
        return f"{self.place}: {self.words}" if self.place else self.words


Kept = TypeVar("Kept", bound=BaseModel)


def read_as(model: type[Kept], text: str) -> Kept:
    """Read a JSON document that was kept; raises ValueError that says what is wrong first."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(first_mistake(error).told) from None


def first_mistake(error: ValidationError) -> Mistake:
    """Return the first thing that is wrong, in pydantic's words."""
    one = error.errors(include_url=False, include_input=False)[0]
    words = one["msg"][:1].lower() + one["msg"][1:]
    return Mistake(".".join(map(str, one["loc"])), one["type"], words)
