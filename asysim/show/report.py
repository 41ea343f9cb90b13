"""What a run is shown as: one table on a terminal, a line of JSON, a page of a notebook."""

from __future__ import annotations

import json
from html import escape as in_html
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from asysim.errors import InputError
from asysim.ground.console import say
from asysim.runs.outcome import COMPLETE, REACHED, Run
from asysim.scenario import Scenario
from asysim.scenario.traced import of_its_scenario
from asysim.show import second_order
from asysim.show.notes import heading, notes, trace_notes
from asysim.show.summary import Summary, measured_lines, rate, seconds
from asysim.show.table import plain_grid
from asysim.show.theorem import RunVerdict
from asysim.theory.expectations import (
    DISCARDED,
    STALENESS,
    THROUGHPUT,
    expectations,
    most_updates,
)
from asysim.trace.kept_trace import Recorded

_POINTS = 9
_LONG = 20  # gradients of a worker, from which on laws of the long run are told as they are


def print_run(run: Run, console: Console) -> None:
    """Print how a run ended, its curve at a few points, and its staleness."""
    numbers = _table(run.recorded)  # first: it may turn out that the trace can't be read
    scenario, outcome = run.scenario, run.outcome
    say(console, f"[bold]{scenario.name}[/]: {heading(run)}, seed {scenario.seed}")
    good = outcome.status in (COMPLETE, REACHED)
    say(console, f"[{'green' if good else 'red'}]{escape(outcome.message)}[/]")
    verdict = RunVerdict.of(run)
    if verdict is not None and verdict.holds:
        say(console, verdict.sentence, markup=False)
    for line in second_order.sentences(run):
        say(console, line, markup=False)
    _print_notes(notes(run), console)
    if run.outcome.points:
        console.print(_curve_table(run))
    console.print(numbers, highlight=False)
    measured = measured_lines(run.outcome.measured)
    if measured:
        table = plain_grid()
        for what, much in measured:
            table.add_row(what, escape(much))
        console.print(table, highlight=False)


def print_trace(trace: Recorded, console: Console) -> None:
    """Print the few numbers that say what a trace was like."""
    if not len(trace):
        console.print("no gradient was recorded", highlight=False)
        return
    _print_notes(trace_notes(trace), console)
    console.print(_table(trace), highlight=False)


def _print_notes(said: list[str], console: Console) -> None:
    for note in said:
        say(console, f"[yellow]{escape(note)}[/]")


def _table(trace: Recorded) -> Table:
    table = plain_grid()
    laws = _laws(trace)
    for what, much in Summary.of(trace).lines():
        table.add_row(what, much, laws.get(what, ""))
    return table


def _laws(trace: Recorded) -> dict[str, str]:
    """Return what exact laws say, by the lines of a summary that measure it."""

    def tell(scenario: Scenario) -> tuple[dict[str, float], float | None]:
        said = expectations(scenario, trace.info.dimension)
        known = THROUGHPUT in said
        return said, None if known else most_updates(scenario, trace.info.dimension)

    said, most = of_its_scenario(trace.info, tell) or ({}, None)
    lines = {
        "throughput": (THROUGHPUT, rate),
        "staleness, mean": (STALENESS, "{:.3f}".format),
        "discarded": (DISCARDED, "{:.2%}".format),
    }
    # What is in flight at the end counts for little once everybody has come round often.
    when = " in the long run" if trace.counts.gradients < _LONG * trace.info.workers else ""
    laws = {
        line: f"law says {form(said[name])}{when}"
        for line, (name, form) in lines.items()
        if name in said
    }
    if most is not None:
        laws["throughput"] = f"law says at most {rate(most)}{when}"
    return laws


def _curve_table(run: Run) -> Table:
    points = run.outcome.points
    table = Table(header_style="bold")
    looked = second_order.has_second_order(run)
    names = ["update", "time", "loss", "‖∇f‖²", "its mean", "mean staleness"]
    for name in [*names, *(["λ_min ± residual"] if looked else [])]:
        table.add_column(name, justify="right")
    last = len(points) - 1
    for i in sorted({round(j * last / (_POINTS - 1)) for j in range(_POINTS)}):
        point = points[i]
        table.add_row(
            f"{point.update:,}",
            seconds(point.seconds),
            f"{point.loss:.6g}",
            f"{point.gradient_norm2:.4g}",
            f"{point.mean_gradient_norm2:.4g}",
            f"{point.mean_staleness:.2f}",
            *([second_order.cell(point)] if looked else []),
        )
    return table


