"""What both papers say of a scenario, as tables: constants, its step, workers, methods' times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asysim.show.table import NOTHING, Column, Shown, Table, finite
from asysim.show.theory_cells import between, interval_of, number_of, order_of
from asysim.theory.complexity import ASYNCHRONOUS, OPTIMAL, SYNCHRONOUS
from asysim.theory.limits import ORDERS
from asysim.theory.lock_free import LockFree
from asysim.theory.reservations import named
from asysim.theory.verdict import not_in_theorem

if TYPE_CHECKING:
    from pathlib import Path

    from asysim.theory.assessment import Assessment


def tables(found: Assessment) -> list[Table]:
    """Return the tables of an assessment, in the order in which they are read."""
    return [constants(found), step(found), workers(found), times(found)]


def as_json(found: Assessment, picture: Path | None) -> str:
    """Return every number and all that is said as one line of JSON, for scripts; null: infinite."""
    document: dict[str, Any] = {"name": found.scenario.name}
    made = tables(found)
    for table in made:
        document |= table.about
    document["sentences"] = [table.sentence for table in made]
    document["notes"] = [note for table in made for note in table.notes]
    document["picture"] = None if picture is None else str(picture)
    return json.dumps(_finite(document), allow_nan=False)


def as_html(found: Assessment) -> str:
    """Return the tables for a notebook."""
    return f"<div>{'<br/>'.join(table.html() for table in tables(found))}</div>"


def constants(found: Assessment) -> Table:
    """Return the table of constants: what, how much, between what, and how that was made."""
    told = list(found.constants.values())
    return _table(
        f"{found.scenario.name}: what is known of the problem",
        {
            "": [Shown(one.symbol) for one in told],
            "value": [number_of(one.value) for one in told],
            "interval": [Shown(interval_of(one)) for one in told],
            "how": [Shown(f"{one.origin}: {one.how}") for one in told],
        },
        words={"", "interval", "how"},
        notes=[],
        sentence=_setting(found),
        about={
            "constants": {
                one.symbol: {"value": one.value, "low": one.low, "high": one.high,
                             "origin": one.origin, "how": one.how}
                for one in told
            },
            "updates": found.updates, "batch_size": found.batch_size,
            "dimension": found.dimension, "staleness_bound": found.staleness.bound,
            "staleness_bound_is": found.staleness.words,
            "staleness_bound_is_proven": found.staleness.is_proven,
            "start_gradient_norm2": found.start_norm2,
        },
    )  # fmt: skip


def step(found: Assessment) -> Table:
    """Return the table of the step: the scenario's beside the theorem's, and the verdict."""
    theorem, verdict, late = found.theorem, found.verdict, found.staleness
    rows: list[tuple[str, float | None, str]] = [_own_step(found)]
    about: dict[str, Any] = {"step": rows[0][1], "verdict": verdict.word,
                             "condition": verdict.condition, "bound": verdict.bound,
                             "because": list(verdict.sentences)}  # fmt: skip
    keys = ("largest_step", "largest_staleness_at_step", "corollary_step", "corollary_bound",
            "least_updates")  # fmt: skip
    about |= dict.fromkeys(keys)
    if theorem is not None and not found.is_silent:
        free = isinstance(theorem, LockFree)
        first, second = ("Theorem 3", "Corollary 4") if free else ("Theorem 1", "Corollary 2")
        whose = "as recalled" if free else "as derived"
        own = "as recalled" if isinstance(theorem, LockFree) and theorem.recalled else "as derived"
        for_t, for_k = f"T = {late.bound}", f"K = {found.updates:,}"
        rows.append(("largest γ", theorem.largest_step, f"{first}, {own}, for {for_t}"))
        about["largest_step"] = theorem.largest_step
        if isinstance(found.step, float):
            room = theorem.largest_staleness_at(found.step)
            rows.append(("largest T for the scenario's γ", room, f"{first}, {own}"))
            about["largest_staleness_at_step"] = room
        if corollary := found.corollary_step:
            bound: float | None = corollary[1]
            holds = "K is long enough"
            if found.updates < theorem.least_updates:
                bound, holds = None, "K is too short: it does not hold"
            elif not late.is_proven:
                bound, holds = None, "K is long enough, but nothing enforces T: it need not hold"
            rows += [
                ("γ for so long a run", corollary[0], f"{second}, {whose}, for {for_k}"),
                ("its bound of the mean of E‖∇f‖²", bound, holds),
                ("least K", theorem.least_updates, f"{second}, {whose}, for {for_t}"),
            ]
            about |= {"corollary_step": corollary[0], "corollary_bound": bound,
                      "least_updates": theorem.least_updates}  # fmt: skip
    return _table(
        "The step",
        {
            "": [Shown(what) for what, _, _ in rows],
            "value": [number_of(much) for _, much, _ in rows],
            "by": [Shown(by) for _, _, by in rows],
        },
        words={"", "by"},
        notes=[f"T = {found.staleness.bound}: {found.staleness.words}."],
        sentence=found.sentence,
        about=about,
    )


def workers(found: Assessment) -> Table:
    """Return the table of the largest numbers of workers with linear speedup."""
    value, low, high = (None if late is None else late + 1 for late in found.largest_staleness)
    free = isinstance(found.theorem, LockFree)
    own = "Corollary 4, as recalled" if free else "Corollary 2, as derived"
    most = Shown(NOTHING if value is None else f"{value:,}")
    lines = [(own, "p = T + 1", most, between(low, high), "with its own constants",
              "small ‖∇f‖")]  # fmt: skip
    limits: list[dict[str, Any]] = [{"by": own, "workers": value, "low": low, "high": high}]
    for order in ORDERS:
        much = order.workers(found.updates, found.batch_size)
        lines.append((order.source, order.words, number_of(much), "", order.origin, order.reaches))
        limits.append({"by": order.source, "order": order.words, "constant": 1, "workers": much,
                       "origin": order.origin, "reaches": order.reaches})  # fmt: skip
    by, rule, much_, interval, origin, reaches = zip(*lines, strict=True)
    return _table(
        f"The most workers with linear speedup, K = {found.updates:,}, M = {found.batch_size}",
        {
            "by": [Shown(one) for one in by],
            "p": [Shown(one) for one in rule],
            "workers": list(much_),
            "interval": [Shown(one) for one in interval],
            "of it is known": [Shown(one) for one in origin],
            "reaches": [Shown(one) for one in reaches],
        },
        words={"by", "p", "interval", "of it is known", "reaches"},
        notes=[
            "Of the last three only the order is held: constant 1. They say how p grows with K and "
            "M, not what it is.",
            "T = p − 1 for equal workers that are always busy and take turns; otherwise that is "
            "the mean, and T has to be enforced.",
        ],
        sentence=_workers_sentence(found, value, high),
        about={"limits": limits, "workers": found.scenario.workers.count},
    )


def times(found: Assessment) -> Table:
    """Return the table of the time that methods take, and which is best where."""
    told = found.complexities()
    if not told:
        why = (
            "a constant is not known, is 0 or need not hold, or computing takes no time, or no "
            "finite one"
        )
        return _table("Time to E‖∇f‖² ≤ ε", {}, words=set(), notes=[],
                      sentence=f"Nothing can be told of the time that methods take: {why}.",
                      about={"complexities": []})  # fmt: skip
    return _table(
        "Time to E‖∇f‖² ≤ ε, by the orders of Tyurin & Richtárik 2023 and Maranjyan et al. 2025",
        {
            "ε": [number_of(one.accuracy) for one in told],
            ASYNCHRONOUS: [order_of(one.asynchronous) for one in told],
            SYNCHRONOUS: [order_of(one.synchronous) for one in told],
            f"{OPTIMAL}:\nlower bound": [order_of(one.optimum.seconds) for one in told],
            "its\nworkers": [Shown(str(one.optimum.workers)) for one in told],
            "S = R": [Shown(f"{one.batch:,}") for one in told],
            "best": [Shown(_best(one.best)) for one in told],
        },
        words={"best"},
        notes=[
            "Here ε is of ‖∇f‖²; of ‖∇f‖ it is in `asysim limits` and in run.second_order.",
            "As recalled; orders, with constant 1. Best: all that take at most twice the least, as "
            "constants are left out.",
            found.times.words + " Messages and queues are not in it.",
        ],
        sentence=_times_sentence(found),
        about={
            "complexities": [
                {"accuracy": one.accuracy, "asynchronous_seconds": one.asynchronous,
                 "synchronous_seconds": one.synchronous,
                 "optimal_seconds": one.optimum.seconds,
                 "optimal_workers": one.optimum.workers, "batch": one.batch, "best": one.best}
                for one in told
            ],
            "times": found.times.words,
        },
    )  # fmt: skip


def _table(
    title: str, columns: dict[str, list[Shown]], *, words: set[str], notes: list[str],
    sentence: str, about: dict[str, Any],
) -> Table:  # fmt: skip
    made = [
        Column((name, ""), tuple(cells), "p", left=name in words) for name, cells in columns.items()
    ]
    return Table(title, made, notes, sentence, about, [])


def _finite(value: Any) -> Any:
    """Return what JSON is made of without infinite numbers, which it knows none of."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return finite(value) if isinstance(value, float) else value


