"""When runs first leave a ball around a saddle: what is kept of some seeds in a row."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from asysim.ground.machine import one_thread
from asysim.problems.base import Problem
from asysim.replay import Divergence, State
from asysim.replay.executor import executor_of
from asysim.replay.state import Standing
from asysim.replay.watch import Watch
from asysim.runs.replayed import Prepared, prepared_for
from asysim.scenario import Scenario
from asysim.schedule import simulate
from asysim.schedule.engine import is_certain
from asysim.studies.goal import Goal, goal_of
from asysim.studies.record import Job, Simulated
from asysim.studies.task import parsed, with_workers
from asysim.sweeps.built import built_problem
from asysim.trace.stream import Block, Deadlock, Stream, limited

INNER = 0.25
"""Of the radius: growth is measured from there on."""
_LONGEST = 2.0  # seconds that a task takes, about; what it has not come to is a task again
_NEVER = -1
_MOST_SHARED = 1_000_000  # updates


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
        base = parsed(self.base)
        made = with_workers(base, self.workers, f"seed={self.seed}")
        return made.model_copy(update={"escape": base.escape})


class Passages(Simulated):
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

    workers: int = Field(ge=1)
    seed: int = Field(ge=0)
    updates: tuple[int, ...] = Field(min_length=1)
    ticks: tuple[int, ...]
    escaped: tuple[bool, ...]
    inner: tuple[int, ...]
    returned: tuple[int, ...]
    staleness: tuple[float, ...]

    @property
    def job(self) -> Job:
        """Which runs of their study they are."""
        return self.workers, self.seed

    def __len__(self) -> int:
        return len(self.updates)

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
    scenario = task.scenario()
    problem = built_problem(scenario) if problem is None else problem
    goal, prepared = goal_of(scenario, problem), prepared_for(scenario, problem)
    n, one_point = problem.dimension, goal.is_one_point
    # All of it is kept, as far as the longest run goes.
    short = scenario.run.updates is not None and scenario.run.updates <= _MOST_SHARED
    shared = _Shared(_stream(scenario, n)) if short and is_certain(scenario, n) else None
    found: list[_Passage] = []
    began = time.perf_counter()
    with one_thread(), np.errstate(all="ignore"):
        for seed in range(task.seed, task.seed + task.seeds):
            one = scenario.model_copy(update={"seed": seed})
            stream = _stream(one, n) if shared is None else iter(shared)
            own = replace(prepared, scenario=one)
            found.append(_passage(own, stream, goal, one_point=one_point))
            if time.perf_counter() - began > _LONGEST:
                break
    return Passages(
        workers=task.workers,
        seed=task.seed,
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
