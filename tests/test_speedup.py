"""The speedup study, held against laws: known iteration counts, MVA, identities, resumption."""

from __future__ import annotations

import json
import math
import os
import signal
from typing import Any

import numpy as np
import pytest

import asysim
from asysim.errors import InputError
from asysim.replay.curve import Point
from asysim.runs.crossing import crossing
from asysim.runs.folder import default_folder as run_folder
from asysim.runs.outcome import DIVERGED, MISSED
from asysim.scenario import parse
from asysim.scenario.models import Length
from asysim.studies import speedup as study_module
from asysim.studies.geometric_mean import geometric_mean
from asysim.studies.speedup import SpeedupStudy
from asysim.studies.speedup import speedup as study_of
from asysim.studies.store import default_folder
from asysim.studies.task import with_workers
from asysim.theory.network import mean_value_analysis
from tests.processes import ASYSIM, begin, wait_until
from tests.support import command, contents

BOWL = """
name = "bowl"
problem = {kind = "quadratic", eigenvalues = [1.0], noise = 0.0, start = 1.0}
algorithm = {name = "asysg-con", step = 0.05}
workers = {count = 8, compute = 1.0}
run = {updates = 4000, target_loss = 1e-6, evaluate_every = 1}
speedup = {workers = [1, 2, 4, 8], seeds = 1}
"""
NOISY = """
name = "noisy"
problem = {kind = "quadratic", dimension = 10, noise = 0.5}
algorithm = {name = "asysg-con", step = 2e-3}
workers = {count = 4, compute = {law = "exponential", mean = 1e-3}}
run = {updates = 40_000, target_loss = 0.05, evaluate_every = 50, smoothing = 4}
speedup = {workers = [2, 4], seeds = 6}
"""


def speedup(scenario: asysim.Scenario, **more: Any) -> SpeedupStudy:
    """Study in this process, unless told otherwise: others take a second to begin."""
    return study_of(scenario, **({"processes": 1} | more))


def line(slope: float, intercept: float, every: int = 10, count: int = 40) -> list[Point]:
    return [
        Point(k, 2 * k, 0.5 * k, intercept - slope * k, 1.0, 1.0, 0.0, 0)
        for k in range(0, every * count, every)
    ]


@pytest.mark.parametrize("window", [1, 2, 5, 8])
def test_a_straight_curve_crosses_where_the_line_does_whatever_is_smoothed(window):
    length = Length(updates=400, target_loss=0.5, smoothing=window)
    found = crossing(line(0.01, 2.0), length)
    assert found.met
    # by hand: 2 − 0.01 k = 0.5 at k = 150
    assert (found.updates, found.gradients, found.seconds) == pytest.approx((150, 300, 75))


def test_the_sooner_of_two_targets_counts():
    length = Length(updates=400, target_loss=0.5, target_gradient=1.0)
    assert crossing(line(0.01, 2.0), length).updates == 0  # ‖∇f‖² was 1 from the start
    assert crossing(line(0.01, 2.0), Length(updates=400, target_loss=-9)).met is False


def test_a_run_ends_when_the_mean_of_its_last_evaluations_is_the_target():
    for window in (1, 4, 9):
        scenario = parse(NOISY, f"run.smoothing={window}")
        run = asysim.run(scenario)
        losses = run.curve["loss"].to_numpy()
        means = np.convolve(losses, np.ones(window) / window, mode="valid")
        assert run.status == "target reached"
        assert means[-1] <= 0.05 < means[:-1].min()


@pytest.mark.real
def test_real_runs_end_by_the_same_mean():
    scenario = parse(NOISY, "workers.count=1", "run.evaluate_every=500", "run.smoothing=6")
    run = asysim.run(scenario, on="threads")
    losses = run.curve["loss"].to_numpy()
    means = np.convolve(losses, np.ones(6) / 6, mode="valid")
    assert run.status == "target reached"
    assert means[-1] <= 0.05 < means[:-1].min()


def delayed(step: float, workers: int, target: float) -> int:
    """Return the first k with ½ x_k² ≤ target, where x_{k+1} = x_k − a x_{k−min(k, p−1)}."""
    x = [1.0]
    while 0.5 * x[-1] ** 2 > target:
        x.append(x[-1] - step * x[-1 - min(len(x) - 1, workers - 1)])
    return len(x) - 1


