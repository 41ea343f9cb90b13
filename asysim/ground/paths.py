"""Paths in scenario files, which are relative to the file's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, ValidationInfo


def resolved(path: Path, info: ValidationInfo) -> Path:
    """Return a path of a scenario, absolute."""
    folder = info.context.get("folder") if isinstance(info.context, dict) else None
    try:
        return Path(folder or Path.cwd(), path.expanduser()).resolve()
    except (OSError, RuntimeError):  # links in a circle, or nobody's home: whoever reads it tells
        return Path(folder or Path.cwd(), path).absolute()


FilePath: TypeAlias = Annotated[Path, AfterValidator(resolved)]
"""A path in a scenario, relative to the validation context's ``folder`` or the current one."""
