"""A law that a person names: in TOML as a scenario has it, or by a scenario file and a key."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from asysim.errors import Fault, InputError
from asysim.ground.toml_text import shown
from asysim.laws.base import LawModel
from asysim.laws.union import ComputeLaw
from asysim.scenario import Scenario, load, to_document
from asysim.scenario.faults import faults_of
from asysim.scenario.places import value_at

_COMPUTE = "workers.compute"
_COMMAND_LINE = "command line"


class _Typed(BaseModel):
    model_config = ConfigDict(strict=True)

    LAW: ComputeLaw  # as the command's help calls it, so that faults do too


def given(text: str, key: str | None = None) -> tuple[ComputeLaw, int]:
    """Return a law, and M of its scenario: 1 if it has none.

    Parameters
    ----------
    text
        The path of a scenario file, or a number or table in TOML.
    key
        Where in the scenario the law stands; None: ``workers.compute``.

    Raises
    ------
    InputError
        If there is no such file or key, or no law there.
    """
    if text.endswith(".toml") or Path(text).is_file():
        scenario = load(text)
        return _standing_at(scenario, key or _COMPUTE, text), scenario.algorithm.batch_size
    if key is not None:
        raise InputError(
            Fault(key, text, "is no scenario file that could have a key", _COMMAND_LINE)
        )
    return _typed(text), 1


def _typed(text: str) -> ComputeLaw:
    try:
        document = tomllib.loads(f"LAW = {text}")
    except (ValueError, RecursionError):
        document = {}
    if document.keys() != {"LAW"}:
        expected = (
            'should be a number of seconds, a law in TOML such as {law = "gamma", mean = 1e-3, '
            "cv = 0.3}, or a scenario file (.toml)"
        )
        raise InputError(Fault("LAW", text, expected, _COMMAND_LINE))
    try:
        # By way of JSON, as a scenario goes.
        typed = _Typed.model_validate_json(
            json.dumps(document, default=str), strict=True, context={"folder": Path()}
        )
    except ValidationError as error:
        raise InputError(faults_of(error, _Typed, document)).located(_COMMAND_LINE) from None
    return typed.LAW


def _standing_at(scenario: Scenario, key: str, source: str) -> ComputeLaw:
    here: Any = scenario
    for part in key.split("."):
        if isinstance(here, BaseModel):
            here = getattr(here, part) if part in type(here).model_fields else None
        elif isinstance(here, list | tuple) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
        else:
            here = None
    if isinstance(here, LawModel):
        return cast("ComputeLaw", here)
    found = shown(value_at(to_document(scenario), key))
    known = " or ".join(_keys(scenario, ""))
    raise InputError(Fault(key, found, f"is no law of times; should be {known}", source))


def _keys(here: Any, key: str) -> Iterator[str]:
    """Yield the dotted keys of all laws, but not of those within laws."""
    if isinstance(here, LawModel):
        yield key
    elif isinstance(here, BaseModel):
        for name in type(here).model_fields:
            yield from _keys(getattr(here, name), f"{key}.{name}" if key else name)
    elif isinstance(here, list | tuple):
        for number, entry in enumerate(here):
            yield from _keys(entry, f"{key}.{number}")
