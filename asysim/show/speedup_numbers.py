"""A speedup study as numbers for programs: CSV and JSON."""

from __future__ import annotations

import json
import math
from csv import DictWriter
from io import StringIO
from typing import TYPE_CHECKING, Any

from asysim.show.speedup_text import is_emulated, notes, reference_of, sentence, source_of, theirs
from asysim.studies.row import Row

if TYPE_CHECKING:
    from asysim.studies.estimate import Estimate
    from asysim.studies.speedup import SpeedupStudy


def csv(study: SpeedupStudy) -> str:
    """Return every number in full, a line for each number of workers; empty where there is none.

    Efficiencies and deviations are parts of one. A column that ends in ``_bound`` says "at most"
    or "at least" where runs that ended before the target leave no more than a bound.
    """
    text = StringIO()
    records = [_record(study, row) for row in study.rows]
    writer = DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        record | {"endings": "; ".join(f"{what}: {n}" for what, n in record["endings"].items())}
        for record in records
    )
    return text.getvalue()


def as_json(study: SpeedupStudy) -> str:
    """Return every number, the notes and the sentence as one line of JSON, for scripts."""
    reference = reference_of(study)
    document = {
        "name": study.scenario.name,
        "folder": None if study.folder is None else str(study.folder),
        "on": study.on,
        "emulated": is_emulated(study),
        "cores": study.cores,
        "target_loss": study.scenario.run.target_loss,
        "target_gradient": study.scenario.run.target_gradient,
        "smoothing": study.scenario.run.smoothing,
        "reference": None if reference is None else source_of(reference),
        "rows": [_record(study, row) for row in study.rows],
        "sentence": sentence(study),
        "notes": notes(study),
    }
    return json.dumps(document, allow_nan=False)


def _record(study: SpeedupStudy, row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {
        "workers": row.workers,
        "reached": row.reached,
        "runs": len(row.attempts),
        "endings": dict(sorted(row.endings.items())),
        "oversubscribed": row.oversubscribed,
        "behind": row.behind,
    }
    estimates: dict[str, Estimate | None] = {
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
    record["mean_staleness"] = row.staleness if math.isfinite(row.staleness) else None
    for kind in ("iteration", "time"):
        cell = study.cell(row, kind)
        record[f"reference_{kind}"] = theirs(study, row, kind)
        record[f"{kind}_deviation"] = cell.deviation if cell else None
    return record
