"""Advice as a table and a sentence: what to do, how much sooner that is, and how sure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from asysim.ground.toml_text import toml
from asysim.runs.outcome import DIVERGED
from asysim.show.summary import seconds as in_seconds
from asysim.show.table import NOTHING, Column, Shown, Table, digits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asysim.advice.advice import Advice
    from asysim.advice.measured import Measured
    from asysim.studies.geometric_mean import GeometricMean

_SURE = 1.0
_BOUNDS = {"": "", "at least": "> ", "at most": "< "}


def table(advice: Advice) -> Table:
    """Return advice as a table: the best of each method, with its notes and the answer."""
    best = advice.winner.candidate
    gain = advice.gain
    return Table(
        title=f"{advice.scenario.name}: the best of each method",
        columns=_columns(advice),
        notes=_notes(advice),
        sentence=_sentence(advice),
        about={
            "name": advice.scenario.name,
            "folder": None if advice.folder is None else str(advice.folder),
            "target_loss": advice.scenario.run.target_loss,
            "target_gradient": advice.scenario.run.target_gradient,
            "advised": _setting(advice.winner) | {"changes": _changes(advice.winner)},
            "reached": advice.winner.reached > 0,
            "sooner": gain.value if gain else None,
            "sooner_low": gain.low if gain else None,
            "sooner_high": gain.high if gain else None,
            "sooner_bound": gain.bound if gain else "",
            "stays": best == advice.stands.candidate,
            "candidates": advice.candidates,
            "gradients": advice.spent,
            "gradients_of_check": advice.checking,
        },
        records=[_record(advice, row) for row in _rows(advice)],
        answers=True,
    )


def _rows(advice: Advice) -> list[Measured]:
    """Return the best of each method, and the scenario as it stands if it is none of them."""
    own = advice.stands.candidate
    shown = [one for one in advice.methods if one.candidate != own]
    if len(shown) == len(advice.methods):
        return [*shown, advice.stands]
    return list(advice.methods)


def _columns(advice: Advice) -> list[Column]:
    rows, made = _rows(advice), []

    def add(first: str, second: str, cell: Callable[[Measured], Shown], part: str,
            *, left: bool = False) -> None:  # fmt: skip
        made.append(Column((first, second), tuple(cell(row) for row in rows), part, left))

    add("method", "", lambda row: Shown(row.candidate.method), "p", left=True)
    add("", "", lambda row: Shown(", ".join(_marks(advice, row))), "p", left=True)
    add("time to", "target", _time, "time")
    add("constants", "", lambda row: Shown(row.candidate.constants or NOTHING), "setting",
        left=True)  # fmt: skip
    add("step", "γ", lambda row: Shown(row.candidate.step), "setting")
    if len({row.candidate.batch_size for row in rows}) > 1:
        add("batch", "M", lambda row: Shown(str(row.candidate.batch_size)), "setting")
    add("p", "", lambda row: Shown(str(row.candidate.workers)), "setting")
    add("updates", "to target", lambda row: _bounded(row.updates, "{:,.0f}".format), "cost")
    add("worker-", "seconds", lambda row: _bounded(row.worker_seconds, in_seconds), "cost")
    add("mean", "staleness", lambda row: Shown(digits(row.staleness)), "cost")
    return made


def _marks(advice: Advice, row: Measured) -> list[str]:
    words = ["advised"] if row.candidate == advice.winner.candidate else []
    if row.candidate == advice.stands.candidate:
        words.append("as it stands")
    if 0 < row.reached < len(row.trials):
        words.append(f"{row.reached} of {len(row.trials)} arrive")
    return words


def _time(row: Measured) -> Shown:
    found = row.seconds
    if found is None:
        ended = "diverged" if row.endings[DIVERGED] else next(iter(row.endings), "at the start")
        return Shown(NOTHING, ended)
    beside = "" if found.low is None else f"{in_seconds(found.low)} – {in_seconds(found.high or 0)}"
    return Shown(_BOUNDS[found.bound] + in_seconds(found.value), beside)


def _bounded(found: GeometricMean | None, write: Callable[[float], str]) -> Shown:
    return Shown(NOTHING if found is None else _BOUNDS[found.bound] + write(found.value))


def _sentence(advice: Advice) -> str:
    """Say what to do, and what it brings beside what is done now."""
    winner, stands = advice.winner, advice.stands
    best = winner.candidate
    if not winner.reached:
        return (
            f"Nothing of what was looked at reached {advice.scenario.run.target}; nearest was "
            f"{_words(advice, winner)}. A higher target, or --steps and --workers beyond these, "
            "may tell more."
        )
    found = winner.seconds
    when = NOTHING if found is None else _BOUNDS[found.bound] + in_seconds(found.value)
    within = "" if found is None or found.low is None else (
        f" (95 %: {in_seconds(found.low)} to {in_seconds(found.high or 0)})"
    )  # fmt: skip
    if best == stands.candidate:
        others = [m for m in advice.methods if m.candidate != best and m.seconds]
        second = ""
        if others:
            second = f"; next is {_words(advice, others[0])}, {_plain_time(others[0])}"
        return (
            f"Stay with {_words(advice, winner)}, as it stands: the target in {when}{within}, and "
            f"nothing of what was looked at is faster{second}."
        )
    said = f"Take {_words(advice, winner)}: the target in {when}{within}, {_beside(advice)}."
    plain = advice.plain
    if plain is not None and plain.candidate != best and plain.candidate != stands.candidate:
        said += f" The best of plain asynchronous SGD takes {_plain_time(plain)}."
    return said


def _beside(advice: Advice) -> str:
    gain, stands = advice.gain, advice.stands
    if gain is None:
        ended = next(iter(stands.endings), "not known")
        return f"where the scenario as it stands: {ended}"
    how = {"at least": "more than ", "at most": "less than ", "": ""}[gain.bound]
    spread = "" if gain.low is None else f" (95 %: {digits(gain.low)} to {digits(gain.high or 0)})"
    sure = gain.bound or gain.low is None or gain.low > _SURE
    unsure = "" if sure else ", which may be chance"
    return f"{how}{digits(gain.value)} times as soon as it stands{spread}{unsure}"


def _words(advice: Advice, row: Measured) -> str:
    best = row.candidate
    size = ""
    if best.batch_size != advice.scenario.algorithm.batch_size:
        size = f", batches of {best.batch_size}"
    many = f"{best.workers} worker{'s' if best.workers > 1 else ''}"
    return f"{best.setting}, step {best.step}{size}, {many}"


def _plain_time(row: Measured) -> str:
    found = row.seconds
    if found is None:
        return next(iter(row.endings), NOTHING)
    return ("more than " if found.bound else "") + in_seconds(found.value)


def _notes(advice: Advice) -> list[str]:
    run, runs = advice.scenario.run, len(advice.winner.trials)
    smoothed = f", on the mean of {run.smoothing} evaluations" if run.smoothing > 1 else ""
    said = [
        f"Target: {run.target}{smoothed}. Geometric means of {runs} runs, with seeds that had no "
        "part in the search, the same ones for all; in brackets their 95 % intervals. > : runs "
        "that were stopped before the target count as bounds.",
        f"Looked at: {advice.candidates:,} settings of {len(advice.methods)} methods, for "
        f"{advice.spent:,} gradients, and {advice.checking:,} for this table and the picture.",
    ]
    if any(row.candidate.method.endswith(", stops") or row.candidate.method == "mindflayer"
           for row in advice.methods):  # fmt: skip
        said.append(
            "Methods that stop gradients half way (“stops”, mindflayer) need workers that can be "
            "interrupted, which simulated ones are."
        )
    edge = _edge(advice)
    return [*said, edge] if edge else said


def _edge(advice: Advice) -> str:
    """Say if the winner stands at the end of what was tried, so that more may be better."""
    best, tried = advice.winner.candidate, advice.steps
    if len(tried) > 1 and best.step in (tried[0], tried[-1]):
        which = "shortest" if best.step == tried[0] else "longest"
        return f"Its step is the {which} that was tried: --steps may find a better one."
    return ""


def _setting(row: Measured) -> dict[str, Any]:
    one = row.candidate
    return {
        "method": one.method,
        "constants": one.constants,
        "step": _number(one.step),
        "batch_size": one.batch_size,
        "workers": one.workers,
    }


def _changes(row: Measured) -> Sequence[str]:
    one = row.candidate
    return [f"algorithm.step={one.step}", *one.changes]


def _number(step: str) -> float | str:
    try:
        return float(step)
    except ValueError:
        return step


def _record(advice: Advice, row: Measured) -> dict[str, Any]:
    record = _setting(row) | {"reached": row.reached, "runs": len(row.trials)}
    for name, found in (("seconds", row.seconds), ("updates", row.updates),
                        ("worker_seconds", row.worker_seconds)):  # fmt: skip
        record[name] = found.value if found else None
        record[f"{name}_low"] = found.low if found else None
        record[f"{name}_high"] = found.high if found else None
        record[f"{name}_bound"] = found.bound if found else ""
    record["mean_staleness"] = row.staleness
    record["endings"] = dict(sorted(row.endings.items()))
    record["marks"] = _marks(advice, row)
    return record


def header(advice: Advice) -> str:
    """Return what is written above the scenario that is advised: where it comes from."""
    said = [
        f"Advice of asysim for {toml(advice.scenario.name)}: {advice.candidates:,} settings were "
        f"looked at, for {advice.spent:,} gradients.",
        _sentence(advice),
        *_notes(advice)[:1],
    ]
    lines = [line for text in said for line in textwrap.wrap(text, 96)]
    return "".join(f"# {line}\n" for line in lines) + "\n"
