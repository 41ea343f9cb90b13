"""What `asysim calibrate` prints: a table of what was fitted, and what to keep in mind."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from asysim.calibration.calibration import Calibration
from asysim.calibration.fit import CONSTANT, FITS, NONE_FITS, Estimate, Fit
from asysim.ground.console import say
from asysim.show.summary import seconds
from asysim.show.table import finite

_BARE = ("cv", "shape", "alpha", "weights.0", "speed", "contention")
_COLOURS = {FITS: "green", NONE_FITS: "red", CONSTANT: "green"}
_RANKED = 3


def print_calibration(found: Calibration, console: Console) -> None:
    """Print every fitted quantity with its interval, whether its law fits, and the warnings."""
    table = Table(header_style="bold")
    for heading in ("", "law", "parameters, 95 % interval"):
        table.add_column(heading)
    table.add_column("times", justify="right")
    table.add_column("KS, p", justify="right")
    table.add_column("")
    for fit in found.fits:
        verdict = f"[{_COLOURS.get(fit.verdict, 'default')}]{fit.verdict}[/]"
        table.add_row(
            fit.name, _law(fit), _parameters(fit), f"{fit.observations:,}", _test(fit), verdict
        )
    console.print(table, highlight=False)
    for warning in found.warnings:
        say(console, f"[yellow]- {escape(warning)}[/]")


def calibration_as_json(found: Calibration, files: list[str]) -> str:
    """Return a calibration as one line of JSON, for scripts."""
    document = {
        "traces": list(found.sources),
        "files": files,
        "fits": [_as_document(fit) for fit in found.fits],
        "doubts": list(found.doubts),
        "warnings": list(found.warnings),
    }
    return json.dumps(document)


def _as_document(fit: Fit) -> dict[str, Any]:
    law = fit.law
    if law is not None and "values" in law:
        law = {"law": law["law"]}  # its times are in a file
    return {
        "name": fit.name,
        "law": law,
        "estimates": {
            key: [finite(value) for value in (e.value, e.low, e.high)]
            for key, e in fit.estimates.items()
        },
        "observations": fit.observations,
        "distance": None if fit.goodness is None else fit.goodness.distance,
        "p_value": None if fit.goodness is None else fit.goodness.p_value,
        "verdict": fit.verdict,
        "ranking": [list(entry) for entry in fit.ranking],
    }


def _law(fit: Fit) -> str:
    if fit.law is None:
        return ""
    if fit.verdict != NONE_FITS:
        return fit.ranking[0][0] if fit.ranking else str(fit.law["law"])
    nearest = ", ".join(name for name, _ in fit.ranking[:_RANKED])
    return f"empirical (nearest: {nearest})"


def _parameters(fit: Fit) -> str:
    return "\n".join(_parameter(key, value) for key, value in fit.estimates.items())


def _parameter(key: str, estimate: Estimate) -> str:
    number = "{:.4g}".format if key in _BARE else seconds
    form = _bandwidth if key == "bandwidth" else number
    if estimate.high - estimate.low <= 2e-4 * abs(estimate.value):
        return f"{key} {form(estimate.value)}"
    return f"{key} {form(estimate.value)} ({form(estimate.low)} … {form(estimate.high)})"


def _bandwidth(value: float) -> str:
    return f"{value / 1e6:.4g} MB/s"


def _test(fit: Fit) -> str:
    if fit.goodness is None:
        return ""
    least = "< 0.01" if fit.goodness.p_value < 0.01 else f"{fit.goodness.p_value:.2f}"
    return f"{fit.goodness.distance:.3f}, {least}"
