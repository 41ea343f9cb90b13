"""What studies of staleness came to, side by side: a table with a line for each number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from asysim.delays.fits import best_fit
from asysim.delays.histogram import QUANTILES
from asysim.delays.study import StalenessStudy
from asysim.delays.warm_up import RULE
from asysim.show.staleness_words import mean_words, notes_of, p_value_words, sentence
from asysim.show.table import NOTHING, Column, Shown, Table, digits

_HOW = (
    f"warm-up by {RULE}; what is told of workers, updates and durations is of all gradients",
    "errors by batch means; worth, for the mean: by the autocorrelation of the last τ, as far as "
    "sums of pairs of lags are positive (Geyer 1992). Conservation all but fixes the mean of a "
    "long series, which may be worth more draws than there are",
)


class Line(NamedTuple):
    """A line of the first table: what is told, how it is shown, and the number in full."""

    what: str
    shown: Shown
    value: float | None


def summary_table(studies: Sequence[StalenessStudy]) -> Table:
    """Return what studies came to, side by side: a line for each number, a column for each."""
    told = [{line.what: line for line in _lines(study)} for study in studies]
    whats = _merged([list(one) for one in told])
    columns = [Column(("", ""), tuple(Shown(what) for what in whats), "p", left=True)]
    none = Shown(NOTHING)
    for study, one in zip(studies, told, strict=True):
        cells = tuple(one[what].shown if what in one else none for what in whats)
        columns.append(Column((study.name, ""), cells, study.name))
    names = [f"{place + 1} {study.name}" for place, study in enumerate(studies)]
    records = [
        {"what": what}
        | {
            name: one[what].value if what in one else None
            for name, one in zip(names, told, strict=True)
        }
        for what in whats
    ]
    notes = [] if all(study.error is None for study in studies) else list(_HOW)
    notes += _said(studies, notes_of)
    names = [study.name for study in studies]
    title = f"staleness τ of {' and '.join(names) if len(names) < 3 else f'{len(names)} sources'}"
    said = " ".join(_said(studies, lambda study: [sentence(study)]))
    return Table(title, columns, notes, said, {}, records)


def _merged(lists: Sequence[Sequence[str]]) -> list[str]:
    """Return what stands in any of some lists, once, each in the order that they have."""
    merged: list[str] = []
    for one in lists:
        place = 0
        for what in one:
            if what in merged:
                place = merged.index(what) + 1
            else:
                merged.insert(place, what)
                place += 1
    return merged


def _said(
    studies: Sequence[StalenessStudy], words: Callable[[StalenessStudy], list[str]]
) -> list[str]:
    """Return what there is to say of each, behind its name if there are several, and once."""
    if len(studies) == 1:
        return words(studies[0])
    whose: dict[str, list[str]] = {}
    for study in studies:
        for text in words(study):
            whose.setdefault(text, []).append(study.name)
    return [f"{' and '.join(names)}: {text[:1].lower()}{text[1:]}" for text, names in whose.items()]


def _lines(study: StalenessStudy) -> Iterator[Line]:
    settled, whole = study.settled, study.whole
    p = study.workers
    head = study.headcount
    if p is not None:
        yield Line("workers p", Shown(f"{p:,}"), p)
    elif head is not None:
        yield Line("workers p", Shown(f"≥ {head.least:,}"), head.least)
    yield Line("updates", Shown(f"{study.updates:,}"), study.updates)
    yield Line("gradients applied", Shown(f"{study.applied:,}"), study.applied)
    if study.gradients > study.applied:
        lost = study.gradients - study.applied
        yield Line("discarded", Shown(f"{lost / study.gradients:.2%}"), lost / study.gradients)
    yield Line("warm-up, gradients cut", Shown(f"{study.warm_up:,}"), study.warm_up)
    error = "" if study.error is None else f"± {study.error:.2g}"
    yield Line("mean τ", Shown(mean_words(study.mean), error), study.mean)
    if study.law is not None:
        yield Line("  law says", Shown(mean_words(study.law.mean)), study.law.mean)
    yield Line("deviation", Shown(digits(settled.deviation)), settled.deviation)
    for share in QUANTILES:
        at = settled.quantile(share)
        yield Line(f"τ at {100 * share:g} %", Shown(f"{at:,}"), at)
    yield Line("largest τ", Shown(f"{whole.largest:,}"), whole.largest)
    if study.bound:
        ratio = whole.largest / study.bound
        yield Line("  beside T", Shown(digits(ratio), f"T = {study.bound:,}"), ratio)
    if p is not None and p > 1:
        ratio = whole.largest / (p - 1)
        yield Line("  beside p − 1", Shown(digits(ratio)), ratio)
        for times in (1, 2, 4):
            above = settled.share_above(times * (p - 1))
            many = "p − 1" if times == 1 else f"{times}(p − 1)"
            yield Line(f"P(τ > {many})", Shown(digits(above) if above else "0"), above)
    yield from _update_lines(study)
    yield from _dependence_lines(study)
    if study.law_test is not None and study.law_test.test is not None:
        found = study.law_test.test.p_value
        yield Line("exact law, p-value", Shown(p_value_words(found)), found)
    best = best_fit(study.fits)
    if study.fits:
        yield Line("law fitted", Shown(best.name if best else "all rejected"), None)
    chosen = study.selection
    if chosen is not None and study.gradients > study.applied:
        yield Line("duration, applied / all", Shown(digits(chosen.starved)), chosen.starved)


def _update_lines(study: StalenessStudy) -> Iterator[Line]:
    of = study.of_updates
    if of is None:
        return
    size = f"{of.fewest:,}" if of.fewest == of.most else f"{of.fewest:,} … {of.most:,}"
    yield Line("gradients in an update", Shown(size), study.applied / max(1, of.updates))
    yield Line("  first of it, mean τ", Shown(f"{of.first.mean:.4g}"), of.first.mean)
    yield Line("  oldest of it, mean τ", Shown(f"{of.largest.mean:.4g}"), of.largest.mean)
    if study.at_arrival is not None:
        came, old = study.at_arrival
        yield Line("new gradients an update", Shown(digits(came / study.updates)),
                   came / study.updates)  # fmt: skip
        yield Line("  their mean τ when new", Shown(f"{old:.4g}"), old)


def _dependence_lines(study: StalenessStudy) -> Iterator[Line]:
    rho = study.correlation
    if len(rho) > 1:
        yield Line("autocorrelation, lag 1", Shown(f"{rho[1]:.3f}"), float(rho[1]))
        p = study.workers
        if p is not None and 1 < p < len(rho):
            yield Line("  at lag p", Shown(f"{rho[p]:.3f}"), float(rho[p]))
    worth = study.effective
    size = study.blocks.observations
    if size:
        shown = f"{worth:,.0f}" if worth <= size else f"> {size:,}"
        yield Line("worth independent draws", Shown(shown), worth)
    if study.stationary is not None:
        found = study.stationary.p_value
        yield Line("halves alike, p-value", Shown(p_value_words(found)), found)