def as_json(run: Run) -> str:
    """Return how a run ended as one line of JSON, for scripts."""
    document: dict[str, Any] = {
        "name": run.scenario.name,
        "status": run.status,
        "message": run.outcome.message,
        "folder": None if run.folder is None else str(run.folder),
    } | _numbers(run.recorded)
    last = run.outcome.points[-1] if run.outcome.points else None
    for name in ("loss", "gradient_norm2", "mean_gradient_norm2"):
        document[name] = None if last is None else getattr(last, name)
    if run.outcome.measured:
        document["measured"] = run.outcome.measured
    verdict = RunVerdict.of(run)
    if verdict is not None:
        document["theorem"] = verdict.to_document()
    looked = second_order.document(run)
    if looked is not None:
        document["second_order"] = looked
    document["notes"] = notes(run)
    return json.dumps(document)


def trace_as_json(trace: Recorded) -> str:
    """Return what a trace was like as one line of JSON, for scripts."""
    document = {"status": trace.info.status} | _numbers(trace) | {"notes": trace_notes(trace)}
    return json.dumps(document)


def _numbers(trace: Recorded) -> dict[str, Any]:
    summary = Summary.of(trace)
    return {
        "updates": summary.updates,
        "gradients": summary.gradients,
        "discarded": summary.discarded,
        f"{summary.clock}_seconds": summary.seconds,
        "mean_staleness": summary.mean_staleness if len(trace) else None,
        "max_staleness": summary.max_staleness if len(trace) else None,
    }


def check_as_json(run: Run, differences: list[str]) -> str:
    """Return what a comparison of a run with itself found as one line of JSON."""
    document = {
        "name": run.scenario.name,
        "folder": None if run.folder is None else str(run.folder),
        "exact": not differences,
        "differences": differences,
    }
    return json.dumps(document)


def print_faults(error: InputError, console: Console) -> None:
    """Print every fault: where, what was found, what would be right."""
    for fault in error.faults:
        place = ": ".join(part for part in (fault.source, fault.key) if part)
        say(console, f"[bold red]error[/] {escape(place)}")
        say(console, f"  found {fault.found}", markup=False)
        say(console, f"  {fault.expected}", markup=False)


_WIDTH, _HEIGHT, _MOST_BARS = 420, 120, 60
_BLUE, _GREY, _NOTE = "#2563a8", "#8a8f98", "#9a6700"


def trace_html(trace: Recorded, title: str = "") -> str:
    """Return a trace as HTML: a table of numbers beside a histogram of staleness."""
    info = trace.info
    heading = title or f"Trace of {info.algorithm}, {info.workers} workers, {info.status}"
    return _html(trace, heading, trace_notes(trace))


def _html(trace: Recorded, heading: str, said: list[str]) -> str:
    rows = "".join(
        f"<tr><td style='text-align:left'>{in_html(what)}</td>"
        f"<td style='text-align:right'>{in_html(much)}</td></tr>"
        for what, much in Summary.of(trace).lines()
    )
    lines = "".join(f"<div style='color:{_NOTE}'>{in_html(note)}</div>" for note in said)
    return (
        f"<div><b>{in_html(heading)}</b>{lines}"
        "<div style='display:flex;gap:2em;align-items:flex-end;flex-wrap:wrap'>"
        f"<table>{rows}</table>{_histogram(trace)}</div></div>"
    )


def run_html(run: Run) -> str:
    """Return a run as HTML: how it ended, notes, and its trace."""
    title = f"{run.scenario.name}: {heading(run)}. {run.outcome.message}"
    return _html(run.recorded, title, _said(run))


def _said(run: Run) -> list[str]:
    verdict = RunVerdict.of(run)
    holds = [verdict.sentence] if verdict and verdict.holds else []
    return [*holds, *second_order.sentences(run), *notes(run)]


def _histogram(trace: Recorded) -> str:
    counts = trace.counts
    width, bars = counts.staleness_bars(_MOST_BARS)
    share = bars / max(1, bars.sum())
    step = _WIDTH / len(bars)
    rects = "".join(
        f"<rect x='{i * step:.1f}' y='{_HEIGHT * (1 - s / share.max()):.1f}' "
        f"width='{max(1.0, step - 1):.1f}' height='{_HEIGHT * s / share.max():.1f}' fill='{_BLUE}'>"
        f"<title>τ = {i * width}{f' … {(i + 1) * width - 1}' if width > 1 else ''}: {s:.2%}</title>"
        "</rect>"
        for i, s in enumerate(share)
        if s
    )
    axis = (
        f"<line x1='0' x2='{_WIDTH}' y1='{_HEIGHT}' y2='{_HEIGHT}' stroke='{_GREY}'/>"
        f"<text x='0' y='{_HEIGHT + 16}' font-size='11' fill='{_GREY}'>staleness τ = 0</text>"
        f"<text x='{_WIDTH}' y='{_HEIGHT + 16}' font-size='11' fill='{_GREY}' "
        f"text-anchor='end'>{counts.max_staleness}</text>"
    )
    return (
        f"<svg width='{_WIDTH}' height='{_HEIGHT + 20}' viewBox='0 0 {_WIDTH} {_HEIGHT + 20}' "
        f"role='img' aria-label='distribution of staleness'>{rects}{axis}</svg>"
    )
