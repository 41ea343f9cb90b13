"""What p workers came to beside one: the two speedups of Lian et al. 2015, and their factors.

    iteration speedup = p · K_1 / K_p      updates until the target, with p gradients under way
    time speedup      = t_1 / t_p          seconds until the target

as recalled, and consistent with their tables. The first is what staleness leaves, the second what
a user gets, and they differ by the hardware: with the throughput λ_p = K_p / t_p,

    time speedup = p · (K_1 / K_p) · (λ_p / (p λ_1)),

exactly: p times statistical efficiency times hardware efficiency. Ratios are taken of runs with
the same seed, and averaged over seeds as geometric means.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from asysim.errors import unfit
from asysim.ground.machine import usable_cores
from asysim.scenario import Scenario
from asysim.studies.attempt import Attempt
from asysim.studies.geometric_mean import Bound, GeometricMean, geometric_mean
from asysim.studies.record import Job

MOST_BEHIND = 0.05


@dataclass(frozen=True)
class Comparison:
    """What p workers came to.

    Attributes
    ----------
    workers
        p.
    attempts
        Its runs, by seed.
    updates, seconds
        Until the target, K_p and t_p; lower bounds if some runs ended before; None if some diverged
        or were cut short.
    iteration, time
        Speedups, and upper bounds if some runs ended before the target; None if there is none.
    hardware
        λ_p / (p λ_1), None where a speedup in time must not be told.
    statistical
        K_1 / K_p.
    throughput
        Updates per second.
    staleness
        Mean τ.
    oversubscribed
        Whether a real run had more workers than cores, so that its times say nothing of p cores.
    behind
        Of emulated runs, the part of the workers' time by which gradients were late, at most.
        Beyond 5 % the cores could not keep up, and no speedup in time is told.
    """

    workers: int
    attempts: tuple[Attempt, ...]
    updates: GeometricMean | None
    seconds: GeometricMean | None
    iteration: GeometricMean | None
    time: GeometricMean | None
    hardware: GeometricMean | None
    statistical: GeometricMean | None
    throughput: GeometricMean | None
    staleness: float
    oversubscribed: bool = False
    behind: float = 0.0

    @property
    def reached(self) -> int:
        """How many of the runs met the target."""
        return sum(attempt.crossing.met for attempt in self.attempts)

    @property
    def endings(self) -> Counter[str]:
        """How runs that did not meet the target ended, and how many did."""
        return Counter(a.status for a in self.attempts if not a.crossing.met)


@dataclass(frozen=True)
class Cell:
    """A speedup of ours beside somebody else's.

    Attributes
    ----------
    ours, theirs
        The two.
    deviation
        ours / theirs − 1.
    """

    ours: float
    theirs: float

    @property
    def deviation(self) -> float:
        """How much larger ours is, as a part of theirs."""
        return self.ours / self.theirs - 1


def comparisons(
    scenario: Scenario, found: dict[Job, Attempt], *, on: str | None = None
) -> tuple[Comparison, ...]:
    """Compare runs with those of one worker with the same seeds.

    Raises
    ------
    InputError
        If the start of the run meets the target already.
    """
    counts = sorted({workers for workers, _ in found})
    attempts = {p: tuple(found[job] for job in sorted(found) if job[0] == p) for p in counts}
    for attempt in found.values():
        if attempt.crossing.met and attempt.crossing.updates == 0:
            wanted = "below the loss at the start"
            raise unfit("run.target_loss", "a target that the start meets", wanted, scenario.name)
    emulated = scenario.backend is not None and scenario.backend.emulate
    room = len(usable_cores()) - (1 if on == "mpi" else 0)
    return tuple(
        _comparison(p, attempts[1], attempts[p],
             oversubscribed=on is not None and not emulated and p > max(1, room))
        for p in counts
    )  # fmt: skip


def _comparison(
    p: int, ones: Sequence[Attempt], many: Sequence[Attempt], *, oversubscribed: bool
) -> Comparison:
    possible = all(attempt.ended_well for attempt in many)
    censored = not all(attempt.crossing.met for attempt in many)
    comparable = possible and all(attempt.crossing.met for attempt in ones)
    least: Bound = "at least" if censored else ""
    most: Bound = "at most" if censored else ""
    updates = seconds = None
    if possible:
        updates = geometric_mean([a.crossing.updates for a in many], bound=least)
        seconds = geometric_mean([a.crossing.seconds for a in many], bound=least)
    fewer = faster = sooner = None
    if comparable:
        pairs = list(zip(ones, many, strict=True))
        fewer = geometric_mean(
            [_ratio(a.crossing.updates, b.crossing.updates) for a, b in pairs], bound=most
        )
        sooner = geometric_mean(
            [_ratio(a.crossing.seconds, b.crossing.seconds) for a, b in pairs], bound=most
        )
        faster = geometric_mean([_rate(b) / _rate(a) for a, b in pairs])
    behind = max(attempt.behind for attempt in many)
    if oversubscribed or behind > MOST_BEHIND:
        sooner = faster = None
    staleness = [a.staleness for a in many if math.isfinite(a.staleness)]
    return Comparison(
        workers=p,
        attempts=tuple(many),
        updates=updates,
        seconds=seconds,
        iteration=fewer.scaled(p) if fewer else None,
        time=sooner,
        hardware=faster.scaled(1 / p) if faster else None,
        statistical=fewer,
        throughput=geometric_mean([_rate(a) for a in many]),
        staleness=sum(staleness) / len(staleness) if staleness else float("nan"),
        oversubscribed=oversubscribed,
        behind=behind,
    )


def _ratio(one: float, many: float) -> float:
    return one / many if many > 0 else float("nan")


def _rate(attempt: Attempt) -> float:
    """Return updates per second until the crossing, so that speedups multiply exactly."""
    where = attempt.crossing
    return where.updates / where.seconds if where.seconds > 0 else float("nan")
