"""Does a run come back after it escaped? A map over γλ_max, γδ and the delay.

On f = ½ λ s² − ½ δ u², and on f = ½ λ s² − ½ δ u² + ¼ δ u⁴ / W², which has wells at u = ±W, runs
begin at the saddle 0 with a constant delay τ, and are watched after they first were farther than R
from it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from asysim.errors import unfit
from asysim.ground.arrays import Floats, Ints
from asysim.ground.machine import usable_cores
from asysim.jit.compiler import compiled
from asysim.problems.base import Problem
from asysim.random.normal import quantile
from asysim.random.philox import uniform, words
from asysim.random.streams import Purpose
from asysim.replay.room import problem_of
from asysim.runs.kept import read_as
from asysim.scenario import Scenario, parse, to_toml
from asysim.studies.attempt import Job
from asysim.studies.escape import decides as decides_escape
from asysim.studies.escape import settle
from asysim.studies.executor import Executor, helpers, simulating
from asysim.studies.store import Kind, Store, stored
from asysim.theory.saddle import recursion, saddle_of
from asysim.theory.stability import escape_root, stability_limit

OF_LIMIT: Floats = np.linspace(0.5, 1.4, 19)
"""γλ_max as a part of 2 sin(π / (2(2τ + 1)))."""
GROWING: Floats = np.geomspace(1e-3, 1.0, 16)
"""γδ."""
WELL = 2.0
"""W, in radii."""
_MOST = 200_000  # updates until a run has escaped
_GONE = 1e6  # radii

_SAMPLE = int(Purpose.SAMPLE)
_AT_ONCE = 128  # random words


def window(delay: int) -> int:
    """Return for how many updates a run is watched: ten periods at the limit, and 100 more."""
    return 20 * (2 * delay + 1) + 100


@compiled
def count_returns(
    delay: int, stable: float, growing: float, cubic: float, noise: float, runs: int,
    seed: Any, first: int, most: int, after: int, counts: Ints,
) -> None:  # fmt: skip
    """Count how many runs escape past 1, and how many of them are within 1 again.

    Parameters
    ----------
    delay, stable, growing
        τ, γλ and γδ.
    cubic
        γδ/W²; 0: no wells.
    noise
        Standard deviation of what an update adds to each of s and u, in radii.
    runs, seed, first
        How many, named by the seed and numbers from `first` on.
    most, after
        Updates until escape at most, and then.
    counts
        Written to: escaped, returned.
    """
    length = delay + 1
    s_held, u_held = np.empty(length), np.empty(length)
    raw = np.empty(_AT_ONCE, np.uint64)
    escaped = returned = 0
    for run in range(runs):
        for i in range(length):
            s_held[i] = u_held[i] = 0.0
        s = u = 0.0
        place, drawn, last, out = 0, 0, most, False
        k = 0
        while k < last:
            at = drawn % _AT_ONCE
            if at == 0:
                words(seed, _SAMPLE, first + run, drawn, raw)
            s_read, u_read = s_held[place], u_held[place]
            s = s - stable * s_read + noise * quantile(uniform(raw[at]))
            u = u + growing * u_read - cubic * u_read * u_read * u_read
            u = u + noise * quantile(uniform(raw[at + 1]))
            drawn += 2
            # What is read τ updates later: the ring has one place for each of τ + 1.
            s_held[place], u_held[place] = s, u
            place = place + 1 if place + 1 < length else 0
            k += 1
            square = s * s + u * u
            if not out:
                if not square <= 1.0:
                    out = True
                    escaped += 1
                    last = k + after
            elif square <= 1.0:
                returned += 1
                break
            if not square <= _GONE * _GONE:
                break
    counts[0], counts[1] = escaped, returned


class ReturnsTask(NamedTuple):
    """A row of the map for one delay, as it travels to another process.

    Attributes
    ----------
    base
        The scenario as TOML.
    workers, seed
        τ + 1, and the place of γδ.
    noise, runs
        In radii; runs of each cell.
    """

    base: str
    workers: int
    seed: int
    noise: float
    runs: int


@dataclass(frozen=True)
class RowOfReturns:
    """A row of the map: lists with an entry for each γλ_max.

    Attributes
    ----------
    workers, row
        τ + 1, and the place of γδ.
    escaped, returned
        Of the runs on the saddle alone.
    escaped_wells, returned_wells
        Of those with wells.
    """

    workers: int
    row: int
    escaped: tuple[int, ...]
    returned: tuple[int, ...]
    escaped_wells: tuple[int, ...]
    returned_wells: tuple[int, ...]

    @property
    def job(self) -> Job:
        """Which one it is."""
        return self.workers, self.row

    @property
    def backend(self) -> str | None:
        """None: it is computed."""
        return None

    def to_json(self) -> str:
        """Return it as text that `from_json` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read it back; raises ValueError for text that is something else."""
        kept = read_as(_Kept, text)
        return cls(**{name: getattr(kept, name) for name in _Kept.model_fields})


_Counts = tuple[int, ...]


class _Kept(BaseModel):
    """A row as it lies in a file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    workers: int = Field(ge=1)
    row: int = Field(ge=0)
    escaped: _Counts = Field(min_length=len(OF_LIMIT), max_length=len(OF_LIMIT))
    returned: _Counts = Field(min_length=len(OF_LIMIT), max_length=len(OF_LIMIT))
    escaped_wells: _Counts = Field(min_length=len(OF_LIMIT), max_length=len(OF_LIMIT))
    returned_wells: _Counts = Field(min_length=len(OF_LIMIT), max_length=len(OF_LIMIT))


