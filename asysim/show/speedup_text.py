"""What is said of a speedup study: its numbers in words, the notes below, and one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from asysim.runs.outcome import DIVERGED
from asysim.show.table import NOTHING, Shown, digits
from asysim.studies.comparison import MOST_BEHIND, Comparison
from asysim.studies.geometric_mean import GeometricMean

if TYPE_CHECKING:
    from asysim.scenario.speedup import Reference
    from asysim.studies.speedup import SpeedupStudy

_SIGNS = {"": "", "at most": "≤ ", "at least": "≥ "}
_EFFICIENT = 0.9
"""What is called efficient: of ten updates of p workers, one worker would have needed nine."""


def times(estimate: GeometricMean | None) -> Shown:
    """Write a speedup with its interval; one worker's has none, as it is compared with itself."""
    if estimate is None:
        return Shown(NOTHING)
    text = _SIGNS[estimate.bound] + digits(estimate.value)
    if estimate.low is None or estimate.high is None or estimate.low == estimate.high:
        return Shown(text)
    return Shown(text, f"{digits(estimate.low)}–{digits(estimate.high)}")


def percent(estimate: GeometricMean | None) -> Shown:
    """Write a part of one."""
    if estimate is None:
        return Shown(NOTHING)
    return Shown(f"{_SIGNS[estimate.bound]}{100 * estimate.value:,.1f} %")


def number(
    estimate: GeometricMean | None, write: Callable[[float], str] = "{:,.0f}".format
) -> Shown:
    """Write a number of things, or with `rate` of things per second."""
    return Shown(_SIGNS[estimate.bound] + write(estimate.value) if estimate else NOTHING)


def deviation(value: float) -> str:
    """Write a relative difference with its sign."""
    return f"{100 * value:+,.1f} %".replace("-", "−")


def staleness(value: float) -> Shown:
    """Write a mean staleness."""
    if not math.isfinite(value):
        return Shown(NOTHING)
    return Shown(f"{value:.2f}" if value < 100 else f"{value:,.0f}")


def reference_of(study: SpeedupStudy) -> Reference | None:
    """Return what the study is compared with, if there is something."""
    settings = study.scenario.speedup
    return settings.reference if settings else None


def theirs(study: SpeedupStudy, row: Comparison, kind: str) -> float | None:
    """Return the reference's speedup, "iteration" or "time", even where ours can't be told."""
    reference = reference_of(study)
    found: list[float] | None = getattr(reference, kind) if reference else None
    if reference is None or found is None:
        return None
    return dict(zip(reference.workers, found, strict=True)).get(row.workers)


def source_of(reference: Reference) -> str:
    """Return who found the reference, on one line."""
    return " ".join(reference.source.split())


def is_emulated(study: SpeedupStudy) -> bool:
    """Whether a real study waited as long as the time laws say, in place of real work."""
    backend = study.scenario.backend
    return study.on is not None and backend is not None and backend.emulate


def title(study: SpeedupStudy) -> str:
    """Return the heading of a study."""
    where = "simulated" if study.on is None else f"real runs on {study.on}"
    if is_emulated(study):
        where = f"emulated on {study.on}"
    return f"{study.scenario.name}: p workers beside one, {where}"


def sentence(study: SpeedupStudy) -> str:
    """Say how much sooner p workers are at best, and how many work without loss to staleness."""
    one, *more = study.rows
    if one.reached < len(one.attempts):
        return "No speedup can be told: one worker did not reach the target in every run."
    if not more:
        return "No speedup can be told: only one worker was run."
    told = [(row.time, row.workers) for row in more if row.time and not row.time.bound]
    if told:
        best, p = max(told, key=lambda pair: pair[0].value)
        shown = times(best)
        interval = f" (95 % interval {shown.aside})" if shown.aside else ""
        said = f"The largest speedup in time found is {shown.text}{interval}, with p = {p}"
        least = best.value
    else:
        said, least = "No speedup in time can be told", 0.0
    open_ = [r.workers for r in more if r.time and r.time.bound and r.time.value > least]
    if open_:
        said += f" (p = {_list(open_)} may have more: not every run reached the target)"
    efficient = [
        row.workers
        for row in more
        if row.statistical and not row.statistical.bound and row.statistical.value >= _EFFICIENT
    ]
    rule = f"a statistical efficiency of at least {_EFFICIENT:.0%}".replace("%", " %")
    if efficient:
        return f"{said}; the largest p with {rule} is {max(efficient)}."
    return f"{said}; no p > 1 has {rule}."


