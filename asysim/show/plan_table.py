"""A plan as a table and one sentence: how many workers to take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asysim.runs.outcome import MISSED
from asysim.show.summary import seconds as in_seconds
from asysim.show.table import NOTHING, Column, Shown, Table, digits
from asysim.studies.plan import LINEAR

if TYPE_CHECKING:
    from asysim.studies.forecast import Forecast
    from asysim.studies.plan import Plan


def table(plan: Plan) -> Table:
    """Return a plan as a table, with its notes, and the answer before it."""
    return Table(
        title=f"{plan.scenario.name}: how many workers",
        columns=_columns(plan),
        notes=_notes(plan),
        sentence=_sentence(plan),
        about={
            "name": plan.scenario.name,
            "folder": None if plan.folder is None else str(plan.folder),
            "knee": plan.knee.workers,
            "fastest": plan.fastest.workers,
            "fastest_range": list(plan.fastest_range),
            "cheapest": plan.cheapest.workers,
            "linear_until": plan.linear_until,
        },
        records=[_record(plan, row) for row in plan.forecasts],
        answers=True,
    )


def _columns(plan: Plan) -> list[Column]:
    made: list[Column] = []

    def add(first: str, second: str, cells: list[Shown]) -> None:
        made.append(Column((first, second), tuple(cells), first))

    rows = plan.forecasts
    measured = {p: f"{in_seconds(t)}" for p, t in plan.measured if t is not None}
    add("p", "", [Shown(str(row.workers)) for row in rows])
    said = tuple(Shown(", ".join(_marks(plan, row))) for row in rows)
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


def _marks(plan: Plan, row: Forecast) -> list[str]:
    """Return what distinguishes one number of workers: knee, fastest, cheapest."""
    found = {"knee": plan.knee, "fastest": plan.fastest, "cheapest": plan.cheapest}
    words = [name for name, one in found.items() if one is row]
    if row.seconds is None:
        words.append(f"{row.reached} of {len(row.attempts)} arrive")
    return words


def _sentence(plan: Plan) -> str:
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
    said += f" {_workers(cheapest.workers)} cost{'s' if cheapest.workers == 1 else ''} least."
    return said + _unknown(plan)


def _unknown(plan: Plan) -> str:
    """Say which numbers of workers may only have lacked updates."""
    length = plan.scenario.run.updates
    missed = [row for row in plan.forecasts if any(a.status == MISSED for a in row.attempts)]
    if length is None or not missed:
        return ""
    many = ", ".join(str(row.workers) for row in missed)
    return (
        f" Not known of p = {many}: {length:,} updates, as many as the scenario allows, were too "
        f"few for some runs; --change run.updates={4 * length} allows more."
    )


def _notes(plan: Plan) -> list[str]:
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
        "marks": _marks(plan, row) if band else [],
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
