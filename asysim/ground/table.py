"""What every table of a scenario file has in common; and paths, which are relative to the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

NUMBER = "number"
"""The member of the union of time laws that a bare number belongs to."""

OUTSIDE = "outside"
"""The member of a union of tables by kind that a user's own belong to."""


class Table(BaseModel):
    """A frozen table of known keys; the text under each key describes it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def resolved(path: Path, info: ValidationInfo) -> Path:
    """Return a path of a scenario, absolute."""
    folder = info.context.get("folder") if isinstance(info.context, dict) else None
    try:
        return Path(folder or Path.cwd(), path.expanduser()).resolve()
    except (OSError, RuntimeError):  # links in a circle, or nobody's home: whoever reads it tells
        return Path(folder or Path.cwd(), path).absolute()


FilePath: TypeAlias = Annotated[Path, AfterValidator(resolved)]
"""A path in a scenario, relative to the validation context's ``folder`` or the current one."""
