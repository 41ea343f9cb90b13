"""What is counted of each worker, or of each group of workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from asysim.delays.histogram import QUANTILES, Histogram
from asysim.ground.arrays import Floats, Ints


@dataclass(frozen=True, eq=False)
class Workers:
    """What is counted of each worker; each has shape (p,).

    Attributes
    ----------
    gradients, applied
        Gradients disposed of, and those that went into an update.
    staleness_sum, largest
        Σ τ and the largest τ of those.
    seconds, seconds_applied
        Σ of the seconds that computing took, of all and of those applied; None if nobody measured.
    group
        The group of each.
    group_names
        What groups are called; empty if there are none.
    law
        E[τ] of each by the exact law; None if none is known.
    is_groups
        Whether each is a group of workers, and not one.
    """

    gradients: Ints
    applied: Ints
    staleness_sum: Ints
    largest: Ints
    seconds: Floats | None
    seconds_applied: Floats | None
    group: Ints
    group_names: tuple[str, ...]
    law: Floats | None
    is_groups: bool = False

    def by_group(self) -> Workers:
        """Return the same of each group."""
        count = len(self.group_names)

        def summed(column: Any) -> Any:
            return None if column is None else np.bincount(self.group, column, count)

        largest = np.zeros(count, np.int64)
        np.maximum.at(largest, self.group, self.largest)
        gradients, applied, total = (
            summed(column).astype(np.int64)
            for column in (self.gradients, self.applied, self.staleness_sum)
        )
        weighed = None if self.law is None else summed(self.law * self.applied)
        return Workers(
            gradients, applied, total, largest, summed(self.seconds), summed(self.seconds_applied),
            np.arange(count), self.group_names,
            None if weighed is None else weighed / np.maximum(applied, 1), is_groups=True,
        )  # fmt: skip

    def records(self, lanes: Mapping[str, Histogram]) -> list[dict[str, Any]]:
        """Return a line for each, with the quantiles of its τ as far as they are known."""
        work, applied = max(1, int(self.gradients.sum())), max(1, int(self.applied.sum()))
        records = []
        for i in range(len(self.gradients)):
            mine = int(self.applied[i])
            group = self.group_names[int(self.group[i])] if self.group_names else None
            record: dict[str, Any] = {
                "group": group,
                "gradients": int(self.gradients[i]),
                "applied": mine,
                "share_of_gradients": int(self.gradients[i]) / work,
                "share_of_applied": mine / applied,
                "mean": int(self.staleness_sum[i]) / mine if mine else None,
                "largest": int(self.largest[i]) if mine else None,
            }
            lane = lanes.get(str(group) if self.is_groups else str(i))
            for share in QUANTILES[:3]:
                at = lane.quantile(share) if lane is not None and mine else None
                record[f"quantile_{share:g}"] = at
            record["law_mean"] = None if self.law is None else float(self.law[i])
            if self.seconds is not None and self.seconds_applied is not None:
                record["mean_seconds"] = float(self.seconds[i]) / max(1, int(self.gradients[i]))
                took = float(self.seconds_applied[i]) / mine if mine else None
                record["mean_seconds_applied"] = took
            records.append(record)
        return records
