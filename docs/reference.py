"""Writes docs/scenario.md, the reference of scenario files: python docs/reference.py."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from asysim.coordination.rules import RULES
from asysim.ground import ranges
from asysim.scenario import json_schema, power


def _kinds(module: ModuleType) -> list[str]:
    """Return the names of the tables with a kind that a module defines, in its order."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseModel) and "kind" in value.model_fields
    ]


COORDINATION, POWER = [rule.__name__ for rule in RULES], _kinds(power)

PATH = Path(__file__).parent / "scenario.md"
HEAD = f"""\
# The scenario file

A TOML file. `asysim init` writes a commented one, `asysim schema` prints its JSON Schema for your
editor, and every key can be changed on the command line: `asysim run FILE workers.count=16`.
Written by `python docs/reference.py`.

All times are in seconds. A *time* is a number, or a table with a `law`; `asysim laws` draws it.

Numbers have ranges, beyond which arithmetic would end and nothing be learnt: a time is at most
{ranges.MOST_SECONDS:g} s, a factor or a rate between {ranges.SMALLEST:g} and {ranges.LARGEST:g}, a
step between {ranges.TINIEST:g} and {ranges.HUGEST:g}, a count at most {ranges.MOST:,},
`workers.count` at most {ranges.MOST_WORKERS:,}, the gradients of one update at most
{ranges.MOST_KEPT:,}. What a scenario needs of memory, roughly, is held against what is free
(of the machine, of the process's control group, of `ulimit -v`) before any of it is taken.
"""
TABLES = {
    "[algorithm]": "Algorithm",
    "[coordination]": COORDINATION,
    "[update]": "Update",
    "[schedule]": "Schedule",
    "[workers]": "Workers",
    "[[workers.groups]]": "Group",
    "[network]": "Network",
    "[server]": "Server",
    "[[server.pauses]]": "Pause",
    "[memory]": "Memory",
    "[faults]": "Failures",
    "[[faults.crashes]]": "Crash",
    "[run]": "Length",
    "[run.second_order]": "SecondOrder",
    "[speedup]": "Speedup",
    "[speedup.reference]": "Reference",
    "[limits]": "Limits",
    "[escape]": "Escape",
    "[sweep]": "Sweep",
    "[backend]": "Backend",
    "[replay]": "Replay",
    "[problem]": "Settings",
    "[problem.data]": "Data",
    "algorithm.step, beside a number": "Step",
    "[update.weight]": "Weight",
    "[update.correction]": "Correction",
    "[update.perturbation]": "Perturbation",
    "[workers.power]": POWER,
    "Times": "law",
}
"""What each section is about: a model, models by name, the end of their names, or their tag."""


def reference() -> str:
    """Return the whole text."""
    schema = json_schema()
    models = schema["$defs"]
    parts = [HEAD, _section("The file", schema, models)]
    told = set()
    for title, about in TABLES.items():
        if isinstance(about, str) and about in models:
            told.add(about)
            parts.append(_section(title, models[about], models))
            continue
        parts.append(f"## {title}\n")
        key = "law" if about == "law" else "kind"
        for name in _variants(about, models):
            told.add(name)
            tag = models[name]["properties"][key].get("const")
            parts.append(_section(f'{key} = "{tag}"', models[name], models, level=3, hide=key))
    assert told == models.keys(), models.keys() - told
    return "\n".join(parts)


def _variants(about: str | list[str], models: dict[str, Any]) -> list[str]:
    if isinstance(about, list):
        return about
    if about == "law":
        return [name for name, model in models.items() if "law" in model.get("properties", {})]
    return [name for name in models if name.endswith(about)]


def _section(
    title: str, model: dict[str, Any], models: dict[str, Any], *, level: int = 2, hide: str = ""
) -> str:
    lines = ["#" * level + f" {title}", "", model.get("description", ""), ""]
    rows = {k: v for k, v in model.get("properties", {}).items() if k != hide}
    if rows:
        lines += ["| key | is | default | meaning |", "|---|---|---|---|"]
        required = model.get("required", [])
        for key, value in rows.items():
            default = "required" if key in required else _default(value)
            about = " ".join(value.get("description", "").split()).replace("|", "\\|")
            lines.append(f"| `{key}` | {_kind(value, models)} | {default} | {about} |")
        lines.append("")
    return "\n".join(lines)


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    return "" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"


def _kind(value: dict[str, Any], models: dict[str, Any]) -> str:
    if "$ref" in value:
        return "table"
    if "enum" in value or "const" in value:
        options = value.get("enum", [value.get("const")])
        return " or ".join(f"`{json.dumps(option)}`" for option in options)
    options = value.get("oneOf", value.get("anyOf"))
    if options is not None:
        refs = [option.get("$ref", "") for option in options]
        if any("law" in models[r.split("/")[-1]]["properties"] for r in refs if r):
            whole = [option for option in options if option.get("type") == "integer"]
            return f"{_kind(whole[0], models)} or law" if whole else "time"
        kinds = [_kind(option, models) for option in options if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    names = {"integer": "whole number", "number": "number", "string": "text", "array": "list",
             "boolean": "true or false", "object": "table"}  # fmt: skip
    kind = names.get(value.get("type", ""), "table")
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    told = {key: value[key] for key in limits if key in value}
    if told.get("maximum", 0) >= ranges.MOST_KEPT:
        del told["maximum"]  # the ranges that many keys share are in the head
    if told.get("minimum") == -ranges.LARGEST:
        del told["minimum"]
    elif 0 < told.get("minimum", 0) < 1e-9:
        told = {"exclusiveMinimum": 0} | {key: told[key] for key in told if key != "minimum"}
    bounds = [f"{limits[key]} {limit:g}" for key, limit in told.items()]
    return " ".join([kind, ", ".join(bounds)]).strip()


if __name__ == "__main__":
    PATH.write_text(reference(), encoding="utf-8")
    print("wrote", PATH)
