"""Commands in processes of their own: begun, waited for, and what they leave behind."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

ASYSIM = (sys.executable, "-m", "asysim")
PYTHON = (sys.executable, "-c")
MPIEXEC = Path(sys.executable).with_name("mpiexec")
LONG_ENOUGH = 3600  # seconds: not how long anything takes, but that it ends

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc and /dev/shm")
needs_mpi = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or not MPIEXEC.exists(),
    reason="needs mpi4py and its mpiexec beside python: pip install mpi4py mpich",
)


def begin(*words, **options):
    """Start a program; what it says comes through pipes, unless told otherwise."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*map(str, words)], text=True, **(pipes | options))


def finish(*words, **options):
    """Start a program and wait for its end; return its `returncode`, `stdout` and `stderr`."""
    return subprocess.run(
        [*map(str, words)], capture_output=True, text=True, check=False,
        **({"timeout": LONG_ENOUGH} | options),
    )  # fmt: skip


def outside_mpi(**more):
    """Return the environment as if no launcher of MPI had started this process."""
    launchers = "OMPI|PMI|PRTE|MPI|HYDRA|SLURM"
    return {k: v for k, v in os.environ.items() if not re.match(launchers, k)} | more


def wait_until(there, process):
    """Wait until something is there; it is a failure if the process ends before, or never does."""
    until = time.monotonic() + LONG_ENOUGH
    while not there():
        assert process.poll() is None, process.communicate()
        if time.monotonic() > until:
            process.kill()
            raise AssertionError(process.communicate())
        time.sleep(0.01)


def wait_for_bytes(process, path, count):
    """Wait until a file has more than so many bytes."""
    wait_until(lambda: path.exists() and path.stat().st_size > count, process)


def wait_until_gone(processes):
    """Wait until processes are no more, which should not take long."""
    until = time.monotonic() + 60
    while left := {p for p in processes if Path(f"/proc/{p}").exists()}:
        assert time.monotonic() < until, f"orphans: {left}"
        time.sleep(0.05)


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


def shared_memory(processes):
    """Return the shared memory that processes have mapped: other tests have some of their own."""
    maps = []
    for process in processes:
        with suppress(OSError):
            maps.append(Path(f"/proc/{process}/maps").read_text())
    return set(map(Path, re.findall(r"/dev/shm/(?:psm_|mpich)\S*", "\n".join(maps))))
