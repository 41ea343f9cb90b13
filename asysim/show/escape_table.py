"""An escape study as a table: for people by its columns, for programs by its records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from asysim.show.speedup_text import deviation, staleness
from asysim.show.table import NOTHING, Column, Shown, Table, digits, finite
from asysim.theory.saddle import Saddle

if TYPE_CHECKING:
    from asysim.studies.escape import EscapeStudy
    from asysim.studies.escape_row import EscapeRow, Mean


def title(study: EscapeStudy) -> str:
    """Return the heading of a study."""
    point = study.goal.point
    what = "its start" if point is None else f"the saddle “{point.name}”"
    return (
        f"{study.scenario.name}: updates until x is farther than {study.goal.radius:g} from {what}"
    )


def table(study: EscapeStudy) -> Table:
    """Return a study as a table, with its notes and its sentence."""
    point = study.goal.point
    return Table(
        title=title(study),
        columns=_columns(study),
        notes=_notes(study),
        sentence=_sentence(study),
        about={
            "name": study.scenario.name,
            "folder": None if study.folder is None else str(study.folder),
            "cores": study.cores,
            "saddle": None if point is None else point.name,
            "least_curvature": None if point is None else point.least_curvature,
            "radius": study.goal.radius,
            "seeds": study.settings.seeds,
            "afterwards": study.settings.afterwards,
        },
        records=[_record(study, row) for row in study.rows],
    )


def _columns(study: EscapeStudy) -> list[Column]:
    rows = study.rows

    def column(heading: tuple[str, str], cells: list[Shown], part: str) -> Column:
        return Column(heading, tuple(cells), part)

    made = [column(("p", ""), [Shown(str(row.workers)) for row in rows], "p")]
    mean = [float(row.staleness.mean()) for row in rows]
    made.append(column(("mean", "staleness"), [staleness(value) for value in mean], "p"))
    if not all(row.all_escaped for row in rows):
        cells = [Shown(f"{row.escaped.sum():,} of {row.runs:,}") for row in rows]
        made.append(column(("escaped", ""), cells, "runs"))
    made += [
        column(("updates", "to escape"), [_mean(row, row.mean) for row in rows], "mean"),
        column(("", "law"), [_of_law(row, "mean") for row in rows], "mean"),
        column(("standard", "deviation"), [_spread(row.deviation) for row in rows], "spread"),
        column(("", "law"), [_of_law(row, "deviation") for row in rows], "spread"),
        column(("growth per", "update"), [_growth(row.growth) for row in rows], "growth"),
        column(("", "law"), [_root(row) for row in rows], "growth"),
        column(("seconds", "to escape"), [_mean(row, row.mean_seconds) for row in rows], "time"),
    ]
    if study.settings.afterwards:
        cells = [
            Shown(f"{(row.returned >= 0).sum():,} of {row.escaped.sum():,}") for row in rows
        ]  # fmt: skip
        made.append(column(("came", "back"), cells, "back"))
    return made


def _mean(row: EscapeRow, mean: Mean) -> Shown:
    sign = "" if row.all_escaped else "≥ "
    if mean.half is None:
        return Shown(sign + _four(mean.value))
    return Shown(sign + _four(mean.value), f"± {digits(mean.half) if mean.half else 0}")


def _four(value: float) -> str:
    """Write a number with four digits, or all before the point."""
    if value == 0:
        return "0"
    places = max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}" if places < 7 else f"{value:.3e}"


def _of_law(row: EscapeRow, name: str) -> Shown:
    if isinstance(row.foretold, str):
        return Shown(NOTHING)
    value = _four(getattr(row.foretold.times, name))
    return (
        Shown(value, deviation(row.off)) if name == "mean" and row.off is not None else Shown(value)
    )


def _spread(value: float | None) -> Shown:
    return Shown(NOTHING if value is None else _four(value))


def _growth(growth: Mean | None) -> Shown:
    if growth is None:
        return Shown(NOTHING)
    return Shown(f"{growth.value:.5f}", f"± {growth.half:.1g}" if growth.half else "")


def _root(row: EscapeRow) -> Shown:
    return Shown(NOTHING if isinstance(row.foretold, str) else f"{row.foretold.law.growth:.5f}")


def _notes(study: EscapeStudy) -> list[str]:
    said = [
        f"{study.settings.seeds:,} runs each, means with 95 % intervals, told to the update; "
        "growth is that of the distance from R/4 to R."
    ]
    known = [row for row in study.rows if not isinstance(row.foretold, str)]
    if known:
        said += _of_laws(study, known)
    whys: dict[str, list[str]] = {
        row.foretold: [] for row in study.rows if isinstance(row.foretold, str)
    }
    for row in study.rows:
        if isinstance(row.foretold, str):
            whys[row.foretold].append(str(row.workers))
    said += [f"No law beside p = {', '.join(counts)}: {why}." for why, counts in whys.items()]
    if not all(row.all_escaped for row in study.rows):
        said.append(
            "≥ is a bound: runs that had not escaped when they were over count as they are."
        )
    if study.settings.afterwards:
        said.append(
            f"Came back: within R again at some update of the {study.settings.afterwards:,} after."
        )
    return said


def _of_laws(study: EscapeStudy, known: list[EscapeRow]) -> list[str]:
    first = known[0].foretold
    assert not isinstance(first, str)
    said = [
        f"Law: P(K > k) = P(|x_k| ≤ R) along the one unstable direction, γδ = "
        f"{first.curvature_step:.4g}, noise {first.noise:.4g} in an update; beside it, by how much "
        "the runs are off."
    ]
    if isinstance(study.saddle, Saddle) and not study.saddle.exact:
        most = max(row.foretold.change for row in known if not isinstance(row.foretold, str))
        said.append(
            "The law is that of f's quadratic model at the saddle, with noise as 4,096 gradients "
            "have it there (to 1.1 %). That neither is the same everywhere within R may change the "
            f"mean by {100 * most:.2g} %."
        )
    if any(not isinstance(row.foretold, str) and not row.foretold.delays.constant for row in known):
        said.append(
            "Beside exponential workers it is derived here, from moments over all their orders."
        )
    return said


def _sentence(study: EscapeStudy) -> str:
    first, last = study.rows[0], study.rows[-1]
    if not all(row.all_escaped for row in study.rows):
        return _of_those_left(study)
    if first is last:
        return f"A run escapes after {_four(first.mean.value)} updates on average."
    ratio = last.mean.value / first.mean.value
    said = (
        f"With p = {last.workers} escape takes {ratio:.2f} times as many updates as with "
        f"p = {first.workers}"
    )
    known = [(abs(row.off), row) for row in study.rows if row.off is not None]
    if not known:
        return f"{said}."
    most, row = max(known, key=lambda pair: pair[0])
    return f"{said}; the law is missed by {100 * most:.2g} % at most (p = {row.workers})."


def _of_those_left(study: EscapeStudy) -> str:
    """Say how many runs had not escaped, and what would let them."""
    left = sum(int((~row.escaped).sum()) for row in study.rows)
    said = f"{left:,} {'run' if left == 1 else 'runs'} had not escaped when "
    said += f"{'it was' if left == 1 else 'they were'} over: "
    if study.noiseless:
        return said + (
            "there is no noise, and they begin where nothing leads away from the saddle, so that "
            "none can, however long; problem.noise, update.perturbation or another problem.start "
            "would."
        )
    length, schedule = study.scenario.run, study.scenario.schedule
    if schedule is not None and not schedule.repeat:
        ended = [row.updates[~row.escaped] == schedule.known.updates for row in study.rows]
        if any(ends.any() for ends in ended):
            return f"{said}{schedule.named} ends there; schedule.repeat = true begins it anew."
    by_updates = [row.updates[~row.escaped] == length.updates for row in study.rows]
    keys = []
    if any(ended.any() for ended in by_updates):
        keys.append("run.updates")
    if not all(ended.all() for ended in by_updates):
        if length.seconds is None:
            return said + "no worker was left to go on."
        keys.append("run.seconds")
    return f"{said}{' and '.join(keys)} should be larger."


def _record(study: EscapeStudy, row: EscapeRow) -> dict[str, Any]:
    growth = row.growth
    record: dict[str, Any] = {
        "workers": row.workers,
        "runs": row.runs,
        "escaped": int(row.escaped.sum()),
        "mean_staleness": finite(float(row.staleness.mean())),
        "updates": row.mean.value,
        "updates_half_interval": row.mean.half,
        "updates_deviation": row.deviation,
        "updates_bound": "" if row.all_escaped else "at least",
        "seconds": row.mean_seconds.value,
        "seconds_half_interval": row.mean_seconds.half,
        "growth": growth and growth.value,
        "growth_half_interval": growth and growth.half,
        "returned": int((row.returned >= 0).sum()) if study.settings.afterwards else None,
        "law": "",
        "law_updates": None,
        "law_deviation": None,
        "law_growth": None,
        "law_constant": None,
        "law_of_large_radius": None,
        "off": row.off,
        "why_no_law": "",
    }
    if isinstance(row.foretold, str):
        return record | {"why_no_law": row.foretold}
    law, times = row.foretold.law, row.foretold.times
    return record | {
        "law": row.foretold.delays.words,
        "law_updates": times.mean,
        "law_deviation": times.deviation,
        "law_growth": law.growth,
        "law_constant": law.constant,
        "law_of_large_radius": law.mean,
    }
