"""What a study of staleness found: one value, with tables for pandas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from asysim.delays.block_counts import BlockCounts
from asysim.delays.books import Balance
from asysim.delays.fits import Fit
from asysim.delays.headcount import Headcount
from asysim.delays.histogram import Histogram
from asysim.delays.pooled_test import PooledTest
from asysim.delays.selection import Selection
from asysim.delays.two_samples import Comparison, compare
from asysim.delays.workers import Workers
from asysim.ground.arrays import Floats, Ints
from asysim.ground.one_line import OneLine
from asysim.theory.staleness_law import StalenessLaw

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Along:
    """τ along the series, in batches of equally many gradients; the last one may be shorter.

    Attributes
    ----------
    start
        The first gradient of each batch, of those applied, from 0; (batches,).
    mean, low, middle, high
        Mean, and the 10 %, 50 % and 90 % quantiles of τ; (batches,).
    least, most
        The least and the largest τ; (batches,).
    """

    start: Ints
    mean: Floats
    low: Ints
    middle: Ints
    high: Ints
    least: Ints
    most: Ints


class OfUpdates(NamedTuple):
    """How old the gradients of one update were.

    Attributes
    ----------
    updates
        How many updates a gradient went into.
    fewest, most
        Gradients in the smallest and the largest.
    first, largest
        τ of the gradient that came first, and of the oldest.
    mean
        The mean over updates of their mean τ.
    """

    updates: int
    fewest: int
    most: int
    first: Histogram
    largest: Histogram
    mean: float


@dataclass(frozen=True, eq=False, repr=False)
class StalenessStudy(OneLine):
    """How stale gradients were.

    Attributes
    ----------
    name
        Of what was studied.
    kind
        ``run``, ``trace``, ``scenario`` or ``delays``.
    workers
        p; None if nobody knows.
    gradients, applied, updates
        Gradients disposed of, those that went into an update, and updates made.
    seconds, clock
        From the start to the last disposal, and whose seconds; None of delays alone.
    whole
        τ of all gradients applied.
    lanes
        The same by worker or by group: what a line belongs to, and its τ.
    of_workers
        Of each worker; None if nobody knows whose gradients they are.
    of_updates
        Of updates of several gradients; None if each has one.
    along
        Along the series.
    warm_up
        Gradients at the beginning that are left out of `blocks`, and so of fits and tests.
    blocks
        What is left, in blocks.
    correlation
        The autocorrelation of the last τ, after the warm-up, at lags 0, 1, …
    effective
        How many independent draws tell the mean as well as what is left.
    error
        The standard error of its mean, by batch means; None if it is too short.
    stationary
        A test whether both halves of what is left have the same law; None if it is too short.
    balance
        The conservation of staleness; None if that can't be told.
    headcount
        How many workers there must be; of one column of delays.
    at_arrival
        Gradients that came, and their mean age then; of delays with a column for each worker.
    selection
        By duration; None if nobody measured it.
    law, law_test
        The exact law, where one is known, and how it fits what is left.
    fits
        Laws fitted to what is left, the best first.
    bound
        T that the rule enforces or proves; None if it is not known.
    """

    name: str
    kind: str
    workers: int | None
    gradients: int
    applied: int
    updates: int
    seconds: float | None
    clock: str | None
    whole: Histogram
    lanes: Mapping[str, Histogram]
    of_workers: Workers | None
    of_updates: OfUpdates | None
    along: Along
    warm_up: int
    blocks: BlockCounts
    correlation: Floats
    effective: float
    error: float | None
    stationary: PooledTest | None
    balance: Balance | None
    headcount: Headcount | None
    at_arrival: tuple[int, float] | None
    selection: Selection | None
    law: StalenessLaw | None
    law_test: Fit | None
    fits: tuple[Fit, ...]
    bound: int | None

    @property
    def line(self) -> str:
        """Its name, and the numbers that matter."""
        p = "" if self.workers is None else f"{self.workers} workers, "
        return (
            f"{self.name}: {p}{self.applied:,} gradients applied, mean staleness {self.mean:.4g}, "
            f"largest {self.whole.largest:,}"
        )

    @property
    def mean(self) -> float:
        """The mean τ after the warm-up."""
        return self.blocks.mean if self.blocks.observations else self.whole.mean

    @cached_property
    def settled(self) -> Histogram:
        """τ after the warm-up, as far as whole blocks go; all of them if there are none."""
        if not self.blocks.observations:
            return self.whole
        total, largest = int(self.blocks.sums.sum()), int(self.blocks.lowest[-1])
        return Histogram(
            self.blocks.lowest, self.blocks.total, total, min(largest, self.whole.largest)
        )

    def compared(self, other: StalenessStudy, *, seed: int = 0) -> Comparison | None:
        """Compare τ after the warm-up with those of another study.

        Parameters
        ----------
        other
            The other one.
        seed
            Of what intervals of distances are drawn with.

        Returns
        -------
        None if one of them is too short.
        """
        return compare(self.blocks, other.blocks, seed=seed)

    # Tables for pandas ------------------------------------------------------------------------

    @property
    def distribution(self) -> pd.DataFrame:
        """`staleness`, `gradients`, `share`, `above` = P(τ > staleness), and `law` if known."""
        import pandas as pd

        found = self.settled
        columns: dict[str, Any] = {
            "staleness": found.lowest, "gradients": found.times,
            "share": found.shares, "above": found.above,
        }  # fmt: skip
        if self.law_test is not None:
            columns["law"] = np.exp(self.law_test.law.log_mass(found.lowest, found.lowest))
        return pd.DataFrame(columns)

    @property
    def by_worker(self) -> pd.DataFrame:
        """A line for each worker; empty if nobody knows whose gradients they are."""
        import pandas as pd

        return pd.DataFrame(self.worker_records)

    @property
    def by_group(self) -> pd.DataFrame:
        """A line for each group of workers; empty if there are none."""
        import pandas as pd

        return pd.DataFrame(self.group_records)

    @property
    def over_time(self) -> pd.DataFrame:
        """A line for each batch of gradients; columns as in `Along`."""
        import pandas as pd

        return pd.DataFrame(vars(self.along))

    @property
    def by_duration(self) -> pd.DataFrame:
        """A line for each tenth of the gradients by duration; empty if nobody measured it."""
        import pandas as pd

        chosen = self.selection
        if chosen is None:
            return pd.DataFrame()
        names = ("start", "end", "middle", "gradients", "applied", "staleness")
        columns = {name: getattr(chosen, name) for name in names}
        return pd.DataFrame(columns | {"applied_share": chosen.shares})

    @property
    def autocorrelation(self) -> pd.DataFrame:
        """`lag` and `correlation` of τ."""
        import pandas as pd

        lags = np.arange(len(self.correlation))
        return pd.DataFrame({"lag": lags, "correlation": self.correlation})

    # Workers and groups -----------------------------------------------------------------------

    @cached_property
    def of_groups(self) -> Workers | None:
        """What is counted of each group; None if there are none."""
        own = self.of_workers
        return None if own is None or not own.group_names else own.by_group()

    @property
    def worker_records(self) -> list[dict[str, Any]]:
        """A line for each worker: what JSON and pandas have."""
        if self.of_workers is None:
            return []
        return [
            {"worker": i} | record for i, record in enumerate(self.of_workers.records(self.lanes))
        ]

    @property
    def group_records(self) -> list[dict[str, Any]]:
        """A line for each group of workers."""
        return [] if self.of_groups is None else self.of_groups.records(self.lanes)


def told_apart(studies: Sequence[StalenessStudy]) -> list[StalenessStudy]:
    """Return the same studies; those that have one name are numbered, in their order."""
    often, seen = Counter(study.name for study in studies), Counter[str]()
    named = []
    for study in studies:
        seen[study.name] += 1
        number = f" ({seen[study.name]})" if often[study.name] > 1 else ""
        named.append(replace(study, name=f"{study.name}{number}"))
    return named
