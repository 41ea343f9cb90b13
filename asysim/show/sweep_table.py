"""A sweep as a table: a line for each point, and which is best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from asysim.errors import clipped
from asysim.show.summary import rate
from asysim.show.table import NOTHING, Column, Shown, Table, digits, finite
from asysim.sweeps.points import MEDIANS, Merit, aims, merit_of, points_of

if TYPE_CHECKING:
    from asysim.sweeps.sweep import SweepStudy

_MOST_LINES = 30
_LONG = 200  # letters of a reason


def title(study: SweepStudy) -> str:
    """Return the heading of a sweep."""
    runs, points = len(study.design), study.design.points
    each = "" if runs == points else f" of {points:,} points"
    return f"{study.scenario.name}: {runs:,} runs{each}"


def table(study: SweepStudy) -> Table:
    """Return a sweep as a table, with its notes and its sentence.

    For people it has the best points alone if there are many; CSV and JSON have all.
    """
    points, merit = points_of(study), merit_of(study)
    shown = points
    if len(points) > _MOST_LINES:
        shown = points.sort_values(by=[merit.column, "point"]).head(_MOST_LINES)
    keys = [key for key in study.design.keys if key in points]
    return Table(
        title=title(study),
        columns=_columns(study, shown, keys),
        notes=_notes(study, points, merit),
        sentence=sentence(points, keys, merit),
        about={
            "name": study.scenario.name,
            "folder": None if study.folder is None else str(study.folder),
            "runs": len(study.design),
            "failed": study.failures,
            "endings": dict(sorted(study.endings.items())),
        },
        records=[_record(row, keys) for row in points.to_dict("records")],
    )


def sentence(points: pd.DataFrame, keys: list[str], merit: Merit) -> str:
    """Return which point is best."""
    values = points[merit.column]
    if not (values < math.inf).any():
        reached = int(points["reached"].sum())
        return f"No point came to the target in more than half of its runs; {reached:,} runs did."
    best: Any = points.loc[values == values.min()].iloc[0]
    where = ", ".join(f"{key} = {_value(best[key])}" for key in keys) or "the only point"
    unit = " s" if "seconds" in merit.column else ""
    over = "" if best["runs"] == 1 else f", median of {int(best['runs']):,} runs"
    return f"Best by {merit.words}: {where} ({digits(best[merit.column])}{unit}{over})."


def _columns(study: SweepStudy, points: pd.DataFrame, keys: list[str]) -> list[Column]:
    def add(heading: tuple[str, str], name: str, part: str, write: Any = digits) -> None:
        cells = tuple(Shown(_number(value, write)) for value in points[name])
        made.append(Column(heading, cells, part))

    made = [
        Column(_heading(key), tuple(Shown(_value(v)) for v in points[key]), "p",
               left=not pd.api.types.is_numeric_dtype(points[key]))
        for key in keys
    ]  # fmt: skip
    if points["failed"].any():
        add(("failed", "runs"), "failed", "runs", "{:,.0f}".format)
    if aims(study):
        lines = zip(points["reached"], points["runs"], strict=True)
        cells = tuple(Shown(f"{reached:,} of {runs:,}") for reached, runs in lines)
        made.append(Column(("reached", ""), cells, "target"))
        add(("seconds", "to target"), "seconds_to_target", "target")
        add(("updates", "to target"), "updates_to_target", "target", "{:,.0f}".format)
    add(("loss", "at the end"), "loss", "end", "{:.4g}".format)
    add(("updates", "per s"), "throughput", "end", rate)
    add(("mean", "staleness"), "mean_staleness", "end")
    return made


def _notes(study: SweepStudy, points: pd.DataFrame, merit: Merit) -> list[str]:
    notes = []
    if len(points) > _MOST_LINES:
        notes.append(f"The best {_MOST_LINES} of {len(points):,} points by {merit.words}.")
    asked = aims(study)
    if (points["runs"] > 1).any():
        late = "; a run that did not come to the target counts as infinitely long" if asked else ""
        notes.append(f"Medians over the runs of a point{late}.")
    if asked and not points["reached"].any():
        notes.append("No run came to the target.")
    if study.failures:
        told = clipped(study.failures_told, _LONG)
        notes.append(f"{study.failures:,} of {len(study.design):,} runs failed: {told}")
    return notes


def _record(row: dict[Any, Any], keys: list[str]) -> dict[str, Any]:
    record: dict[str, Any] = {"point": row["point"]}
    record |= {key: _plain(row[key]) for key in keys}
    record |= {name: row[name] for name in ("runs", "failed", "reached")}
    return record | {name: finite(row[name]) for name in MEDIANS}


def _heading(key: str) -> tuple[str, str]:
    table_, _, name = key.rpartition(".")
    return (f"{table_}.", name) if table_ else (key, "")


def _plain(value: Any) -> Any:
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    return value


def _value(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return NOTHING
    return f"{plain:.6g}" if isinstance(plain, float) else str(plain)


def _number(value: float, write: Any) -> str:
    return str(write(value)) if math.isfinite(value) else NOTHING