def _setting(found: Assessment) -> str:
    return (
        f"K = {found.updates:,} updates, M = {found.batch_size}, n = {found.dimension:,}, "
        f"‖∇f(x_1)‖² = {found.start_norm2:.4g}. L, L_max, L_T: of ∇f, as x moves anywhere, along "
        "one coordinate, along at most T; ρ: of ∇²f; σ²: of one sample."
    )


def _own_step(found: Assessment) -> tuple[str, float | None, str]:
    rule = found.scenario.algorithm.step
    if found.step is None:
        return "γ of the scenario", None, f"{rule}"
    if isinstance(found.step, float):
        whose = "constant" if isinstance(rule, int | float) else f"{rule}"
        return "γ of the scenario", found.step, whose
    return "γ of the scenario, on average", float(found.step.mean()), f"{rule}"


def _workers_sentence(found: Assessment, most: int | None, high: int | None) -> str:
    if not_in_theorem(found.scenario):
        return "The corollary is of another update than this scenario's: see above."
    if found.outside:
        return "The corollary's constants need not hold for this run: see above."
    if most is None:
        return "With these constants the corollary gives no number of workers."
    if most < 1:
        return "K is too small for the corollary even with T = 0: it says nothing of any p."
    late = found.staleness
    larger = named(found.may_be_larger) if found.may_be_larger else ""
    up_to = f"the {most - 1:,} up to which the corollary, with its own γ, " + (
        f"would prove linear speedup if {larger} were as estimated" if larger else
        "proves linear speedup"
    )  # fmt: skip
    if larger and high is not None:
        up_to += f" (p = {most:,}; all that is known is p ≤ {high:,})"
    if late.bound >= most:
        return f"T = {late.bound} is beyond {up_to}; which does not say that there is none."
    if not late.is_proven:
        return f"T = {late.bound} would be within {up_to}, but nothing enforces it."
    return f"T = {late.bound} is within {up_to}."


def _times_sentence(found: Assessment) -> str:
    told = found.complexities()
    always = [name for name in told[0].seconds if all(name in one.best for one in told)]
    if len(always) == len(told[0].seconds):
        return "No method is ahead here by more than a constant could undo."
    others = [name for name in told[0].seconds if name not in always]
    most = {name: max(one.seconds[name] / one.optimum.seconds for one in told) for name in others}
    behind = (f"{name} up to {ratio:,.2g} times as long" for name, ratio in most.items())
    return f"Beside the least, {' and '.join(behind)}."


def _best(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return "all but synchronous" if SYNCHRONOUS not in names else "all alike"
