"""How a law is written and called, and the refusal of one without a mean."""

from __future__ import annotations

import math
from inspect import getdoc
from typing import Any

from pydantic import BaseModel

from asysim.errors import Fault, InputError
from asysim.laws.base import TimeLaw

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
