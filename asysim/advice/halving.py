"""Successive halving: many candidates are run for a short time, few of them for a long one.

Jamieson & Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
AISTATS 2016, with simulated seconds for the resource; then with seeds. All candidates have the same
seeds, so the same gradient of a worker takes as long for each of them.

Each number of workers has a search of its own: it is asked for by a line of the picture, a search
among fewer workers takes as many gradients as one among many, and a short run of few workers tells
nothing beside one of many.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from asysim.advice.candidate import Candidate
from asysim.advice.standing import mean_place, place
from asysim.advice.trial import Trial
from asysim.advice.trials import Looks

_RUNGS = ((16, 4), (4, 3), (1, 1))
"""Of the horizon what part a rung is, and of how many candidates one is kept for the next."""
_SLACK = 1.4  # times the best, beyond which a candidate is not waited for: seeds differ
_RACE = 1.25  # times the best over several seeds, beyond which more seeds would change nothing
_FEWEST = 4
_SCOUTED = 64  # part of the horizon at which scouts begin
FINALS = ((16, 1), (8, 2), (4, 4), (2, 8))
"""How many are left, and how many seeds more each of them gets."""


@dataclass(frozen=True)
class Bracket:
    """What a search among candidates with as many workers came to.

    Attributes
    ----------
    workers
        p.
    horizon
        Simulated seconds beyond which nobody was waited for.
    trials
        The longest run of each candidate, in their order; the first is the best.
    """

    workers: int
    horizon: float
    trials: dict[Candidate, Trial]

    def joined(self, more: dict[Candidate, Trial]) -> Bracket:
        """Return it with further candidates."""
        known = self.trials | more
        order = sorted(known, key=lambda one: place(known[one]))
        return replace(self, trials={one: known[one] for one in order})

    def best_of_methods(self) -> dict[str, Candidate]:
        """Return the best of each method."""
        found: dict[str, Candidate] = {}
        for candidate in self.trials:
            found.setdefault(candidate.method, candidate)
        return found


def scouted(looks: Looks, scouts: Sequence[Candidate], seed: int, horizon: float) -> float:
    """Return how long runs have to be: until the first of some likely candidates is there.

    They are run for ever longer, so that little is spent where the horizon is far beyond it.
    """
    length = horizon / _SCOUTED
    while length < horizon:
        found = looks.of(scouts, seed, length)
        times = [trial.seconds for trial in found.values() if trial.met]
        if times:
            return min(horizon, _SLACK * min(times))
        length *= 2
    return horizon


def bracket(
    looks: Looks,
    candidates: Sequence[Candidate],
    seed: int,
    horizon: float,
    *,
    limit: float | None = None,
) -> Iterator[Bracket]:
    """Search among candidates with as many workers, and yield what is known after each rung.

    Parameters
    ----------
    looks
        What runs them.
    candidates
        With as many workers.
    seed
        Of all runs.
    horizon
        Simulated seconds of the last rung.
    limit
        If nobody is there by then, the nearest are run for twice as long, up to this; None: not.
    """
    pool, length = list(candidates), 0.0
    known: dict[Candidate, Trial] = {}
    for part, of in _RUNGS:
        length = max(length, horizon / part)
        known |= looks.of(pool, seed, length)
        yield _ranked(pool, known, length)
        # The best of each method, wherever it stands, but not in the longest runs.
        pool = _kept(pool, known, of, shield=part == _RUNGS[0][0])
        met = [trial.seconds for trial in known.values() if trial.met]
        if met:
            horizon = min(horizon, _SLACK * min(met))
    while limit is not None and length < limit and not any(t.met for t in known.values()):
        pool = sorted(pool, key=lambda one: place(known[one]))[:_FEWEST]
        length = min(limit, 2 * length)
        known |= looks.of(pool, seed, length)
        yield _ranked(pool, known, length)


def _ranked(pool: Sequence[Candidate], known: dict[Candidate, Trial], length: float) -> Bracket:
    """Return what is known, those before all that were in the last rung."""
    order = sorted(pool, key=lambda one: place(known[one]))
    last = set(order)
    order += sorted((o for o in known if o not in last), key=lambda one: place(known[one]))
    return Bracket(pool[0].workers, length, {one: known[one] for one in order})


def final(
    looks: Looks, brackets: Sequence[Bracket], seed: int
) -> Iterator[dict[Candidate, tuple[Trial, ...]]]:
    """Run the best of all brackets with more and more seeds, and yield what is known, best first.

    Parameters
    ----------
    looks
        What runs them.
    brackets
        The searches.
    seed
        The first of the further seeds.
    """
    trials: dict[Candidate, tuple[Trial, ...]] = {
        one: (trial,) for part in brackets for one, trial in part.trials.items()
    }
    pool = sorted(trials, key=lambda one: place(trials[one][0]))
    near = _SLACK * trials[pool[0]][0].seconds
    pool = [one for one in pool if trials[one][0].met and trials[one][0].seconds <= near]
    for count, seeds in FINALS:
        pool = pool[:count]
        if len(pool) == 1:  # nobody is left to be held against it
            return
        limit = _SLACK * max(trial.seconds for trial in trials[pool[0]])
        for _ in range(seeds):
            found = looks.of(pool, seed, limit)
            for one in pool:
                trials[one] = (*trials[one], found[one])
            seed += 1
        places = {one: mean_place(trials[one]) for one in pool}
        pool = sorted(pool, key=places.__getitem__)
        yield {one: trials[one] for one in pool}
        missed, least = places[pool[0]]
        pool = [one for one in pool if places[one] <= (missed, _RACE * least)]


def search_seeds() -> int:
    """Return how many seeds a search takes, at most."""
    return 1 + sum(seeds for _, seeds in FINALS)


def expected_runs(candidates: Sequence[Candidate]) -> int:
    """Return how many runs a search has, about."""
    rungs, left = 0.0, 1.0
    for _, of in _RUNGS:
        rungs, left = rungs + left, left / of
    finals = [seeds * min(count, len(candidates)) for count, seeds in FINALS]
    return round(rungs * len(candidates)) + sum(finals)


def _kept(
    pool: Sequence[Candidate], known: dict[Candidate, Trial], of: int, *, shield: bool
) -> list[Candidate]:
    """Return the first part of a pool, and with `shield` the first of each method."""
    ranked = sorted(pool, key=lambda one: place(known[one]))
    count = max(_FEWEST, math.ceil(len(ranked) / of))
    kept = dict.fromkeys(ranked[:count])
    methods = {one.method for one in kept}
    for one in ranked[count:] if shield else ():
        if one.method not in methods:
            methods.add(one.method)
            kept[one] = None
    return list(kept)
