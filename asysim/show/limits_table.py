"""A limit study as tables: the largest p of each K and M, and the exponents of all studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from asysim.show.table import NOTHING, Column, Shown, Table, digits, finite
from asysim.studies.arrived import TARGETS, Target
from asysim.studies.exponents import LEVEL, Arrivals, Exponent, Growth
from asysim.studies.limits import Length, LimitStudy
from asysim.theory.limits import ORDERS, WANG

_ROUGH = 0.05  # misfit of log p above which an exponent says little beyond the grid
ORDER_WORDS = {"first": "first order", "second": "second order"}


def table(study: LimitStudy) -> Table:
    """Return the largest p of each K and M, beside what the theorem proves."""
    lengths = study.lengths
    asked = study.scenario.limits
    assert asked is not None

    def column(heading: tuple[str, str], cells: list[Shown], part: str) -> Column:
        return Column(heading, tuple(cells), part)

    columns = [
        column(("K", ""), [Shown(f"{one.corollary.updates:,}") for one in lengths], "p"),
        column(("M", ""), [Shown(f"{one.corollary.batch_size:,}") for one in lengths], "p"),
        column(("step γ", ""), [Shown(f"{one.corollary.step:.3g}") for one in lengths], "theorem"),
        column(("p that", "is proven"), [_proven(study, one) for one in lengths], "theorem"),
    ]
    columns += [
        column(
            ("p to", ORDER_WORDS[order]), [_largest(study, one, order) for one in lengths], "found"
        )
        for order in TARGETS
    ]
    return Table(
        title=(
            f"{study.scenario.name}: the most workers with a speedup of {study.share:.0%} of p, "
            f"{asked.seeds} seeds"
        ),
        columns=columns,
        notes=_notes(study),
        sentence=" ".join(sentence(study, order) for order in TARGETS),
        about={
            "name": study.scenario.name,
            "folder": None if study.folder is None else str(study.folder),
            "cores": study.cores,
            "share": study.share,
            "not_in_it": list(study.besides),
            "exponents": {
                order: (found := study.growth(order)) and _flat(found) for order in TARGETS
            },
        },
        records=[_record(study, one) for one in lengths],
    )


def exponents_table(studies: Sequence[LimitStudy]) -> Table:
    """Return the exponents of several studies, a line for each problem and order."""
    lines = [(study, order, study.growth(order)) for study in studies for order in TARGETS]
    columns = [
        Column(("problem", ""), tuple(Shown(study.scenario.name) for study, _, _ in lines), "p"),
        Column(("stationary", "point"), tuple(Shown(ORDER_WORDS[o]) for _, o, _ in lines), "p"),
        Column(
            ("exponent", "of K"),
            tuple(_exponent(g.updates if g else None) for *_, g in lines),
            "found",
        ),
        Column(
            ("exponent", "of M"),
            tuple(_exponent(g.batch if g else None) for *_, g in lines),
            "found",
        ),
        Column(
            ("limits", "found"),
            tuple(Shown(str(study.limits_found(order))) for study, order, _ in lines),
            "m",
        ),
        Column(("misfit of", "log p"), tuple(_misfit(g) for *_, g in lines), "m"),
    ]
    share = studies[0].share
    return Table(
        title=f"exponents of the most workers with a speedup of {share:.0%} of p",
        columns=columns,
        notes=[
            f"{LEVEL:.0%} intervals, over resampled seeds. Bounds: "
            + "; ".join(f"{one.source}: {one.words} ({one.origin})" for one in ORDERS)
        ],
        sentence=conclusion(studies),
        about={"share": share},
        records=[
            {"name": study.scenario.name, "order": order} | _flat(found)
            for study, order, found in lines
        ],
    )


def sentence(study: LimitStudy, order: Target) -> str:
    """Say how the largest p grows."""
    found = study.growth(order)
    if found is None:
        needed = "which takes 3, or 4 with several M"
        return f"To {ORDER_WORDS[order]} too few limits were found to tell exponents, {needed}."
    also = "" if found.batch is None else f" · M^{_told(found.batch)}"
    return (
        f"To {ORDER_WORDS[order]} the most workers grow like K^{_told(found.updates)}{also}: "
        f"{_of_another(study) if study.besides else verdict(found)}."
    )


def _of_another(study: LimitStudy) -> str:
    return f"which is held against no bound, as theirs is an update without {study.besides[0]}"


def exponent_words(found: Growth | None) -> str:
    """Write K and M with their exponents, for a picture."""
    if found is None:
        return "too few limits"
    also = "" if found.batch is None else f" M^{{{found.batch.value:.2f}}}"
    return f"$K^{{{found.updates.value:.2f}}}{also}$"


def verdict(found: Growth) -> str:
    """Say which bounds' exponents are in the intervals."""
    agree = [
        one.source
        for one in ORDERS
        if found.updates.holds(one.updates)
        and (found.batch is None or found.batch.holds(-one.batch))
    ]
    if agree:
        return f"as in the bound of {' and of '.join(agree)}"
    third = found.updates
    if third.low > WANG.updates:
        return "faster than K^(1/3), which therefore does not bind here"
    if third.high < WANG.updates:
        return "slower than K^(1/3)"
    return "of the three bounds none has both exponents"