def notes(study: SpeedupStudy) -> list[str]:
    """Return what a reader of the numbers has to know, a sentence or two each."""
    return [_rule(study), *_machine(study), *_missing(study), *_comparison(study)]


def _rule(study: SpeedupStudy) -> str:
    window = study.scenario.run.smoothing
    curve = f"on the mean of {window} evaluations" if window > 1 else "between two evaluations"
    seeds = len(study.rows[0].attempts)
    mean = (
        f"geometric means over {seeds} seeds, 95 % intervals"
        if seeds > 1
        else "one seed, so no intervals"
    )
    return f"Target: {study.scenario.run.target}; crossing by interpolation {curve}; {mean}."


def _machine(study: SpeedupStudy) -> list[str]:
    if study.on is None:
        return []
    size = f"{study.cores} core{'s' if study.cores > 1 else ''}"
    if is_emulated(study):
        return [
            f"Emulated: real runs on {study.on}, {size}, that wait as long as the time laws say.",
            *(
                f"p = {row.workers}: {size} could not keep up, gradients were late by "
                f"{row.behind:.0%} of the workers' time: no speedup in time is told.".replace(
                    "%", " %"
                )
                for row in study.rows
                if row.behind > MOST_BEHIND
            ),
        ]
    shared = " beside the server" if study.on == "mpi" else ""
    return [
        f"Real runs on {study.on}, {size}.",
        *(
            f"p = {row.workers} workers{shared} on {size}: no speedup in time is told."
            for row in study.rows
            if row.oversubscribed
        ),
    ]


def _missing(study: SpeedupStudy) -> list[str]:
    said = []
    for row in study.rows:
        if row.endings:
            ends = ", ".join(f"{status}: {n}" for status, n in sorted(row.endings.items()))
            all_ = len(row.attempts)
            said.append(f"p = {row.workers}: {row.reached} of {all_} runs met the target ({ends}).")
    one = study.rows[0]
    if one.endings:
        change = "run.updates should be larger or the target nearer"
        if DIVERGED in one.endings:
            change = "algorithm.step should be smaller"
        said.append(
            f"One worker did not reach the target in every run, so that speedups can't be told: "
            f"{change}."
        )
    if any(row.updates and row.updates.bound for row in study.rows):
        said.append("≤ and ≥ are bounds: some of those runs ended before the target.")
    if any(not attempt.ended_well for row in study.rows for attempt in row.attempts):
        said.append("Nothing is told of p whose runs diverged or did not come to their end.")
    return said


def _comparison(study: SpeedupStudy) -> list[str]:
    reference = reference_of(study)
    if reference is None:
        return []
    source = source_of(reference)
    said = [f"Reference: {source}."]
    largest = [
        f"{kind} {deviation(found[0])} (p = {found[1]})"
        for kind in ("iteration", "time")
        if (found := study.largest_deviation(kind)) and found[1] > 1
    ]
    if largest:
        said.append(f"Largest deviation from {source}: {', '.join(largest)}.")
    else:
        said.append(f"No speedup of ours could be compared with {source}.")
    absent = sorted(set(reference.workers) - {row.workers for row in study.rows})
    if absent:
        said.append(f"The reference has p = {_list(absent)} too, which this study has not.")
    return said


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
