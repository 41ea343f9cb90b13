"""Small scenarios and what several test files ask of them."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest

from asysim.cli.app import main
from asysim.errors import InputError
from asysim.scenario import parse
from asysim.theory.conservation import conservation, version_bounds

ROOT = Path(__file__).parents[1]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.toml"))
CON = """
name = "tiny"
[problem]
kind = "quadratic"
[algorithm]
name = "asysg-con"
step = 0.02
[workers]
count = 3
compute = {law = "gamma", mean = 1e-3, cv = 0.3}
[network]
pull = 5e-5
push = 5e-5
[server]
service = 2e-5
[run]
updates = 60
evaluate_every = 10
"""
INCON = """
name = "tiny"
[problem]
kind = "quadratic"
[algorithm]
name = "asysg-incon"
step = 0.02
[workers]
count = 3
compute = {law = "gamma", mean = 1e-4, cv = 0.3}
[memory]
read = 3e-5
write = 5e-5
[run]
updates = 60
evaluate_every = 10
"""
BASE = """
name = "base"
[problem]
kind = "quadratic"
dimension = 20
[algorithm]
name = "asysg-con"
step = 0.01
[workers]
count = 4
compute = 1e-3
[run]
updates = 2000
"""
EMULATED = """
name = "emulated"
[problem]
kind = "quadratic"
[algorithm]
name = "asysg-con"
step = 0.01
[workers]
count = 4
compute = {law = "gamma", mean = 20e-3, cv = 0.3}
[network]
pull = 2.5e-3
push = 2.5e-3
[server]
service = 1e-3
[backend]
emulate = true
[run]
updates = 400
evaluate_every = 400
"""
DISCARD = ("algorithm.staleness_bound=1", "algorithm.beyond_bound=discard")
KINDS = {
    "con": (CON,),
    "discard": (CON, *DISCARD),
    "incon": (INCON,),
    "blocks": (INCON, "algorithm.write=block", "algorithm.blocks=3"),
}
"""A scenario for each kind of row that a trace can have, as `scenario` takes it."""


def too_busy(emulation, trace):
    """Say by how much an emulated run was late, if that is too much to judge it by; else nothing.

    A run measures it itself: gradients that were not done when they were due, and waits that lasted
    too long because somebody else had the core.
    """
    late = emulation["slip_seconds"] / (trace.info.workers * trace.duration)
    long = emulation["overshoot_99_us"] * 1e-6 / trace.duration
    if late < 0.002 and long < 0.005:
        return ""
    return f"gradients were late by {late:.1%} of the time, and waits too long by {long:.1%}"


def check_books(trace):
    """Hold a trace against the conservation of staleness.

    What a read contains follows from the clock, but for ties, and so does the sum of all ages.
    """
    low, high = version_bounds(trace)
    assert (low <= trace.version).all()
    assert (trace.version <= high).all()
    ages, least, most = conservation(trace)
    assert least <= ages <= most


def faults(call, *arguments, **options):
    """Return the faults of the InputError that a call raises."""
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    return caught.value.faults


def only_fault(call, *arguments, **options):
    """Return the one fault of a call; several for one mistake would be noise."""
    found = faults(call, *arguments, **options)
    assert len(found) == 1, found
    return found[0]


def scenario(text=CON, *overrides):
    return parse(text, *overrides)


def contents(folder):
    """Return the bytes of all files in a folder and in those in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def interrupting_at(update, number=signal.SIGTERM):
    """Return a progress callback by which somebody interrupts just before an update.

    It has to be one before which x is evaluated: progress is told of those, and of others.
    """

    def progress(state):
        if state.updates == update:
            signal.raise_signal(number)

    return progress


def failing_at(update):
    """Return a progress callback that raises ZeroDivisionError just before an update."""

    def progress(state):
        if state.updates == update:
            raise ZeroDivisionError

    return progress


@contextmanager
def checkpoints_at_each_block():
    """Keep a checkpoint after every block, and have blocks that are short."""
    with (
        patch("asysim.runs.checkpoints.EVERY", 0.0),
        patch("asysim.runs.checkpoints._SHARE", 0),
        patch("asysim.runs.replayed._rows_at_once", lambda *_: 7),
    ):
        yield


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


def command(*words):
    """Run ``asysim WORDS…`` in this process."""
    out, err = StringIO(), StringIO()
    argv = patch.object(sys, "argv", ["asysim", *map(str, words)])
    with argv, redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stopped:
        main()
    return Said(stopped.value.code or 0, out.getvalue(), err.getvalue())
