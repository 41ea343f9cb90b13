"""Ctrl-C and SIGTERM while a schedule has events, and no rows yet; and how often it could hear."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import numpy as np
import pytest

import asysim
from asysim.ground.process import BrokenOff, interruptions
from asysim.runs.outcome import INTERRUPTED
from asysim.runs.rederive import differences
from asysim.schedule import simulate
from asysim.studies.executor import results
from asysim.studies.task import Task
from asysim.sweeps.maker import Here
from asysim.sweeps.pool import pool_of
from tests.support import BASE, CON, INCON, checkpoints_at_each_block, interrupting_at, scenario

WAITING = "workers.groups=[{count=1},{count=1,joins=1e9}]"
STORMS = {
    # One of two awaited workers is yet to come; the other one crashes every microsecond meanwhile.
    "crashes": (
        'coordination={kind="backup",needed=2}', "workers.count=", WAITING, "workers.compute=1e-9",
        'faults={uptime={law="exponential",mean=1e-6},downtime=1e-6}',
    ),
    # A message takes ten thousand attempts, a row as many more, and rows are used 1600 at a time.
    "losses": ("workers.count=100", "faults={loss=0.9999,timeout=1e-6}", "run.updates=1000000"),
}  # fmt: skip


@pytest.mark.real
@pytest.mark.parametrize("engine", ["compiled", "simpy"])
@pytest.mark.parametrize("storm", STORMS)
def test_a_signal_is_heard_where_no_rows_come(storm, engine, tmp_path):
    asked = scenario(BASE, *STORMS[storm], f"engine={engine}")
    heard, ended = [], threading.Event()

    def ask():
        """Send a signal once somebody listens, and the schedule is under way."""
        while signal.getsignal(signal.SIGTERM) == before:
            time.sleep(0.01)
        time.sleep(0.5)
        heard.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)
        if not ended.wait(60):
            os.kill(os.getpid(), signal.SIGINT)  # which raises KeyboardInterrupt, being the second

    before = signal.getsignal(signal.SIGTERM)
    asker = threading.Thread(target=ask)
    asker.start()
    run = asysim.run(asked, folder=tmp_path / "run")
    took = time.monotonic() - heard[0]
    ended.set()
    asker.join()
    assert run.status == INTERRUPTED
    assert took < 10, "a second or so on an idle machine"
    assert run.outcome.updates == run.trace.updates == run.outcome.points[-1].update
    kept = asysim.load_run(run.folder)
    assert kept.status == kept.info.status == INTERRUPTED
    assert not differences(kept, asysim.rerun(kept.trace, kept.scenario))


@pytest.mark.parametrize("text", [CON, INCON])
def test_who_asks_while_a_block_is_used_up_has_the_run_broken_off_before_the_next(text, tmp_path):
    whole = asysim.run(scenario(text)).trace
    with checkpoints_at_each_block():
        run = asysim.run(
            scenario(text), folder=tmp_path / "run", progress=interrupting_at(20, signal.SIGINT)
        )
        assert run.trace == whole[: len(run.trace)]
        assert asysim.resume(run.folder).trace == whole


@pytest.mark.parametrize(
    "words",
    [
        (CON, "algorithm.staleness_bound=1"),
        (CON, "coordination.kind=softsync", "coordination.gradients=2", "workers.count=5"),
        (CON, "coordination.kind=synchronous"),
        (CON, "faults.uptime={law='exponential',mean=3e-3}", "faults.downtime=1e-3"),
        (INCON,),
        (INCON, "algorithm.staleness_bound=1"),
    ],
)
@pytest.mark.parametrize("events", [1, 2, 7])
def test_however_often_python_may_hear_of_signals_the_blocks_are_the_same(
    words, events, monkeypatch
):
    def blocks():
        stream = simulate(scenario(*words), 10, block_size=20)
        return [next(stream) for _ in range(4)]

    whole = blocks()
    for name in ("cluster", "consistent", "inconsistent"):
        monkeypatch.setattr(f"asysim.schedule.compiled.{name}.events_at_once", lambda _: events)
    for cut, was in zip(blocks(), whole, strict=True):
        assert cut.rows == was.rows
        assert cut.floor == was.floor
        np.testing.assert_array_equal(cut.held_versions, was.held_versions)
        np.testing.assert_array_equal(cut.held_updates, was.held_updates)


@pytest.mark.real
def test_helpers_of_a_study_are_started_with_interrupts_held_back():
    """While they import, Ctrl-C would print the traceback of each."""
    mine = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pool_of(1) as pool:
        held = pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result()
        handler = pool.submit(signal.getsignal, signal.SIGINT).result()
    assert signal.SIGINT in held
    assert handler == signal.SIG_IGN
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mine


def test_a_pool_that_makes_nothing_yet_is_ended_in_order():
    """Its semaphores would be left behind, were the process ended at once."""
    with pytest.raises(KeyboardInterrupt), pool_of(1):
        signal.raise_signal(signal.SIGTERM)


def _drops_it(task, _):
    """Ask for the end where the exception is dropped, as code in C may do."""
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    return task


def _is_over(task, _):
    """Ask for the end when a run has seen to its last update, and asks no more."""
    with interruptions():
        signal.raise_signal(signal.SIGTERM)
    return task


@pytest.mark.parametrize("make", [_drops_it, _is_over])
def test_a_study_ends_after_the_run_in_which_a_signal_came_to_nothing(make):
    tasks, made = [Task("", 1, seed) for seed in range(3)], []
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  (all that was made is kept)
        for done in results(Here(), tasks, make):
            made.append(done)  # noqa: PERF402
    assert made == tasks[:1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_study_ends_at_once_where_a_signal_raises(number):
    def make(task, _):
        signal.raise_signal(number)
        return task

    with pytest.raises(KeyboardInterrupt):
        next(results(Here(), [Task("", 1, 0)], make))


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="there is no alarm on this system")
def test_who_waits_for_an_item_is_told_again_where_the_exception_was_dropped():
    dropped = []

    def stubborn():
        for _ in range(3):
            try:
                signal.raise_signal(signal.SIGTERM) if not dropped else time.sleep(60)
            except BrokenOff:
                dropped.append(True)
        time.sleep(60)
        yield

    alarm = signal.getsignal(signal.SIGALRM)
    with interruptions() as asked, pytest.raises(BrokenOff):
        next(asked.pulled(stubborn()))
    assert len(dropped) == 3
    assert signal.getsignal(signal.SIGALRM) == alarm
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
