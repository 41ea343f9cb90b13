"""When runs first leave a ball around a saddle: what is kept of some seeds in a row."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.problems.base import CriticalPoint, MappedProblem, Problem
from asysim.replay import Divergence, State
from asysim.replay.executor import executor_of
from asysim.replay.state import Standing
from asysim.replay.watch import Watch
from asysim.runs.kept import read_as
from asysim.runs.replayed import Prepared, prepared_for
from asysim.scenario import Scenario, parse
from asysim.schedule import simulate
from asysim.schedule.engine import is_certain
from asysim.studies.attempt import Job
from asysim.studies.executor import built_problem
from asysim.studies.task import with_workers
from asysim.trace.stream import Block, Deadlock, Stream, limited

INNER = 0.25
"""Of the radius: growth is measured from there on."""
_LONGEST = 2.0  # seconds that a task takes, about; what it has not come to is a task again
_NEVER = -1
_MOST_SHARED = 1_000_000  # updates


class Goal(NamedTuple):
    """What a run is to leave.

    Attributes
    ----------
    center
        The saddle, or where the run begins; shape (n,).
    radius
        R.
    point
        The stationary point, if it is a known one: of an orbit, the distance is that from all of
        it.
    """

    center: Vector
    radius: float
    point: CriticalPoint | None

    def distance(self, x: Vector) -> float:
        """Return how far x is."""
        if self.point is not None:
            return self.point.distance(x)
        return float(np.linalg.norm(x - self.center))

    @property
    def is_one_point(self) -> bool:
        """Whether there is nothing to leave but the centre: no orbit, no flat direction."""
        away = np.random.default_rng(0).normal(size=(4, self.center.size))
        lengths = [float(np.linalg.norm(one)) for one in away]
        return all(
            abs(self.distance(self.center + one) - length) < 1e-9 * length
            for one, length in zip(away, lengths, strict=True)
        )


def goal_of(scenario: Scenario, problem: Problem) -> Goal:
    """Return what the runs of a scenario are to leave.

    Raises
    ------
    InputError
        If no saddle is known and no radius given, the saddle asked for is not known, f does not
        fall away from it, or the start is farther than R from it.
    """
    settings = scenario.escape
    asked = None if settings is None else settings.saddle
    radius = None if settings is None else settings.radius
    points = problem.critical_points() if isinstance(problem, MappedProblem) else ()
    start = problem.start()
    point = _chosen(points, asked, start)
    if point is None:
        if radius is None:
            raise unfit(
                "escape.radius", "none, and the problem knows no saddle",
                "given: then the time until x is so far from its start is told",
            )  # fmt: skip
        return Goal(start, radius, None)
    if radius is None:
        others = [point.distance(other.point) for other in points if other is not point]
        radius = min((far for far in others if far > 0), default=2.0) / 2
    goal = Goal(point.point, radius, point)
    far = goal.distance(start)
    if far > radius:
        raise unfit(
            "escape.radius", f"{radius:g}", f"more than {far:g}, the distance from the saddle "
            f"{point.name!r} at which runs begin",
        )  # fmt: skip
    return goal


def _chosen(
    points: tuple[CriticalPoint, ...], asked: str | None, start: Vector
) -> CriticalPoint | None:
    if asked is not None:
        named = [point for point in points if point.name == asked]
        if not named:
            known = ", ".join(repr(point.name) for point in points) or "none: leave it out"
            raise unfit("escape.saddle", repr(asked), f"one of those known: {known}")
        chosen = named[0]
    elif not points:
        return None
    else:
        saddles = [point for point in points if point.is_saddle] or list(points)
        chosen = min(saddles, key=lambda point: point.distance(start))
    if not chosen.is_saddle:
        raise unfit(
            "escape.saddle", f"{chosen.name!r}, where the least curvature is "
            f"{chosen.least_curvature:g}", "a saddle: nothing leaves a minimum by itself; give "
            "problem.eigenvalues, say, of which one is negative",
        )  # fmt: skip
    return chosen


class EscapeTask(NamedTuple):
    """Runs with some seeds in a row, as they travel to another process.

    Attributes
    ----------
    base
        The scenario as TOML, with the saddle and the radius in its table `escape`.
    workers, seed
        p, and the first seed.
    seeds
        How many.
    """

    base: str
    workers: int
    seed: int
    seeds: int

    @property
    def job(self) -> Job:
        """Which runs of its study they are."""
        return self.workers, self.seed

    def scenario(self) -> Scenario:
        """Return the scenario of the first run, with its table `escape`."""
        base = _parsed(self.base)
        made = with_workers(base, self.workers, f"seed={self.seed}")
        return made.model_copy(update={"escape": base.escape})


@dataclass(frozen=True)
class Passages:
    """When runs with seeds in a row left; lists of one length, an entry for each seed.

    Attributes
    ----------
    workers, seed
        p, and the first seed.
    updates, ticks
        The update and the instant, in nanoseconds, after which x was outside for the first time;
        of a run that did not escape, those of its end.
    escaped
        Whether it was.
    inner
        The update after which x first was beyond a quarter of R; −1: it never was, or always.
    returned
        The update after which x first was within R again, if that was looked for; −1: not.
    staleness
        Mean τ until then.
    """

    workers: int
    seed: int
    updates: tuple[int, ...]
    ticks: tuple[int, ...]
    escaped: tuple[bool, ...]
    inner: tuple[int, ...]
    returned: tuple[int, ...]
    staleness: tuple[float, ...]

    @property
    def job(self) -> Job:
        """Which runs of their study they are."""
        return self.workers, self.seed

    @property
    def backend(self) -> str | None:
        """None: they are simulated."""
        return None

    def __len__(self) -> int:
        return len(self.updates)

    def to_json(self) -> str:
        """Return it as text that `from_json` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read it back; raises ValueError for text that is something else."""
        kept = read_as(_Kept, text)
        return cls(**{name: getattr(kept, name) for name in _Kept.model_fields})


class _Kept(BaseModel):
    """Passages as they lie in a file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    workers: int = Field(ge=1)
    seed: int = Field(ge=0)
    updates: tuple[int, ...] = Field(min_length=1)
    ticks: tuple[int, ...]
    escaped: tuple[bool, ...]
    inner: tuple[int, ...]
    returned: tuple[int, ...]
    staleness: tuple[float, ...]

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        lists = self.updates, self.ticks, self.escaped, self.inner, self.returned, self.staleness
        if len({len(one) for one in lists}) > 1:
            raise ValueError("lists of different lengths")
        if min(self.updates) < 0 or min(self.ticks) < 0:
            raise ValueError("a number below 0")
        return self


