"""What there is to say of a study of staleness, in sentences."""

from __future__ import annotations

import math

import numpy as np

from asysim.delays.fits import REJECTED, best_fit, simplest_fit
from asysim.delays.study import StalenessStudy
from asysim.delays.two_samples import Comparison
from asysim.delays.workers import Workers
from asysim.show.summary import seconds
from asysim.show.table import NOTHING, digits


def notes_of(study: StalenessStudy) -> list[str]:
    """Return what there is to say of a study besides its numbers."""
    said = []
    books = study.balance
    if books is not None:
        said.append(balance_words(study))
    head = study.headcount
    if head is not None:
        said.append(headcount_words(study))
    if study.error is None:
        said.append("too few gradients for errors and tests")
    if study.stationary is not None and study.stationary.p_value < REJECTED:
        said.append("the halves differ: it is not stationary, or the series is short beside its "
                    "memory; fits and tests are of a mixture of times")  # fmt: skip
    return said


def balance_words(study: StalenessStudy) -> str:
    """Say both sides of the conservation of staleness with their numbers."""
    books = study.balance
    assert books is not None
    p, k = books.workers, books.updates
    left = f"Σ ages = {books.ages:,}"
    if books.own == k:
        right = f"{k:,} × {p - 1:,}"
    else:
        right = f"{k:,} × {p:,} − {books.own:,} gradients that came"
    right += f" − {books.in_hand:,} in hand at the end"
    if books.passed:
        sign = "−" if books.passed > 0 else "+"
        right += f" {sign} {abs(books.passed):,} that workers let pass before they read again"
    clock = ""
    if books.least is not None and books.most is not None:
        between = (
            f"{books.least:,}" if books.least == books.most
            else f"{books.least:,} to {books.most:,}"
        )  # fmt: skip
        clock = f"; by the clock it is {between}"
    verdict = "" if books.least is None and books.holds else " holds" if books.holds else " FAILS"
    return f"conservation{verdict}: {left} = {right}{clock}"


def headcount_words(study: StalenessStudy) -> str:
    """Say how many workers there must be, and may be."""
    head = study.headcount
    assert head is not None
    said = (
        f"at least {head.least:,} worker{'s' if head.least > 1 else ''}: so many gradients were "
        f"under way at once when update {head.where:,} was made"
    )
    missing = head.updates * (head.least - 1) - study.whole.total
    if head.read_twice:
        said += (
            f"; {head.read_twice:,} reads were of a version that another had read: not all were "
            "always busy, or an update did not end at its worker's next read"
        )
    else:
        said += (
            "; no version but the first was read twice, as of workers that are always busy: "
            f"Σ τ = {study.whole.total:,} = {head.updates:,} × {head.least - 1:,} − {missing:,} in "
            "hand at the end"
        )
    claimed = study.workers
    if claimed is not None and claimed > head.least:
        idle = head.updates * (claimed - 1) - study.whole.total
        said += (
            f". Of {claimed:,} workers {idle:,} updates were let pass or are in hand, "
            f"{idle / head.updates:.3g} at each update"
        )
    return f"{said}. A stationary mean of {study.mean:.4g} is that of {study.mean + 1:.4g} workers"


def sentence(study: StalenessStudy) -> str:
    """Say what it comes to."""
    error = "" if study.error is None else f" ± {study.error:.2g}"
    parts = [f"mean staleness {mean_words(study.mean)}{error}, largest {study.whole.largest:,}"]
    if study.law is not None:
        test = study.law_test.test if study.law_test is not None else None
        verdict = "" if test is None else (
            f", rejected (p = {p_value_words(test.p_value)})" if test.p_value < REJECTED
            else f", not rejected (p = {p_value_words(test.p_value)})"
        )  # fmt: skip
        parts.append(
            f"the exact law ({study.law.words}) says {mean_words(study.law.mean)}{verdict}"
        )
    elif study.fits:
        parts.append(_fitted(study))
    chosen = study.selection
    if chosen is not None and study.gradients > study.applied:
        parts.append(
            f"of the slowest tenth of gradients {chosen.shares[-1]:.1%} were applied, of the "
            f"fastest {chosen.shares[0]:.1%}"
        )
    said = "; ".join(parts)
    return f"{said[:1].upper()}{said[1:]}."


def _fitted(study: StalenessStudy) -> str:
    """Say which law fits τ, and which simpler one is not rejected either."""
    best, simplest = best_fit(study.fits), simplest_fit(study.fits)
    if best is None:
        return "no law that was fitted is its law"
    if best.test is None:
        return f"nearest: {best.name}"
    said = f"a {best.name} law fits it"
    if simplest is not None and len(simplest.law.theta) < len(best.law.theta):
        said += f" best, and a {simplest.name} law, which is simpler, is not rejected either"
    return said


def selection_sentence(study: StalenessStudy) -> str:
    """Say by how much slow gradients are starved, and how τ depends on duration."""
    chosen = study.selection
    assert chosen is not None
    parts = []
    if study.gradients > study.applied:
        parts.append(
            f"gradients that were applied took {seconds(chosen.mean_applied)} to compute on "
            f"average, all of them {seconds(chosen.mean)}: {chosen.starved:.3g} times as long"
        )
        if study.of_workers is not None and len(study.of_workers.gradients) > 1:
            parts.append(_starved(study.of_workers))
    if math.isfinite(chosen.correlation):
        parts.append(
            f"duration and τ of those applied correlate with {chosen.correlation:.3f}: τ grows by "
            f"{digits(abs(chosen.per_second * chosen.mean_applied))} with each mean duration"
            if chosen.per_second >= 0
            else f"duration and τ of those applied correlate with {chosen.correlation:.3f}"
        )
    said = "; ".join(parts)
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _starved(own: Workers) -> str:
    """Say whose gradients are applied least."""
    work, kept = own.gradients / own.gradients.sum(), own.applied / own.applied.sum()
    none = (own.gradients > 0) & (own.applied == 0)
    if none.any():
        many = int(none.sum())
        whose = f"worker {none.argmax()}" if many == 1 else f"{many:,} workers"
        return (
            f"{whose} computed {work[none].sum():.2%} of all gradients, of which none was applied"
        )
    worst = int((kept / np.maximum(work, 1e-300)).argmin())
    return (
        f"worker {worst} computed {work[worst]:.2%} of all gradients, and {kept[worst]:.2%} of "
        "those applied"
    )


def comparison_words(
    first: StalenessStudy, second: StalenessStudy, found: Comparison | None
) -> list[str]:
    """Say how two studies differ."""
    if found is None:
        return ["too few gradients to compare the two"]
    law = found.law
    verdict = NOTHING if law is None else (
        f"their laws differ (p = {p_value_words(law.p_value)})" if law.p_value < REJECTED
        else f"their laws may be the same (p = {p_value_words(law.p_value)})"
    )  # fmt: skip
    moved, apart = found.wasserstein, found.total_variation
    return [
        f"{first.name} against {second.name}: {verdict}; means differ by {found.difference:.4g} "
        f"± {found.error:.2g} (p = {p_value_words(found.mean_p_value)})",
        f"total variation {apart.value:.3g} ({apart.low:.3g} … {apart.high:.3g}), Wasserstein "
        f"distance {moved.value:.3g} updates ({moved.low:.3g} … {moved.high:.3g}); 95 % intervals, "
        "by blocks, so that the dependence of τ is counted",
    ]


def mean_words(value: float) -> str:
    """Write a mean τ."""
    return f"{value:,.3f}" if value < 1000 else f"{value:,.0f}"


def p_value_words(value: float) -> str:
    """Write a p-value."""
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}" if value > 1e-300 else "0"
