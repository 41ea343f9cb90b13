"""Writes a fitted scenario: a TOML file, and beside it a list of times for each empirical law."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from asysim.errors import Fault, InputError, reason
from asysim.ground.lock import LOCK, Lock
from asysim.ground.outputs import check_new_file
from asysim.ground.whole_file import write_whole
from asysim.scenario import Scenario, to_document
from asysim.scenario.load import from_document

_INLINE = 10  # times that an empirical law may have in the scenario itself


def save_scenario(scenario: Scenario, path: Path, about: str) -> list[Path]:
    """Write a scenario and the times that it names, and return the files.

    Parameters
    ----------
    scenario
        What is written.
    path
        The TOML file. Times go beside it, into STEM.KEY.txt.
    about
        Comment lines at its head.

    Raises
    ------
    InputError
        If a file is there already, or can't be written.
    """
    import tomli_w

    lists: dict[str, list[float]] = {}
    document = _pointing(to_document(scenario), "", path.stem, lists)
    head = "".join(f"# {line}\n" for line in about.splitlines())
    texts = {path: head + "\n" + tomli_w.dumps(document)}
    for name, values in lists.items():
        rows = "".join(f"{value!r}\n" for value in values)
        texts[path.with_name(name)] = f"# seconds, measured; for {path.name}\n{rows}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside a file that is refused anyhow, no lock file is made.
        lock = path.with_name(f"{path.name}.{LOCK}")
        with nullcontext() if path.exists() else Lock(lock, "--out"):
            for place in texts:
                check_new_file(place)
            _write(texts)
    except OSError as error:
        expected = "should be a place for a new file"
        raise InputError(Fault("--out", reason(error), expected, str(path))) from None
    return list(texts)


def _write(texts: Mapping[Path, str]) -> None:
    """Write all files or none: some alone would be in the way of the next try."""
    made: list[Path] = []
    try:
        for place, text in reversed(list(texts.items())):  # the scenario last: it names the others
            write_whole(place, text)
            made.append(place)
    except OSError:
        for place in made:
            place.unlink(missing_ok=True)
        raise


def _pointing(value: Any, key: str, stem: str, lists: dict[str, list[float]]) -> Any:
    """Return a document with long lists of times replaced by the names of files."""
    if isinstance(value, list):
        return [_pointing(v, f"{key}.{i}", stem, lists) for i, v in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if value.get("law") == "empirical" and len(value.get("values", ())) > _INLINE:
        name = f"{stem}.{key}.txt"
        lists[name] = value["values"]
        return {"law": "empirical", "file": name}
    return {
        name: _pointing(part, f"{key}.{name}" if key else name, stem, lists)
        for name, part in value.items()
    }


def checked(document: dict[str, Any]) -> Scenario:
    """Return a document as a scenario."""
    return from_document(document, read_files=False, source="calibration")
