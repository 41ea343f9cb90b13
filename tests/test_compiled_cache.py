"""Machine code on disk: an edit anywhere in what a function contains must be noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import asysim

CALLED = """
from asysim.jit.compiler import compiled
from asysim.told import ELEVEN

@compiled
def called():
    return 100 * ELEVEN + 7
"""
CALLER = """
from asysim.jit.compiler import compiled
from asysim.replay.called import called

@compiled
def caller():
    return called()
"""
ASK = "from asysim.backends.caller import caller; print(caller(), len(caller.stats.cache_hits))"


@pytest.fixture
def package(tmp_path):
    """Return a copy of the package with two small compiled functions, in different folders."""
    copy = tmp_path / "asysim"
    here = Path(asysim.__file__).parent
    shutil.copytree(here, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "told.py").write_text("ELEVEN = 11\n")
    (copy / "replay" / "called.py").write_text(CALLED)
    (copy / "backends" / "caller.py").write_text(CALLER)
    return copy


def answer(package):
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    environment["PYTHONPATH"] = str(package.parent)
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, cwd=package.parent,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    value, hits = done.stdout.split()
    return int(value), int(hits)


def edit(file, old, new):
    file.write_text(file.read_text().replace(old, new))


def test_an_edit_is_noticed_wherever_it_is_compiled_in(package):
    assert answer(package) == (1107, 0)
    edit(package / "show" / "progress.py", "\n", "\n\n")
    assert answer(package) == (1107, 1)  # no compiled code contains it: all is taken from disk
    edit(package / "replay" / "called.py", "+ 7", "+ 8")
    assert answer(package)[0] == 1108  # a function in another folder
    edit(package / "told.py", "11", "13")
    assert answer(package)[0] == 1308  # a constant of a module that holds no compiled code
