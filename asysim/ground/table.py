"""What every table of a scenario file has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

NUMBER = "number"
"""The member of the union of time laws that a bare number belongs to."""

OUTSIDE = "outside"
"""The member of a union of tables by kind that a user's own belong to."""


class Table(BaseModel):
    """A frozen table of known keys; the text under each key describes it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
