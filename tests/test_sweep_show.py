"""A sweep as people see it: medians of points, the best one, lines and a map."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import asysim
from asysim.show.picture import new_picture
from asysim.show.sweep_picture import save_all
from asysim.show.sweep_table import table
from asysim.sweeps.points import points_of
from tests.support import CON, scenario


@pytest.fixture(scope="module")
def study():
    """Steps of which the shortest does not reach the target, and the longest diverges."""
    return asysim.sweep(
        scenario(CON, "run.updates=200", "run.evaluate_every=20", "run.target_loss=0.6"),
        {"workers.count": [1, 2, 4], "algorithm.step": [1e-5, 0.01, 0.04, 1e6],
         "coordination": [None, {"kind": "ssp", "slack": 1}]},
        repeats=3, processes=1,
    )  # fmt: skip


def test_a_point_is_the_median_of_its_runs(study):
    points = points_of(study)
    assert len(points) == study.design.points == 24
    for point, runs in study.table.groupby("point"):
        told = points.loc[point]
        reached = runs[runs["met"].fillna(value=False)]
        assert (told["runs"], told["reached"]) == (3, len(reached))
        assert told["failed"] == (runs["status"] == "diverged").sum()
        if len(reached) == 3:
            assert told["seconds_to_target"] == np.median(reached["seconds_to_target"])
        elif len(reached) < 2:
            assert told["seconds_to_target"] == math.inf


def test_the_sentence_names_the_best_point(study):
    points = points_of(study)
    best = points.loc[points["seconds_to_target"].idxmin()]
    shown = table(study)
    assert f"workers.count = {best['workers.count']}" in shown.sentence
    assert f"algorithm.step = {best['algorithm.step']:g}" in shown.sentence
    assert "18 of 72 runs failed: " in " ".join(shown.notes)
    assert len(shown.records) == 24
    assert shown.json()
    assert "diverged" in shown.markdown()


def test_a_map_shows_each_cell_at_the_best_of_the_other_axes(study):
    _, (ax,) = new_picture(1, 1, (4.0, 3.0))
    axes = asysim.plots.sweep_map(study, ax=ax)
    assert axes is ax
    points = points_of(study)
    best = points.groupby(["algorithm.step", "workers.count"])["seconds_to_target"].min()
    cells = axes.collections[0].get_array().filled(np.nan)
    expected = best.to_numpy().reshape(4, 3)
    np.testing.assert_array_equal(cells, np.where(np.isfinite(expected), expected, np.nan))
    assert [one.get_text() for one in axes.get_xticklabels()] == ["1", "2", "4"]
    assert [one.get_text() for one in axes.get_yticklabels()] == ["1e-05", "0.01", "0.04", "1e+06"]


def test_lines_show_each_value_of_an_axis(study):
    axes = asysim.plots.sweep_lines(study, by="algorithm.step", value="mean_staleness")
    points = points_of(study)
    lines = {line.get_label(): line for line in axes.lines}
    assert set(lines) == {"1e-05", "0.01", "0.04", "1e+06: nowhere"}
    of = points[points["algorithm.step"] == 0.01].groupby("workers.count")["mean_staleness"].min()
    np.testing.assert_array_equal(lines["0.01"].get_ydata(), of.to_numpy())


def test_without_a_target_nothing_is_said_of_one():
    made = asysim.sweep(scenario(CON), {"workers.count": [1, 2]}, repeats=2, processes=1)
    shown = table(made)
    assert shown.notes == ["Medians over the runs of a point."]
    assert "target" not in shown.markdown() + shown.sentence
    assert shown.sentence.startswith("Best by loss at the end: ")


def test_a_target_that_nobody_met_is_told():
    hard = scenario(CON, "run.target_loss=1e-9")
    made = asysim.sweep(hard, {"workers.count": [1, 2]}, processes=1)
    assert table(made).notes == ["No run came to the target."]


def test_a_map_takes_two_axes():
    one = asysim.sweep(scenario(CON), {"workers.count": [1, 2]}, processes=1)
    with pytest.raises(ValueError, match="two axes"):
        asysim.plots.sweep_map(one)


@pytest.mark.parametrize(
    "axes",
    [
        {"engine": ["simpy", "compiled"]},
        {"workers.count": [1]},
        {"workers.count": [1, 2], "engine": ["simpy", "compiled"], "seed": [1, 2]},
        {"algorithm.step": "loguniform(1e-3,1e-1)", "workers.count": [1, 2]},
        {"coordination": [None, {"kind": "ssp", "slack": 1}], "update.average": [True, False]},
    ],
    ids=lambda axes: " ".join(axes),
)
def test_any_sweep_has_a_table_and_pictures(axes, tmp_path):
    made = asysim.sweep(scenario(CON), axes, samples=3, processes=1)
    assert table(made).csv().count("\n") == made.design.points + 1
    drawn = save_all(made, tmp_path)
    differing = [key for key, values in axes.items() if len(values) > 1 and key != "seed"]
    assert len(drawn) == min(2, len(differing))
    assert isinstance(made.table, pd.DataFrame)
