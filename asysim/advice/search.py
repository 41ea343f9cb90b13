"""A search: brackets of candidates, then finals; what is known at any time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from asysim.advice.candidate import Candidate
from asysim.advice.candidates import ASYNCHRONOUS, as_it_stands
from asysim.advice.halving import Bracket, bracket, final, scouted
from asysim.advice.standing import place
from asysim.advice.trial import Trial
from asysim.advice.trials import Looks
from asysim.errors import unfit
from asysim.scenario import Scenario

_LINEAR = 1.25  # times what fewer workers take if speedup is linear
_FEWER = 4.0  # times that, beyond which nobody is waited for
_WIDENED, _WIDENERS = 6, 6  # how often, and by how many settings at a time


class Search:
    """Brackets, then finals; what is known at any time.

    Parameters
    ----------
    base
        The scenario.
    candidates
        With most workers first.
    trials
        What runs them.
    budget
        Gradients after which no further rung is begun.
    widen
        Whether to go beyond the steps that are given, if the best has the longest or the shortest.

    Attributes
    ----------
    reference
        How long the scenario takes as it stands, at least.
    """

    def __init__(
        self, base: Scenario, candidates: Sequence[Candidate], trials: Looks, *,
        budget: float = math.inf, widen: bool = False,
    ) -> None:  # fmt: skip
        self.base, self.candidates, self.trials = base, list(candidates), trials
        self.stands = as_it_stands(base)
        self.reference = 0.0
        self.brackets: list[Bracket] = []
        self.finals: dict[Candidate, tuple[Trial, ...]] = {}
        self.stops: list[tuple[int, Candidate]] = []
        self._budget, self._widen = budget, widen

    def run(self) -> None:
        """Search all brackets, then hold the best of them against each other.

        Raises
        ------
        InputError
            If the start meets the target.
        """
        base, trials = self.base, self.trials
        first = trials.of([self.stands], base.seed, None)[self.stands]
        if first.met and first.updates == 0:
            wanted = "a target below the loss at the start"
            raise unfit("--target", "a target that the start meets", wanted, base.name)
        best, before = self._reference(first), self.stands.workers
        self.reference = best
        self._note()
        for p, pool in self._pools():
            if trials.spent > self._budget:
                break
            if not self.brackets:
                most = best if p == before else _FEWER * best * max(1.0, before / p)
                horizon = limit = scouted(trials, self._scouts(pool), base.seed, most)
            else:  # fewer workers take longer: in inverse proportion, if speedup is linear
                horizon = _LINEAR * best * before / p
                limit = _FEWER * horizon
            rungs = bracket(trials, pool, base.seed, horizon, limit=limit)
            for part in rungs:
                self.brackets = [one for one in self.brackets if one.workers != p] + [part]
                self._note()
                if trials.spent > self._budget:
                    break
            times = [trial.seconds for trial in self.brackets[-1].trials.values() if trial.met]
            if times:
                best, before = min(times), p
        if self._widen:
            self._beyond()
        if any(trial.met for part in self.brackets for trial in part.trials.values()):
            for found in final(trials, self.brackets, base.seed + 1):
                self.finals = found
                self._note()
                if trials.spent > self._budget:
                    break

    def _beyond(self) -> None:
        """Go on beyond the steps that are given, until the best is none of the outermost."""
        for _ in range(_WIDENED):
            best = self.winner
            part = next((one for one in self.brackets if best in one.trials), None)
            tried = self.steps
            if part is None or len(tried) == 1 or best.step not in (tried[0], tried[-1]):
                return
            factor = 2.0 if best.step == tried[-1] else 0.5
            at_edge = [one for one in part.trials if one.step == best.step][:_WIDENERS]
            more = [new for one in at_edge if (new := one.longer(factor)) is not None]
            if not more or self.trials.spent > self._budget:
                return
            self.candidates += more
            found = self.trials.of(more, self.base.seed, part.horizon)
            self.brackets[self.brackets.index(part)] = part.joined(found)
            self._note()

    @property
    def steps(self) -> tuple[str, ...]:
        """Those that candidates have, the shortest first if they are numbers."""
        found = dict.fromkeys(one.step for one in self.candidates)
        try:
            return tuple(sorted(found, key=float))
        except ValueError:
            return tuple(found)

    @property
    def winner(self) -> Candidate:
        """The best that is known."""
        if self.finals:
            return next(iter(self.finals))
        known = {one: trial for part in self.brackets for one, trial in part.trials.items()}
        return min(known, key=lambda one: place(known[one]), default=self.stands)

    def known(self, one: Candidate) -> tuple[Trial, ...]:
        """Return the runs of a candidate that the search goes by."""
        if one in self.finals:
            return self.finals[one]
        return tuple(part.trials[one] for part in self.brackets if one in part.trials)

    def _reference(self, first: Trial) -> float:
        """Return how long the scenario takes as it stands, at least: how long runs are to be.

        Of one that diverges that says nothing, and some others have to tell.
        """
        if first.is_lost and first.updates > 0:
            scouts = self._scouts(next(pool for _, pool in self._pools()))
            others = self.trials.of(scouts, self.base.seed, None).values()
            times = [one.seconds for one in others if one.met] or [0.0]
            best = min(times) or max((o.seconds for o in others if not o.is_lost), default=0.0)
            if best > 0:
                return best
            raise unfit(
                "algorithm.step", f"{self.stands.step}, with which it diverges, and so do others",
                "shorter, or give --steps", self.base.name,
            )  # fmt: skip
        if first.seconds > 0:
            return first.seconds
        if first.updates > 0:
            raise unfit(
                "workers.compute", "no time, as all of a worker's cycle",
                "some time: what comes to the target soonest is asked", self.base.name,
            )  # fmt: skip
        raise unfit(
            "scenario", f"no update as it stands: {first.message}",
            "one that runs: advice compares with it", self.base.name,
        )  # fmt: skip

    def _pools(self) -> Iterator[tuple[int, list[Candidate]]]:
        for p in sorted({one.workers for one in self.candidates}, reverse=True):
            yield p, [one for one in self.candidates if one.workers == p]

    def _scouts(self, pool: Sequence[Candidate]) -> list[Candidate]:
        """Return candidates of which one is likely to be among the first."""
        methods = {ASYNCHRONOUS, self.stands.method}
        found: dict[tuple[str, str], Candidate] = {}
        for one in pool:
            if one.method in methods or not methods & {c.method for c in pool}:
                found.setdefault((one.method, one.step), one)
        return list(found.values())

    def _note(self) -> None:
        best = self.winner
        if not self.stops or self.stops[-1][1] != best:
            self.stops.append((self.trials.spent, best))
