"""Before a real run begins: many workers, long gradients, signals, and what is in the way."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

import asysim
from asysim.backends import Backend, BackendName, backend
from asysim.backends.liveness import Quiet
from asysim.backends.mpi.topology import mpi as library
from asysim.backends.shared import segment
from asysim.backends.shared.log_reader import drafts
from asysim.backends.shared.memory import COUNTER, LINE, NONE, READY, STOP
from asysim.backends.shared.threads import Rehearsal
from asysim.cli.ranks import _launch
from asysim.scenario import parse
from asysim.trace.gradient import LOST
from tests import support
from tests.processes import finish
from tests.support import check_books, only_fault

BASE = support.BASE + "evaluate_every = 500\n"
STUDY = ("run.target_loss=0.1", "speedup.workers=[1, 2]", "speedup.seeds=1")


@pytest.mark.parametrize("algorithm", ["asysg-con", "asysg-incon"])
def test_more_workers_than_a_log_has_rows(algorithm):
    """With so many a log holds fewer rows than are rehearsed, when nobody fetches them."""
    changes = (f"algorithm.name={algorithm}", "workers.count=200", "run.updates=400")
    run = asysim.run(parse(BASE, *changes), on="threads")
    assert run.status == "complete"
    assert run.trace.updates == 400
    check_books(run.trace)


def test_a_rehearsal_lasts_for_a_time_not_for_a_number():
    """It is over with the first gradient that is done after 50 ms."""
    told = []

    def loop(assignment, memory):
        assert (memory.tails == NONE).all(), "there is always room for a row"
        if not memory.control[STOP]:  # once for nothing: it is told to stop at once
            told.append((assignment.updates, assignment.deadline))

    trial = Rehearsal(_assignment("workers.count=2"), loop)
    assert trial.run(lambda: False)
    assert told == [(200, 50_000_000)]


def test_a_gradient_longer_than_the_watchdogs_patience_is_told():
    def loop(_assignment, memory):
        memory.control[READY] = 1  # lined up, and never heard of again
        while not memory.control[STOP]:
            time.sleep(0.01)

    trial = Rehearsal(_assignment("backend.watchdog=0.2"), loop)
    trial._try = lambda: loop(None, trial._memory)
    assert not trial.run(lambda: False)
    assert "a larger backend.watchdog" in trial.failure


def _assignment(*changes):
    from asysim.backends.assignment import prepared

    scenario = parse(BASE, *changes)
    return prepared(scenario, scenario.problem.build(), compiled=True)[0]


def test_who_asks_for_the_end_during_the_rehearsal_gets_it():
    begun = threading.Event()

    def loop(_assignment, memory):
        begun.set()
        while not memory.control[STOP]:
            time.sleep(0.01)

    trial = Rehearsal(_assignment(), loop)
    trial._try = lambda: loop(None, trial._memory)
    assert not trial.run(begun.is_set)
    assert trial.failure == ""


def test_silence_is_counted_from_the_last_sign(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("asysim.backends.liveness.time.monotonic", lambda: now[0])
    quiet = Quiet(10.0)
    now[0] = 9.0
    assert not quiet.lasts(heard=True)
    now[0] = 18.0
    assert not quiet.lasts(heard=False)
    now[0] = 20.0
    assert quiet.lasts(heard=False)


SIGNAL = """
import os, signal, sys, threading, asysim
from asysim.backends.shared.local import LocalSession
from asysim.scenario import parse

def ask(*_):
    os.kill(os.getpid(), signal.SIGTERM)

if __name__ == "__main__":
    LocalSession._line_up = lambda self, line_up=LocalSession._line_up: (
        ask(), line_up(self))
    run = asysim.run(parse(sys.argv[1], "run.updates=30_000_000"), on=sys.argv[2])
    print(run.status, run.trace.updates)
