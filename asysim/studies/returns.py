"""Does a run come back after it escaped? A map over γλ_max, γδ and the delay.

A row of it is made in `asysim.studies.returns_row`, which says what its runs are.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path

from asysim.errors import unfit
from asysim.ground.machine import usable_cores
from asysim.ground.one_line import OneLine
from asysim.replay.room import problem_of
from asysim.scenario import Scenario, to_document, to_toml
from asysim.scenario.models import Algorithm
from asysim.studies.escape import decides as decides_escape
from asysim.studies.escape import settle
from asysim.studies.executor import Progress, sweep
from asysim.studies.returns_row import GROWING, OF_LIMIT, ReturnsTask, RowOfReturns, row_of_returns
from asysim.studies.store import Kind, stored
from asysim.sweeps.maker import making
from asysim.theory.escape_prediction import recursion
from asysim.theory.saddle import Saddle, saddle_of
from asysim.theory.stability import escape_root, stability_limit


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


@dataclass(frozen=True, eq=False, repr=False)
class ReturnsStudy(OneLine):
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

    @property
    def line(self) -> str:
        """Its name, and what was computed."""
        delays = ", ".join(map(str, self.delays))
        return f"{self.scenario.name}: {len(self.cells):,} cells, delays {delays}"

    def panel(self, delay: int, *, wells: bool) -> list[Cell]:
        """Return the cells of one delay, with wells or without."""
        return [cell for cell in self.cells if (cell.delay, cell.wells) == (delay, wells)]


def decides(scenario: Scenario) -> Sequence[str]:
    """Return what decides each run of a settled study, as KEY=VALUE."""
    settings = scenario.escape
    return [*decides_escape(scenario), f"escape.returns={settings.returns if settings else 0}"]


RETURNS = Kind(RowOfReturns.from_json, decides, "escaped_wells")


def without_part(scenario: Scenario) -> list[str]:
    """Return the keys of a scenario that say something of which nothing is in the map.

    Its runs have constant delays, as p equal workers have that take turns, and end as
    `asysim.studies.returns_row` says.
    """
    document = to_document(scenario)
    algorithm, workers = scenario.algorithm, document["workers"]
    plain = Algorithm(name="asysg-con", step=algorithm.step, batch_size=algorithm.batch_size)
    taken = plain.model_dump(mode="json", exclude_none=True)
    found = [f"algorithm.{key}" for key, value in document["algorithm"].items()
             if taken.get(key) != value]  # fmt: skip
    speed = workers.pop("speed", 1.0)
    if isinstance(speed, list) and len(set(speed)) > 1:
        found.append("workers.speed")
    if isinstance(workers.get("compute"), int | float):
        del workers["compute"]
    found += [f"workers.{key}" for key, value in workers.items() if value and key != "count"]
    return found + [key for key in _ABSENT if document.get(key)]


_ABSENT = ("schedule", "coordination", "network", "server", "memory", "faults")


def returns(
    scenario: Scenario,
    *,
    folder: str | Path | None = None,
    processes: int | None = None,
    executor: futures.Executor | None = None,
    progress: Progress | None = None,
) -> ReturnsStudy:
    """Compute how often runs come back within R after they escaped, for each γλ_max, γδ and τ.

    Parameters
    ----------
    scenario
        Its table `escape` says for which numbers of workers τ + 1, and how many runs in a cell; its
        step, noise and radius how large the noise of an update is beside R.
    folder, processes, executor, progress
        As for `asysim.escape`; the folder is one of its own.

    Raises
    ------
    InputError
        As for `asysim.escape`; or if there is no noise.
    """
    problem = problem_of(scenario)
    settled, goal = settle(scenario, problem)
    assert settled.escape is not None
    saddle: Saddle | str = "no saddle is known"
    if goal.point is not None:
        saddle = saddle_of(problem, goal.point, goal.radius)
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

    with making(processes, executor) as maker, stored(folder, settled, RETURNS) as store:
        found = sweep(tasks, maker, store, progress, row_of_returns)
        where = store.folder if store else None
    cells = [
        cell for p in counts for cell in _cells(p - 1, [found[p, i] for i in range(len(GROWING))])
    ]
    delays = tuple(p - 1 for p in counts)
    return ReturnsStudy(settled, noise, delays, tuple(cells), len(usable_cores()), where)


def _cells(delay: int, rows: list[RowOfReturns]) -> list[Cell]:
    limit, made = stability_limit(delay), []
    for wells in (False, True):
        for growing, row in zip(GROWING.tolist(), rows, strict=True):
            escaped = row.escaped_wells if wells else row.escaped
            returned = row.returned_wells if wells else row.returned
            for part, out, back in zip(OF_LIMIT.tolist(), escaped, returned, strict=True):
                made.append(Cell(delay, wells, part * limit, growing, out, back))
    return made
