"""Runs beside one another as a table: a line for each, of what differs and what came of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asysim.ground.toml_text import shown as value_shown
from asysim.ground.toml_text import toml
from asysim.runs.outcome import ENDED_WELL
from asysim.show.summary import rate
from asysim.show.table import NOTHING, Column, Shown, Table, digits, finite

if TYPE_CHECKING:
    from asysim.sweeps.compared import Comparison
    from asysim.sweeps.row import Result


def table(compared: Comparison) -> Table:
    """Return runs as a table, with its sentence.

    Cells give, beside what is more or less than in the first run, how many times as much it is.
    """
    results = compared.results
    made = [Column(("run", ""), tuple(map(Shown, _short(compared.names))), "p", left=True)]
    if any(compared.backends):
        on = tuple(Shown(backend or "simulated") for backend in compared.backends)
        made.append(Column(("made", "on"), on, "p", left=True))
    for key, values in compared.differing.items():
        head, _, name = key.rpartition(".")
        left = any(isinstance(value, str | list) for value in values)
        cells = tuple(Shown(_value(value)) for value in values)
        made.append(Column((f"{head}.", name) if head else (key, ""), cells, key, left=left))
    ended = tuple(Shown(one.status) for one in results)
    made.append(Column(("ended", ""), ended, "ended", left=True))

    def add(part: str, heading: tuple[str, str], values: list[Any], write: Any = digits) -> None:
        if any(value is not None for value in values):
            cells = tuple(_beside(value, values[0], write) for value in values)
            made.append(Column(heading, cells, part))

    def all_of(name: str) -> list[Any]:
        return [getattr(one, name) for one in results]

    whole = "{:,.0f}".format
    add("length", ("updates", ""), all_of("updates"), whole)
    add("length", ("seconds", ""), all_of("seconds"))
    for axis, write in (("seconds", digits), ("updates", whole)):
        add("target", (axis, "to target"), [_to_target(one, axis) for one in results], write)
    add("end", ("loss", "at the end"), all_of("loss"), "{:.4g}".format)
    add("speed", ("updates", "per s"), all_of("throughput"), rate)
    add("staleness", ("mean", "staleness"), all_of("mean_staleness"))
    add("staleness", ("largest", "staleness"), all_of("max_staleness"), whole)
    return Table(
        title=f"{len(results)} runs",
        columns=made,
        notes=_notes(compared),
        sentence=sentence(compared),
        about={"differing": list(compared.differing)},
        records=[_record(compared, i) for i in range(len(results))],
    )


def sentence(compared: Comparison) -> str:
    """Return in what the runs differ."""
    if compared.differing:
        return f"They differ in {', '.join(compared.differing)}."
    same = all(result == compared.results[0] for result in compared.results)
    return f"Their scenarios are the same, and what came of them {'too' if same else 'is not'}."


def _notes(compared: Comparison) -> list[str]:
    return [
        f"{name}: {result.reason}"
        for name, result in zip(_short(compared.names), compared.results, strict=True)
        if result.status not in ENDED_WELL
    ]


def _record(compared: Comparison, place: int) -> dict[str, Any]:
    record: dict[str, Any] = {"run": compared.names[place], "on": compared.backends[place]}
    for key, values in compared.differing.items():
        record[key] = toml(values[place]) if isinstance(values[place], list) else values[place]
    found = compared.results[place]._asdict()
    return record | {
        key: finite(value) if isinstance(value, float) else value for key, value in found.items()
    }


def _short(names: tuple[str, ...]) -> list[str]:
    """Return the last parts of paths, as far as they tell them apart."""
    for parts in (1, 2, 3):
        short = [str(Path(*Path(name).parts[-parts:])) for name in names]
        if len(set(short)) == len(set(names)):
            return short
    return list(names)


def _to_target(result: Result, axis: str) -> float | None:
    found: float | None = getattr(result, f"{axis}_to_target")
    return found if result.met else None


def _beside(value: float | None, first: float | None, write: Callable[[float], str]) -> Shown:
    if value is None or not math.isfinite(value):
        return Shown(NOTHING)
    times = value / first if first and math.isfinite(first) else None
    return Shown(write(value), "" if times in (None, 1) else f"× {times:.3g}")


def _value(value: Any) -> str:
    if value is None:
        return NOTHING
    return value if isinstance(value, str) else value_shown(value)
