"""Calibration: a recorded cluster, fitted and simulated again, is the same cluster.

Counts of intervals that hold the truth fail once in 10,000 sets of seeds each; seeds are fixed.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asysim
from asysim.calibration import CONSTANT, ESTIMATED, FITS, calibrate
from asysim.scenario import load, parse, to_toml, vary
from asysim.trace import Trace
from asysim.trace.gradient import Gradient
from asysim.trace.info import TraceInfo
from tests.strategies import bounds, con_documents, incon_documents, recorded, with_algorithm
from tests.support import CON, INCON, command, only_fault, scenario
from tests.test_calibration_coverage import SEEDS, enough

STAR = """
seed = 3
[problem]
kind = "quadratic"
[algorithm]
name = "asysg-con"
step = 0.01
[workers]
count = 5
compute = {law = "gamma", mean = 1e-3, cv = 0.5}
[network]
pull = {law = "exponential", mean = 1e-4}
push = {law = "lognormal", mean = 2e-4, cv = 0.5}
bandwidth = 1e8
[server]
service = {law = "exponential", mean = 1e-4}
"""
MEMORY = """
seed = 3
[problem]
kind = "quadratic"
[algorithm]
name = "asysg-incon"
step = 0.01
[workers]
count = 6
compute = {law = "gamma", mean = 3e-4, cv = 0.3}
[memory]
read = {law = "gamma", mean = 4e-5, cv = 0.2}
write = {law = "gamma", mean = 8e-5, cv = 0.3}
contention = 0.2
"""
GROUPS = (
    "workers={compute={law='gamma', mean=1e-3, cv=0.5}, groups=[{count=2}, {count=3, speed=0.4}]}"
)
BESIDE = (
    "workers={compute={law='gamma', mean=1e-3, cv=0.5}, "
    "groups=[{count=1, pull=0, push=0, bandwidth=1e18}, {count=4}]}"
)
LOOPS = {
    "star": (STAR,),
    "groups": (STAR, GROUPS),
    "beside": (STAR, BESIDE),
    "own laws": (STAR, "workers.groups=[{count=3}, {count=2, compute=2e-3}]", "workers.count="),
    "saturated": (STAR, "server.service=4e-4"),
    "waiting": (STAR, "algorithm.staleness_bound=2"),
    "dropping": (STAR, "algorithm.staleness_bound=3", "algorithm.beyond_bound=discard"),
    "several": (STAR, "algorithm.gradients_per_update=3", "server.service=5e-5"),
    "barrier": (STAR, "coordination.kind=synchronous", "server.service=2e-5"),
    "turns": (STAR, "coordination.kind=round-robin"),
    "ssp": (STAR, "coordination={kind='ssp', slack=2}"),
    "shards": (STAR, "server={service=1e-5, shards=3}"),
    "interface": (STAR, "network.server_bandwidth=1e7"),
    "losses": (STAR, "faults={loss=0.05, timeout=1e-3}"),
    "memory": (MEMORY,),
    "blocks": (MEMORY, "algorithm.write=block", "algorithm.blocks=4"),
    "alone": (MEMORY, "workers.count=1"),
    "bound": (MEMORY, "algorithm.staleness_bound=3"),
}
UPDATES, DIMENSION = 150_000, 3000


def throughput(trace):
    return trace.updates / trace.duration


def fit_of(found, name):
    (fit,) = (fit for fit in found.fits if fit.name == name)
    return fit


def names(found):
    return [fit.name for fit in found.fits]


# The loop


@pytest.mark.parametrize("name", LOOPS)
def test_a_fitted_cluster_has_the_throughput_of_the_one_it_was_fitted_to(name):
    """Within 1 %: 150,000 updates of independent times vary by 0.1 … 0.25 %, twice, and one fit.

    About four standard deviations or more; seeds are fixed. A synchronous round is 5 gradients.
    """
    text, *overrides = LOOPS[name]
    true = parse(text, *overrides)
    trace = recorded(true, UPDATES, dimension=DIMENSION)
    found = calibrate([trace], samples=0)
    again = recorded(vary(found.scenario(), "seed=4"), UPDATES, dimension=DIMENSION)
    assert throughput(again) == pytest.approx(throughput(trace), rel=0.01)
    assert parse(to_toml(found.scenario())) == found.scenario()


@pytest.mark.parametrize("text", [STAR, MEMORY])
def test_the_command_closes_the_loop(text, tmp_path):
    """Record, fit by the command, simulate what it wrote with another seed: within 1 %.

    With 60,000 updates that is three standard deviations or more of each of the two.
    """
    true = parse(text, "workers.count=4")
    trace = recorded(true, 60_000, dimension=DIMENSION)
    trace.save(tmp_path / "trace.parquet")
    said = command("calibrate", tmp_path / "trace.parquet", "--out", tmp_path / "fitted.toml")
    assert said.code == 0, said
    assert "fitted.toml" in said.out
    fitted = load(tmp_path / "fitted.toml", "seed=77")
    again = recorded(fitted, 60_000, dimension=DIMENSION)
    assert throughput(again) == pytest.approx(throughput(trace), rel=0.01)


def test_the_same_traces_give_the_same_bytes(tmp_path):
    trace = recorded(parse(STAR), 2000)
    files = [tmp_path / name / "s.toml" for name in "ab"]
    written = [calibrate([trace], samples=49).save(file, sample=7) for file in files]
    for one, other in zip(*written, strict=True):
        assert one.read_bytes() == other.read_bytes()
    first = calibrate([trace], samples=49)
    assert to_toml(first.scenario(sample=1)) != to_toml(first.scenario(sample=2))


def test_draws_are_as_wide_as_the_intervals():
    """Of 300 sampled scenarios' mean computing times 95 % are in the interval: binomial, 1e-4."""
    found = calibrate([recorded(parse(STAR), 1000)], samples=0)
    told = fit_of(found, "compute").estimates["mean"]
    means = np.array([found.scenario(sample=i).workers.compute.mean for i in range(300)])
    inside = int(((told.low <= means) & (means <= told.high)).sum())
    assert enough(inside, 300)
    assert inside < 300


