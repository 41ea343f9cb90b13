"""What goes wrong with a real run: it ends within seconds, says so once, keeps what it has, and
leaves no process and no shared memory behind."""

from __future__ import annotations

import json
import os
import signal
import time

import numpy as np
import pytest

import asysim
from asysim.problems import Quadratic
from asysim.runs.rederive import differences
from asysim.scenario import parse
from tests.processes import (
    ASYSIM,
    LONG_ENOUGH,
    PYTHON,
    begin,
    children,
    finish,
    linux,
    shared_memory,
    wait_for_bytes,
    wait_until_gone,
)
from tests.support import command, only_fault

LONG = """
name = "long"
[problem]
kind = "mlp"
layers = [64, 32, 10]
data = {kind = "digits"}
[algorithm]
name = "asysg-con"
step = 1e-4
batch_size = 10
[workers]
count = 3
compute = 1e-3
[run]
updates = 30_000_000
evaluate_every = 100_000
"""
CUT_SHORT, INTERRUPTED = 7, 130


class Started:
    """A run in a process of its own, begun."""

    def __init__(self, folder, *words, on="processes"):
        file = folder / "long.toml"
        file.write_text(LONG)
        self.out, self.partial = folder / "run", folder / "run.partial"
        self.segments = set()
        self.process = begin(
            *ASYSIM, "run", file, *words, "--on", on, "--out", self.out, "--no-pictures",
            start_new_session=True,
        )  # fmt: skip

    def wait_for_rows(self):
        wait_for_bytes(self.process, self.partial / "rows.spool", 200_000)
        self.note_segments()

    def note_segments(self):
        self.segments |= shared_memory([self.process.pid, *children(self.process.pid)])

    def workers(self):
        """Return the worker processes: the youngest generation, in order of their numbers."""
        family = children(self.process.pid)
        servers = [p for p, words in family.items() if "forkserver" in words]
        return sorted(next(filter(None, map(children, servers))))

    def end(self):
        """Wait for the end; return the exit code, what was printed, and the seconds that took."""
        family = children(self.process.pid)
        self.note_segments()
        begun = time.monotonic()
        out, err = self.process.communicate(timeout=LONG_ENOUGH)
        took = time.monotonic() - begun
        self.check_leavings(family)
        assert "Traceback" not in err, err
        return self.process.returncode, out, took

    def check_leavings(self, family):
        wait_until_gone(family)
        assert not [path for path in self.segments if path.exists()], "no shared memory is left"

    def check(self, status):
        """The run is kept, says how it ended, and can be derived again from its own trace."""
        run = asysim.load_run(self.out)
        assert run.status == status
        assert run.trace.updates > 100
        missing = np.setdiff1d(np.arange(run.trace.updates), run.trace.update)
        assert not len(missing), "a worker that is killed takes no row along"
        if run.trace.info.exact:
            assert differences(run, asysim.rerun(run.trace, run.scenario)) == []
        assert not self.partial.exists()
        return run


@linux
@pytest.mark.parametrize("algorithm", ["asysg-con", "asysg-incon"])
def test_a_killed_worker(tmp_path, algorithm):
    run = Started(tmp_path, f"algorithm.name={algorithm}")
    run.wait_for_rows()
    os.kill(run.workers()[1], signal.SIGKILL)
    code, out, took = run.end()
    assert code == CUT_SHORT
    assert "worker 1 was ended by SIGKILL" in out.replace("\n", " ")
    assert took < 200, "not at the end of its 30 million updates"
    run.check("cut short")


@linux
def test_a_worker_that_hangs(tmp_path):
    run = Started(tmp_path, "backend.watchdog=4")
    run.wait_for_rows()
    os.kill(run.workers()[2], signal.SIGSTOP)
    code, out, _ = run.end()
    assert code == CUT_SHORT
    assert "worker 2 gave no sign of life for 4 s" in out.replace("\n", " ")
    run.check("cut short")


@linux
@pytest.mark.parametrize("on", ["threads", "processes"])
def test_ctrl_c(tmp_path, on):
    run = Started(tmp_path, on=on)
    run.wait_for_rows()
    os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does
    code, out, _ = run.end()
    assert code == INTERRUPTED, out
    assert "interrupted after" in out
    run.check("interrupted")


@linux
def test_a_full_disk(tmp_path):
    """A limit on the size of files: what was written before is kept, and can be had."""
    limited = (
        "import resource, runpy, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000)); "
        "sys.argv = ['asysim', *sys.argv[1:]]; runpy.run_module('asysim', run_name='__main__')"
    )
    file = tmp_path / "long.toml"
    file.write_text(LONG)
    done = finish(
        *PYTHON, limited, "run", file, "--on", "threads", "--out", tmp_path / "run",
        "--no-pictures",
    )  # fmt: skip
    assert done.returncode == 2, done
    said = done.stderr.replace("\n", " ")
    assert "file too large" in said
    assert "asysim recover" in said
    assert "Traceback" not in said
    made = command("recover", tmp_path / "run.partial")
    assert made.code == 0, made
    assert "kept in" in made.out
    run = asysim.load_run(tmp_path / "run")
    assert run.status == "cut short"
    assert 10_000 < len(run.trace) < 3_000_000 / 72


@linux
def test_nobody_is_left_when_the_watcher_is_killed(tmp_path):
    run = Started(tmp_path)
    run.wait_for_rows()
    family = children(run.process.pid)
    run.process.kill()
    run.process.communicate()
    assert run.segments
    run.check_leavings(family)
    made = command("recover", run.partial)
    assert made.code == 0, made
    assert "marked as cut short" in made.out
    assert asysim.load_run(run.out).status == "cut short"


class Falls(Quadratic):
    """A problem whose gradient fails after a while."""

    calls = 0

    def gradient(self, x, batch, out):
        Falls.calls += 1
        if Falls.calls == 40:
            raise ArithmeticError("the gradient fell over")
        super().gradient(x, batch, out)


def test_an_exception_in_a_worker():
    scenario = parse(LONG, "problem={kind='quadratic'}", "run.updates=1000", "algorithm.step=0.01")
    run = asysim.run(scenario, on="processes", problem=Falls([1.0, 2.0]))
    assert run.status == "cut short"
    assert "failed: ArithmeticError: the gradient fell over" in run.outcome.message
    assert 0 < run.trace.updates < 130


def test_what_cannot_be_sent_is_refused():
    problem = Quadratic([1.0])
    problem.start = lambda: np.ones(1)
    scenario = parse(LONG, "problem={kind='quadratic'}")
    fault = only_fault(asysim.run, scenario, on="processes", problem=problem)
    assert "can't be sent to another process" in fault.found
    fault = only_fault(asysim.run, scenario, on="threads", problem=Falls([1.0]))
    assert "processes" in fault.expected


def test_json_says_how_a_real_run_went(tmp_path):
    (tmp_path / "s.toml").write_text(LONG)
    words = ("run.updates=500", "--json", "--on", "threads", "--out", tmp_path / "run")
    said = command("run", tmp_path / "s.toml", *words, "--no-pictures")
    assert said.code == 0
    told = json.loads(said.out)
    assert told["status"] == "complete"
    assert told["updates"] == 500
    assert told["real_seconds"] > 0
