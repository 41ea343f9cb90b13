"""What run folders and studies keep as JSON, and the one place that says of which types it is."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

Status: TypeAlias = Literal[
    "complete", "target reached", "target not reached", "diverged", "interrupted", "deadlock",
    "cut short",
]  # fmt: skip
"""How a run ended: the words of `asysim.runs.outcome`."""


class _Facts(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Emulation(_Facts):
    overshoot_median_us: float = Field(ge=0, allow_inf_nan=False)
    overshoot_99_us: float = Field(ge=0, allow_inf_nan=False)
    late_gradients: int = Field(ge=0)
    slip_seconds: float = Field(ge=0, allow_inf_nan=False)


class _Measured(_Facts):
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
    try:
        _Measured.model_validate_json(json.dumps(facts))
    except ValidationError as error:
        place, _, words = first_mistake(error)
        raise ValueError(f"{'.'.join(map(str, place))}: {words}") from None
    for name in ("write", "lost_of_tries") if "lost_estimate" in facts else ():
        if name not in facts:
            raise ValueError(f"lost_estimate without {name}")
    return facts


Measured: TypeAlias = Annotated[dict[str, Any], AfterValidator(_checked)]
"""What a real run measured of the hardware; empty for a simulation."""


class _Result(_Facts):
    ergodic_index: int = Field(ge=0)
    updates: int = Field(ge=0)
    status: Status
    message: str


class _Corollary(BaseModel):
    """The constants of the theorem whose step a run took."""

    model_config = ConfigDict(strict=True, extra="forbid")

    gap: float = Field(gt=0, allow_inf_nan=False)
    smoothness: float = Field(gt=0, allow_inf_nan=False)
    variance: float = Field(gt=0, allow_inf_nan=False)
    batch_size: int = Field(ge=1)
    updates: int = Field(ge=1)


class Manifest(_Facts):
    """The manifest of a run folder, as far as it is read."""

    format: Literal[1]
    result: _Result
    measured: Measured = Field(default_factory=dict)
    theorem: _Corollary | None = None
    notes: tuple[str, ...] = ()


def first_mistake(error: ValidationError) -> tuple[tuple[int | str, ...], str, str]:
    """Return where the first thing is wrong, which kind of mistake it is, and pydantic's words."""
    one = error.errors(include_url=False, include_input=False)[0]
    return one["loc"], one["type"], one["msg"][:1].lower() + one["msg"][1:]
