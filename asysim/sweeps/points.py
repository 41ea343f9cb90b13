"""Points of a sweep: what the repeats of each come to together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from asysim.runs.outcome import ENDED_WELL

if TYPE_CHECKING:
    import pandas as pd

    from asysim.sweeps.sweep import SweepStudy

MEDIANS = ("seconds_to_target", "worker_seconds_to_target", "updates_to_target", "loss",
           "gradient_norm2", "throughput", "mean_staleness", "seconds", "updates")  # fmt: skip
"""Columns whose median over the runs of a point is taken."""


class Merit(NamedTuple):
    """What makes one point better than another.

    Attributes
    ----------
    column
        Of points: less is better.
    words
        What it is.
    """

    column: str
    words: str


def points_of(study: SweepStudy) -> pd.DataFrame:
    """Return a row for each point: its axes, `runs`, `failed`, `reached`, and `MEDIANS`.

    A run that did not come to its target counts as infinitely long, so that a median is one only if
    more than half of the runs came there. Of runs that failed only that is known: they took
    infinitely long, too, and have no loss.
    """
    table, keys = study.table, [key for key in study.design.keys if key != "seed"]
    well = table["status"].isin(ENDED_WELL)
    unmet = ~(table["met"].fillna(value=False).astype(bool))
    numbers = table[list(MEDIANS)].astype(float)
    for column in MEDIANS:
        if column.endswith("_to_target"):
            numbers[column] = numbers[column].mask(unmet, np.inf)
        else:
            numbers[column] = numbers[column].where(well)
    grouped = numbers.groupby(table["point"])
    points = table.groupby("point")[keys].first() if keys else grouped.size().to_frame("_")[[]]
    points["runs"] = grouped.size()
    points["failed"] = (~well).groupby(table["point"]).sum()
    points["reached"] = (~unmet).groupby(table["point"]).sum()
    return points.join(grouped.median()).reset_index()


def aims(study: SweepStudy) -> bool:
    """Whether any of the runs had a target, of their own or of an axis."""
    return bool(study.rows.column("met").null_count < len(study.rows))


def merit_of(study: SweepStudy) -> Merit:
    """Return what points are compared by: time to the target if any run met it, else the loss."""
    met = study.rows.column("met")
    if any(met.to_pylist()):
        return Merit("seconds_to_target", "time to target")
    return Merit("loss", "loss at the end")
