"""The map of returns: its kernel against the law of escape, and its limits against the roots."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest

import asysim
from asysim.errors import InputError
from asysim.scenario import parse, vary
from asysim.show.returns_table import table
from asysim.studies import returns as study_module
from asysim.studies.escape import escape
from asysim.studies.returns import Cell, ReturnsStudy, interval, returns, without_part
from asysim.studies.returns_row import GROWING, OF_LIMIT, count_returns
from asysim.theory.escape import escape_times
from asysim.theory.stability import (
    escape_root,
    oscillation_growth,
    oscillation_limit,
    stability_limit,
)
from tests.support import ROOT, command, contents
from tests.test_escape import SADDLE

TWO = ("escape.workers=[1, 3]", "escape.returns=2")


def counted(delay, stable, growing, *, cubic=0.0, noise=1e-3, runs=300, most=100_000, after=300):
    counts = np.zeros(2, dtype=np.int64)
    count_returns(delay, stable, growing, cubic, noise, runs, np.uint64(5), 0, most, after, counts)
    return counts.tolist()


@pytest.mark.parametrize("delay", [0, 1, 4, 16])
def test_the_kernel_escapes_as_the_law_has_it(delay):
    # Five standard deviations of a binomial: a false alarm has probability 6e-7 for another seed.
    law = escape_times(0.1, delay, 1e-3, 1.0)
    runs = 4000
    for k in (int(law.mean - law.deviation), int(law.mean), int(law.mean + law.deviation)):
        escaped, _ = counted(delay, 1e-4, 0.1, runs=runs, most=k, after=0)
        chance = 1 - law.inside[k]
        assert abs(escaped - runs * chance) < 5 * math.sqrt(runs * chance * (1 - chance))


@pytest.mark.parametrize("delay", [1, 4, 16])
def test_within_the_limits_nothing_returns_and_beyond_them_what_oscillates_does(delay):
    limit = stability_limit(delay)
    growing = 0.02 / (delay + 1)
    assert counted(delay, 0.9 * limit, growing, noise=1e-4) == [300, 0]
    assert counted(delay, 1.3 * limit, growing) == [300, 300]
    # Where the unstable direction grows faster than the other's oscillation, it decides.
    stable = 1.3 * limit
    rate = oscillation_growth(stable, delay)
    equal = rate**delay * (rate - 1)
    assert escape_root(equal, delay) == pytest.approx(rate)
    faster, slower = counted(delay, stable, 4 * equal), counted(delay, stable, equal / 4)
    assert faster[1] < 15
    assert slower[1] > 285


@pytest.mark.parametrize("delay", [4, 16])
def test_from_a_well_that_delay_makes_unstable_runs_return(delay):
    limit = stability_limit(delay)
    for part, back in ((0.8, 0), (1.5, 100)):
        growing = part * limit / 2
        found = counted(delay, limit / 2, growing, cubic=growing / 4, runs=100, after=3000)
        assert found == [100, back]


@pytest.mark.parametrize("delay", [1, 2, 5, 16, 64])
def test_limits_of_oscillations_are_where_roots_cross_the_circle(delay):
    assert oscillation_growth(stability_limit(delay), delay) == pytest.approx(1, abs=1e-9)
    # z^{τ+1} − z^τ − a = 0: the largest root is z, the next two are on the circle
    polynomial = np.zeros(delay + 2)
    polynomial[0], polynomial[1], polynomial[-1] = 1, -1, -oscillation_limit(delay)
    moduli = np.sort(np.abs(np.roots(polynomial)))[::-1]
    assert moduli[0] == pytest.approx(escape_root(oscillation_limit(delay), delay))
    assert moduli[1] == pytest.approx(1, abs=1e-9)


def test_without_delay_nothing_but_the_sign_changes():
    assert oscillation_growth(2.5, 0) == 1.5
    assert oscillation_limit(0) == math.inf


@pytest.mark.parametrize("call", [oscillation_limit, lambda tau: oscillation_growth(0.1, tau)])
def test_delays_are_not_negative(call):
    with pytest.raises(ValueError, match="delay ≥ 0"):
        call(-1)


def test_intervals_of_shares():
    assert interval(0, 50) == (0.0, pytest.approx(1 - 0.025 ** (1 / 50)))
    assert interval(50, 50) == (pytest.approx(0.025 ** (1 / 50)), 1.0)
    low, high = interval(20, 100)
    assert (low, high) == pytest.approx((0.1267, 0.2918), abs=1e-4)  # by tables of the binomial


class KilledError(Exception):
    """Stands for whatever ends a study."""


def test_a_map_goes_on_and_is_the_same_whoever_computes_it(tmp_path, monkeypatch):
    scenario = parse(SADDLE, *TWO)
    whole = returns(scenario, processes=1)
    assert len(whole.cells) == 2 * 2 * len(GROWING) * len(OF_LIMIT)
    assert whole.noise == pytest.approx(1e-3)
    made, compute = [], study_module.row_of_returns

    def dies(task, problem):
        if len(made) == 3:
            raise KilledError
        made.append(compute(task, problem))
        return made[-1]

    with monkeypatch.context() as patched:
        patched.setattr(study_module, "row_of_returns", dies)
        with pytest.raises(KilledError):
            returns(scenario, folder=tmp_path / "map", processes=1)
    assert len(contents(tmp_path / "map" / "attempts")) == 3
    calls = []
    again = returns(
        scenario, folder=tmp_path / "map", processes=2,
        progress=lambda done, of: calls.append((done, of)),
    )  # fmt: skip
    assert again.cells == whole.cells
    assert calls[0] == (3, 2 * len(GROWING))
    lines = list(csv.DictReader(table(again).csv().splitlines()))
    assert len(lines) == len(whole.cells)
    assert all(float(one["low"]) <= float(one["high"]) for one in lines)


@pytest.mark.parametrize(
    ("change", "key"),
    [("problem.noise=0", "problem.noise"), ("update.momentum=0.5", "update")],
)
def test_what_has_no_map_is_one_fault(change, key):
    with pytest.raises(InputError) as found:
        returns(parse(SADDLE, *TWO, change))
    (fault,) = found.value.faults
    assert fault.key == key


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ([], []),
        (["escape.seeds=3", "workers.count=9", "run.updates=77", "workers.compute=0.5"], []),
        (["algorithm.name='asysg-incon'"], ["algorithm.name"]),
        (["algorithm.staleness_bound=9", "algorithm.gradients_per_update=2"],
         ["algorithm.gradients_per_update", "algorithm.staleness_bound"]),
        (["workers.compute={law='exponential', mean=1.0}", "workers.speed=[1, 1, 1, 1, 2]"],
         ["workers.speed", "workers.compute"]),
        (["network={pull=0.1}", "coordination={kind='rennala', batch=2}"],
         ["coordination", "network"]),
        (["faults={loss=0.1, timeout=9.0}", "server={service=0.1}"], ["server", "faults"]),
    ],
)  # fmt: skip
def test_what_of_the_scenario_has_no_part_in_the_map_is_named(changes, keys):
    scenario = parse(SADDLE, *changes)
    assert without_part(scenario) == keys
    study = ReturnsStudy(scenario, 1e-3, (0, 2), ())
    named = [note for note in table(study).notes if "No part in it" in note]
    assert named == ([f"No part in it has: {', '.join(keys)}."] if keys else [])


def test_where_nothing_can_be_told_the_sentence_says_why():
    scenario = parse(SADDLE)
    loud = ReturnsStudy(scenario, 100.0, (0,), (Cell(0, False, 0.5, 0.1, 40, 30),))
    assert table(loud).sentence.startswith("The noise of an update is 100 R: for no γδ within the")
    none = ReturnsStudy(scenario, 1e-3, (0,), (Cell(0, False, 0.5, 0.1, 0, 0),))
    assert table(none).sentence.startswith("No run within the limits escaped")


def test_studies_of_different_kinds_do_not_share_a_folder(tmp_path):
    scenario = parse(SADDLE, "escape={workers=[1], seeds=2, returns=1}", "run.updates=200")

    def speedup(folder):
        asysim.speedup(vary(scenario, "run.target_loss=-0.01"), folder=folder, processes=1)

    kinds = {
        "escape": lambda folder: escape(scenario, folder=folder, processes=1),
        "returns": lambda folder: returns(scenario, folder=folder, processes=1),
    }
    for name, make in kinds.items():
        folder = tmp_path / name
        make(folder)
        before = contents(folder / "attempts")
        for other in kinds:
            if other != name:
                with pytest.raises(InputError, match="a study of another kind"):
                    kinds[other](folder)
        with pytest.raises(InputError, match="a study of another"):
            speedup(folder)
        assert contents(folder / "attempts") == before
        make(folder)  # and goes on


def test_the_command_draws_it(tmp_path):
    out = tmp_path / "map"
    words = ["escape", str(ROOT / "scenarios/saddle.toml"), "--returns", *TWO, "--jobs=1"]
    said = command(*words, "--out", str(out), "--json")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out)["runs"] == 2
    assert {"returns.png", "table.md", "table.csv"} <= {path.name for path in out.iterdir()}
