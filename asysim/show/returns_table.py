"""The map of returns as a table: a line for each delay, and every cell for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asysim.show.table import Column, Shown, Table, digits
from asysim.studies.returns import interval, without_part
from asysim.studies.returns_row import WELL, window
from asysim.theory.stability import oscillation_limit, stability_limit

if TYPE_CHECKING:
    from asysim.studies.returns import Cell, ReturnsStudy


def title(study: ReturnsStudy) -> str:
    """Return the heading of a map."""
    return f"{study.scenario.name}: how often runs come back within R after they escaped"


def table(study: ReturnsStudy) -> Table:
    """Return a map as a table; its records, a line of CSV each, are the cells."""
    lines = [(delay, wells) for wells in (False, True) for delay in study.delays]
    panels = [study.panel(delay, wells=wells) for delay, wells in lines]
    stable = [[cell for cell in panel if cell.is_stable] for panel in panels]
    others = [[cell for cell in panel if not cell.is_stable] for panel in panels]
    fast = [[cell for cell in panel if _drifts(study, cell)] for panel in stable]
    assert study.scenario.escape is not None
    most = max(study.scenario.escape.returns, 1)
    columns = [
        Column(("τ", ""), tuple(Shown(str(delay)) for delay, _ in lines), "p"),
        Column(("", "wells"), tuple(Shown("yes" if wells else "no") for _, wells in lines), "p"),
        Column(
            ("limit of", "stability"),
            tuple(Shown(digits(stability_limit(delay))) for delay, _ in lines), "p",
        ),
        Column(("came back,", "stable"), tuple(map(_share, stable)), "stable"),
        Column(("of these with", "γδ > 3γσ/R"), tuple(map(_share, fast)), "stable"),
        Column(("came back,", "unstable"), tuple(map(_share, others)), "unstable"),
    ]  # fmt: skip
    return Table(
        title=title(study),
        columns=columns,
        notes=_notes(study, most),
        sentence=_sentence(study),
        about={
            "name": study.scenario.name,
            "folder": None if study.folder is None else str(study.folder),
            "cores": study.cores,
            "noise": study.noise,
            "runs": most,
        },
        records=[_record(study, cell) for cell in study.cells],
    )


def _drifts(study: ReturnsStudy, cell: Cell) -> bool:
    """Whether an update at R carries x farther than three times its noise."""
    return cell.growing > 3 * study.noise


def _share(cells: Sequence[Cell]) -> Shown:
    escaped = sum(cell.escaped for cell in cells)
    returned = sum(cell.returned for cell in cells)
    if not escaped:
        return Shown("—")
    low, high = interval(returned, escaped)
    return Shown(_percent(returned / escaped), f"{_percent(low, sign=False)}–{_percent(high)}")


def _percent(share: float, *, sign: bool = True) -> str:
    percent = 100 * share
    places = 0 if percent in (0.0, 100.0) else 1 if percent >= 1 else 3
    return f"{percent:.{places}f}" + (" %" if sign else "")


def _notes(study: ReturnsStudy, runs: int) -> list[str]:
    second = ", ".join(f"{digits(oscillation_limit(d))} (τ = {d})" for d in study.delays if d)
    unheard = without_part(study.scenario)
    return [
        f"{runs} runs in each of {len(study.cells):,} cells, noise {study.noise:.3g} R in an "
        "update of each coordinate; shares of those that escaped, with exact 95 % intervals.",
        f"Watched for {window(0)} updates after the escape, {window(max(study.delays))} with the "
        "longest delay: ten periods of the oscillation at the limit, and 100.",
        "Stable: γλ_max < 2 sin(π / (2(2τ + 1))); where there are wells, with minima at "
        f"{WELL:g} R, 2γδ is, too, their curvature times γ.",
        "Where γδ R is not much more than the noise of an update, this alone brings runs back.",
        "Of the scenario the map takes the noise of an update beside R, the seed, and the table "
        "escape; delays are constant, and runs as long as said here.",
        *([f"No part in it has: {', '.join(unheard)}."] if unheard else []),
        *([f"The unstable direction oscillates, too, from γδ = {second} on."] if second else []),
    ]


def _sentence(study: ReturnsStudy) -> str:
    plain = [c for c in study.cells if not c.wells and c.is_stable and _drifts(study, c)]
    calm = [c for c in plain if c.growing < oscillation_limit(c.delay)]
    back, of = sum(c.returned for c in calm), sum(c.escaped for c in calm)
    if not of:
        return _of_none(study, calm)
    _, high = interval(back, of)
    beyond = [c for c in study.cells if not c.is_stable and c.delay and c.escaped]
    most = max((c.returned / c.escaped for c in beyond), default=0.0)
    return (
        f"Of {of:,} runs within the limits, whose drift at R is more than three times the noise, "
        f"{back:,} came back (at most {_percent(high)}); with a delay, beyond the limits, up to "
        f"{_percent(most)} of a cell do."
    )


def _of_none(study: ReturnsStudy, calm: Sequence[Cell]) -> str:
    """Say why there are no runs of which the map was to tell whether they come back."""
    if calm:
        return "No run within the limits escaped, so nothing is said of who comes back."
    return (
        f"The noise of an update is {study.noise:.3g} R: for no γδ within the limits is the drift "
        "at R more than three times that, so noise alone decides who comes back; a larger "
        "escape.radius, or less noise, would tell."
    )


def _record(study: ReturnsStudy, cell: Cell) -> dict[str, Any]:
    low, high = interval(cell.returned, cell.escaped)
    return {
        "delay": cell.delay,
        "wells": cell.wells,
        "gamma_lambda": cell.stable,
        "of_limit": cell.stable / stability_limit(cell.delay),
        "gamma_delta": cell.growing,
        "growth": cell.growth,
        "stable": cell.is_stable,
        "escaped": cell.escaped,
        "returned": cell.returned,
        "share": cell.returned / cell.escaped if cell.escaped else None,
        "low": low,
        "high": high,
        "noise": study.noise,
    }