# Workers that differ


def test_a_worker_beside_the_server_is_told_apart():
    """Worker 0 has no network to cross; the four others are one group, which can be extended."""
    found = calibrate([recorded(parse(STAR, BESIDE), 20_000)], samples=0)
    first, others = found.scenario().workers.groups
    assert (first.count, others.count) == (1, 4)
    assert first.pull.mean == first.push.mean == 0
    assert others.pull.mean == pytest.approx(1e-4, rel=0.03)
    assert others.push.mean == pytest.approx(2e-4, rel=0.03)
    assert first.compute is None
    assert others.speed == 1


def test_speeds_are_found_with_their_intervals():
    """100 runs of 1,500 gradients; two groups are told apart in each, and their ratio is known."""
    held = []
    for seed in range(100):
        found = calibrate([recorded(parse(STAR, GROUPS, f"seed={seed}"), 1500)], samples=0)
        told = fit_of(found, "speed, workers 2–4").estimates["speed"]
        held.append(told.low <= 0.4 <= told.high)
    assert enough(sum(held), 100), sum(held)


def test_alike_workers_are_hardly_ever_told_apart():
    """At most once in 1,000 stages: of 400 (4 stages, 100 runs) more than 5 are 1 in 100,000."""
    split = 0
    for seed in range(100):
        found = calibrate([recorded(parse(STAR, f"seed={seed}"), 1000)], samples=0)
        split += sum("worker" in name for name in names(found))
    assert split <= 10  # each counts twice or more


