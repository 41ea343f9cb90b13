"""A study of staleness as tables: what it came to, laws fitted, workers, and durations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from asysim.delays.fits import REJECTED, Fit, best_fit
from asysim.delays.study import QUANTILES, StalenessStudy, Workers
from asysim.delays.two_samples import Comparison
from asysim.delays.warm_up import RULE
from asysim.show.summary import seconds
from asysim.show.table import NOTHING, Column, Shown, Table, digits, finite

_MOST_LINES = 40  # of workers; where there are more, their groups are told, or the extremes


class Line(NamedTuple):
    """A line of the first table: what is told, how it is shown, and the number in full."""

    what: str
    shown: Shown
    value: float | None


def summary_table(studies: Sequence[StalenessStudy]) -> Table:
    """Return what studies came to, side by side: a line for each number, a column for each."""
    told = [{line.what: line for line in _lines(study)} for study in studies]
    whats = list(dict.fromkeys(what for one in told for what in one))
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
    notes = list(dict.fromkeys(note for study in studies for note in notes_of(study)))
    names = [study.name for study in studies]
    title = f"staleness τ of {' and '.join(names) if len(names) < 3 else f'{len(names)} sources'}"
    said = " ".join(
        (f"{study.name}: " if len(studies) > 1 else "") + sentence(study) for study in studies
    )
    return Table(title, columns, notes, said, {}, records)


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
    yield Line("mean τ", Shown(_mean(study.mean), error), study.mean)
    if study.law is not None:
        yield Line("  law says", Shown(_mean(study.law.mean)), study.law.mean)
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
        yield Line("exact law, p-value", Shown(_p_value(found)), found)
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
        yield Line("halves alike, p-value", Shown(_p_value(found)), found)


def notes_of(study: StalenessStudy) -> list[str]:
    """Return what a reader of the numbers has to know."""
    said = [
        f"warm-up by {RULE}; what is told of workers, updates and durations is of all gradients",
        "errors by batch means; worth, for the mean: by the autocorrelation of the last τ, as far "
        "as sums of pairs of lags are positive (Geyer 1992). Conservation all but fixes the mean "
        "of a long series, which may be worth more draws than there are",
    ]
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
    return f"conservation {'holds' if books.holds else 'FAILS'}: {left} = {right}{clock}"


def headcount_words(study: StalenessStudy) -> str:
    """Say how many workers there must be, and may be."""
    head = study.headcount
    assert head is not None
    said = (
        f"at least {head.least:,} workers: so many gradients were under way at once when update "
        f"{head.where:,} was made"
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
    parts = [f"mean staleness {_mean(study.mean)}{error}, largest {study.whole.largest:,}"]
    if study.law is not None:
        test = study.law_test.test if study.law_test is not None else None
        verdict = "" if test is None else (
            f", rejected (p = {_p_value(test.p_value)})" if test.p_value < REJECTED
            else f", not rejected (p = {_p_value(test.p_value)})"
        )  # fmt: skip
        parts.append(f"the exact law ({study.law.words}) says {_mean(study.law.mean)}{verdict}")
    elif study.fits:
        best = best_fit(study.fits)
        if best is None:
            parts.append("no law that was fitted is its law")
        else:
            parts.append(f"a {best.name} law fits it" if best.test else f"nearest: {best.name}")
    chosen = study.selection
    if chosen is not None and study.gradients > study.applied:
        parts.append(
            f"of the slowest tenth of gradients {chosen.shares[-1]:.1%} were applied, of the "
            f"fastest {chosen.shares[0]:.1%}"
        )
    said = "; ".join(parts)
    return f"{said[:1].upper()}{said[1:]}."


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
        Column(("p-value", ""), tuple(
            Shown(NOTHING if f.test is None else _p_value(f.test.p_value)) for f in fits), "fit"),
        Column(("", ""), tuple(Shown(_verdict(f)) for f in fits), "fit", left=True),
    ]  # fmt: skip
    return Table(
        title=f"{study.name}: laws of τ, by maximum likelihood",
        columns=columns,
        notes=[
            f"rejected below p = {REJECTED:g}, by a test of shares that counts the dependence of "
            "τ and the fitting (Rao & Scott 1981)"
        ],
        sentence="",
        about={},
        records=[_fit_record(f) for f in fits],
    )


def workers_table(study: StalenessStudy) -> Table | None:
    """Return a line for each worker, or each group where they are many; None if not known."""
    own: Workers | None = study.of_workers
    if own is None:
        return None
    if len(own.gradients) > _MOST_LINES:
        own = study.of_groups
        if own is None:
            return None
    records = study.worker_records(own)
    is_group = own is not study.of_workers
    first = "group" if is_group else "worker"

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
        cells = [seconds(record["mean_seconds_applied"]) for record in records]
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
        sentence=_selection_sentence(study),
        about={},
        records=study_document(study)["by_duration"],
    )  # fmt: skip


def _selection_sentence(study: StalenessStudy) -> str:
    chosen = study.selection
    assert chosen is not None
    parts = []
    if study.gradients > study.applied:
        parts.append(
            f"gradients that were applied took {seconds(chosen.mean_applied)} to compute on "
            f"average, all of them {seconds(chosen.mean)}: {chosen.starved:.3g} times as long"
        )
        own = study.of_workers
        if own is not None and len(own.gradients) > 1:
            work, kept = own.gradients / own.gradients.sum(), own.applied / own.applied.sum()
            worst = int((kept / work.clip(1e-300)).argmin())
            parts.append(
                f"worker {worst} computed {work[worst]:.2%} of all gradients, and "
                f"{kept[worst]:.2%} of those applied"
            )
    if math.isfinite(chosen.correlation):
        parts.append(
            f"duration and τ of those applied correlate with {chosen.correlation:.3f}: τ grows by "
            f"{digits(abs(chosen.per_second * chosen.mean_applied))} with each mean duration"
            if chosen.per_second >= 0
            else f"duration and τ of those applied correlate with {chosen.correlation:.3f}"
        )
    said = "; ".join(parts)
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def comparison_words(
    first: StalenessStudy, second: StalenessStudy, found: Comparison | None
) -> list[str]:
    """Say how two studies differ."""
    if found is None:
        return ["too few gradients to compare the two"]
    law = found.law
    verdict = NOTHING if law is None else (
        f"their laws differ (p = {_p_value(law.p_value)})" if law.p_value < REJECTED
        else f"their laws may be the same (p = {_p_value(law.p_value)})"
    )  # fmt: skip
    moved, apart = found.wasserstein, found.total_variation
    return [
        f"{first.name} against {second.name}: {verdict}; means differ by {found.difference:.4g} "
        f"± {found.error:.2g} (p = {_p_value(found.mean_p_value)})",
        f"total variation {apart.value:.3g} ({apart.low:.3g} … {apart.high:.3g}), Wasserstein "
        f"distance {moved.value:.3g} updates ({moved.low:.3g} … {moved.high:.3g}); 95 % intervals, "
        "by blocks, so that the dependence of τ is counted",
    ]


def as_html(study: StalenessStudy) -> str:
    """Return a study as a notebook shows it."""
    return "".join(table.html() for table in tables(study))


def comparison_document(
    first: StalenessStudy, second: StalenessStudy, found: Comparison | None
) -> dict[str, Any]:
    """Return what a comparison found as JSON has it."""
    names: dict[str, Any] = {"first": first.name, "second": second.name}
    if found is None:
        return names | {"compared": None}
    return names | {
        "compared": {
            "law_p_value": found.law and found.law.p_value,
            "difference": found.difference,
            "error": found.error,
            "mean_p_value": found.mean_p_value,
            "total_variation": vars(found.total_variation),
            "wasserstein": vars(found.wasserstein),
        }
    }


def tables(study: StalenessStudy) -> list[Table]:
    """Return all tables of a study, what it came to first."""
    more = (fits_table(study), workers_table(study), durations_table(study))
    return [summary_table([study]), *(table for table in more if table is not None)]


def study_document(study: StalenessStudy) -> dict[str, Any]:
    """Return a study as JSON has it."""
    settled, books, head, chosen = study.settled, study.balance, study.headcount, study.selection
    of = study.of_updates
    along = study.along
    return {
        "name": study.name,
        "kind": study.kind,
        "workers": study.workers,
        "gradients": study.gradients,
        "applied": study.applied,
        "updates": study.updates,
        "seconds": study.seconds,
        "clock": study.clock,
        "warm_up": study.warm_up,
        "mean": study.mean,
        "error": study.error,
        "deviation": settled.deviation,
        "quantiles": {f"{share:g}": settled.quantile(share) for share in QUANTILES},
        "largest": study.whole.largest,
        "bound": study.bound,
        "effective": study.effective,
        "stationary_p_value": study.stationary and study.stationary.p_value,
        "distribution": {
            "staleness": settled.lowest.tolist(), "gradients": settled.times.tolist(),
        },
        "autocorrelation": study.correlation.tolist(),
        "by_update": of and {
            "fewest": of.fewest, "most": of.most, "first": of.first.mean, "mean": of.mean,
            "largest": of.largest.mean,
        },
        "at_arrival": study.at_arrival and {
            "gradients": study.at_arrival[0], "mean": study.at_arrival[1],
        },
        "by_worker": study.worker_records(study.of_workers),
        "by_group": study.worker_records(study.of_groups),
        "over_time": {name: column.tolist() for name, column in vars(along).items()},
        "by_duration": [] if chosen is None else [
            {
                "start": float(chosen.start[i]), "end": float(chosen.end[i]),
                "gradients": int(chosen.gradients[i]), "applied": int(chosen.applied[i]),
                "applied_share": float(chosen.shares[i]),
                "mean_staleness": finite(float(chosen.staleness[i])),
            }
            for i in range(len(chosen.gradients))
        ],
        "selection": chosen and {
            "mean_seconds": chosen.mean, "mean_seconds_applied": chosen.mean_applied,
            "starved": chosen.starved, "correlation": finite(chosen.correlation),
            "per_second": finite(chosen.per_second),
        },
        "conservation": books and {
            "holds": books.holds, "ages": books.ages, "workers": books.workers,
            "updates": books.updates, "own": books.own, "in_hand": books.in_hand,
            "passed": books.passed, "least": books.least, "most": books.most,
        },
        "headcount": head and {
            "least": head.least, "where": head.where, "read_twice": head.read_twice,
            "first_reads": head.first_reads,
        },
        "law": study.law and {
            "words": study.law.words, "mean": study.law.mean,
            "p_value": study.law_test and study.law_test.test and study.law_test.test.p_value,
        },
        "fits": [_fit_record(fit) for fit in study.fits],
        "notes": notes_of(study),
        "sentence": sentence(study),
    }  # fmt: skip


def _fit_record(fit: Fit) -> dict[str, Any]:
    return {
        "name": fit.name,
        "parameters": dict(fit.law.parameters),
        "errors": {name: finite(error) for name, error in fit.errors.items()},
        "mean": fit.mean,
        "log_likelihood": finite(fit.log_likelihood),
        "bic": finite(fit.bic),
        "p_value": fit.test and fit.test.p_value,
        "rejected": fit.rejected,
    }


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


def _verdict(fit: Fit) -> str:
    if fit.test is None:
        return "not tested"
    return "rejected" if fit.rejected else "not rejected"


def _mean(value: float) -> str:
    return f"{value:,.3f}" if value < 1000 else f"{value:,.0f}"


def _p_value(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}" if value > 1e-300 else "0"


def _number(value: float | None) -> str:
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.4g}"


def _whole(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"
