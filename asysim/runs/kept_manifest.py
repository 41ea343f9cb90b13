"""The manifest of a run folder read back: of its types, or what is the matter with the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from asysim.errors import InputError, first_line, unfit
from asysim.ground.reading import NotRegular, TooLarge, text
from asysim.runs.kept import Facts, Measured, Status, first_mistake
from asysim.runs.manifest import MANIFEST


class _Result(Facts):
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


class Manifest(Facts):
    """The manifest of a run folder, as far as it is read."""

    format: Literal[1]
    result: _Result
    measured: Measured = Field(default_factory=dict)
    theorem: _Corollary | None = None
    notes: tuple[str, ...] = ()


def problem(name: str, error: Exception) -> str:
    """Say what is the matter with a file of a run folder."""
    if isinstance(error, FileNotFoundError):
        return f"no {name}"
    return f"a damaged {name} ({first_line(error)})"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a run folder; raises InputError if that is not one."""
    try:
        return Manifest.model_validate_json(text(folder / MANIFEST))
    except NotRegular as error:
        raise not_a_run(folder, f"a {MANIFEST} that is {error}") from None
    except ValidationError as error:
        raise not_a_run(folder, _mistake(error)) from None
    except (TooLarge, ValueError) as error:
        raise not_a_run(folder, problem(MANIFEST, error)) from None
    except OSError:
        raise not_a_run(folder, _absence(folder)) from None


def _mistake(error: ValidationError) -> str:
    """Say what is wrong with a manifest."""
    mistake = first_mistake(error)
    if mistake.place in ("", "format") and mistake.kind != "json_invalid":
        return f"a {MANIFEST} of another format"
    if mistake.place.startswith("result") and mistake.kind in ("missing", "model_type"):
        return f"a {MANIFEST} without the result"
    return f"a damaged {MANIFEST} ({mistake.told})"


def _absence(folder: Path) -> str:
    if not folder.exists():
        return "nothing there"
    return f"no {MANIFEST}" if folder.is_dir() else "a file"


def not_a_run(folder: Path, found: str) -> InputError:
    """Return the error that a folder is not that of a run."""
    return unfit("run folder", found, "a folder that `asysim run` made", str(folder))