"""


@pytest.mark.parametrize("on", ["threads", "processes"])
def test_a_signal_before_the_start_ends_the_run_and_keeps_it(tmp_path, on):
    (tmp_path / "script.py").write_text(SIGNAL)
    done = finish(sys.executable, tmp_path / "script.py", BASE, on)
    assert (done.returncode, done.stdout) == (0, "interrupted 0\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", get_args(BackendName))
def test_a_backend_is_a_module_with_a_few_members(name):
    members = {one for one in vars(Backend) if not one.startswith("_")} | {"DIES_WHOLE"}
    assert members == {"DIES_WHOLE", "unsupported", "prepare", "open_session"}
    assert members <= vars(backend(name)).keys()
    assert backend(name).unsupported(parse(BASE)) == []


def test_a_backend_that_there_is_not():
    assert only_fault(backend, "gpu").expected == "should be one of threads, processes, mpi"


# Rows of workers that were killed ------------------------------------------------------------


def _memory(writing, begun):
    control = np.zeros(16 * LINE, np.int64)
    control[COUNTER] = begun
    words = np.full(LINE * len(writing), NONE)
    words[::LINE] = writing
    return SimpleNamespace(control=control, writing=words)


@pytest.mark.parametrize(
    ("writing", "logged", "found"),
    [
        ([NONE, NONE, NONE], {7, 9}, []),
        ([NONE, NONE, NONE], {7, 8, 9}, []),
        ([NONE, 8, NONE], {7, 9}, [[1, 8]]),  # in the middle of its write, or just after it
        ([NONE, 8, NONE], {7, 8, 9}, []),  # it had logged it
        ([NONE, 6, NONE], {7, 8, 9}, []),  # and that was handed on long ago
        ([-1 - 7, NONE, NONE], {7, 9}, [[0, 8]]),  # between taking a number and saying which
        ([-1 - 7, 9, NONE], {7}, [[0, 8], [1, 9]]),
        ([-1 - 7, NONE, NONE], {7, 8, 9}, []),  # it had not taken one
        ([-1 - 7, -1 - 7, NONE], {7}, []),  # nobody knows whose is which
        ([NONE, 12, NONE], {7, 8, 9}, []),  # more than there are to be
    ],
)
def test_whose_update_a_draft_is_of(writing, logged, found):
    memory = _memory(writing, 10)
    for behind in (LOST, 5, 7):  # no number yet, or that of a row of long ago
        assert drafts(memory, [behind] * 3, logged, least=7, most=100).tolist() == found


def test_a_draft_that_has_its_number():
    """Killed after its write, and before its row is shown."""
    memory = _memory([NONE, NONE, -1 - 7], 10)
    assert drafts(memory, [LOST, 8, 5], {7}, least=7, most=100).tolist() == [[1, 8], [2, 9]]


# What is in the way --------------------------------------------------------------------------


def test_no_room_for_shared_memory_is_told_before_it_is_used(monkeypatch):
    monkeypatch.setattr(segment, "free_of", lambda _: 64_000_000)
    scenario = parse(BASE, "problem.dimension=10_000_000", "workers.count=2")
    problem = asysim.problems.Quadratic(np.ones(1_500_000))
    fault = only_fault(asysim.run, scenario, on="processes", problem=problem)
    assert "0.06 GB are free" in fault.found
    assert "--shm-size" in fault.expected


def test_no_room_for_the_memory_of_threads_is_told_before_it_is_used(monkeypatch):
    monkeypatch.setattr(segment, "free_memory", lambda: 64_000)
    fault = only_fault(asysim.run, parse(BASE, "workers.count=2"), on="threads")
    assert "threads, which share" in fault.found
    assert "0.00 GB are free" in fault.found


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="asks for room as Linux does")
def test_room_that_somebody_else_takes_meanwhile_is_told_too(monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    assert "GB of memory" in only_fault(segment.shared_segment, 4096).found


GUARDLESS = """
import sys, asysim
from asysim.scenario import parse
scenario = parse(sys.argv[1], *sys.argv[2:])
{call}
"""


@pytest.mark.parametrize(
    "call",
    [
        "asysim.run(scenario, on='processes')",
        "asysim.speedup(scenario, processes=2, folder=sys.argv[0] + '-study')",
    ],
)
def test_a_script_without_a_main_guard_is_told_so(tmp_path, call):
    script = tmp_path / "script.py"
    script.write_text(GUARDLESS.format(call=call))
    done = finish(sys.executable, script, BASE, *STUDY)
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == done.stderr.count("asysim.errors.InputError") == 1
    assert str(script) in done.stderr
    assert 'if __name__ == "__main__":' in done.stderr


def in_a_pool(_):
    study = asysim.speedup(parse(BASE, *STUDY), processes=2)
    with pytest.raises(asysim.InputError) as refused:
        asysim.run(parse(BASE), on="processes")
    return [row.attempts[0].to_json() for row in study.rows], str(refused.value)


def test_in_a_pools_worker_a_study_takes_one_process_and_a_run_says_what_to_do():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        rows, refused = pool.map(in_a_pool, [0])[0]
    alone = asysim.speedup(parse(BASE, *STUDY), processes=1)
    assert rows == [row.attempts[0].to_json() for row in alone.rows]
    assert 'on="threads"' in refused


def test_open_mpi_is_told_that_there_may_be_more_ranks_than_cores(tmp_path, monkeypatch):
    """What asysim starts by itself has these in its environment, unless the user says otherwise."""
    launcher = tmp_path / "mpiexec"
    launcher.write_text("#!/bin/sh\nenv > $OUT\n")
    launcher.chmod(0o755)
    monkeypatch.setattr("asysim.cli.ranks.find_mpiexec", lambda _: str(launcher))
    monkeypatch.setattr(sys.modules[library.__module__], "mpi", lambda _: None)
    monkeypatch.setenv("OUT", str(tmp_path / "environment"))
    monkeypatch.setenv("PRTE_MCA_rmaps_default_mapping_policy", "mine")
    (tmp_path / "base.toml").write_text(BASE)
    assert _launch(tmp_path / "base.toml", ()) == 0
    told = dict(
        line.split("=", 1)
        for line in (tmp_path / "environment").read_text().splitlines()
        if "=" in line
    )
    assert told["OMPI_MCA_rmaps_base_oversubscribe"] == "1"
    assert told["PRTE_MCA_rmaps_default_mapping_policy"] == "mine"
