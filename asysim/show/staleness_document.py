"""A study of staleness as JSON has it: every number in full."""

from __future__ import annotations

from typing import Any

from asysim.delays.fits import Fit
from asysim.delays.histogram import QUANTILES
from asysim.delays.study import StalenessStudy
from asysim.delays.two_samples import Comparison
from asysim.show.staleness_words import notes_of, sentence
from asysim.show.table import finite


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
        "by_worker": study.worker_records,
        "by_group": study.group_records,
        "over_time": {name: column.tolist() for name, column in vars(along).items()},
        "by_duration": [] if chosen is None else [
            {
                "start": float(chosen.start[i]), "end": float(chosen.end[i]),
                "middle": float(chosen.middle[i]),
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
        "fits": [fit_record(fit) for fit in study.fits],
        "notes": notes_of(study),
        "sentence": sentence(study),
    }  # fmt: skip


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


def fit_record(fit: Fit) -> dict[str, Any]:
    """Return a law that was fitted, or is known, as JSON has it."""
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
