"""Real runs against theory and the simulator: what is lost, and what emulation comes to."""

from __future__ import annotations

import threading
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest
from scipy.stats import ks_2samp

import asysim
from asysim.backends.shared.hardware import fetch_add
from asysim.backends.shared.memory import LINE, stride_for
from asysim.backends.shared.sweeps import ATOMIC, RELAXED, canaries_in, racing, relaxed, scatter
from asysim.jit.compiler import compiled
from asysim.scenario import parse
from asysim.theory.conservation import conservation
from tests.support import EMULATED, only_fault, too_busy


@compiled
def add_ones(x, canaries, stride, times, plain):
    ones, nothing = np.ones(x.shape[0]), np.empty(0)
    for _ in range(times):
        if plain:
            racing(x, ones, -1.0, 0, x.shape[0], nothing, canaries, stride)
        else:
            relaxed(x, ones, -1.0, 0, x.shape[0], nothing, canaries, stride)


@compiled
def scatter_ones(x, canaries, stride, times, how, tried):
    ones, index = np.ones(16), np.arange(16) * 2
    for _ in range(times):
        tried[0] += scatter(x, index, ones, 16, -1.0, how, canaries, stride)


@compiled
def count_up(counter, times):
    for _ in range(times):
        fetch_add(counter, 0, 1)


def together(target, *arguments):
    threads = [threading.Thread(target=target, args=each) for each in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("plain", [False, True])
def test_the_estimate_of_what_is_lost_of_dense_updates(plain):
    """Every addition is of 1, so x itself says how many survived.

    Two threads on two free cores agree within a factor of 3. Where threads are interrupted in the
    middle of an addition the canaries have been seen to say up to 10 times too much.
    """
    n, times = 46_380, 2000
    x, stride = np.zeros(n), stride_for(n)
    canaries = np.zeros(LINE * (n // LINE // stride + 1))
    add_ones(x.copy(), canaries.copy(), stride, 1, plain)
    together(add_ones, *[(x, canaries, stride, times, plain)] * 2)
    truth = 1 - x.sum() / (2 * times * n)
    estimate = 1 - canaries.sum() / (2 * times * canaries_in(0, n, stride))
    assert 0 <= truth < 0.3
    assert truth / 20 - 1e-4 <= estimate <= 20 * truth + 5e-4


def test_the_estimate_of_what_is_lost_of_hot_coordinates():
    """Of nine rounds the middle one: who is put off a core between reading and writing a coordinate
    takes back, when it writes, all that others have added meanwhile, a whole round perhaps."""
    found = []
    for _ in range(9):
        x, canaries, times = np.zeros(64), np.zeros(64), 20_000
        tried = [np.zeros(1, np.int64) for _ in range(3)]
        together(scatter_ones, *[(x, canaries, 1, times, RELAXED, t) for t in tried])
        tries = sum(int(t[0]) for t in tried)
        assert tries == 3 * times * 16
        truth, estimate = 1 - x.sum() / tries, 1 - canaries.sum() / tries
        found.append(abs(estimate - truth) - 0.5 * truth)
    assert np.median(found) <= 0.03


def test_atomic_additions_lose_nothing():
    x, canaries, times = np.zeros(64), np.zeros(64), 50_000
    tried = [np.zeros(1, np.int64) for _ in range(4)]
    together(scatter_ones, *[(x, canaries, 1, times, ATOMIC, t) for t in tried])
    assert (x[:32:2] == 4 * times).all()


def in_a_process(name, times):
    segment = SharedMemory(name)
    count_up(np.frombuffer(segment.buf, np.int64), times)


def test_the_shared_counter_loses_nothing_between_processes():
    segment, workers, each = SharedMemory(create=True, size=64), 2, 5_000_000
    count_up(np.zeros(8, np.int64), 0)  # compiled, and kept on disk
    try:
        context = get_context("spawn")
        crowd = [
            context.Process(target=in_a_process, args=(segment.name, each)) for _ in range(workers)
        ]
        for process in crowd:
            process.start()
        for process in crowd:
            process.join()
        assert int.from_bytes(segment.buf[:8], "little") == workers * each
    finally:
        segment.close()
        segment.unlink()


@pytest.mark.parametrize("on", ["threads", "processes"])
def test_an_emulated_run_takes_the_time_of_the_simulated_one(on):
    """Throughput within 5 %; staleness by a two-sample Kolmogorov–Smirnov test.

    On a machine so busy that the run was late by its own account, only that it is not too fast.
    Rows of one run are not independent, which makes the test stricter than its level of 1e-6.
    Runs with the same draws are alike, so it hardly ever comes near.
    """
    scenario = parse(EMULATED)
    run = asysim.run(scenario, on=on)
    simulated, real = asysim.run(scenario).trace, run.trace
    assert real.updates == simulated.updates
    ratio = (real.updates / real.duration) / (simulated.updates / simulated.duration)
    assert ratio < 1.05
    if why := too_busy(run.outcome.measured["emulation"], real):
        pytest.skip(why)
    assert ratio > 0.95
    assert ks_2samp(real.staleness, simulated.staleness, method="asymp").pvalue > 1e-6
    assert real.staleness.mean() == pytest.approx(3, abs=0.1)


def test_lock_free_emulation_pads_the_computing():
    changes = ("algorithm.name=asysg-incon", "network=", "server=", "run.updates=200")
    real = asysim.run(parse(EMULATED, *changes), on="threads")
    assert real.outcome.measured["emulation"]["waits"] >= 200
    assert real.trace.updates / real.trace.duration < 1.1 * 4 / 20e-3
    if why := too_busy(real.outcome.measured["emulation"], real.trace):
        pytest.skip(why)
    assert real.trace.updates / real.trace.duration > 0.9 * 4 / 20e-3
    # A sweep takes little of 20 ms, so that the clock leaves open little of the ages' sum.
    books = conservation(real.trace)
    assert books.least <= books.ages <= books.most
    assert books.most - books.least < 0.5 * books.ages


@pytest.mark.parametrize(
    ("changes", "key", "says"),
    [
        (
            ("coordination={kind='ssp', slack=2}", "backend.emulate=false"),
            "coordination.kind",
            "--on mpi",
        ),
        (("update={momentum=0.9}",), "update", "--on mpi"),
        (
            ("update={momentum=0.9, perturbation={kind='ball', scale=0.1}}",),
            "update",
            "but for update.perturbation",
        ),
        (
            (
                "algorithm.staleness_bound=2",
                "algorithm.beyond_bound=restart",
                "backend.emulate=false",
            ),
            "algorithm.beyond_bound",
            "simulator",
        ),
        (("server={service=1e-3, shards=2}",), "backend.emulate", "simulator"),
    ],
)
@pytest.mark.parametrize("on", ["threads", "processes"])
def test_what_a_backend_cannot_do_names_one_that_can(changes, key, says, on):
    fault = only_fault(asysim.run, parse(EMULATED, *changes), on=on)
    assert fault.key == key
    assert says in fault.expected


def test_an_unknown_backend():
    fault = only_fault(asysim.run, parse(EMULATED), on="gpu")
    assert (fault.key, fault.found) == ("--on", "gpu")
    assert "threads, processes, mpi" in fault.expected