def conclusion(studies: Sequence[LimitStudy]) -> str:
    """Say whether 1/3 binds, or is the proof's."""
    others = [study.scenario.name for study in studies if study.besides]
    told = [(one.scenario.name, one.growth("second")) for one in studies if not one.besides]
    faster = [name for name, g in told if g is not None and g.updates.low > WANG.updates]
    binding = [name for name, g in told if g is not None and g.updates.holds(WANG.updates)]
    unknown = [name for name, g in told if g is None]
    parts = []
    if faster:
        parts.append(
            f"to second order the most workers grow faster than K^(1/3) on {', '.join(faster)}: "
            "over these K the exponent 1/3 is the proof's, not the algorithm's"
        )
    rough = [f"{n} ({g.misfit:.2f})" for n, g in told if g is not None and g.misfit > _ROUGH]
    if rough:
        parts.append(
            f"no power of K and M fits on {', '.join(rough)} (misfit of log p), where other K may "
            "tell otherwise"
        )
    if binding:
        parts.append(f"1/3 of K is in the interval on {', '.join(binding)}")
    if unknown:
        parts.append(f"nothing can be told on {', '.join(unknown)}")
    slower = [n for n, g in told if g is not None and g.updates.high < WANG.updates]
    if slower:
        parts.append(f"it is slower than K^(1/3) on {', '.join(slower)}")
    if others:
        parts.append(f"the bounds are of another update than that of {', '.join(others)}")
    said = "; ".join(parts)
    return said[:1].upper() + said[1:] + "."


def _notes(study: LimitStudy) -> list[str]:
    found = [
        "K updates of M samples with the theorem's step sqrt(Δ/(MLKσ²)); ε² = 4σ sqrt(ΔL/(MK)). "
        "First order: the mean of ‖∇f(x_k)‖² so far is at most ε². Second: ‖∇f(x_k)‖ ≤ ε and "
        "λ_min ≥ −√ε",
        f"nothing is proven: Corollary 2 of Lian et al. 2015, whose γ and ε these are, knows no "
        f"{' and no '.join(study.besides)}"
        if study.besides
        else "proven: the largest T + 1 with K ≥ 4MLΔ(T + 1)²/σ² (Lian et al. 2015, Corollary 2), "
        "for T that no gradient exceeds; of random times p − 1 is the mean",
    ]
    if nowhere := _where(study, lambda arrivals: not arrivals.is_known):
        found.append(f"one worker did not arrive within K updates: {nowhere}")
    if trivial := _where(study, lambda arrivals: arrivals.is_trivial):
        found.append(f"the start meets ε already, which compares nothing: {trivial}")
    lost = sum(one.diverged for one in study.lengths)
    if lost:
        found.append(f"{lost:,} of {sum(one.runs for one in study.lengths):,} runs diverged; a run "
                     "that does not arrive counts as infinitely long")  # fmt: skip
    return found


def _where(study: LimitStudy, holds: Callable[[Arrivals], bool]) -> str:
    """Say of which K and M, and to which order, something holds; empty if of none."""
    return "; ".join(
        f"K = {one.corollary.updates:,}, M = {one.corollary.batch_size} ({ORDER_WORDS[order]})"
        for one in study.lengths
        for order in TARGETS
        if holds(one.arrivals[order])
    )


def _proven(study: LimitStudy, one: Length) -> Shown:
    if study.besides:
        return Shown(NOTHING)
    return Shown(digits(one.proven) if one.proven >= 1 else "none")


def _largest(study: LimitStudy, one: Length, order: Target) -> Shown:
    arrivals = one.arrivals[order]
    if not arrivals.is_comparable:
        return Shown(NOTHING)
    value, bound = arrivals.limit(study.share)
    return Shown(f"≥ {digits(value)}" if bound else digits(value))


def _exponent(found: Exponent | None) -> Shown:
    if found is None:
        return Shown(NOTHING)
    return Shown(f"{found.value:.3f}", f"{found.low:.3f} … {found.high:.3f}")


def _misfit(found: Growth | None) -> Shown:
    return Shown(NOTHING if found is None else f"{found.misfit:.3f}")


def _told(found: Exponent) -> str:
    return f"{found.value:.3f} ({found.low:.3f} … {found.high:.3f})"


def _flat(found: Growth | None) -> dict[str, Any]:
    def of(what: Exponent | None, name: str) -> dict[str, float | None]:
        keys = (name, f"{name}_low", f"{name}_high")
        values = (None,) * 3 if what is None else (what.value, what.low, what.high)
        return dict(zip(keys, values, strict=True))

    return (
        of(None if found is None else found.updates, "exponent_K")
        | of(None if found is None else found.batch, "exponent_M")
        | {
            "constant": found and found.constant,
            "misfit": found and found.misfit,
            "limits": found.cells if found else 0,
        }
    )


def _record(study: LimitStudy, one: Length) -> dict[str, Any]:
    c = one.corollary
    record: dict[str, Any] = {
        "updates": c.updates,
        "batch_size": c.batch_size,
        "step": c.step,
        "bound": c.bound,
        "proven_workers": None if study.besides else one.proven,
    }
    for order in TARGETS:
        arrivals = one.arrivals[order]
        value, bound = arrivals.limit(study.share) if arrivals.is_comparable else (None, "")
        record[f"{order}_workers"] = value
        record[f"{order}_bound"] = bound
        known = arrivals.is_comparable
        record[f"{order}_efficiency"] = {
            str(p): finite(float(e))
            for p, e in zip(arrivals.workers, arrivals.efficiency if known else [], strict=False)
        }
    return record
