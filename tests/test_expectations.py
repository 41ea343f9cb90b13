"""What law says of a scenario, held against the scenario simulated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.laws import Constant
from asysim.scenario.load import from_document
from asysim.schedule import simulate
from asysim.schedule.deadlock import Deadlock
from asysim.theory.expectations import expectations, most_updates
from asysim.theory.network import closed_network, mean_value_analysis
from asysim.theory.repair import repair_throughput
from asysim.trace import Trace
from tests.cluster_strategies import cluster_documents
from tests.strategies import recorded

DIMENSION = 6
LAWS = {
    "exponential": {"law": "exponential", "mean": 1.0},
    "constant": 1.0,
    "gamma": {"law": "gamma", "mean": 1.0, "cv": 0.5},
    "hyperexponential": {"law": "hyperexponential", "mean": 1.0, "cv": 2.0},
}


def document(compute=1.0, count=8, **more):
    return {
        "problem": {"kind": "quadratic", "dimension": DIMENSION},
        "algorithm": {"name": "asysg-con", "step": 0.01},
        "workers": {"count": count, "compute": compute},
    } | more


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("workers", [1, 2, 4, 8, 16, 32, 64])
def test_server_agrees_with_mean_value_analysis_to_half_a_percent(law, workers):
    # Held against the law for the means that were drawn: what scatters is then the queue alone.
    # Ten other seeds of each of the 28 scattered by a standard deviation of at most 0.10 %.
    text = document(LAWS[law], workers, server={"service": {"law": "exponential", "mean": 0.1}})
    trace = recorded(text, updates=60_000)
    arrived, applied = trace.seconds("arrived"), trace.seconds("applied")
    served = applied - np.maximum(arrived, np.concatenate([[0.0], applied[:-1]]))
    away = (trace.seconds("done") - trace.seconds("read")).mean()
    assert away == pytest.approx(1.0, rel=0.05)
    assert served.mean() == pytest.approx(0.1, rel=0.03)
    expected = mean_value_analysis(workers, float(away), float(served.mean())).throughput
    assert trace.updates / trace.duration == pytest.approx(expected, rel=0.005)


EXPONENTIAL = LAWS["exponential"]
LATE = {"law": "pareto", "mean": 1.0, "alpha": 2.5}
NIC = {"server_bandwidth": 8 * DIMENSION * 10.0, "sharing": "fair"}  # 0.1 s each way
EXACT = {
    "fair interface": document(LATE, network=NIC),
    "fair interface, half duplex": document(LATE, 6, network=NIC | {"duplex": "half"}),
    "fair interface and server": document(
        EXPONENTIAL, network=NIC | {"push_compression": 4.0},
        server={"service": {"law": "exponential", "mean": 0.05}},
    ),
    "interface, nothing random": document(
        0.3, 12, network=NIC | {"sharing": "fifo", "pull": 0.1}, server={"service": 0.02}
    ),
    "constant service": document(EXPONENTIAL, server={"service": 0.1}),
    "any service": document(
        0.0, 12, network={"push": EXPONENTIAL}, algorithm={
            "name": "asysg-con", "step": 0.01, "gradients_per_update": 2},
        server={"service": {"law": "hyperexponential", "mean": 0.08, "cv": 2.0}},
    ),
    "groups": document(
        LATE, network={"pull": 0.1},
        workers={"compute": LATE, "groups": [{"count": 2, "speed": 3}, {"count": 5, "push": 0.4}]},
    ),
    "shards": document(EXPONENTIAL, network={"pull": 0.1, "bandwidth": 240.0},
                       server={"shards": 3}),
    "loss": document(EXPONENTIAL, network={"pull": 0.1, "push": 0.2},
                     faults={"loss": 0.2, "timeout": 0.5}),
    "softsync": document(EXPONENTIAL, coordination={"kind": "softsync", "gradients": 5}),
    "barrier": document(LAWS["gamma"], coordination={"kind": "synchronous"}),
    "backup": document(LAWS["hyperexponential"], network={"pull": 0.3},
                       coordination={"kind": "backup", "needed": 5}),
    "backup of the worst": document({"law": "pareto", "least": 0.1, "alpha": 0.8},
                                    coordination={"kind": "backup", "needed": 4}),
    "rennala": document(EXPONENTIAL, coordination={"kind": "rennala", "batch": 5}),
    "large rennala": document(EXPONENTIAL, 3, coordination={"kind": "rennala", "batch": 40}),
    "round robin": document(EXPONENTIAL, coordination={"kind": "round-robin"}),
    "mindflayer": document(
        EXPONENTIAL, 4,
        coordination={"kind": "mindflayer", "trials": [1, 2, 3, 4], "seconds": [2, 1, 0.5, 0.2]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_what_law_says_comes_out(name):
    # Batch means: 20 pieces of one seeded run give a standard error; six of them, or 0.1 %, allow
    # for the start. A false alarm in 20 million if pieces were independent and normal.
    text = EXACT[name]
    said = expectations(from_document(text), DIMENSION)
    assert said
    updates = {"rennala": 6000, "large rennala": 1000, "mindflayer": 6000}.get(name, 20_000)
    trace = recorded(text, updates=updates, dimension=DIMENSION)
    made = trace.was_applied
    _, first = np.unique(trace.update[made], return_index=True)
    instants = trace.seconds("applied")[made][first]
    if "updates/s" in said:
        pieces = np.diff(instants[:: updates // 20]) / (updates // 20)
        error = max(6 * pieces.std(ddof=1) / math.sqrt(len(pieces)), 1e-3 * pieces.mean())
        assert abs(pieces.mean() - 1 / said["updates/s"]) < error
    if "mean staleness" in said:
        slack = 2 * trace.info.workers * trace.staleness.max() / len(trace)
        assert trace.staleness.mean() == pytest.approx(said["mean staleness"], abs=slack + 1e-12)
    share = 1 - made.mean()
    if "discarded" in said:
        error = 6 * math.sqrt(share * (1 - share) / len(trace))
        assert share == pytest.approx(said["discarded"], abs=error)
    elif name not in ("backup", "backup of the worst", "rennala", "large rennala"):
        assert share == 0


def test_each_exact_law_is_the_one_meant():
    said = {name: expectations(from_document(text), DIMENSION) for name, text in EXACT.items()}
    fair = said["fair interface"]["updates/s"]
    assert fair == pytest.approx(closed_network(8, 1.0, [0.1, 0.1]).throughput)
    half = said["fair interface, half duplex"]["updates/s"]
    assert half == pytest.approx(closed_network(6, 1.0, [0.2]).throughput)
    three = said["fair interface and server"]["updates/s"]
    assert three == pytest.approx(closed_network(8, 1.0, [0.1, 0.025, 0.05]).throughput)
    assert said["interface, nothing random"]["updates/s"] == pytest.approx(10)
    served = repair_throughput(8, 1.0, Constant(value=0.1))
    assert said["constant service"]["updates/s"] == served
    assert said["groups"]["updates/s"] == pytest.approx(2 / (1 / 3 + 0.1) + 5 / 1.5)
    assert said["shards"]["updates/s"] == pytest.approx(8 / (1.1 + 2 * 48 / 3 / 240))
    assert said["loss"]["updates/s"] == pytest.approx(8 / (1.3 + 2 * 0.5 * 0.25))
    assert said["round robin"]["mean staleness"] == 7


NONE = {
    "crashes": document(EXPONENTIAL, faults={"uptime": EXPONENTIAL, "downtime": 1.0}),
    "power": document(EXPONENTIAL) | {
        "workers": {"count": 2, "compute": 1.0,
                    "power": {"kind": "spells", "normal": 1.0, "slow": 1.0, "power": 0.1}},
    },
    "infinite mean": document({"law": "pareto", "least": 1.0, "alpha": 0.9}),
    "fifo interface": document(EXPONENTIAL, network=NIC | {"sharing": "fifo"}),
    "fair interface, nothing random": document(network=NIC),
    "read service": document(
        EXPONENTIAL, server={"service": {"law": "exponential", "mean": 0.1}, "read": 0.1}
    ),
    "pauses": document(
        EXPONENTIAL,
        server={"service": {"law": "exponential", "mean": 0.1},
                "pauses": [{"start": 1.0, "seconds": 0.5, "every": 2.0}]},
    ),
    "pauses without service": document(
        EXPONENTIAL, server={"pauses": [{"start": 1.0, "seconds": 0.5, "every": 1.0}]}
    ),
    "pauses before a barrier": document(
        EXPONENTIAL, coordination={"kind": "synchronous"},
        server={"pauses": [{"start": 1.0, "seconds": 0.5, "every": 1.0}]},
    ),
    "constant service, and a way": document(
        EXPONENTIAL, server={"service": 0.1}, network={"pull": 0.1}
    ),
    "constant service, workers that differ": document(
        EXPONENTIAL, server={"service": 0.1},
        workers={"compute": EXPONENTIAL, "count": 2, "speed": [1, 2]},
    ),
    "no time": document(0.0),
    "less than a tick": document(1e-10),
    "a tick and a bit": document(1.4e-9),
    "ssp": document(EXPONENTIAL, coordination={"kind": "ssp", "slack": 2}),
    "barrier of unequal workers": document(
        EXPONENTIAL, coordination={"kind": "synchronous"},
        workers={"count": 2, "compute": 1.0, "speed": [1, 2]},
    ),
    "barrier whose mean is infinite": document(
        {"law": "pareto", "least": 1.0, "alpha": 0.9}, coordination={"kind": "synchronous"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NONE)
def test_where_no_law_is_known_none_is_told(name):
    assert "updates/s" not in expectations(from_document(NONE[name]), DIMENSION)


def test_infinite_means_say_nothing():
    scenario = from_document(NONE["infinite mean"])
    assert expectations(scenario, DIMENSION) == {}
    assert most_updates(scenario, DIMENSION) is None


@pytest.mark.parametrize("rule", [None, {"kind": "softsync", "gradients": 3}])
@pytest.mark.parametrize("compute", [0.0, 1e-10])
def test_where_time_stands_still_no_staleness_is_told(compute, rule):
    # One worker then makes every update at one instant, and the others wait.
    text = document(compute, 5) | ({} if rule is None else {"coordination": rule})
    assert expectations(from_document(text), DIMENSION) == {}
    assert most_updates(from_document(text), DIMENSION) is None
    trace = recorded(text, updates=50, dimension=DIMENSION)
    assert (trace.worker == 0).all()
    in_turn = document(compute, 5, coordination={"kind": "round-robin"})
    assert expectations(from_document(in_turn), DIMENSION) == {"mean staleness": 4.0}
    assert recorded(in_turn, updates=50, dimension=DIMENSION).staleness[-40:].mean() == 4


def test_bound_knows_that_copies_overtake_each_other():
    # The first of many copies is there long before the mean of one.
    late = {"law": "exponential", "mean": 10.0}
    text = document(1.0, network={"push": late}, faults={"loss": 0.0, "timeout": 0.5})
    trace = recorded(text, updates=2000, dimension=DIMENSION)
    assert trace.updates / trace.duration > 8 / 11 * 2
    assert most_updates(from_document(text), DIMENSION) is None


@settings(max_examples=80)
@given(cluster_documents(), st.integers(1, 9))
def test_no_schedule_is_faster_than_the_bound(text, ticks):
    # With constant times the bound holds for any length, but for one gradient of each worker.
    text["workers"] = {"count": 4, "compute": ticks * 1e-5}
    text["workers"]["speed"] = [1.0, 2.0, 0.5, 1.0]
    text["network"] |= {"pull": 1e-5, "push": 2e-5, "message_bytes": 48}
    text["server"] |= {"service": 1e-5 * (ticks % 3)}
    text["server"].pop("read", None)
    text.pop("faults", None)
    if text.get("coordination", {}).get("kind") in ("mindflayer", "backup"):
        del text["coordination"]
    scenario = from_document(text)
    most = most_updates(scenario, DIMENSION)
    assert most is not None
    blocks = []
    try:
        for block in simulate(scenario, DIMENSION, block_size=200):
            blocks.append(block.rows)
            break
    except Deadlock:
        pass
    trace = Trace.joined(blocks, blocks[0].info)
    size = int(np.bincount(trace.update[trace.was_applied]).max(initial=1))
    assert trace.updates <= most * trace.duration * (1 + 1e-4) + 4 / size + 1


def test_show_prints_measured_and_law(tmp_path):
    from tests.support import CON, command

    path = tmp_path / "s.toml"
    path.write_text(CON)
    run = command("run", path, "--out", tmp_path / "run", "--no-pictures", "workers.compute=1e-3",
                  "coordination.kind=synchronous", "server=", "network=")  # fmt: skip
    assert run.code == 0
    shown = command("show", tmp_path / "run").out
    assert "law says 1,000" in shown
    assert "law says 0.000" in shown
    command("run", path, "--out", tmp_path / "other", "--no-pictures")
    assert "law says at most" in command("show", tmp_path / "other").out
