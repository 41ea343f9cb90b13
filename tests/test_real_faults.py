"""What goes wrong with a real run: it ends within seconds, says so once, keeps what it has, and
leaves no process and no shared memory behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import asysim
from asysim.problems import Quadratic
from asysim.runs.rederive import differences
from asysim.scenario import parse

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
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc and /dev/shm")


def segments(processes):
    """Return the shared memory that processes have mapped: other tests have some of their own."""
    found = set()
    for process in processes:
        with suppress(OSError):
            lines = Path(f"/proc/{process}/maps").read_text().splitlines()
            found |= {Path(line.split()[5]) for line in lines if "/dev/shm/psm_" in line}
    return found


def children(pid):
    """Return the processes that descend from one, with their command lines."""
    found, parents = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(stat[1])
                found[int(entry.name)] = (entry / "cmdline").read_bytes().decode()
            except (OSError, ValueError):
                continue
    family = {pid}
    while True:
        more = {p for p, parent in parents.items() if parent in family} - family
        if not more:
            return {p: found[p] for p in family - {pid}}
        family |= more


class Started:
    """A run in a process of its own, begun."""

    def __init__(self, folder, *words, on="processes", scenario=LONG, environment=None):
        self.file = folder / "long.toml"
        self.file.write_text(scenario)
        self.out = folder / "run"
        self.segments = set()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "asysim", "run", str(self.file), *words,
             "--on", on, "--out", str(self.out), "--no-pictures"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=os.environ | (environment or {}),
        )  # fmt: skip

    def wait_for_rows(self, kilobytes=200):
        spool = self.out.with_name("run.partial") / "rows.spool"
        until = time.monotonic() + 600
        while not (spool.exists() and spool.stat().st_size > kilobytes * 1000):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < until
            time.sleep(0.02)
        self.note_segments()

    def note_segments(self):
        self.segments |= segments([self.process.pid, *children(self.process.pid)])

    def workers(self):
        """Return the worker processes: the youngest generation, in order of their numbers."""
        family = children(self.process.pid)
        servers = [p for p, words in family.items() if "forkserver" in words]
        return sorted(next(filter(None, map(children, servers))))

    def end(self, seconds=20):
        family = set(children(self.process.pid))
        self.note_segments()
        begun = time.monotonic()
        out, err = self.process.communicate(timeout=seconds + 580)
        took = time.monotonic() - begun
        until = time.monotonic() + 60
        while left := {p for p in family if Path(f"/proc/{p}").exists()}:
            if time.monotonic() > until:
                raise AssertionError(f"orphans: {left}")
            time.sleep(0.05)
        assert not [path for path in self.segments if path.exists()], "no shared memory is left"
        assert "Traceback" not in err, err
        return self.process.returncode, out, err, took

    def check(self, status):
        """The run is kept, says how it ended, and can be derived again from its own trace."""
        run = asysim.load_run(self.out)
        assert run.status == status
        assert run.trace.updates > 100
        missing = np.setdiff1d(np.arange(run.trace.updates), run.trace.update)
        assert not len(missing), "a worker that is killed takes no row along"
        if run.trace.info.exact:
            assert differences(run, asysim.rerun(run.trace, run.scenario)) == []
        assert not self.out.with_name("run.partial").exists()
        return run


@linux
@pytest.mark.parametrize("algorithm", ["asysg-con", "asysg-incon"])
def test_a_killed_worker(tmp_path, algorithm):
    run = Started(tmp_path, f"algorithm.name={algorithm}")
    run.wait_for_rows()
    os.kill(run.workers()[1], signal.SIGKILL)
    code, out, _, took = run.end()
    assert code == CUT_SHORT
    assert "worker 1 was ended by SIGKILL" in out.replace("\n", " ")
    assert took < 200, "not at the end of its 30 million updates"
    run.check("cut short")


@linux
def test_a_worker_that_hangs(tmp_path):
    run = Started(tmp_path, "backend.watchdog=4")
    run.wait_for_rows()
    os.kill(run.workers()[2], signal.SIGSTOP)
    code, out, _, _ = run.end()
    assert code == CUT_SHORT
    assert "worker 2 gave no sign of life for 4 s" in out.replace("\n", " ")
    run.check("cut short")


@linux
@pytest.mark.parametrize("on", ["threads", "processes"])
def test_ctrl_c(tmp_path, on):
    run = Started(tmp_path, on=on)
    run.wait_for_rows()
    os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does
    code, out, _, _ = run.end()
    assert code == INTERRUPTED, (out, _)
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
    done = subprocess.run(
        [sys.executable, "-c", limited, "run", str(file), "--on", "threads",
         "--out", str(tmp_path / "run"), "--no-pictures"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done
    said = done.stderr.replace("\n", " ")
    assert "file too large" in said
    assert "asysim recover" in said
    assert "Traceback" not in said
    partial = tmp_path / "run.partial"
    made = subprocess.run(
        [sys.executable, "-m", "asysim", "recover", str(partial)],
        capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    assert "kept in" in made.stdout
    run = asysim.load_run(tmp_path / "run")
    assert run.status == "cut short"
    assert 10_000 < len(run.trace) < 3_000_000 / 72


@linux
def test_nobody_is_left_when_the_watcher_is_killed(tmp_path):
    run = Started(tmp_path)
    run.wait_for_rows()
    family = set(children(run.process.pid))
    run.process.kill()
    run.process.communicate()
    until = time.monotonic() + 60
    while left := {p for p in family if Path(f"/proc/{p}").exists()}:
        assert time.monotonic() < until, f"orphans: {left}"
        time.sleep(0.05)
    assert run.segments
    assert not [path for path in run.segments if path.exists()]
    made = subprocess.run(
        [sys.executable, "-m", "asysim", "recover", str(run.out.with_name("run.partial"))],
        capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    assert "marked as cut short" in made.stdout
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
    from tests.support import only_fault

    problem = Quadratic([1.0])
    problem.start = lambda: np.ones(1)
    scenario = parse(LONG, "problem={kind='quadratic'}")
    fault = only_fault(asysim.run, scenario, on="processes", problem=problem)
    assert "can't be sent to another process" in fault.found
    fault = only_fault(asysim.run, scenario, on="threads", problem=Falls([1.0]))
    assert "processes" in fault.expected


def test_json_says_how_a_real_run_went(tmp_path):
    run = Started(tmp_path, "run.updates=500", "--json", on="threads")
    code, out, _, _ = run.end()
    assert code == 0
    told = json.loads(out)
    assert told["status"] == "complete"
    assert told["updates"] == 500
    assert told["real_seconds"] > 0
