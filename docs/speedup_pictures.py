"""One free parameter for a row: python docs/speedup_pictures.py (ten minutes).

Scans the step and the communication cost of both tables of Lian et al. 2015, one at a time, and
prints for each value the row that comes out and its largest deviation from the paper's; draws the
pictures of docs/speedup.md.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

import asysim
from asysim.show.picture import new_picture, save_picture
from asysim.show.speedup_picture import save_all
from asysim.studies.comparison import Comparison

HERE = Path(__file__).parent
PICTURES, SCENARIOS = HERE / "pictures", HERE.parent / "scenarios"
STEPS = {
    "con": (0.002, 0.005, 0.008, 0.0105, 0.012, 0.014),
    "incon": (3e-4, 5e-4, 1e-3, 2e-3, 4e-3),
}
SEEDS = {"con": 12, "incon": 2}
COSTS = {"con": (0.0, 6.25e-5, 1.25e-4, 1.875e-4, 2.5e-4), "incon": (0.0, 0.02, 0.04, 0.06, 0.1)}
COST = {"con": "latency each way", "incon": "contention"}


def study(table: str, *changes: str) -> asysim.SpeedupStudy:
    """Run a table's study with fewer seeds."""
    few = f"speedup.seeds={SEEDS[table]}"
    return asysim.speedup(asysim.load(SCENARIOS / f"lian2015_{table}.toml", few, *changes))


def with_cost(table: str, cost: float) -> list[str]:
    """Return the changes that give a table another communication cost."""
    if table == "incon":
        return [f"memory.contention={cost}"]
    return [f"network.pull={cost}", f"network.push={cost}"]


def line(value: str, found: asysim.SpeedupStudy, kind: str) -> str:
    """Return a line of a table: the row, and its largest deviation from the reference."""
    cells = [cell(row, kind) for row in found.rows]
    told = all(row.reached == len(row.attempts) for row in found.rows)
    largest = found.largest_deviation(kind)
    deviation = f"{100 * abs(largest[0]):.1f} %" if told and largest else "not all get there"
    return f"| {value} | {' | '.join(cells)} | {deviation} |"


def cell(row: Comparison, kind: str) -> str:
    """Write a speedup, or how many runs met the target."""
    estimate = getattr(row, kind)
    if row.reached < len(row.attempts) or estimate is None:
        return f"{row.reached}/{len(row.attempts)}"
    return f"{estimate.value:.3g}"


def draw(axes: Axes, studies: dict[str, asysim.SpeedupStudy], kind: str, title: str) -> None:
    """Draw a row for each value, and the paper's."""
    shades = np.linspace(0.1, 0.9, len(studies))
    for (label, found), shade in zip(studies.items(), shades, strict=True):
        rows = [row for row in found.rows if row.reached == len(row.attempts)]
        color = (0.15, 0.3 + 0.5 * shade, 0.75 - 0.5 * shade)
        axes.plot([row.workers for row in rows], [getattr(row, kind).value for row in rows], "o-",
                  ms=3, color=color, label=label)  # fmt: skip
    settings = next(iter(studies.values())).scenario.speedup
    assert settings is not None
    assert settings.reference is not None
    reference = settings.reference
    axes.plot(reference.workers, getattr(reference, kind), "D", mfc="none", ms=7, color="#c23b3b",
              label="paper")  # fmt: skip
    axes.plot([1, max(reference.workers)], [1, max(reference.workers)], "--", lw=1, color="black")
    axes.set(xlabel="workers $p$", ylabel=f"{kind} speedup", title=title)
    axes.legend(fontsize=8.5)


def main() -> None:
    """Print the scans and draw everything."""
    for table in ("con", "incon"):
        counts = " | ".join(str(p) for p in asysim.load(
            SCENARIOS / f"lian2015_{table}.toml").speedup.workers)  # fmt: skip
        figure, (left, right) = new_picture(1, 2, (12.0, 4.4))
        for axes, kind, name, values in (
            (left, "iteration", "γ", STEPS[table]),
            (right, "time", COST[table], COSTS[table]),
        ):
            found = {
                f"{value:g}": study(
                    table,
                    *([f"algorithm.step={value}"] if name == "γ" else with_cost(table, value)),
                )
                for value in values
            }
            print(f"\n{table}, {kind}\n\n| {name} | {counts} | largest deviation |")
            print("|--:|" + "--:|" * (counts.count("|") + 2))
            for value, one in found.items():
                print(line(value, one, kind), flush=True)
            title = f"AsySG-{table}: {kind} speedup by {name}"
            draw(axes, {f"{name} = {value}": one for value, one in found.items()}, kind, title)
        save_picture(figure, PICTURES / f"speedup_{table}_scan.png")
    with tempfile.TemporaryDirectory() as folder:
        for table in ("con", "incon"):
            whole = asysim.speedup(asysim.load(SCENARIOS / f"lian2015_{table}.toml"))
            for path in save_all(whole, Path(folder)):
                shutil.copy(path, PICTURES / f"lian2015_{table}_{path.name}")


if __name__ == "__main__":
    main()