def test_interleaved_workers_are_groups_in_the_order_of_their_numbers():
    true = parse(STAR, "workers.speed=[1.0, 0.5, 1.0, 0.5, 0.5]")
    found = calibrate([recorded(true, 20_000)], samples=0)
    groups = found.scenario().workers.groups
    assert [group.count for group in groups] == [1, 1, 1, 2]
    assert [group.speed for group in groups] == pytest.approx([1, 0.5, 1, 0.5], rel=0.03)


def test_a_million_times_do_not_split_a_group_by_next_to_nothing():
    true = parse(STAR, "workers.speed=[1.0, 1.0, 1.005, 1.0, 1.0]", "server.service=0")
    found = calibrate([recorded(true, 200_000)], samples=0)
    assert not found.scenario().workers.groups


# Latency, bandwidth, contention


def test_messages_of_two_sizes_tell_latency_from_bandwidth():
    """100 pairs of runs, of 100 and of 5,000 numbers: three intervals, each binomial."""
    held = {"bandwidth": 0, "pull": 0, "push": 0}
    for seed in range(100):
        true = parse(STAR, f"seed={seed}")
        small = recorded(true, 500, dimension=100)
        large = recorded(vary(true, f"seed={seed + 1000}"), 500, dimension=5000)
        found = calibrate([small, large], samples=0)
        for name, key, value in (
            ("bandwidth", "bandwidth", 1e8),
            ("pull", "mean", 1e-4),
            ("push", "mean", 2e-4),
        ):
            told = [fit.estimates.get(key) for fit in found.fits if fit.name == name]
            held[name] += not told or told[0] is None or told[0].low <= value <= told[0].high
    for name, count in held.items():
        assert enough(count, 100), (name, count)


def test_constant_latencies_and_a_bandwidth_are_found_to_a_tick():
    overrides = ("network={pull=1e-4, push=2e-4, bandwidth=1e8}",)
    runs = [recorded(parse(STAR, *overrides), 500, dimension=n) for n in (100, 5000)]
    found = calibrate(runs)
    network = found.scenario().network
    assert network.pull.value == pytest.approx(1e-4, abs=2e-9)
    assert network.push.value == pytest.approx(2e-4, abs=2e-9)
    assert network.bandwidth == pytest.approx(1e8, rel=1e-4)
    assert fit_of(found, "pull").verdict == fit_of(found, "push").verdict == CONSTANT


def test_one_size_is_said_to_tell_only_the_sum():
    found = calibrate([recorded(parse(STAR), 500)], samples=0)
    assert any("can't be told apart by messages of one size" in w for w in found.warnings)
    assert found.scenario().network.bandwidth is None


def test_contention_is_found_with_its_interval():
    """200 runs of 600 gradients: c of W(1 + c·b), and the mean of W, each binomial."""
    held = {"contention": 0, "write sweep": 0}
    for seed in range(SEEDS):
        found = calibrate([recorded(parse(MEMORY, f"seed={seed}"), 600)], samples=0)
        told = [fit.estimates["contention"] for fit in found.fits if fit.name == "contention"]
        held["contention"] += bool(told) and told[0].low <= 0.2 <= told[0].high
        mean = fit_of(found, "write sweep").estimates.get("mean")
        held["write sweep"] += mean is not None and mean.low <= 8e-5 <= mean.high
    for name, count in held.items():
        assert enough(count, SEEDS), (name, count)


def test_a_constant_write_shows_its_contention_exactly():
    found = calibrate([recorded(parse(MEMORY, "memory.write=8e-5"), 3000)])
    told = fit_of(found, "contention")
    assert told.verdict == ESTIMATED
    assert told.estimates["contention"].value == pytest.approx(0.2, abs=1e-4)
    assert fit_of(found, "write sweep").verdict == CONSTANT


# What is said


def test_what_can_not_be_told_is_kept_and_said():
    found = calibrate([recorded(parse(*LOOPS["interface"]), 2000)], samples=0)
    assert found.scenario().network == parse(*LOOPS["interface"]).network
    assert any(warning.startswith("network can't be told") for warning in found.warnings)


