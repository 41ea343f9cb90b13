"""Coordination rules of the user's own: one file, every engine; the example is docs/own_rule.py."""

from __future__ import annotations

import pickle
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import asysim
from asysim.errors import InputError
from asysim.scenario import parse, to_toml
from asysim.scenario.load import from_document
from asysim.schedule import simulate
from asysim.schedule.compiled.event_loop import go_on
from asysim.schedule.engine import engine_of
from tests.own_rules import Nearly, Patient
from tests.support import CON, only_fault
from tests.test_mpi import launch, needs_mpi
from tests.test_twin_cluster import PLAIN, same, tied

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLE = 'coordination={kind="own_rule:FreshBatch", batch=2, delay=2}'


def own(name, more=""):
    return f'coordination={{kind="tests.own_rules:{name}"{more}}}'


def example(*changes):
    return parse(CON, EXAMPLE, *changes, folder=DOCS)


def document_of(document, rule):
    """Return a document with another coordination rule."""
    algorithm = {"name": "asysg-con", "step": 0.01}
    return document | {"algorithm": algorithm, "coordination": rule}


@given(document=tied())
@settings(max_examples=30, deadline=None)
def test_both_engines_make_the_same_rows(document):
    kind = f"{DOCS / 'own_rule.py'}:FreshBatch"
    same(document_of(document, {"kind": kind, "batch": 3, "delay": 2}), blocks=10)


@given(document=tied())
@settings(max_examples=30, deadline=None)
def test_a_rule_from_outside_is_as_one_of_ours(document):
    theirs = {"kind": "tests.own_rules:Patient", "slack": 1}
    assert same(document_of(document, theirs), blocks=10) == same(
        document_of(document, {"kind": "ssp", "slack": 1}), blocks=10
    )


def test_the_machine_is_compiled_once():
    for changes in ([EXAMPLE], ['coordination={kind="rennala", batch=2}'], []):
        next(iter(simulate(parse(CON, "faults.loss=0", *changes, folder=DOCS), 10)))
    assert len(go_on.signatures) == 1


def test_the_example_does_what_it_says():
    run = asysim.run(example())
    trace = run.trace
    assert engine_of(example(), 10).name == "compiled"
    assert set(np.bincount(trace.update[trace.was_applied])) == {2}
    assert trace.staleness.max() < 2
    assert not trace.was_applied.all()  # some are too old


def test_it_is_found_again_wherever_the_scenario_goes(tmp_path):
    scenario = example()
    assert parse(to_toml(scenario)) == scenario
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    run = asysim.run(scenario, folder=tmp_path / "run")
    back = asysim.load_run(tmp_path / "run")
    assert asysim.rerun(back.trace, back.scenario).x.tolist() == run.x.tolist()


def test_a_rule_is_given_from_python():
    scenario = asysim.vary(parse(CON), coordination=Patient(slack=1))
    named = parse(CON, own("Patient", ", slack=1"))
    assert scenario == named
    assert asysim.run(scenario).trace == asysim.run(named).trace
    fault = only_fault(asysim.vary, parse(CON), coordinatoin=Nearly())
    assert fault.key == "coordinatoin"


def test_one_without_hooks_takes_simpy():
    scenario = parse(CON, own("Nearly"))
    assert engine_of(scenario, 10) == ("simpy", "coordination.kind")
    assert asysim.run(scenario).trace.updates == 60
    fault = only_fault(asysim.run, parse(CON, own("Nearly"), "engine=compiled"))
    assert "coordination.kind" in fault.expected


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("own_rule:FreshBatch", "batch"),  # keys are missing
        ("own_rule:Nobody", "FreshBatch"),
        ("gone:Rule", "gone"),
        ("gone.py:Rule", "no file"),
        ("os:system", "should be a subclass of asysim.coordination.base.Settings"),
        ("own rule:Rule", 'should be "path/to/file.py:name" or'),
        ("own_rule:", 'should be "path/to/file.py:name" or'),
        ("broken:Rule", "(line 2) with NameError"),
    ],
)
def test_what_is_no_rule_is_told(tmp_path, rule, said):
    (tmp_path / "own_rule.py").write_text((DOCS / "own_rule.py").read_text())
    (tmp_path / "broken.py").write_text("\nundefined\n")
    with pytest.raises(InputError) as told:
        parse(CON, f'coordination={{kind="{rule}"}}', folder=tmp_path)
    keys = {fault.key for fault in told.value.faults}
    assert keys <= {"coordination.kind", "coordination.batch", "coordination.delay"}
    assert said in str(told.value)


