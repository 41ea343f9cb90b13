"""Machine code on disk: an edit anywhere in what a function contains must be noticed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import asysim
from asysim.jit.sources import stamp
from tests.processes import PYTHON, finish

CALLED = """
from asysim.jit.compiler import compiled
from asysim.told import ELEVEN

@compiled
def called():
    return 100 * ELEVEN + 7
"""
CALLER = """
import numpy as np
from asysim.jit.compiler import compiled
from asysim.replay.called import called
from asysim.replay.space import descend

@compiled
def caller():
    x = np.ones(1)
    descend(x, x.copy(), 1.0)
    return called() + x[0]
"""
ASK = "from asysim.backends.caller import caller; print(caller(), len(caller.stats.cache_hits))"
OWN = """
from asysim.jit.compiler import compiled
from numbers_of_mine import (  # where (some) numbers are
    ELEVEN,
)

@compiled
def caller():
    return ELEVEN
"""


@pytest.fixture
def package(tmp_path):
    """Return a copy of the package with two small compiled functions, in different folders."""
    copy = tmp_path / "asysim"
    here = Path(asysim.__file__).parent
    shutil.copytree(here, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "further.py").write_text("ELEVEN = 11\n")
    (copy / "told.py").write_text("from asysim import further\nELEVEN = further.ELEVEN\n")
    (copy / "replay" / "called.py").write_text(CALLED)
    (copy / "backends" / "caller.py").write_text(CALLER)
    return copy


def answer(folder, ask=ASK, home=None):
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    environment["PYTHONPATH"] = f"{folder}{os.pathsep}{home or folder}"
    done = finish(*PYTHON, ask, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    value, hits = done.stdout.split()
    return float(value), int(hits)


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_an_edit_is_noticed_wherever_it_is_compiled_in(package):
    home = package.parent
    assert answer(home) == (1107, 0)
    edit(package / "show" / "progress.py", "\n", "\n\n")
    assert answer(home) == (1107, 1)  # no compiled code contains it: all is taken from disk
    edit(package / "replay" / "called.py", "+ 7", "+ 8")
    assert answer(home) == (1108, 0)  # a function in another folder
    edit(package / "replay" / "space.py", "gradient[i], step)", "gradient[i], -step)")
    assert answer(home) == (1110, 0)  # one of the package's own
    edit(package / "further.py", "11", "13")
    assert answer(home) == (1310, 0)  # a constant, by way of a module that holds no compiled code


def test_so_is_one_in_a_persons_own_files(tmp_path):
    home = Path(asysim.__file__).parents[1]
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "numbers_of_mine.py").write_text("ELEVEN = 11\n")
    ask = "from mine import caller; print(caller(), len(caller.stats.cache_hits))"
    assert [answer(tmp_path, ask, home) for _ in range(2)] == [(11, 0), (11, 1)]
    edit(tmp_path / "numbers_of_mine.py", "11", "13")
    assert answer(tmp_path, ask, home) == (13, 0)


EDITED = """
import os
from pathlib import Path
from {module} import caller
file = Path("{file}")
file.write_text(file.read_text().replace("{old}", "{new}"))
later = file.stat().st_mtime + 2  # Python takes an edit within a second for none, if it is as long
os.utime(file, (later, later))
print(caller(), len(caller.stats.cache_hits))
"""


def test_an_edit_after_the_import_is_not_what_is_compiled(package, tmp_path):
    ask = EDITED.format(
        module="asysim.backends.caller", file="asysim/replay/called.py", old="+ 7", new="+ 8"
    )
    assert answer(package.parent, ask) == (1107, 0)
    assert answer(package.parent) == (1108, 0)
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "numbers_of_mine.py").write_text("ELEVEN = 11\n")
    ask = EDITED.format(module="mine", file="numbers_of_mine.py", old="11", new="13")
    assert answer(tmp_path, ask) == (11, 0)
    assert answer(tmp_path, ASK.replace("asysim.backends.caller", "mine")) == (13, 0)


@pytest.mark.parametrize(
    "line",
    [
        "from .inner import A",
        "from . import inner",
        "from . import (  # (this one)\n    x,\n    inner as y,\n)",
        "from . import x, \\\n    inner",
        "def f():\n    from .inner import A",
        "x = 1; from .inner import *",
        "from .deeper.far import A",
    ],
)
def test_every_form_of_an_import_is_followed(line, tmp_path):
    def stamp_with(inner, other):
        folder = tmp_path / f"{inner}{other}"
        (folder / "deeper").mkdir(parents=True)
        (folder / "rule.py").write_text(line)
        (folder / "inner.py").write_text(f"A = {inner}")
        (folder / "deeper" / "far.py").write_text("from ..inner import A")
        (folder / "other.py").write_text(f"B = {other}")
        return stamp(folder / "rule.py")

    assert stamp_with(1, 1) == stamp_with(1, 2) != stamp_with(2, 2)