def test_what_the_scenario_tells_of_is_no_doubt():
    """An interface, shards, losses that are in the runs' scenario are in the fitted one too."""
    for name in ("star", "interface", "shards", "losses", "turns", "bound"):
        found = calibrate([recorded(parse(*LOOPS[name]), 5000, dimension=DIMENSION)], samples=0)
        assert not found.doubts, name


def test_slow_spells_are_seen():
    spells = "workers.power={kind='spells', normal=0.02, slow=0.02, power=0.2}"
    found = calibrate([recorded(parse(STAR, spells), 5000)], samples=0)
    assert any("depends on the one before" in warning for warning in found.warnings)


def test_slower_computing_with_more_workers_is_seen_and_the_most_workers_count():
    few = recorded(parse(STAR, "workers.count=1"), 2000)
    slow = "workers.compute={law='gamma', mean=1.5e-3, cv=0.5}"
    many = recorded(parse(STAR, "workers.count=4", slow), 2000)
    found = calibrate([few, many], samples=0)
    assert any("times differ between 1 and 4 workers" in warning for warning in found.warnings)
    assert found.scenario().workers.count == 4
    assert found.scenario().workers.compute.mean == pytest.approx(1.5e-3, rel=0.1)


# Files and errors


def refusal(*words):
    said = command("calibrate", *words)
    assert said.code == 2, said
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.err.count("error") == 1, said.err
    return said.err


def test_json_is_one_line_of_what_the_table_says(tmp_path):
    recorded(parse(STAR), 1000).save(tmp_path / "t.parquet")
    said = command("calibrate", tmp_path / "t.parquet", "--json")
    assert said.code == 0
    assert said.out.count("\n") == 1
    document = json.loads(said.out)
    assert [fit["name"] for fit in document["fits"]] == ["compute", "pull", "push", "service"]
    assert {fit["verdict"] for fit in document["fits"]} <= {FITS, CONSTANT, "none of these fits"}
    assert document["files"] == []


def test_an_empirical_law_is_a_file_beside_the_scenario(tmp_path):
    two = "{law='mixture', weights=[1, 1], laws=[{law='gamma', mean=1e-3, cv=0.05}, 5e-3]}"
    asysim_run = tmp_path / "run"
    asysim_run.mkdir()
    recorded(parse(STAR, f"workers.compute={two}"), 2000).save(asysim_run / "trace.parquet")
    said = command("calibrate", asysim_run, "--out", tmp_path / "new" / "s.toml")
    assert said.code == 0, said
    text = (tmp_path / "new" / "s.toml").read_text()
    assert 'file = "s.workers.compute.txt"' in text
    assert str(tmp_path) not in text
    law = load(tmp_path / "new" / "s.toml").workers.compute
    assert law.mean == pytest.approx(3e-3, rel=0.1)
    assert len(law.times) > 1900


def test_no_trace_and_no_file(tmp_path):
    assert "one run folder or more" in refusal()
    text = refusal(tmp_path / "none.parquet")
    assert "none.parquet" in text
    assert "no such file" in text
    (tmp_path / "empty").mkdir()
    assert "no trace.parquet" in refusal(tmp_path / "empty")
    (tmp_path / "text.parquet").write_text("not a trace")
    assert "not a whole Parquet file" in refusal(tmp_path / "text.parquet")


def test_a_place_that_can_not_be_written(tmp_path):
    recorded(parse(STAR), 200).save(tmp_path / "t.parquet")
    (tmp_path / "taken").write_text("")
    assert "--out" in refusal(tmp_path / "t.parquet", "--out", tmp_path / "taken" / "s.toml")


