"""A plan as one table and one sentence."""

from __future__ import annotations

import json
from csv import DictWriter
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from asysim.show.columns import (
    NOTHING,
    Column,
    Shown,
    digits,
    html_table,
    in_markdown,
    markdown_table,
    print_table,
)
from asysim.show.summary import seconds as in_seconds
from asysim.studies.planning import LINEAR

if TYPE_CHECKING:
    from asysim.studies.forecast import Forecast
    from asysim.studies.planning import Plan


def columns(plan: Plan) -> list[Column]:
    """Return what people are shown of a plan."""
    made: list[Column] = []

    def add(first: str, second: str, cells: list[Shown]) -> None:
        made.append(Column((first, second), tuple(cells), first))

    rows = plan.forecasts
    measured = {p: f"{in_seconds(t)}" for p, t in plan.measured if t is not None}
    add("p", "", [Shown(str(row.workers)) for row in rows])
    said = tuple(Shown(", ".join(marks(plan, row))) for row in rows)
    made.append(Column(("", ""), said, "p"))  # stays beside p on a narrow terminal
    add("time to", "target", [_time(row) for row in rows])
    if measured:
        add("measured", "", [Shown(measured.get(row.workers, NOTHING)) for row in rows])
    add("speedup", "", [_number(row.speedup) for row in rows])
    add("efficiency", "", [_part(row.efficiency) for row in rows])
    add("updates", "to target", [_count(row.updates) for row in rows])
    add("worker-", "seconds", [_cost(row) for row in rows])
    add("mean", "staleness", [_number(row.staleness) for row in rows])
    return made


def marks(plan: Plan, row: Forecast) -> list[str]:
    """Return what distinguishes one number of workers: knee, fastest, cheapest."""
    found = {"knee": plan.knee, "fastest": plan.fastest, "cheapest": plan.cheapest}
    words = [name for name, one in found.items() if one is row]
    if row.seconds is None:
        words.append(f"{row.reached} of {len(row.attempts)} arrive")
    return words


def sentence(plan: Plan) -> str:
    """Answer the question: how many workers, and why not more."""
    knee, fastest, cheapest = plan.knee, plan.fastest, plan.cheapest
    assert knee.seconds is not None
    assert fastest.seconds is not None
    low, high = plan.fastest_range
    said = (
        f"Take {_workers(knee.workers)}: the target in {in_seconds(knee.seconds.value)} "
        f"(9 runs of 10: {in_seconds(knee.seconds.low)} to {in_seconds(knee.seconds.high)}), "
        f"{digits(knee.speedup or 1.0)} times as soon as one."
    )
    if fastest is not knee:
        last = plan.known[-1] is fastest
        said += (
            f" {_workers(fastest.workers)} {'is' if fastest.workers == 1 else 'are'} fastest"
            f"{' of those looked at' if last else ''}, {in_seconds(fastest.seconds.value)}"
            + (f" (in single runs {low} to {high})" if low < high else "")
            + "."
        )
    if plan.is_linear_throughout:
        said += f" Speedup is linear, at least {LINEAR:.0%} of p, as far as was looked.".replace(
            "%", " %"
        )
    else:
        ends = "after" if plan.linear_until == plan.known[-1].workers else "at"
        said += (
            f" Linear speedup, at least {100 * LINEAR:.0f} % of p, ends {ends} "
            f"p = {plan.linear_until:.3g}."
        )
    return said + f" {_workers(cheapest.workers)} cost{'s' if cheapest.workers == 1 else ''} least."


