"""The manifest of a run folder read back, or what is the matter with the folder."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from asysim.errors import Fault, InputError, first_line
from asysim.ground.reading import NotRegular, TooLarge, text
from asysim.runs.kept import Manifest, first_mistake
from asysim.runs.manifest import MANIFEST


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
    except TooLarge as error:
        raise not_a_run(folder, problem(MANIFEST, error)) from None
    except OSError:
        raise not_a_run(folder, _absence(folder)) from None
    except ValidationError as error:
        raise not_a_run(folder, _mistake(error)) from None
    except ValueError as error:
        raise not_a_run(folder, problem(MANIFEST, error)) from None


def _mistake(error: ValidationError) -> str:
    """Say what is wrong with a manifest."""
    place, kind, words = first_mistake(error)
    if kind == "json_invalid":
        return f"a damaged {MANIFEST} ({words})"
    if place in ((), ("format",)):
        return f"a {MANIFEST} of another format"
    if place[0] == "result" and kind in ("missing", "model_type"):
        return f"a {MANIFEST} without the result"
    return f"a damaged {MANIFEST} ({'.'.join(map(str, place))}: {words})"


def _absence(folder: Path) -> str:
    if not folder.exists():
        return "nothing there"
    return f"no {MANIFEST}" if folder.is_dir() else "a file"


def not_a_run(folder: Path, found: str) -> InputError:
    """Return the error that a folder is not that of a run."""
    return InputError(
        Fault(
            key="run folder",
            found=found,
            expected="should be a folder that `asysim run` made",
            source=str(folder),
        )
    )