def row_of_returns(task: ReturnsTask, problem: Problem | None = None) -> RowOfReturns:  # noqa: ARG001
    """Compute a row of the map."""
    delay, growing = task.workers - 1, float(GROWING[task.seed])
    seed = np.uint64(parse(task.base).seed)
    found: list[list[tuple[int, int]]] = [[], []]
    counts = np.zeros(2, dtype=np.int64)
    for wells in (0, 1):
        cubic = growing / WELL**2 if wells else 0.0
        for column, part in enumerate(OF_LIMIT.tolist()):
            cell = (task.seed * len(OF_LIMIT) + column) * 2 + wells
            count_returns(
                delay, part * stability_limit(delay), growing, cubic, task.noise, task.runs, seed,
                cell * task.runs, _MOST, window(delay), counts,
            )  # fmt: skip
            found[wells].append((int(counts[0]), int(counts[1])))
    plain, wells_ = (tuple(zip(*one, strict=True)) for one in found)
    return RowOfReturns(task.workers, task.seed, plain[0], plain[1], wells_[0], wells_[1])


def compute_one_cell() -> None:
    """Compute as little as there is, so that the kernel is compiled."""
    count_returns(
        0, 1.0, 0.1, 0.0, 1.0, 1, np.uint64(1), 0, 1, 0, np.zeros(2, dtype=np.int64)
    )  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A cell of the map.

    Attributes
    ----------
    delay, wells
        τ, and whether there are wells.
    stable, growing
        γλ_max and γδ.
    escaped, returned
        Runs that escaped, and of these that came back.
    """

    delay: int
    wells: bool
    stable: float
    growing: float
    escaped: int
    returned: int

    @property
    def growth(self) -> float:
        """z, of the unstable direction."""
        return escape_root(self.growing, self.delay)

    @property
    def is_stable(self) -> bool:
        """Whether γλ_max is below the limit; and 2γδ, the curvature of a well, if there are any."""
        steepest = max(self.stable, 2 * self.growing) if self.wells else self.stable
        return steepest < stability_limit(self.delay)


def interval(count: int, of: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv

    if of == 0:
        return 0.0, 1.0
    low = float(betaincinv(count, of - count + 1, 0.025)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 0.975)) if count < of else 1.0
    return low, high


@dataclass(frozen=True, eq=False)
class ReturnsStudy:
    """A finished map.

    Attributes
    ----------
    scenario
        With its `escape` table filled in.
    noise
        Standard deviation of what an update adds to each coordinate, in radii.
    delays
        τ of each panel.
    cells
        In the order of delays, without wells first, γδ, γλ_max.
    cores, folder
        As of an `EscapeStudy`.
    """

    scenario: Scenario
    noise: float
    delays: tuple[int, ...]
    cells: tuple[Cell, ...]
    cores: int = 1
    folder: Path | None = None

    def panel(self, delay: int, *, wells: bool) -> list[Cell]:
        """Return the cells of one delay, with wells or without."""
        return [cell for cell in self.cells if (cell.delay, cell.wells) == (delay, wells)]


def decides(scenario: Scenario) -> Sequence[str]:
    """Return what decides each run of a settled study, as KEY=VALUE."""
    settings = scenario.escape
    return [*decides_escape(scenario), f"escape.returns={settings.returns if settings else 0}"]


RETURNS = Kind(RowOfReturns.from_json, decides)


def returns(
    scenario: Scenario,
    *,
    folder: str | Path | None = None,
    processes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ReturnsStudy:
    """Compute how often runs come back within R after they escaped, for each γλ_max, γδ and τ.

    Parameters
    ----------
    scenario
        Its table `escape` says for which numbers of workers τ + 1, and how many runs in a cell; its
        step, noise and radius how large the noise of an update is beside R.
    folder, processes, progress
        As for `asysim.escape`; the folder is one of its own.

    Raises
    ------
    InputError
        As for `asysim.escape`; or if there is no noise.
    """
    problem = problem_of(scenario)
    settled, goal = settle(scenario, problem)
    assert settled.escape is not None
    saddle = "no saddle is known" if goal.point is None else saddle_of(problem, goal.point)
    if isinstance(saddle, str):
        raise unfit("problem", saddle, "one whose noise at a saddle is known")
    linear = recursion(settled, problem, saddle)
    if isinstance(linear, str):
        raise unfit("update", linear, "x −= γ · gradient: so the map's runs are")
    noise = float(linear.deviations[0]) / goal.radius
    if noise == 0:
        raise unfit("problem.noise", "none that leads away from the saddle", "more than 0")
    counts, runs = sorted(set(settled.escape.workers)), settled.escape.returns
    text = to_toml(settled)
    tasks = [ReturnsTask(text, p, row, noise, runs) for p in counts for row in range(len(GROWING))]
    with (
        stored(folder, settled, RETURNS) as store,
        simulating(helpers(processes, None), None) as executor,
    ):
        found = _swept(tasks, executor, store, progress)
        where = store.folder if store else None
    cells = [
        cell for p in counts for cell in _cells(p - 1, [found[p, i] for i in range(len(GROWING))])
    ]
    delays = tuple(p - 1 for p in counts)
    return ReturnsStudy(settled, noise, delays, tuple(cells), len(usable_cores()), where)


def _swept(
    tasks: list[ReturnsTask],
    executor: Executor,
    store: Store[RowOfReturns] | None,
    progress: Callable[[int, int], None] | None,
) -> dict[Job, RowOfReturns]:
    jobs = {(task.workers, task.seed): task for task in tasks}
    found = {job: kept for job in jobs if store and (kept := store.find(*job))}

    def told() -> None:
        if progress is not None:
            progress(len(found), len(tasks))

    told()
    left = [task for job, task in jobs.items() if job not in found]
    for row in executor.results(left, row_of_returns):
        if store is not None:
            store.keep(row)
        found[row.job] = row
        told()
    return found


def _cells(delay: int, rows: list[RowOfReturns]) -> list[Cell]:
    limit, made = stability_limit(delay), []
    for wells in (False, True):
        for growing, row in zip(GROWING.tolist(), rows, strict=True):
            escaped = row.escaped_wells if wells else row.escaped
            returned = row.returned_wells if wells else row.returned
            for part, out, back in zip(OF_LIMIT.tolist(), escaped, returned, strict=True):
                made.append(Cell(delay, wells, part * limit, growing, out, back))
    return made
