"""The grid of a limit study: when runs arrive, by K, M, p and seed, as far as they are made."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asysim.scenario import Scenario, to_toml
from asysim.scenario.limits import Limits
from asysim.studies.arrived import TARGETS, Arrived, Target, simulate_arrival
from asysim.studies.executor import Progress, results
from asysim.studies.exponents import Arrivals
from asysim.studies.record import Job
from asysim.studies.store import Store
from asysim.studies.task import Task
from asysim.sweeps.maker import Maker

_HOPELESS = 0.5  # of the share: where two numbers of workers in a row have fallen so far, no more


class Cell(NamedTuple):
    """K and M."""

    updates: int
    batch_size: int


class Grid:
    """Arrivals by K, M, p and seed, as they come."""

    def __init__(
        self,
        scenario: Scenario,
        bases: dict[Cell, Scenario],
        counts: dict[Cell, tuple[int, ...]],
        stores: dict[Cell, Store[Arrived]],
    ) -> None:
        asked = scenario.limits or Limits()
        self.share, self.alive = asked.share, set(bases)
        self._seeds = [scenario.seed + i for i in range(asked.seeds)]
        self._texts = {cell: to_toml(base) for cell, base in bases.items()}
        self._stores = stores
        self._waiting = {cell: list(own) for cell, own in counts.items()}
        self._found: dict[Cell, dict[Job, Arrived]] = {cell: {} for cell in bases}
        self._made = 0

    def extend(self, maker: Maker, progress: Progress | None) -> None:
        """Make the runs of the next number of workers where fewer have not shown it is hopeless."""
        tasks = []
        for cell in sorted(self.alive, key=lambda one: (-one.updates * one.batch_size, one)):
            store, workers = self._stores.get(cell), self._waiting[cell].pop(0)
            for seed in self._seeds:
                kept = store.find(workers, seed) if store else None
                if kept is None:
                    tasks.append(Task(self._texts[cell], workers, seed))
                else:
                    self._take(kept)
        of = self._made + len(tasks)
        self._tell(progress, of)
        for arrived in results(maker, tasks, simulate_arrival):
            store = self._stores.get(self._take(arrived))
            if store is not None:
                store.keep(arrived)
            self._tell(progress, of)
        self.alive = {
            cell for cell in self.alive if self._waiting[cell] and not self._is_hopeless(cell)
        }

    def arrivals(self, cell: Cell, order: Target) -> Arrivals:
        """Return what is known of one K and M."""
        found = self._found[cell]
        counts = tuple(sorted({workers for workers, _ in found}))
        table = [[found[p, seed].until(order) for seed in self._seeds] for p in counts]
        return Arrivals(*cell, counts, np.array(table, dtype=np.float64))

    def endings(self, cell: Cell) -> list[str]:
        """Return how the runs of one K and M ended."""
        return [arrived.status for arrived in self._found[cell].values()]

    def _take(self, arrived: Arrived) -> Cell:
        cell = Cell(arrived.updates, arrived.batch_size)
        self._found[cell][arrived.job] = arrived
        self._made += 1
        return cell

    def _is_hopeless(self, cell: Cell) -> bool:
        found = [self.arrivals(cell, order) for order in TARGETS]
        known = [one for one in found if one.is_comparable]
        return all((one.efficiency[-2:] < _HOPELESS * self.share).all() for one in known)

    def _tell(self, progress: Progress | None, of: int) -> None:
        if progress is not None:
            progress(self._made, of)