def test_a_mistake_in_its_table_is_told_as_in_any_other():
    with pytest.raises(InputError) as told:
        parse(CON, 'coordination={kind="own_rule:FreshBatch", batch=0, dealy=2}', folder=DOCS)
    expected = {fault.key: fault.expected for fault in told.value.faults}
    assert expected["coordination.batch"] == "should be ≥ 1"
    assert "did you mean delay?" in expected["coordination.dealy"]
    assert "is required" in expected["coordination.delay"]


@pytest.mark.parametrize(
    ("name", "said"), [("Hasty", "twice at one instant"), ("Wrong", "numba can't compile")]
)
def test_a_rule_that_does_what_can_not_be_is_told(name, said):
    fault = only_fault(lambda: list(islice(simulate(parse(CON, own(name)), 10), 3)))
    assert fault.key == "coordination.kind"
    assert said in fault.found


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize(
    ("name", "said", "rows"), [("Again", "folds", 0), ("Early", "read while its gradient", 2)]
)
def test_what_it_asks_of_the_server_that_can_not_be_is_told(engine, name, said, rows):
    stream, found = simulate(parse(CON, own(name), f'engine="{engine}"'), 10), []
    fault = only_fault(lambda: found.extend(stream))
    assert fault.key == "coordination.kind"
    assert said in fault.found
    assert sum(len(block.rows) for block in found) >= rows, "what was before it is kept"


@pytest.mark.parametrize(
    ("workers", "down", "said"),
    [
        (1, [], "worker 0 was not freed after its last gradient was disposed of"),
        (3, [], "workers 0, 1, 2 were not freed after their last gradients were disposed of"),
        # That of a worker which crashed is lost, and nobody could free it.
        (3, [1], "worker 0 waits for worker 1 (worker 1 crashed at 0 s for good)"),
    ],
)
def test_a_rule_that_frees_nobody_is_told_so_by_both_engines(workers, down, said):
    document = document_of(PLAIN, {"kind": "tests.own_rules:Keeping"})
    document["workers"] = {"count": workers, "compute": 1e-3}
    document["faults"] = {"crashes": [{"worker": worker, "at": 0.0} for worker in down]}
    _, reason = same(document)
    assert reason.startswith(said)


def test_rules_are_read_only_when_they_are_named(tmp_path):
    (tmp_path / "own_rule.py").write_text("raise AssertionError('read')")
    parse(CON, folder=tmp_path)
    with pytest.raises(InputError, match="read"):
        parse(CON, EXAMPLE, folder=tmp_path)


def test_what_it_asks_of_the_rest_is_told():
    document = {"coordination": {"kind": "own_rule:FreshBatch", "batch": 1, "delay": 1}}
    scenario = asysim.scenario.to_document(parse(CON))
    scenario["algorithm"]["staleness_bound"] = 3
    fault = only_fault(from_document, scenario | document, folder=DOCS)
    assert fault.key == "algorithm.staleness_bound"


@needs_mpi
def test_it_runs_on_the_server_over_mpi(tmp_path):
    scenario = example("workers.count=4", "run.updates=200", "workers.compute=1e-4")
    done, came = launch(tmp_path, ("run", scenario))
    assert done.returncode == 0, done.stderr
    (run,) = came
    assert set(np.bincount(run.trace.update[run.trace.was_applied])) == {2}
    assert run.trace.staleness.max() < 2