def test_iterations_under_a_constant_delay_are_those_of_the_recursion():
    study = speedup(parse(BOWL))
    for row in study.rows:
        expected = delayed(0.05, row.workers, 1e-6)
        (attempt,) = row.attempts
        assert math.ceil(attempt.crossing.updates) == expected
        delays = [min(k, row.workers - 1) for k in range(expected)]
        assert attempt.staleness == pytest.approx(np.mean(delays))
        # Equal workers that take turns: K updates take ⌈K / p⌉ rounds of 1 s.
        assert attempt.throughput == pytest.approx(expected / -(-expected // row.workers))
    counts = {row.workers: delayed(0.05, row.workers, 1e-6) for row in study.rows}
    for row in study.rows:
        ratio = row.workers * counts[1] / counts[row.workers]
        assert row.iteration.value == pytest.approx(ratio, rel=0.02)


def test_a_tiny_step_and_no_network_give_linear_speedup():
    """p lies within five standard errors of the iteration speedup: false alarm below 1e-4."""
    study = speedup(parse(NOISY, "speedup.seeds=10"))
    for row in study.rows[1:]:
        logs = np.log([
            a.crossing.updates / b.crossing.updates
            for a, b in zip(study.rows[0].attempts, row.attempts, strict=True)
        ])  # fmt: skip
        late = (row.workers - 1) / row.updates.value  # the pipe has to fill once
        assert abs(logs.mean()) < 5 * logs.std(ddof=1) / math.sqrt(len(logs)) + late
        assert row.iteration.value == pytest.approx(row.workers, rel=0.1)


def test_speedups_are_the_product_of_two_efficiencies():
    for row in speedup(parse(NOISY, "speedup.seeds=3")).rows:
        product = row.workers * row.statistical.value * row.hardware.value
        assert row.time.value == pytest.approx(product, rel=1e-12)
        assert row.iteration.value == pytest.approx(row.workers * row.statistical.value)
        assert row.throughput.value == pytest.approx(row.updates.value / row.seconds.value)


def test_time_speedup_over_iteration_speedup_is_mean_value_analysis():
    """A queue at the server, exponential service: within five standard errors (about 1e-4)."""
    queue = ("workers.compute={law='exponential', mean=1.0}", "run.updates=60000",
             "server.service={law='exponential', mean=0.1}", "speedup.workers=[8]",
             "speedup.seeds=8", "algorithm.step=5e-4")  # fmt: skip
    study = speedup(parse(NOISY, *queue))
    one, many = study.rows
    expected = (
        mean_value_analysis(8, 1.0, 0.1).throughput / mean_value_analysis(1, 1.0, 0.1).throughput
    )
    assert expected == pytest.approx(6.61682 * 1.1, rel=1e-5)  # FACTS: Z = 1, s = 0.1
    logs = np.log([
        (b.crossing.updates / b.crossing.seconds) / (a.crossing.updates / a.crossing.seconds)
        for a, b in zip(one.attempts, many.attempts, strict=True)
    ])  # fmt: skip
    error = logs.std(ddof=1) / math.sqrt(len(logs))
    assert error < 0.02
    assert abs(logs.mean() - math.log(expected)) < 5 * error
    assert many.hardware.value * 8 == pytest.approx(math.exp(logs.mean()))


def test_the_interval_of_a_geometric_mean_covers_as_often_as_it_says():
    """4,000 intervals of 95 %: between 93.6 and 96.4 % with a false alarm of about 1e-4."""
    random = np.random.Generator(np.random.Philox(key=7))
    covered = 0
    for _ in range(4000):
        estimate = geometric_mean(np.exp(random.normal(0.3, 0.2, size=5)).tolist())
        covered += estimate.low <= math.exp(0.3) <= estimate.high
    assert 0.936 < covered / 4000 < 0.964


# What does not reach the target -----------------------------------------------------------------


def test_runs_that_end_before_the_target_bound_the_speedup():
    long = speedup(parse(BOWL, "speedup.workers=[8]", "algorithm.step=0.12"))
    cut = delayed(0.12, 1, 1e-6) + 3
    short = speedup(parse(BOWL, "speedup.workers=[8]", "algorithm.step=0.12", f"run.updates={cut}"))
    row = short.rows[1]
    assert row.reached == 0
    assert row.endings == {MISSED: 1}
    assert row.iteration.bound == row.time.bound == "at most"
    assert row.updates.bound == "at least"
    assert row.iteration.value > long.rows[1].iteration.value
    assert row.updates.value < long.rows[1].updates.value


def test_diverged_runs_are_counted_and_give_no_speedup():
    study = speedup(parse(BOWL, "algorithm.step=0.9"))  # 0.9 is stable for τ = 0 and 1 alone
    assert [row.reached for row in study.rows] == [1, 1, 0, 0]
    assert study.rows[2].endings == {DIVERGED: 1}
    assert study.rows[2].iteration is None
    assert study.rows[2].time is None


def test_without_one_worker_at_the_target_there_is_no_speedup():
    study = speedup(parse(BOWL, "run.updates=5"))
    assert all(row.iteration is None and row.time is None for row in study.rows)
    assert len(study.rows) == 4


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("run.target_loss=", "run.target_loss"),
        ("run.target_loss=9.0", "run.target_loss"),
        ("workers.speed=[1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]", None),
        ("coordination={kind='backup', needed=4}", "coordination.needed"),
        ("speedup.workers=[16]", None),
        ("speedup.reference={source='x', workers=[1, 2], time=[1.0]}", "speedup.reference.time"),
    ],
)
def test_what_can_not_be_studied_is_said_with_its_key(change, key):
    if key is None:
        assert len(speedup(parse(BOWL, change)).rows) >= 2
        return
    with pytest.raises(InputError) as caught:
        speedup(parse(BOWL, change))
    assert key in str(caught.value)


