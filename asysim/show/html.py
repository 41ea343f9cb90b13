"""What a notebook shows of a trace or run: the numbers, and the distribution of staleness."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from asysim.show.notes import notes, trace_notes
from asysim.show.summary import Summary
from asysim.show.theorem import Verdict, step
from asysim.trace.kept_trace import Recorded

if TYPE_CHECKING:
    from asysim.runs.outcome import Run

_WIDTH, _HEIGHT, _MOST_BARS = 420, 120, 60
_BLUE, _GREY, _NOTE = "#2563a8", "#8a8f98", "#9a6700"


def trace_html(trace: Recorded, title: str = "") -> str:
    """Return a trace as HTML: a table of numbers beside a histogram of staleness."""
    info = trace.info
    heading = title or f"Trace of {info.algorithm}, {info.workers} workers, {info.status}"
    return _html(trace, heading, trace_notes(trace))


def _html(trace: Recorded, heading: str, said: list[str]) -> str:
    rows = "".join(
        f"<tr><td style='text-align:left'>{escape(what)}</td>"
        f"<td style='text-align:right'>{escape(much)}</td></tr>"
        for what, much in Summary.of(trace).lines()
    )
    lines = "".join(f"<div style='color:{_NOTE}'>{escape(note)}</div>" for note in said)
    return (
        f"<div><b>{escape(heading)}</b>{lines}"
        "<div style='display:flex;gap:2em;align-items:flex-end;flex-wrap:wrap'>"
        f"<table>{rows}</table>{_histogram(trace)}</div></div>"
    )


def run_html(run: Run) -> str:
    """Return a run as HTML: how it ended, notes, and its trace."""
    scenario = run.scenario
    title = (
        f"{scenario.name}: {scenario.algorithm.name}, {scenario.workers.count} workers, "
        f"γ = {step(run)}, M = {scenario.algorithm.batch_size}. "
        f"{run.outcome.message}"
    )
    return _html(run.recorded, title, _said(run))


def _said(run: Run) -> list[str]:
    verdict = Verdict.of(run)
    return [verdict.sentence, *notes(run)] if verdict and verdict.holds else notes(run)


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
