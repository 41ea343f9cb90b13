"""A speedup study as a table: for people by its columns, for programs by its records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from asysim.show import speedup_text as said
from asysim.show.summary import rate
from asysim.show.table import NOTHING, Column, Shown, Table, digits, finite
from asysim.studies.comparison import Comparison
from asysim.studies.geometric_mean import GeometricMean

if TYPE_CHECKING:
    from asysim.studies.speedup import SpeedupStudy


def table(study: SpeedupStudy) -> Table:
    """Return a study as a table, with its notes and its sentence.

    Efficiencies and deviations are parts of one in CSV and JSON. A column that ends in ``_bound``
    says "at most" or "at least" where runs that ended before the target leave no more than a bound.
    """
    reference = said.reference_of(study)
    return Table(
        title=said.title(study),
        columns=_columns(study),
        notes=said.notes(study),
        sentence=said.sentence(study),
        about={
            "name": study.scenario.name,
            "folder": None if study.folder is None else str(study.folder),
            "on": study.on,
            "emulated": said.is_emulated(study),
            "cores": study.cores,
            "target_loss": study.scenario.run.target_loss,
            "target_gradient": study.scenario.run.target_gradient,
            "smoothing": study.scenario.run.smoothing,
            "reference": None if reference is None else said.source_of(reference),
        },
        records=[_record(study, row) for row in study.rows],
    )


def _columns(study: SpeedupStudy) -> list[Column]:
    rows = study.rows
    reference = said.reference_of(study)
    made = [Column(("p", ""), tuple(Shown(str(row.workers)) for row in rows), "p")]
    if any(row.endings for row in rows):
        reached = tuple(Shown(f"{row.reached} of {len(row.attempts)}") for row in rows)
        made.append(Column(("reached", ""), reached, "p"))
    for kind in ("iteration", "time"):
        ours = tuple(said.times(getattr(row, kind)) for row in rows)
        made.append(Column((kind, "speedup"), ours, kind))
        if getattr(reference, kind, None) is not None:
            other = tuple(_beside(study, row, kind) for row in rows)
            made.append(Column((f"{kind},", "reference"), other, kind))

    def add(heading: tuple[str, str], cells: Iterable[Shown], part: str) -> None:
        made.append(Column(heading, tuple(cells), part))

    add(("updates", "per s"), (said.number(row.throughput, rate) for row in rows), "hardware")
    add(("hardware", "efficiency"), (said.percent(row.hardware) for row in rows), "hardware")
    add(("updates", "to target"), (said.number(row.updates) for row in rows), "statistics")
    add(
        ("statistical", "efficiency"), (said.percent(row.statistical) for row in rows), "statistics"
    )
    add(("mean", "staleness"), (said.staleness(row.staleness) for row in rows), "statistics")
    return made


def _record(study: SpeedupStudy, row: Comparison) -> dict[str, Any]:
    record: dict[str, Any] = {
        "workers": row.workers,
        "reached": row.reached,
        "runs": len(row.attempts),
        "endings": dict(sorted(row.endings.items())),
        "oversubscribed": row.oversubscribed,
        "behind": row.behind,
    }
    estimates: dict[str, GeometricMean | None] = {
        "updates": row.updates,
        "seconds": row.seconds,
        "iteration_speedup": row.iteration,
        "time_speedup": row.time,
        "hardware_efficiency": row.hardware,
        "statistical_efficiency": row.statistical,
        "throughput": row.throughput,
    }
    for name, found in estimates.items():
        record[name] = found.value if found else None
        record[f"{name}_low"] = found.low if found else None
        record[f"{name}_high"] = found.high if found else None
        record[f"{name}_bound"] = found.bound if found else ""
    record["mean_staleness"] = finite(row.staleness)
    for kind in ("iteration", "time"):
        cell = study.cell(row, kind)
        record[f"reference_{kind}"] = said.theirs(study, row, kind)
        record[f"{kind}_deviation"] = cell.deviation if cell else None
    return record


def _beside(study: SpeedupStudy, row: Comparison, kind: str) -> Shown:
    found, cell = said.theirs(study, row, kind), study.cell(row, kind)
    if found is None:
        return Shown(NOTHING)
    itself = row.workers == 1 == found  # beside which ours is 1 too, by definition
    return Shown(digits(found), said.deviation(cell.deviation) if cell and not itself else "")
