"""Reads a scenario: TOML file, then overrides KEY=VALUE, then validation; and writes one back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from asysim.errors import Fault, InputError, reason
from asysim.ground.reading import text as file_text
from asysim.ground.toml_text import shown
from asysim.scenario.clashes import clashes
from asysim.scenario.document import impossible, read_toml
from asysim.scenario.faults import clash_fault, faults_of
from asysim.scenario.models import Scenario
from asysim.scenario.overrides import COMMAND_LINE, lies_in, override
from asysim.scenario.places import value_at
from asysim.scenario.schedules import table_of, without_simulation

_SHOWN = 20  # faults of one file


def load(path: str | Path, *overrides: str, read_files: bool = True) -> Scenario:
    """Read a scenario file.

    Parameters
    ----------
    path
        A TOML file.
    *overrides
        Changes in TOML syntax, ``"workers.count=8"``; a bare word stands for itself in quotes.
    read_files
        Whether files of measured times that it names are read at once, to find out what is wrong
        with them; otherwise they are when they are needed.

    Raises
    ------
    InputError
        With everything that is wrong, each with its file, key, what was found, what would be right.
    """
    path = Path(path)
    document = read_toml(_read(path), str(path))
    return from_document(
        document, *overrides, source=str(path), folder=path.parent, read_files=read_files
    )


def parse(
    text: str, *overrides: str, source: str = "scenario", folder: str | Path = "."
) -> Scenario:
    """Read a scenario from TOML text; `folder` is what relative data paths start from."""
    return from_document(read_toml(text, source), *overrides, source=source, folder=folder)


def from_document(
    document: dict[str, Any],
    *overrides: str,
    source: str = "scenario",
    folder: str | Path = ".",
    read_files: bool = True,
) -> Scenario:
    """Validate a nested dictionary as a scenario, after applying overrides to it."""
    changed, keys, bad = override(document, overrides)
    changed = _with_schedule(changed, keys, document)
    if hopeless := impossible(changed, source):
        raise InputError(_first(hopeless, source))
    faults: dict[str, Fault] = {}
    try:
        # By way of JSON, whose strictness fits TOML's types: no text and no true for a number,
        # but lists for tuples and text for paths.
        scenario = Scenario.model_validate_json(
            json.dumps(changed, default=_date),
            strict=True,
            context={"folder": Path(folder), "read_files": read_files},
        )
    except ValidationError as error:
        faults = {fault.key: fault for fault in faults_of(error, Scenario, changed)}
        for clash in clashes(changed):
            faults.setdefault(clash.key, clash_fault(clash, changed))
    if not faults and not bad:
        return scenario
    # What a refused override was meant to set is not missing.
    refused = [fault.key for fault in bad]
    found = [
        replace(fault, source=_source(fault.key, keys, document, source))
        for fault in faults.values()
        if not any(lies_in(fault.key, key) or lies_in(key, fault.key) for key in refused)
    ]
    raise InputError(_first([*bad, *found], source))


def _with_schedule(
    changed: dict[str, Any], keys: list[str], before: dict[str, Any]
) -> dict[str, Any]:
    """Return a document whose workers are as its schedule, if it has one, leaves them.

    Those that followed from the schedule before do not belong to another one.
    """
    others = any(lies_in(key, "schedule") for key in keys)
    if others and "schedule" in before and not any(lies_in(key, "workers") for key in keys):
        changed = {key: table for key, table in changed.items() if key != "workers"}
    workers = changed.get("workers")
    if "schedule" in changed and isinstance(workers, dict):
        changed = changed | {"workers": {"compute": 0} | workers}  # a trace says how long they took
    return changed


def _first(faults: list[Fault], source: str) -> list[Fault]:
    """Return the first faults, and how many more there are: nobody mends hundreds at once."""
    more = len(faults) - _SHOWN
    if more <= 0:
        return faults
    last = Fault("and others", f"{more:,} more mistakes", "should be mended after these", source)
    return [*faults[:_SHOWN], last]


def to_document(scenario: Scenario) -> dict[str, Any]:
    """Return the whole scenario, defaults included, as a nested dictionary of TOML values."""
    document = scenario.model_dump(mode="json", exclude_none=True)
    if document["workers"].get("groups"):
        del document["workers"]["count"]  # it follows from the groups, also when they are changed
    return document


def as_given(scenario: Scenario) -> dict[str, Any]:
    """Return what was said of a scenario, without defaults, as a nested dictionary of TOML values.

    Of another kind of problem or rule other keys have defaults: so it is changed as its file is.
    """
    document = scenario.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    if document.get("workers", {}).get("groups"):
        document["workers"].pop("count", None)
    return document


def to_toml(scenario: Scenario) -> str:
    """Return the whole scenario, defaults included, as TOML text that `parse` reads back."""
    import tomli_w

    return tomli_w.dumps(to_document(scenario))


def vary(scenario: Scenario, *overrides: str, **tables: BaseModel | None) -> Scenario:
    """Return a changed copy, validated anew: ``vary(scenario, "workers.count=8")``.

    Parameters
    ----------
    scenario
        What is changed.
    *overrides
        As for `load`.
    **tables
        Whole tables, such as ``coordination=MyRule(gradients=4)``, a rule of your own.

    Raises
    ------
    InputError
        As `load` does.
    """
    for key in tables.keys() - Scenario.model_fields.keys():
        raise InputError(Fault(key, "a table", "is not one that a scenario has"))
    changed = scenario.model_copy(update=tables) if tables else scenario
    document, before = to_document(changed), scenario.schedule
    other = any(lies_in(text.partition("=")[0].strip(), "schedule") for text in overrides)
    if before is not None and before.is_read and (other or "schedule" in tables):
        # What followed from one file does not belong to another.
        if "workers" not in tables:
            del document["workers"]
        if scenario.run.updates == before.known.updates and not before.repeat:
            del document["run"]["updates"]
    return from_document(document, *overrides)


def scheduled(scenario: Scenario, schedule: str | Path | BaseModel) -> Scenario:
    """Return a scenario whose schedule a file has, in place of whatever it would simulate.

    Parameters
    ----------
    scenario
        Its workers, network, server, memory, coordination, faults and what `algorithm` says of a
        bound are left out.
    schedule
        A run's folder, a trace or a file of delays; or the table, where more is to be said of it:
        ``DelaySchedule(kind="delays", path=…, column="tau")``.

    Raises
    ------
    InputError
        As `load` does.
    """
    if isinstance(schedule, BaseModel):
        table = schedule.model_dump(mode="json", exclude_none=True)
    else:
        table = table_of(Path(schedule))
    return from_document(without_simulation(to_document(scenario)) | {"schedule": table})


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a scenario file, for editors."""
    schema = Scenario.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def _read(path: Path) -> str:
    try:
        return file_text(path)
    except (OSError, UnicodeDecodeError) as error:
        found = reason(error) if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(
            Fault(
                key="scenario",
                found=found,
                expected="should be a readable TOML file; `asysim init` writes one",
                source=str(path),
            )
        ) from None


def _date(value: object) -> dict[str, str]:
    """Stand for a TOML date, which no key of a scenario takes, by what no key takes either."""
    return {"date": str(value)}


def _source(key: str, overridden: list[str], document: Any, source: str) -> str:
    """Say who set a key: the command line if it set it, or all of the table that it is."""
    if any(lies_in(key, known) for known in overridden):
        return COMMAND_LINE
    made = any(lies_in(known, key) for known in overridden) and shown(value_at(document, key))
    return COMMAND_LINE if key and made == "nothing" else source
