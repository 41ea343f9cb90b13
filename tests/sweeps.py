"""A sweep that tests make in many ways, to the same bytes each time."""

from __future__ import annotations

from tests.support import command, contents

AXES = (
    "workers.count=1,2,3", "algorithm.step=0.01:0.04:3:log", "coordination=,{kind='ssp',slack=1}",
)  # fmt: skip
MORE = ("run.target_loss=0.05", "run.updates=40")
REPEATS = 2
RUNS = 36


def words(file, folder, *more):
    return ["sweep", file, *AXES, *MORE, f"--repeats={REPEATS}", f"--out={folder}", "--no-pictures",
            *more]  # fmt: skip


def swept(file, folder, *more):
    return command(*words(file, folder, *more))


def rows(folder):
    """Return the bytes of all rows of a sweep."""
    found = contents(folder / "runs")
    assert found
    return found
