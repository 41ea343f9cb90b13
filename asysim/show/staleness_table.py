"""A study of staleness as tables: what it came to, laws fitted, workers, and durations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from asysim.delays.fits import REJECTED, Fit, best_fit
from asysim.delays.histogram import QUANTILES
from asysim.delays.mixture import speeds_behind
from asysim.delays.study import StalenessStudy
from asysim.delays.warm_up import RULE
from asysim.delays.workers import Workers
from asysim.show.staleness_document import fit_record, study_document
from asysim.show.staleness_words import (
    mean_words,
    notes_of,
    p_value_words,
    selection_sentence,
    sentence,
)
from asysim.show.summary import seconds
from asysim.show.table import NOTHING, Column, Shown, Table, digits

_MOST_LINES = 16  # of workers; where there are more, only their groups are told


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
    several = len(studies) > 1
    notes = [] if all(study.error is None for study in studies) else list(_HOW)
    notes += [
        f"{study.name}: {note}" if several else note
        for study in studies
        for note in notes_of(study)
    ]
    names = [study.name for study in studies]
    title = f"staleness τ of {' and '.join(names) if len(names) < 3 else f'{len(names)} sources'}"
    said = " ".join(
        f"{study.name}: {_lower(sentence(study))}" if several else sentence(study)
        for study in studies
    )
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


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


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


def fits_table(study: StalenessStudy) -> Table | None:
    """Return the laws fitted, the best first; None if there is none."""
    fits = ([study.law_test] if study.law_test is not None else []) + list(study.fits)
    if not fits:
        return None
    exact = study.law_test
    columns = [
        Column(("law", ""), tuple(
            Shown(f.name, "exact" if f is exact else "") for f in fits), "p", left=True),
        Column(("parameters", ""), tuple(Shown(_parameters(f)) for f in fits), "law", left=True),
        Column(("mean", ""), tuple(Shown(f"{f.mean:.4g}") for f in fits), "law"),
        Column(("BIC less", "the best's"), tuple(
            Shown(_bic(f, study.fits)) for f in fits), "fit"),
        Column(("p-value", ""), tuple(Shown(_p_value(f)) for f in fits), "fit"),
        Column(("", ""), tuple(Shown(_verdict(f)) for f in fits), "fit", left=True),
    ]  # fmt: skip
    return Table(
        title=f"{study.name}: laws of τ, by maximum likelihood",
        columns=columns,
        notes=[
            f"rejected below p = {REJECTED:g}, by a test of shares that counts the dependence of "
            "τ and the fitting (Rao & Scott 1981)",
            *_speeds(study),
        ],
        sentence="",
        about={},
        records=[fit_record(f) for f in fits],
    )


def _speeds(study: StalenessStudy) -> Iterator[str]:
    """Say of what workers a mixture would be, if it is not rejected."""
    best = best_fit(study.fits)
    known = () if best is None or best.test is None else speeds_behind(best.law)
    if not known or study.law is not None or study.of_updates is not None:
        return
    each = " and ".join(f"{count:.3g} of them make {share:.2%}" for count, share in known)
    yield f"if workers are exponential and never wait, {each} of all updates each"


def workers_table(study: StalenessStudy) -> Table | None:
    """Return a line for each worker; None if they are not known, or too many to be shown."""
    own = study.of_workers
    return None if own is None or len(own.gradients) > _MOST_LINES else _workers(study, own)


def groups_table(study: StalenessStudy) -> Table | None:
    """Return a line for each group of workers; None if there are none, or too many."""
    own = study.of_groups
    return None if own is None or len(own.gradients) > _MOST_LINES else _workers(study, own)


def _workers(study: StalenessStudy, own: Workers) -> Table:
    records = study.group_records if own.is_groups else study.worker_records
    first = "group" if own.is_groups else "worker"

    def column(heading: tuple[str, str], cells: list[str], part: str) -> Column:
        return Column(heading, tuple(map(Shown, cells)), part)

    columns = [
        column((first, ""), [str(record[first]) for record in records], "p"),
        column(("share of", "gradients"), [f"{r['share_of_gradients']:.2%}" for r in records], "s"),
        column(("share of", "applied"), [f"{r['share_of_applied']:.2%}" for r in records], "s"),
        column(("mean τ", ""), [_number(r["mean"]) for r in records], "tau"),
    ]
    if own.law is not None:
        columns.append(column(("law", "says"), [_number(r["law_mean"]) for r in records], "tau"))
    for share in QUANTILES[:3]:
        cells = [_whole(record[f"quantile_{share:g}"]) for record in records]
        columns.append(column((f"{100 * share:g} %", ""), cells, "tau"))
    columns.append(column(("largest", ""), [_whole(r["largest"]) for r in records], "tau"))
    if own.seconds is not None:
        cells = [seconds(record["mean_seconds"]) for record in records]
        columns.append(column(("mean", "duration"), cells, "d"))
        took = [record["mean_seconds_applied"] for record in records]
        cells = [NOTHING if one is None else seconds(one) for one in took]
        columns.append(column(("of those", "applied"), cells, "d"))
    return Table(
        f"{study.name}: τ of each {first}", columns, ["of all gradients, the warm-up's too"], "",
        {}, records,
    )  # fmt: skip


def durations_table(study: StalenessStudy) -> Table | None:
    """Return a line for each tenth of the gradients by duration; None if nobody measured it."""
    chosen = study.selection
    if chosen is None:
        return None
    bins = range(len(chosen.gradients))
    spans = [f"{seconds(chosen.start[i])} … {seconds(chosen.end[i])}" for i in bins]
    columns = [
        Column(("computing took", ""), tuple(map(Shown, spans)), "p", left=True),
        Column(("gradients", ""), tuple(Shown(f"{n:,}") for n in chosen.gradients), "s"),
        Column(("applied", ""), tuple(Shown(f"{x:.2%}") for x in chosen.shares), "s"),
        Column(("mean τ of", "those"), tuple(Shown(_number(x)) for x in chosen.staleness), "s"),
    ]
    return Table(
        title=f"{study.name}: selection by duration",
        columns=columns,
        notes=["a gradient that was stopped counts with the time that it had"]
        if study.gradients > study.applied else [],
        sentence=selection_sentence(study),
        about={},
        records=study_document(study)["by_duration"],
    )  # fmt: skip


def as_html(study: StalenessStudy) -> str:
    """Return a study as a notebook shows it."""
    return "".join(table.html() for table in tables(study))


def tables(study: StalenessStudy) -> list[Table]:
    """Return all tables of a study, what it came to first."""
    more = (
        fits_table(study), groups_table(study), workers_table(study), durations_table(study),
    )  # fmt: skip
    return [summary_table([study]), *(table for table in more if table is not None)]


def _parameters(fit: Fit) -> str:
    shown = []
    for name, value in fit.law.parameters.items():
        error = fit.errors.get(name, math.nan)
        shown.append(f"{name} {value:.4g}" + (f" ± {error:.2g}" if math.isfinite(error) else ""))
    return ", ".join(shown)


def _bic(fit: Fit, fits: Sequence[Fit]) -> str:
    if not fits or not math.isfinite(fit.bic):
        return NOTHING
    return f"{fit.bic - min(one.bic for one in fits):,.1f}"


def _p_value(fit: Fit) -> str:
    return NOTHING if fit.test is None else p_value_words(fit.test.p_value)


def _verdict(fit: Fit) -> str:
    if fit.test is None:
        return "not tested"
    return "rejected" if fit.rejected else "not rejected"


def _number(value: float | None) -> str:
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.4g}"


def _whole(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"