def notes(plan: Plan) -> list[str]:
    """Return what a reader of the numbers has to know."""
    run = plan.scenario.run
    runs = len(plan.forecasts[0].attempts)
    smoothed = f", on the mean of {run.smoothing} evaluations" if run.smoothing > 1 else ""
    said = [
        f"Target: {run.target}{smoothed}. Geometric means of {runs} simulated runs, each "
        "with parameters drawn from what calibration leaves open; 9 further runs of 10 fall into "
        "the band.",
        "Knee: largest efficiency / time (Eager, Zahorjan & Lazowska 1989, as recalled). Cheapest: "
        "fewest worker-seconds.",
    ]
    if len(plan.known) < len(plan.forecasts):
        limit = f" within {run.updates:,} updates" if run.updates is not None else ""
        said.append(f"So many of {runs} arrive: that many runs reached the target{limit}.")
    if plan.measured:
        known = ", ".join(str(p) for p in sorted({p for p, _ in plan.measured}))
        said.append(f"Measured with p = {known}; all else is predicted from that.")
    return said


def terminal(plan: Plan, console: Console) -> None:
    """Print the table, the notes and the sentence."""
    console.print(Text(f"{plan.scenario.name}: how many workers", style="bold"))
    print_table(columns(plan), console)
    for note in notes(plan):
        console.print(Text(note, style="dim"))
    console.print(Text(sentence(plan)))


def markdown(plan: Plan) -> str:
    """Return the table, the notes and the sentence in Markdown."""
    below = "\n".join(f"- {in_markdown(note)}" for note in notes(plan))
    return f"{in_markdown(sentence(plan))}\n\n{markdown_table(columns(plan))}\n\n{below}\n"


def html(plan: Plan) -> str:
    """Return them for a notebook."""
    below = "".join(f"<li>{escape(note)}</li>" for note in notes(plan))
    return (
        f"<div><p>{escape(sentence(plan))}</p>{html_table(columns(plan))}"
        f"<small><ul>{below}</ul></small></div>"
    )


def csv(plan: Plan) -> str:
    """Return every number in full, a line for each number of workers; empty where there is none."""
    text = StringIO()
    records = [_record(plan, row) for row in plan.forecasts]
    writer = DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(record | {"marks": " ".join(record["marks"])} for record in records)
    return text.getvalue()


def as_json(plan: Plan) -> str:
    """Return every number and the answers as one line of JSON, for scripts."""
    document = {
        "name": plan.scenario.name,
        "folder": None if plan.folder is None else str(plan.folder),
        "knee": plan.knee.workers,
        "fastest": plan.fastest.workers,
        "fastest_range": list(plan.fastest_range),
        "cheapest": plan.cheapest.workers,
        "linear_until": plan.linear_until,
        "rows": [_record(plan, row) for row in plan.forecasts],
        "sentence": sentence(plan),
        "notes": notes(plan),
    }
    return json.dumps(document, allow_nan=False)


def _record(plan: Plan, row: Forecast) -> dict[str, Any]:
    band = row.seconds
    return {
        "workers": row.workers,
        "reached": row.reached,
        "runs": len(row.attempts),
        "seconds": band.value if band else None,
        "seconds_low": band.low if band else None,
        "seconds_high": band.high if band else None,
        "seconds_measured": dict(plan.measured).get(row.workers),
        "speedup": row.speedup,
        "efficiency": row.efficiency,
        "updates": row.updates,
        "worker_seconds": row.worker_seconds,
        "mean_staleness": row.staleness,
        "marks": marks(plan, row) if band else [],
    }


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"


def _time(row: Forecast) -> Shown:
    if row.seconds is None:
        return Shown(NOTHING)
    return Shown(
        in_seconds(row.seconds.value),
        f"{in_seconds(row.seconds.low)} – {in_seconds(row.seconds.high)}",
    )


def _cost(row: Forecast) -> Shown:
    return Shown(NOTHING if row.worker_seconds is None else in_seconds(row.worker_seconds))


def _number(value: float | None) -> Shown:
    return Shown(NOTHING if value is None else digits(value))


def _part(value: float | None) -> Shown:
    return Shown(NOTHING if value is None else f"{100 * value:.0f} %")


def _count(value: float | None) -> Shown:
    return Shown(NOTHING if value is None else f"{value:,.0f}")