# Other numbers of workers -----------------------------------------------------------------------


def test_a_study_takes_the_first_workers_and_more_like_the_last():
    scenario = parse(
        BOWL.replace("workers = {count = 8, compute = 1.0}", "network = {pull = 0.1, push = 0.1}"),
        "workers={compute=1.0, groups=[{count=1, pull=0.0, push=0.0}, {count=2, speed=2.0}, "
        "{count=2}]}",
    )
    counts = {
        p: [group.count for group in with_workers(scenario, p).workers.groups]
        for p in (1, 2, 3, 5, 9)
    }
    assert counts == {1: [1], 2: [1, 1], 3: [1, 2], 5: [1, 2, 2], 9: [1, 2, 6]}
    with pytest.raises(InputError, match=r"workers\.speed"):
        with_workers(parse(BOWL, "workers.count=2", "workers.speed=[1.0, 2.0]"), 3)


def test_numbers_of_workers_are_powers_of_two_up_to_the_scenario_s():
    study = speedup(parse(BOWL, "speedup=", "workers.count=6"))
    assert [row.workers for row in study.rows] == [1, 2, 4, 6]
    assert [len(row.attempts) for row in study.rows] == [5] * 4


# Interrupted, resumed, in parallel --------------------------------------------------------------


def test_interrupted_and_resumed_equals_uninterrupted_whatever_computes_it(tmp_path):
    scenario = parse(NOISY, "speedup.seeds=2", "run.evaluate_every=100")

    def stop(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        speedup(scenario, folder=tmp_path / "cut", processes=1, progress=stop)
    assert len(list((tmp_path / "cut" / "attempts").iterdir())) == 3
    seen: list[int] = []
    speedup(scenario, folder=tmp_path / "cut", processes=2, progress=lambda n, _: seen.append(n))
    assert seen == [3, 4, 5, 6]
    speedup(scenario, folder=tmp_path / "whole", processes=1)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_another_study_s_folder_is_left_alone(tmp_path):
    speedup(parse(BOWL), folder=tmp_path / "study")
    whole = contents(tmp_path / "study")
    with pytest.raises(InputError, match="another scenario"):
        speedup(parse(BOWL, "algorithm.step=0.01"), folder=tmp_path / "study")
    assert contents(tmp_path / "study") == whole


@pytest.fixture
def computed(monkeypatch):
    """List the runs that studies compute in this process."""
    jobs = []
    simulate = study_module.simulate_attempt
    monkeypatch.setattr(
        study_module,
        "simulate_attempt",
        lambda task, problem: jobs.append((task.workers, task.seed)) or simulate(task, problem),
    )
    return jobs


@pytest.mark.parametrize(
    ("few", "new"),
    [
        (["speedup.seeds=2"], [(p, seed) for p in (1, 2, 4) for seed in (3, 4)]),
        (["speedup.workers=[2]"], [(4, seed) for seed in (1, 2, 3, 4)]),
        (["speedup=", "workers.count=2", "speedup.seeds=4"], [(4, seed) for seed in (1, 2, 3, 4)]),
        (["speedup.seeds=9"], []),
        (["name=x", "description=y"], []),
    ],
)
def test_more_of_a_study_computes_only_what_is_new(tmp_path, computed, few, new):
    whole = parse(NOISY, "speedup.seeds=4", "run.evaluate_every=400")
    speedup(parse(NOISY, "speedup.seeds=4", "run.evaluate_every=400", *few), folder=tmp_path / "s")
    computed.clear()
    grown = speedup(whole, folder=tmp_path / "s")
    assert sorted(computed) == new
    at_once = speedup(whole, folder=tmp_path / "at once")
    mine, theirs = contents(tmp_path / "s"), contents(tmp_path / "at once")
    assert {name: mine[name] for name in theirs} == theirs
    assert new == [] or mine == theirs
    assert [row.iteration for row in grown.rows] == [row.iteration for row in at_once.rows]
    assert [row.attempts for row in grown.rows] == [row.attempts for row in at_once.rows]


def test_groups_and_speeds_say_which_runs_are_the_same(tmp_path, computed):
    two = ["workers.count=2", "workers.speed=[1.0, 0.5]", "speedup.workers=[2]"]
    four = ["workers.count=4", "workers.speed=[1.0, 0.5, 1.0, 0.5]"]
    speedup(parse(BOWL, *two), folder=tmp_path / "s")
    computed.clear()
    speedup(parse(BOWL, *four, "speedup.workers=[2, 4]"), folder=tmp_path / "s")
    assert computed == [(4, 1)]
    other = parse(BOWL, "workers.count=2", "workers.speed=[1.0, 0.6]", "speedup.workers=[2]")
    with pytest.raises(InputError, match="another scenario"):
        speedup(other, folder=tmp_path / "s")


def test_the_folder_of_a_study_does_not_depend_on_how_much_is_asked(tmp_path):
    base = parse(BOWL)
    place = default_folder(base, "speedup", root=tmp_path)
    for more in (["speedup.seeds=7"], ["speedup.workers=[3]"], ["workers.count=3"], ["speedup="]):
        assert default_folder(parse(BOWL, *more), "speedup", root=tmp_path) == place
    for other in ("algorithm.step=0.01", "seed=2", "run.target_loss=1e-5", "workers.speed=2.0"):
        assert default_folder(parse(BOWL, other), "speedup", root=tmp_path) != place
    old = run_folder(base, tmp_path)  # as it was called when the hash was of the whole scenario
    old.with_name(f"{old.name}-speedup").mkdir()
    assert default_folder(base, "speedup", root=tmp_path) == old.with_name(f"{old.name}-speedup")


def test_simulated_runs_are_not_taken_for_real_ones(tmp_path):
    scenario = parse(BOWL, "speedup.workers=[1]")
    speedup(scenario, folder=tmp_path / "s")
    with pytest.raises(InputError, match="a study of simulated runs"):
        speedup(scenario, folder=tmp_path / "s", on="threads")


def test_a_problem_of_one_s_own_can_be_studied():
    scenario = parse(BOWL)
    own = speedup(scenario, problem=scenario.problem.build())
    same = speedup(scenario)
    assert [row.iteration for row in own.rows] == [row.iteration for row in same.rows]


# On hardware ------------------------------------------------------------------------------------


@pytest.mark.real
def test_a_real_study_tells_no_speedup_in_time_of_more_workers_than_cores():
    crowd = (os.cpu_count() or 1) * 2
    study = speedup(
        parse(NOISY, f"speedup.workers=[{crowd}]", "speedup.seeds=1", "run.evaluate_every=2000"),
        on="threads",
    )
    one, many = study.rows
    assert many.oversubscribed
    assert many.time is None
    assert many.hardware is None
    assert many.throughput is not None
    assert many.iteration is not None
    assert not one.oversubscribed
    assert one.time.value == 1.0


# The command ------------------------------------------------------------------------------------


@pytest.mark.real
def test_the_command_writes_tables_and_goes_on_after_ctrl_c(tmp_path):
    scenario = tmp_path / "noisy.toml"
    scenario.write_text(NOISY)
    slow = ["run.updates=1_500_000", "run.target_loss=1e-9", "run.evaluate_every=5000"]
    place = tmp_path / "long"
    going = begin(*ASYSIM, "speedup", scenario, *slow, "--out", place, "--jobs", 1)
    wait_until(lambda: any(place.glob("attempts/*.json")), going)
    going.send_signal(signal.SIGINT)
    _, said = going.communicate()
    assert going.returncode == 130, said
    assert "are kept in" in said
    words = [scenario, "speedup.seeds=2", "--jobs=1", "--out", tmp_path / "study", "--json"]
    done = command("speedup", *words)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [row["workers"] for row in told["rows"]] == [1, 2, 4]
    names = {path.name for path in (tmp_path / "study").iterdir()}
    assert {"table.md", "table.tex", "table.csv", "speedup.png", "convergence.png"} <= names
    again = command("speedup", *words)
    assert again.out == done.out


def test_the_command_says_what_is_missing(tmp_path):
    scenario = tmp_path / "noisy.toml"
    scenario.write_text(NOISY)
    done = command("speedup", scenario, "run.target_loss=")
    assert done.code == 2
    assert "run.target_loss" in done.err
    assert str(scenario) in done.err
    assert "Traceback" not in done.err
    words = ("run.updates=100", "--jobs=1", "--no-pictures", "--out", tmp_path / "u")
    unreached = command("speedup", scenario, *words)
    assert unreached.code == 3, unreached.err
