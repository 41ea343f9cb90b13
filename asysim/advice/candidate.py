"""A candidate: a method with its constants, a step, a batch size and a number of workers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from asysim.ground.toml_text import toml
from asysim.laws.union import Batch
from asysim.scenario import Scenario, to_document
from asysim.scenario.load import from_document
from asysim.studies.task import with_workers


@dataclass(frozen=True, order=True)
class Candidate:
    """What might be the best setting.

    Attributes
    ----------
    method
        The coordination rule, in words.
    constants
        Those of the rule, in words; empty if it has none.
    workers, batch_size
        p and M.
    step
        γ, or its rule, in TOML.
    changes
        KEY=VALUE that have the scenario coordinated so; none: as it stands.
    """

    method: str
    constants: str
    workers: int
    batch_size: int
    step: str
    changes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return " ".join((str(self.workers), str(self.batch_size), self.step, *self.changes))

    @property
    def setting(self) -> str:
        """The method and its constants, in words."""
        return f"{self.method} ({self.constants})" if self.constants else self.method

    def longer(self, factor: float) -> Candidate | None:
        """Return the same with a step that is longer; None if the step is no number."""
        try:
            step = float(self.step)
        except ValueError:
            return None
        return replace(self, step=toml(float(f"{step * factor:.6g}")))

    def scenario(self, base: Scenario) -> Scenario:
        """Return the scenario that it makes of another one.

        It is evaluated once for as many samples as the other, however many make an update: then a
        target is met by a mean over as much of a run.

        Raises
        ------
        InputError
            If the scenario can't be coordinated so.
        """
        sized = with_batch_size(base, self.batch_size)
        changed = with_workers(sized, self.workers, f"algorithm.step={self.step}", *self.changes)
        every = base.run.cadence * samples_in_update(base) / samples_in_update(changed)
        length = changed.run.model_copy(update={"evaluate_every": max(1, round(every))})
        return changed.model_copy(update={"run": length})


def samples_in_update(scenario: Scenario) -> int:
    """Return how many samples' gradients make an update, at most."""
    rule, p = scenario.played, scenario.workers.count
    return scenario.algorithm.batch_size * (rule.update_size(p) or rule.most_in_update(p) or 1)


def with_batch_size(scenario: Scenario, size: int) -> Scenario:
    """Return a scenario with another M, whose gradients take as many times as long.

    Laws that say themselves what a mini-batch of any size takes are left as they are.
    """
    before = scenario.algorithm.batch_size
    if size == before:
        return scenario
    document = to_document(scenario)
    document["algorithm"]["batch_size"] = size
    table = scenario.workers
    for own, group in zip(table.groups, document["workers"].get("groups", ()), strict=False):
        if not isinstance(own.compute or table.compute, Batch):
            group["speed"] *= before / size
    if not table.groups and not isinstance(table.compute, Batch):
        speed = document["workers"]["speed"]
        part = before / size
        document["workers"]["speed"] = (
            [one * part for one in speed] if isinstance(speed, list) else speed * part
        )
    return from_document(document, source=scenario.name, read_files=False)
