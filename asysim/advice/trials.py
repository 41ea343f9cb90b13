"""Has the runs of a search made, each once, and counts what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from asysim.advice.candidate import Candidate
from asysim.advice.journal import Journal
from asysim.advice.trial import Asked, Key, Trial, make_trial
from asysim.studies.executor import Progress, results
from asysim.sweeps.maker import Maker


class Looks(Protocol):
    """Whatever runs candidates."""

    @property
    def spent(self) -> int:
        """Gradients so far."""
        ...

    def of(
        self, candidates: Sequence[Candidate], seed: int, seconds: float | None
    ) -> dict[Candidate, Trial]:
        """Run candidates for so long, and return what came of each."""
        ...


class Trials:
    """Runs of one search.

    Parameters
    ----------
    base
        The scenario, as TOML.
    maker
        Who makes them.
    journal
        Where those are that are over.
    progress
        Called after each that is over.
    expected
        Runs that will be asked for, as far as that is known before: for the progress.

    Attributes
    ----------
    spent
        Gradients computed so far, by all runs that the search asked for.
    """

    def __init__(
        self, base: str, maker: Maker, journal: Journal, progress: Progress | None = None,
        *, expected: int = 0,
    ) -> None:  # fmt: skip
        self.spent = 0
        self._expected = expected
        self._base, self._maker, self._journal = base, maker, journal
        self._progress = progress
        self._over: dict[tuple[str, int], Trial] = {}
        self._counts: set[Key] = set()

    def of(
        self, candidates: Sequence[Candidate], seed: int, seconds: float | None
    ) -> dict[Candidate, Trial]:
        """Run candidates for so long, and return what came of each.

        One that met the target in a shorter run, or diverged, is not run again.
        """
        found: dict[Candidate, Trial] = {}
        to_make: list[Asked] = []
        for candidate in candidates:
            asked = Asked(self._base, candidate, seed, seconds)
            if (over := self._over.get((candidate.name, seed))) is not None:
                found[candidate] = over
            elif (kept := self._journal.find(asked.key)) is not None:
                found[candidate] = self._counted(kept)
            else:
                to_make.append(asked)
        self._tell(len(to_make))
        by_name = {asked.candidate.name: asked.candidate for asked in to_make}
        for left, trial in enumerate(results(self._maker, to_make, make_trial), start=1):
            self._journal.keep(trial)
            found[by_name[trial.name]] = self._counted(trial)
            self._tell(len(to_make) - left)
        return found

    def _counted(self, trial: Trial) -> Trial:
        if trial.key not in self._counts:
            self._counts.add(trial.key)
            self.spent += trial.spent
        if trial.is_over:
            self._over[trial.name, trial.seed] = trial
        return trial

    def _tell(self, more: int) -> None:
        if self._progress is not None:
            made = len(self._counts)
            self._progress(made, max(self._expected, made + more))


def over_seeds(
    looks: Looks, candidates: Sequence[Candidate], seeds: Iterable[int], seconds: float | None
) -> dict[Candidate, tuple[Trial, ...]]:
    """Run candidates with several seeds."""
    by_seed = [looks.of(candidates, seed, seconds) for seed in seeds]
    return {one: tuple(found[one] for found in by_seed) for one in candidates}
