"""Small scenarios and what several test files ask of them."""

from __future__ import annotations

import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import NamedTuple
from unittest.mock import patch

import pytest

from asysim.cli.app import main
from asysim.errors import InputError
from asysim.scenario import parse

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