def passages(task: EscapeTask, problem: Problem | None = None) -> Passages:
    """Simulate runs until they have escaped, or are over; fewer than asked, after 2 s."""
    from threadpoolctl import threadpool_limits

    scenario = task.scenario()
    problem = built_problem(scenario) if problem is None else problem
    goal, prepared = goal_of(scenario, problem), prepared_for(scenario, problem)
    n, one_point = problem.dimension, goal.is_one_point
    # All of it is kept, as far as the longest run goes.
    short = scenario.run.updates is not None and scenario.run.updates <= _MOST_SHARED
    shared = _Shared(_stream(scenario, n)) if short and is_certain(scenario, n) else None
    found: list[_Passage] = []
    began = time.perf_counter()
    with threadpool_limits(1), np.errstate(all="ignore"):
        for seed in range(task.seed, task.seed + task.seeds):
            one = scenario.model_copy(update={"seed": seed})
            stream = _stream(one, n) if shared is None else iter(shared)
            own = replace(prepared, scenario=one)
            found.append(_passage(own, stream, goal, one_point=one_point))
            if time.perf_counter() - began > _LONGEST:
                break
    return Passages(
        task.workers,
        task.seed,
        updates=tuple(one.updates for one in found),
        ticks=tuple(one.ticks for one in found),
        escaped=tuple(one.escaped for one in found),
        inner=tuple(one.inner for one in found),
        returned=tuple(one.returned for one in found),
        staleness=tuple(one.staleness for one in found),
    )


class _Passage(NamedTuple):
    updates: int
    ticks: int
    escaped: bool
    inner: int
    returned: int
    staleness: float


def _stream(scenario: Scenario, dimension: int) -> Stream:
    return limited(
        simulate(scenario, dimension, block_size=max(64, 4 * scenario.workers.count)),
        updates=scenario.run.updates,
        seconds=scenario.run.seconds,
    )


class _Shared:
    """A stream that is played once and pulled by many, one after the other."""

    def __init__(self, stream: Stream) -> None:
        self._stream, self._blocks = stream, list[Block]()

    def __iter__(self) -> Iterator[Block]:
        i = 0
        while True:
            if i == len(self._blocks):
                block = next(self._stream, None)
                if block is None:
                    return
                self._blocks.append(block)
            yield self._blocks[i]
            i += 1


_FAR = 2**62  # updates


def _passage(
    prepared: Prepared, stream: Iterable[Block], goal: Goal, *, one_point: bool
) -> _Passage:
    """Pull a stream until x is outside, and as long after as is asked."""
    scenario, problem = prepared.scenario, prepared.problem
    state = State(problem.start())
    run = executor_of(
        scenario, iter(stream), problem, prepared.rules, state, Standing(), prepared.together
    )
    inner = returned = _NEVER
    begins_within = goal.distance(state.x) < INNER * goal.radius

    def until(radius: float, *, outside: bool, last: int) -> bool:
        """Go on until x is beyond a radius, or else within it; return whether it is."""
        watch = Watch(goal.center, radius, outside)
        if one_point:
            run.advance(last, watch)
            return watch.met(state.x)
        while True:
            if outside:  # an orbit is no farther away than one of its points
                run.advance(last, watch)
            met = (goal.distance(state.x) > radius) == outside
            if met or state.updates >= last or not run.advance(state.updates + 1):
                return met

    try:
        if begins_within and until(INNER * goal.radius, outside=True, last=_FAR):
            inner = state.updates
        escaped = until(goal.radius, outside=True, last=_FAR)
    except Divergence:
        escaped = True  # what is infinite is outside
    except Deadlock:
        escaped = False
    staleness = state.staleness_sum / state.applied if state.applied else 0.0
    ended = _Passage(state.updates, state.ticks, escaped, inner, returned, staleness)
    settings = scenario.escape
    if escaped and settings is not None and settings.afterwards:
        try:
            if until(goal.radius, outside=False, last=state.updates + settings.afterwards):
                returned = state.updates
        except (Divergence, Deadlock):
            pass
    return ended._replace(returned=returned)


@lru_cache(maxsize=1)
def _parsed(text: str) -> Scenario:
    return parse(text)
