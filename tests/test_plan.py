"""The plan, held against what is known: an exact law of throughput, and optima by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import asysim
from asysim.errors import InputError
from asysim.runs.crossing import Crossing
from asysim.runs.outcome import MISSED, REACHED
from asysim.scenario import parse
from asysim.show.plan_table import table
from asysim.studies.attempt import Attempt
from asysim.studies.forecast import Forecast
from asysim.studies.geometric_mean import Band
from asysim.studies.plan import Plan, plan
from asysim.theory.network import mean_value_analysis
from tests.support import command

QUEUE = """
name = "queue"
problem = {kind = "quadratic", dimension = 5, noise = 0.1}
algorithm = {name = "asysg-con", step = 1e-3}
workers = {count = 2, compute = {law = "exponential", mean = 1.0}}
server = {service = {law = "exponential", mean = 0.2}}
run = {updates = 20_000, target_loss = 0.05, evaluate_every = 50, smoothing = 2}
"""


class Known:
    """A calibration without uncertainty."""

    def __init__(self, scenario: asysim.Scenario) -> None:
        self._scenario = scenario

    def scenario(self, *, sample: int | None = None) -> asysim.Scenario:  # noqa: ARG002
        return self._scenario


def attempt(workers: int, seed: int, seconds: float, *, met: bool = True) -> Attempt:
    where = Crossing(met, 100.0, 100.0, seconds)
    return Attempt(workers, seed, REACHED if met else MISSED, "", where, 1.0, 0.0, ((), (), ()), {})


def made(times: dict[int, list[float]]) -> Plan:
    rows = {p: [attempt(p, i, t) for i, t in enumerate(row)] for p, row in times.items()}
    return Plan(parse(QUEUE), tuple(Forecast.of(row, rows[1]) for row in rows.values()))


def test_the_answers_of_a_table_made_by_hand():
    # Amdahl's law with 10 % that stays: t_p = 10 (0.1 + 0.9 / p), and a penalty from p = 8 on.
    times = {p: [10 * (0.1 + 0.9 / p) + (0.5 * (p - 4) if p > 4 else 0)] for p in (1, 2, 4, 8, 16)}
    found = made(times)
    assert found.fastest.workers == 4
    assert found.cheapest.workers == 1
    # S / p / t by hand: .1, .1653, .2367, .05 …
    assert found.knee.workers == 4
    # Efficiency 1, .909, .769: it falls below 80 % between 2 and 4.
    high, low = 1 / (2 * (0.1 + 0.45)), 1 / (4 * (0.1 + 0.225))
    assert found.linear_until == pytest.approx(2 + 2 * (high - 0.8) / (high - low))
    assert not found.is_linear_throughout


def test_what_only_lacked_updates_is_not_known():
    rows = {1: [attempt(1, 0, 8.0)], 2: [attempt(2, 0, 5.0)], 4: [attempt(4, 0, 4.0, met=False)]}
    forecasts = tuple(Forecast.of(row, rows[1]) for row in rows.values())
    said = table(Plan(parse(QUEUE), forecasts)).sentence
    assert "Not known of p = 4: 20,000 updates" in said
    assert "run.updates=80000" in said
    assert "Not known" not in table(Plan(parse(QUEUE), forecasts[:2])).sentence


def test_linear_speedup_has_no_end_and_its_fastest_is_the_last():
    found = made({p: [8.0 / p] for p in (1, 2, 4, 8)})
    assert found.is_linear_throughout
    assert found.fastest.workers == found.knee.workers == 8
    assert [row.efficiency for row in found.forecasts] == pytest.approx([1] * 4)


def test_single_runs_say_how_sure_the_fastest_is():
    found = made({1: [4.0, 4.0], 2: [2.0, 2.0], 4: [1.0, 3.0]})
    assert found.fastest_range == (2, 4)


def test_the_band_holds_nine_further_runs_of_ten():
    """4,000 bands of 90 %: between 88.1 and 91.9 % hold the next run, false alarm about 1e-4."""
    random = np.random.Generator(np.random.Philox(key=3))
    held = 0
    for _ in range(4000):
        *seen, further = np.exp(random.normal(1.0, 0.3, size=9))
        band = Band.of(seen)
        held += band.low <= further <= band.high
    assert 0.881 < held / 4000 < 0.919


def test_times_are_those_of_mean_value_analysis():
    """λ_p of a queue at the server; five standard errors, so a false alarm below 1e-4."""
    found = plan(Known(parse(QUEUE)), workers=[1, 4], samples=8, processes=1)
    for row in found.forecasts:
        expected = mean_value_analysis(row.workers, 1.0, 0.2).throughput
        logs = np.log([a.crossing.updates / a.crossing.seconds / expected for a in row.attempts])
        assert abs(logs.mean()) < 5 * logs.std(ddof=1) / math.sqrt(len(logs))


def test_the_search_ends_where_more_workers_bring_nothing():
    """A server of 0.2 s makes 5 updates a second at most; with one worker 1 / 1.2."""
    found = plan(Known(parse(QUEUE)), samples=3, processes=1)
    counts = [row.workers for row in found.forecasts]
    assert counts[:7] == [1, 2, 3, 4, 6, 8, 12]
    assert 12 <= counts[-1] <= 128
    assert 4.5 < found.forecasts[-1].speedup < 6.6  # 1.2 s / 0.2 s, if staleness did nothing
    one = mean_value_analysis(1, 1.0, 0.2).throughput
    ends = [p for p in range(1, 20) if mean_value_analysis(p, 1.0, 0.2).throughput < 0.8 * p * one]
    assert found.linear_until == pytest.approx(ends[0], abs=1.5)


def test_a_recorded_run_is_planned_from_the_command_line(tmp_path):
    asysim.run(parse(QUEUE, "run.updates=4000", "run.target_loss="), folder=tmp_path / "run")
    words = ["plan", tmp_path / "run", "--target", 0.05, "--workers", "1,2,4", "--samples", 3,
             "--change", "run.updates=20000", "--jobs=1", "--out", tmp_path / "plan"]  # fmt: skip
    done = command(*words, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [row["workers"] for row in told["rows"]] == [1, 2, 4]
    assert told["rows"][1]["seconds"] < told["rows"][0]["seconds"]
    names = {path.name for path in (tmp_path / "plan").iterdir()}
    assert {"plan.md", "plan.csv", "plan.png", "study.json", "scenario.toml"} <= names
    shown = command(*words, "--no-pictures")
    assert shown.code == 0, shown.err
    assert told["sentence"].split(":")[0] in " ".join(shown.out.split())


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ([], "--target"),
        (["--target", "1e-9"], "--target"),
        (["--target", "0.05", "--workers", "many"], "--workers"),
        (["--target", "0.05", "--workers", "0"], "--workers"),
    ],
)
def test_what_can_not_be_planned_is_said(tmp_path, words, key):
    run = asysim.run(parse(QUEUE, "run.updates=800", "run.target_loss="))
    run.trace.save(tmp_path / "trace.parquet")
    out = ["--samples", "2", "--jobs=1", "--out", tmp_path / "plan"]
    done = command("plan", tmp_path / "trace.parquet", *words, *out)
    assert done.code == 2, done.err
    assert key in done.err
    assert "Traceback" not in done.err


def test_no_target_is_an_input_error():
    with pytest.raises(InputError, match="--target"):
        plan(Known(parse(QUEUE, "run.target_loss=")))
