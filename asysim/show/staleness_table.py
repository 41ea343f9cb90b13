"""Tables of a study of staleness: laws fitted, workers, and durations, behind its summary."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from asysim.delays.fits import REJECTED, Fit, best_fit
from asysim.delays.histogram import QUANTILES
from asysim.delays.mixture import speeds_behind
from asysim.delays.study import StalenessStudy
from asysim.delays.workers import Workers
from asysim.show.staleness_document import fit_record, study_document
from asysim.show.staleness_summary import summary_table
from asysim.show.staleness_words import p_value_words, selection_sentence
from asysim.show.summary import seconds
from asysim.show.table import NOTHING, Column, Shown, Table

_MOST_LINES = 16  # of workers; where there are more, only their groups are told


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
