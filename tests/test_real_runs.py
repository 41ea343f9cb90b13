"""Real runs on threads and processes: what they record is what happened, to the bit."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import asysim
from asysim.backends.shared.hardware import fetch_add
from asysim.jit.compiler import compiled
from asysim.runs.rederive import differences
from asysim.scenario import parse
from tests.support import check_books

DENSE = """
name = "dense"
[problem]
kind = "mlp"
layers = [64, 12, 10]
data = {kind = "digits"}
[algorithm]
name = "asysg-con"
step = 0.01
batch_size = 4
[workers]
count = 4
compute = 1e-3
[run]
updates = 1500
evaluate_every = 100
"""
SPARSE = """
name = "sparse"
[problem]
kind = "logistic"
l2 = 0
data = {kind = "classification", samples = 500, features = 400, density = 0.02}
[algorithm]
name = "asysg-incon"
step = 0.05
batch_size = 2
[workers]
count = 3
compute = 1e-3
[run]
updates = 20_000
evaluate_every = 5000
"""
INCON = ("algorithm.name=asysg-incon",)
ON = ("threads", "processes")


@compiled
def add_up(counter, times):
    for _ in range(times):
        fetch_add(counter, 0, 1)


def test_atomic_additions_lose_nothing():
    counter, workers, each = np.zeros(8, np.int64), 4, 2_500_000
    add_up(counter, 0)
    threads = [threading.Thread(target=add_up, args=(counter, each)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter[0] == workers * each


@pytest.mark.parametrize("on", ON)
@pytest.mark.parametrize(
    "changes",
    [
        (),
        ("algorithm.gradients_per_update=3",),
        ("algorithm.staleness_bound=2",),
        ("algorithm.staleness_bound=1", "algorithm.beyond_bound=discard"),
        ("algorithm.gradients_per_update=2", "algorithm.staleness_bound=1"),
        (
            "algorithm.gradients_per_update=2",
            "algorithm.staleness_bound=0",
            "algorithm.beyond_bound=discard",
        ),
        ('algorithm.step={kind="decaying", initial=0.02, power=0.5}',),
        ('update.perturbation={kind="gaussian", scale=1e-1}',),
        (
            'update.perturbation={kind="ball", scale=1e-1, every=3}',
            "algorithm.gradients_per_update=2",
        ),
    ],
    ids=lambda changes: " ".join(change.split(".")[-1] for change in changes) or "plain",
)
def test_a_consistent_run_replays_bit_for_bit(on, changes):
    scenario = parse(
        DENSE, *changes, "run.updates=600" if on == "processes" else "run.updates=1500"
    )
    run = asysim.run(scenario, on=on)
    assert run.status == "complete"
    assert run.trace.updates == scenario.run.updates == run.outcome.updates
    assert run.trace.info.clock == "real"
    assert differences(run, asysim.rerun(run.trace, scenario)) == []
    bound = scenario.algorithm.staleness_bound
    if bound is not None:
        assert run.trace.staleness.max() <= bound
    check_books(run.trace)
    every = np.lexsort((run.trace.draw, run.trace.worker))
    for worker in range(4):
        draws = run.trace.draw[every][run.trace.worker[every] == worker]
        assert np.array_equal(draws, np.arange(len(draws))), "no draw twice, none left out"


@pytest.mark.parametrize("on", ON)
@pytest.mark.parametrize("write", ["relaxed", "atomic", "racing"])
@pytest.mark.parametrize("one_sweep", ["true", "false"])
def test_a_lock_free_run_keeps_its_books(on, write, one_sweep):
    changes = (*INCON, f"backend.write={write}", f"backend.one_sweep={one_sweep}")
    scenario = parse(DENSE, *changes, "run.updates=500")
    run = asysim.run(scenario, on=on)
    trace = run.trace
    assert run.status == "complete"
    assert not trace.info.exact
    assert np.array_equal(trace.update, np.arange(500))
    assert run.curve["loss"].iloc[-1] < run.curve["loss"].iloc[0]
    check_brackets(trace)
    check_books(trace)
    assert run.outcome.measured["write"] == write
    if write == "atomic":
        assert run.outcome.measured["lost_estimate"] == 0


def check_brackets(trace):
    brackets = trace.brackets
    assert (brackets.begun <= brackets.after).all()
    assert (brackets.after <= trace.updates_before + 1).all()
    assert (trace.version <= brackets.begun).all()
    for row in range(len(trace)):
        in_flight = brackets.of(row)
        assert all(update < brackets.begun[row] for update in in_flight)
        assert len(set(in_flight)) == len(in_flight) < trace.info.workers
        assert trace.version[row] == min((*in_flight, brackets.begun[row]))
        unseen, perhaps = trace.unseen_bounds(row)
        assert not unseen & perhaps
        assert all(trace.version[row] <= j < trace.updates_before[row] for j in unseen | perhaps)


@pytest.mark.parametrize("on", ON)
@pytest.mark.parametrize("beyond", ["wait", "discard"])
@pytest.mark.parametrize("bound", [0, 2])
def test_the_bound_holds_for_real_without_locks(on, beyond, bound):
    changes = (*INCON, f"algorithm.staleness_bound={bound}", f"algorithm.beyond_bound={beyond}")
    run = asysim.run(parse(DENSE, *changes, "run.updates=400"), on=on)
    assert run.trace.updates == 400
    assert run.trace.staleness.max() <= bound
    check_brackets(run.trace)
    check_books(run.trace)
    assert (beyond == "discard") or run.trace.was_applied.all()


@pytest.mark.parametrize("write", ["coordinate", "block"])
def test_a_block_is_written_as_its_name_says(write):
    changes = (*INCON, f"algorithm.write={write}", "run.updates=300")
    if write == "block":
        changes += ("algorithm.blocks=7",)
    scenario = parse(DENSE, *changes)
    real = asysim.run(scenario, on="threads")
    simulated = asysim.run(scenario).trace
    named = {
        (w, d): (lo, hi)
        for w, d, lo, hi in zip(
            simulated.worker, simulated.draw, simulated.sweeps.lo, simulated.sweeps.hi, strict=True
        )
    }
    told = zip(
        real.trace.worker, real.trace.draw, real.trace.brackets.lo, real.trace.brackets.hi,
        strict=True,
    )  # fmt: skip
    common = [(named[w, d], (lo, hi)) for w, d, lo, hi in told if (w, d) in named]
    assert len(common) > 50
    assert all(a == b for a, b in common)


def test_one_thread_is_serial_sgd():
    """A single lock-free worker sees all of its own updates: mini-batch SGD, bit for bit."""
    for one_sweep in ("true", "false"):
        changes = ("workers.count=1", f"backend.one_sweep={one_sweep}", "run.updates=200")
        free = asysim.run(parse(DENSE, *INCON, *changes), on="threads")
        locked = asysim.run(parse(DENSE, *changes), on="threads")
        assert free.trace.staleness.max() == 0
        assert np.array_equal(free.x, locked.x)
        assert np.array_equal(free.curve["loss"], locked.curve["loss"])


@pytest.mark.parametrize("write", ["auto", "relaxed", "racing"])
def test_sparse_gradients(write):
    run = asysim.run(parse(SPARSE, f"backend.write={write}"), on="threads")
    assert run.status == "complete"
    assert run.trace.updates == 20_000
    assert run.curve["loss"].iloc[-1] < 0.9 * run.curve["loss"].iloc[0]
    expected = "atomic" if write == "auto" else write
    assert run.outcome.measured["write"] == expected
    check_brackets(run.trace[:2000])


def test_sparse_alone_is_serial_sgd():
    changes = ("workers.count=1", "run.updates=300", "run.evaluate_every=100")
    free = asysim.run(parse(SPARSE, *changes), on="threads")
    simulated = asysim.run(parse(SPARSE, *changes))
    assert np.allclose(free.x, simulated.x, rtol=1e-12, atol=1e-14)


def test_a_target_ends_a_run_where_it_was_reached():
    scenario = parse(DENSE, "run.target_loss=1.0", "run.updates=100_000", "run.evaluate_every=50")
    run = asysim.run(scenario, on="threads")
    assert run.status == "target reached"
    assert run.trace.updates == run.outcome.updates == run.curve["update"].iloc[-1]
    assert run.curve["loss"].iloc[-1] <= 1.0 < run.curve["loss"].iloc[-2]
    assert differences(run, asysim.rerun(run.trace, scenario)) == []


@pytest.mark.parametrize("on", ON)
def test_seconds_end_a_run(on):
    scenario = parse(DENSE, "run.updates=", "run.seconds=0.2")
    run = asysim.run(scenario, on=on)
    assert run.status == "complete"
    assert 0 < run.trace.duration <= 0.2
    assert differences(run, asysim.rerun(run.trace, scenario)) == []


@pytest.mark.parametrize("on", ON)
def test_divergence_is_noticed(on):
    scenario = parse(DENSE, "algorithm.step=1e200", "run.updates=50")
    run = asysim.run(scenario, on=on)
    assert run.status == "diverged"
    again = asysim.rerun(run.trace, scenario)
    assert again.status == "diverged"
    assert differences(run, again) == []
    free = asysim.run(parse(DENSE, *INCON, "algorithm.step=1e200", "run.updates=50"), on=on)
    assert free.status == "diverged"
