"""Reads a scenario: TOML file, then overrides KEY=VALUE, then validation; and writes one back."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from asysim.errors import Fault, InputError
from asysim.scenario.faults import input_error
from asysim.scenario.models import Scenario

COMMAND_LINE = "command line"
_BARE_WORD = re.compile(r"[A-Za-z_./~][\w./~+-]*")


def load(path: str | Path, *overrides: str) -> Scenario:
    """Read a scenario file.

    Parameters
    ----------
    path
        A TOML file.
    *overrides
        Changes in TOML syntax, ``"workers.count=8"``; a bare word stands for itself in quotes.

    Raises
    ------
    InputError
        With everything that is wrong, each with its file, key, what was found, what would be right.
    """
    path = Path(path)
    return parse(_read(path), *overrides, source=str(path), folder=path.parent)


def parse(
    text: str, *overrides: str, source: str = "scenario", folder: str | Path = "."
) -> Scenario:
    """Read a scenario from TOML text; `folder` is what relative data paths start from."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            Fault(
                key="TOML syntax",
                found=str(error),
                expected="should be TOML: [tables] with KEY = VALUE lines",
                source=source,
            )
        ) from None
    return from_document(document, *overrides, source=source, folder=folder)


def from_document(
    document: dict[str, Any], *overrides: str, source: str = "scenario", folder: str | Path = "."
) -> Scenario:
    """Validate a nested dictionary as a scenario, after applying overrides to it."""
    sources = {"": source}
    for override in overrides:
        key, value = _parse_override(override)
        document = _with(document, key.split("."), value, override)
        sources[key] = COMMAND_LINE
    try:
        return Scenario.model_validate(document, context={"folder": Path(folder)})
    except ValidationError as error:
        raise input_error(error, Scenario, document, sources) from None


def to_document(scenario: Scenario) -> dict[str, Any]:
    """Return the whole scenario, defaults included, as a nested dictionary of TOML values."""
    return scenario.model_dump(mode="json", exclude_none=True)


def to_toml(scenario: Scenario) -> str:
    """Return the whole scenario, defaults included, as TOML text that `parse` reads back."""
    import tomli_w

    return tomli_w.dumps(to_document(scenario))


def vary(scenario: Scenario, *overrides: str) -> Scenario:
    """Return a changed copy of a scenario, validated anew: ``vary(scenario, "workers.count=8")``."""
    return from_document(to_document(scenario), *overrides)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a scenario file, for editors."""
    schema = Scenario.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(
            Fault(
                key="scenario",
                found=str(reason or error).lower(),
                expected="should be a readable TOML file; `asysim init` writes one",
                source=str(path),
            )
        ) from None


def _parse_override(override: str) -> tuple[str, Any]:
    key, equals, text = override.partition("=")
    key, text = key.strip(), text.strip()
    if not equals or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", key):
        raise _bad_override(override)
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if _BARE_WORD.fullmatch(text):
            return key, text
        raise _bad_override(override) from None


def _bad_override(override: str) -> InputError:
    return InputError(
        Fault(
            key=override.partition("=")[0] or "override",
            found=override,
            expected="should be KEY=VALUE with a value in TOML syntax, such as workers.count=8",
            source=COMMAND_LINE,
        )
    )


def _with(document: Any, keys: list[str], value: Any, override: str) -> dict[str, Any]:
    """Return a copy of nested tables in which one key is set; missing tables are made."""
    if not isinstance(document, dict):
        raise InputError(
            Fault(
                key=override.partition("=")[0],
                found=f"{document!r} where a table would have to be",
                expected=f"should be given whole, as a table: {override.partition('=')[0]}",
                source=COMMAND_LINE,
            )
        )
    first, *rest = keys
    inner = _with(document.get(first, {}), rest, value, override) if rest else value
    return document | {first: inner}


def overrides_of(arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    """Split command-line words into plain ones and overrides (those with an equals sign)."""
    plain: list[str] = []
    overrides: list[str] = []
    for argument in arguments:
        (overrides if "=" in argument else plain).append(argument)
    return plain, overrides