def test_traces_that_tell_nothing_are_refused_with_their_name():
    rows = [Gradient(0, k, k, k, *(k * 1e-3 + i * 1e-4 for i in range(5))) for k in range(50)]
    by_hand = Trace.from_gradients(rows, TraceInfo("asysg-con", 1, 3))
    fault = only_fault(calibrate, [by_hand], sources=["hand.parquet"])
    assert (fault.source, fault.found) == ("hand.parquet", "no scenario")
    one = recorded(parse(STAR), 100)
    fault = only_fault(calibrate, [one[:0]], sources=["empty.parquet"])
    assert (fault.source, fault.found) == ("empty.parquet", "no gradients")
    fault = only_fault(calibrate, [one[:7]], sources=["short.parquet"])
    assert fault.source == "short.parquet"
    assert "at least 20" in fault.expected
    old = replace(one, info=replace(one.info, scenario={"name": "old", "wrokers": 3}))
    fault = only_fault(calibrate, [old], sources=["old.parquet"])
    assert fault.source == "old.parquet"
    assert only_fault(calibrate, []).expected == "should be one trace or more"
    fault = only_fault(calibrate([one], samples=0).scenario, sample=-1)
    assert fault.key == "sample"


@pytest.mark.parametrize(
    "rule",
    [
        "{kind='backup', needed=3}",
        "{kind='mindflayer', trials=1, seconds=1e-3}",
        "{kind='ringmaster', delay=3, late='stop'}",
    ],
)
def test_gradients_that_were_stopped_tell_too_little(rule):
    trace = recorded(parse(STAR, f"coordination={rule}"), 500)
    fault = only_fault(calibrate, [trace], sources=["stopped.parquet"])
    assert fault.source == "stopped.parquet"
    assert "half way" in fault.found


def test_traces_of_different_things_are_refused():
    con, incon = recorded(parse(STAR), 100), recorded(parse(MEMORY), 100)
    fault = only_fault(calibrate, [con, incon], sources=["a", "b"])
    assert fault.source == "b"
    assert "a" in fault.expected
    other = recorded(parse(STAR, "algorithm.batch_size=5"), 100)
    faults = only_fault(calibrate, [con, other])
    assert faults.key == "algorithm.batch_size"


def test_a_run_that_diverged_has_times_all_the_same():
    trace = recorded(parse(STAR), 300)
    found = calibrate([replace(trace, info=replace(trace.info, status="diverged"))], samples=0)
    assert any("diverged" in warning for warning in found.warnings)


# Real runs: that they can be used; their times decide nothing here


@pytest.mark.real
@pytest.mark.parametrize("text", [CON, INCON])
def test_real_runs_give_a_scenario_that_runs(text, tmp_path):
    traces = [
        asysim.run(scenario(text, "run.updates=600", f"workers.count={p}"), on="threads").trace
        for p in (1, 2)
    ]
    found = calibrate(traces, samples=19)
    files = found.save(tmp_path / "real.toml")
    fitted = load(files[0])
    assert fitted.workers.count == 2
    assert recorded(fitted, 50).updates == 50
    assert found.scenario(sample=0).workers.count == 2
    assert any("are left out" in warning for warning in found.warnings)


# Any cluster


DOCUMENTS = st.one_of(
    con_documents(),
    incon_documents(),
    st.builds(lambda d, b: with_algorithm(d, **b), con_documents(), bounds()),
)


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, st.integers(0, 3))
def test_whatever_is_recorded_gives_a_scenario_that_loads(document, sample):
    """Ties, times of nothing, infinite variances: the law may not fit, the scenario does."""
    trace = recorded(document, 60)
    if len(trace) < 20:
        return
    found = calibrate([trace], samples=9)
    for fitted in (found.scenario(), found.scenario(sample=sample)):
        assert parse(to_toml(fitted)) == fitted
        assert fitted.workers.count == trace.info.workers
    for fit in found.fits:
        for told in fit.estimates.values():
            assert told.low <= told.value * (1 + 1e-9) + 1e-9
            assert told.value <= told.high * (1 + 1e-9) + 1e-9
