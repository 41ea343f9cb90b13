"""Writes docs/scenario.md, the reference of scenario files: python docs/reference.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from asysim.scenario import json_schema

PATH = Path(__file__).parent / "scenario.md"
HEAD = """\
# The scenario file

A TOML file. `asysim init` writes a commented one, `asysim schema` prints its JSON Schema for your
editor, and every key can be changed on the command line: `asysim run FILE workers.count=16`.
Written by `python docs/reference.py`.

All times are in seconds. A *time* is a number, or a table with a `law`.
"""


def reference() -> str:
    """Return the whole text."""
    schema = json_schema()
    models = schema["$defs"]
    parts = [HEAD, _section("The file", schema, models)]
    tables = ["Algorithm", "Workers", "Network", "Server", "Memory", "Length"]
    titles = ["algorithm", "workers", "network", "server", "memory", "run"]
    for name, title in zip(tables, titles, strict=True):
        parts.append(_section(f"[{title}]", models[name], models))
    for title, key in (("[problem]", "kind"), ("[problem.data]", "kind"), ("Times", "law")):
        parts.append(f"## {title}\n")
        for model in _variants(title, models):
            tag = model["properties"][key].get("const")
            parts.append(_section(f'{key} = "{tag}"', model, models, level=3, hide=key))
    return "\n".join(parts)


def _variants(title: str, models: dict[str, Any]) -> list[dict[str, Any]]:
    if title == "Times":
        return [m for m in models.values() if "law" in m.get("properties", {})]
    data = title == "[problem.data]"
    return [
        model
        for name, model in models.items()
        if "kind" in model.get("properties", {}) and name.endswith("Data") == data
    ]


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
            about = value.get("description", "").strip().replace("|", "\\|")
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
            return "time"
        kinds = [_kind(option, models) for option in options if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    names = {"integer": "whole number", "number": "number", "string": "text", "array": "list",
             "boolean": "true or false", "object": "table"}  # fmt: skip
    kind = names.get(value.get("type", ""), "table")
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {value[key]:g}" for key, sign in limits.items() if key in value]
    return " ".join([kind, ", ".join(bounds)]).strip()


if __name__ == "__main__":
    PATH.write_text(reference(), encoding="utf-8")
    print("wrote", PATH)
