"""Whole runs under every rule and misfortune: schedule, mathematics, folder, commands."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings

import asysim
from asysim.errors import Fault, InputError
from asysim.replay import Divergence, State, replay
from asysim.runs.outcome import DEADLOCK
from asysim.runs.rederive import differences, rerun_with
from asysim.scenario import parse
from asysim.scenario.load import from_document
from asysim.schedule import simulate
from asysim.schedule.deadlock import Deadlock
from asysim.trace.gradient import LOST
from asysim.trace.stream import limited
from tests.cluster_strategies import cluster_documents
from tests.oracle import consistent_iterates
from tests.support import CON, command, faults, only_fault


@settings(max_examples=25)
@given(cluster_documents())
def test_replay_of_any_schedule_is_what_keeping_every_version_gives(text):
    # The oracle looks only at rows that name an update, so what was lost or dropped has no part.
    scenario = from_document(text)
    problem = scenario.problem.build()
    made = asysim.run(
        asysim.vary(scenario, "run.updates=40", "run.evaluate_every=10", "run.seconds=1")
    )
    oracle = consistent_iterates(made.trace, problem, step=0.01, batch_size=1, seed=scenario.seed)
    np.testing.assert_array_equal(made.x, oracle[-1])
    assert differences(made, rerun_with(made)) == []


@settings(max_examples=30)
@given(cluster_documents())
def test_the_stream_is_enough_for_replay_however_it_is_cut(text):
    # A version that is not kept from block to block would be missed here.
    scenario = from_document(text)
    problem = scenario.problem.build()

    def last(block_size):
        state = State(problem.start())
        stream = limited(simulate(scenario, 6, block_size=block_size), updates=40, seconds=1)
        try:
            for _ in replay(stream, problem, step=0.01, seed=3, state=state):
                pass
        except Deadlock:
            pass
        return state

    one, other = last(1), last(1000)
    # A deadlock may come before the limit in one and after it in the other, never before an update.
    assert one.updates == other.updates
    np.testing.assert_array_equal(one.x, other.x)


STUCK = """
name = "stuck"
[problem]
kind = "quadratic"
[algorithm]
name = "asysg-con"
step = 0.02
[coordination]
kind = "synchronous"
[workers]
count = 4
compute = 1e-3
[faults]
crashes = [{worker = 2, at = 5.5e-3}]
[run]
updates = 100
evaluate_every = 10
"""


@pytest.fixture
def stuck(tmp_path):
    path = tmp_path / "stuck.toml"
    path.write_text(STUCK)
    return path


def test_a_deadlock_is_told_and_keeps_what_there_is(stuck, tmp_path):
    said = command("run", stuck, "--out", tmp_path / "run", "--no-pictures")
    assert said.code == 6
    told = " ".join(said.out.split())
    assert "deadlock at 0.006 s" in told
    assert "workers 0, 1, 3 wait for worker 2 (worker 2 crashed at 0.0055 s for good)" in told
    run = asysim.load_run(tmp_path / "run")
    assert (run.status, run.outcome.updates) == (DEADLOCK, 5)
    assert run.trace.info.status == DEADLOCK
    assert len(run.curve) == 2  # x_0 and the last
    # The sixth gradient of worker 2 is on record, and in no update.
    assert [g.update for g in run.trace if g.worker == 2] == [0, 1, 2, 3, 4, LOST]
    assert command("replay", tmp_path / "run", "--check").code == 0
    shown = json.loads(command("show", tmp_path / "run", "--json").out)
    assert shown["status"] == DEADLOCK


def test_a_deadlock_before_any_update(stuck, tmp_path):
    changes = ("faults.crashes=[{worker=0,at=0.0}]", "coordination.kind=round-robin")
    said = command("run", stuck, "--out", tmp_path / "run", *changes)
    assert said.code == 6
    assert "wait for worker 0" in " ".join(said.out.split())
    assert "deadlock at" in command("show", tmp_path / "run").out


def test_a_target_that_was_reached_before_a_deadlock_is_reached(stuck):
    scenario = asysim.load(stuck, "run.target_loss=1e9")
    assert asysim.run(scenario).status == "target reached"


def test_a_worker_that_comes_back_deadlocks_nobody(stuck):
    scenario = asysim.load(stuck, "faults.crashes=[{worker=2,at=5.5e-3,downtime=0.1}]")
    assert asysim.run(scenario).outcome.updates == 100


@pytest.mark.parametrize(
    "error",
    [
        InputError([Fault("a", "b", "c", "d"), Fault("e", "f", "g")]),
        Deadlock(5, "why"),
        Divergence(3, "the loss"),
    ],
)
def test_errors_come_back_whole_from_another_process(error):
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_a_deadlock_after_the_end_is_none(stuck):
    scenario = asysim.load(stuck, "run.seconds=5.8e-3")
    made = asysim.run(scenario)
    assert (made.status, made.outcome.updates) == ("complete", 5)


@pytest.mark.parametrize(
    "changes",
    [
        ("coordination={kind='mindflayer',trials=1,seconds=1e-6}", "faults="),
        ("coordination=", "faults={loss=0.0,timeout=1e-6,retries=1}", "network.push=1e-3"),
        ("coordination=", "faults.uptime=1e-4", "faults.downtime=1e-4"),
    ],
    ids=["trials too short", "timeout too short", "no time between crashes"],
)
def test_what_can_never_make_an_update_ends(stuck, changes):
    made = asysim.run(asysim.load(stuck, *changes))
    assert (made.status, made.outcome.updates) == (DEADLOCK, 0)
    assert "gradients was applied: all were dropped, or lost" in made.outcome.message


BAD = {
    "network.bandwidth=0": "> 0",
    "network.server_bandwidth=0.0": "> 0",
    "server.shards=0": "≥ 1",
    "network.push_compression=0.5": "≥ 1",
    "network.sharing=equal": '"fifo" or "fair"',
    "coordination.kind=synchron": 'did you mean "synchronous"?',
    'coordination={kind="backup",needed=9}': "at most 3, the number of workers",
    'coordination={kind="mindflayer",trials=[1,2],seconds=1.0}': "3 values, one for each worker",
    'coordination={kind="ssp"}': "is required: s: a worker at clock c waits",
    "faults.loss=1.0": "≤ 0.9999",
    "faults.loss=0.5": "is required with loss > 0",
    "faults.crashes=[{worker=3,at=1.0}]": "one of the workers 0 … 2",
    "faults.downtime=1.0": "go with uptime",
    "faults.uptime=0": "should take some time",
    "workers.groups=[{count=2}]": "2, as many as the groups together",
    "workers.groups=[{count=3,leaves=1.0,joins=2.0}]": "later than joins = 2",
    "workers.power={kind='profile',times=[1],powers=[1]}": "begin with 0",
    "workers.power={kind='profile',times=[0,1],powers=[1,0]}": "should not end with 0",
    "server.pauses=[{start=0,seconds=2.0,every=1.0}]": "more than seconds = 2",
    "algorithm.staleness_bound=-1": "≥ 0",
    "workers.compute={law='pareto',mean=1,alpha=0.9}": "mean is infinite",
}


@pytest.mark.parametrize("change", BAD)
def test_bad_clusters_and_methods_get_one_clear_error(change):
    assert BAD[change] in only_fault(parse, CON, change).expected


def test_rules_that_say_themselves_who_waits():
    bound = "algorithm.staleness_bound=3"
    fault = only_fault(parse, CON, bound, "coordination={kind='ringmaster',delay=4}")
    assert fault.key == "algorithm.staleness_bound"
    assert "delay is that bound + 1" in fault.expected
    fault = only_fault(
        parse, CON, "algorithm.gradients_per_update=3", "coordination.kind=synchronous"
    )
    assert fault.key == "algorithm.gradients_per_update"


def test_what_needs_a_server_is_refused_without_one():
    from tests.support import INCON

    changes = ("coordination.kind=synchronous", "faults.loss=0.0",
               "algorithm.beyond_bound=restart")  # fmt: skip
    keys = {fault.key for fault in faults(parse, INCON, *changes)}
    assert keys == {"coordination.kind", "faults", "algorithm.beyond_bound"}


def test_shards_that_do_not_divide_are_told_with_one_that_does():
    scenario = parse(CON, "server.shards=7")  # the quadratic has ten coordinates
    fault = only_fault(asysim.run, scenario)
    assert (fault.key, fault.found) == ("server.shards", "7")
    assert "divides 10, the length of x, such as 5" in fault.expected


def test_a_group_can_be_changed_by_its_place():
    changes = ("workers.count=", "workers.groups=[{count=2},{count=3,speed=2.0}]")
    scenario = parse(CON, *changes, "workers.groups.1.count=6")
    assert scenario.workers.count == 8
    assert scenario.workers.speeds == [1.0] * 2 + [2.0] * 6
    again = asysim.vary(scenario, "workers.groups.0.count=1")
    assert again.workers.count == 7
    fault = only_fault(parse, CON, *changes, "workers.groups.2.count=6")
    assert "workers.groups" in fault.key
