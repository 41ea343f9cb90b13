"""What a command imports: what takes long is left out until something asks for it."""

from __future__ import annotations

import tomllib

import pytest

from tests.processes import PYTHON, finish
from tests.support import ROOT

SLOW = {"pandas", "sklearn", "scipy.stats", "scipy.sparse", "matplotlib", "torch"}
COMPILING = {"numba", "llvmlite", "scipy"}
"""What compiles, and what it imports itself."""


def test_a_compiled_run_without_pictures_imports_nothing_slow(tmp_path):
    code = (
        "import sys; from asysim.cli.app import main\n"
        "sys.argv[1:] = ['run', 'scenarios/asysg_con.toml', 'run.updates=200', '--no-pictures',"
        f" '--out', {str(tmp_path / 'run')!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"found = {SLOW!r} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    done = finish(*PYTHON, code, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words",
    [["--help"], ["schema"], ["cite", "scenarios/heavy_tails.toml"]],
    ids=" ".join,
)
def test_what_runs_nothing_needs_no_kernels(words):
    code = (
        "import sys; from asysim.cli.app import main\n"
        f"sys.argv[1:] = {words!r}\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"found = {COMPILING!r} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    done = finish(*PYTHON, code, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_a_scenario_is_read_checked_and_printed_without_kernels_and_pictures_import_none():
    code = (
        "import sys; from pathlib import Path; from asysim.scenario.load import load, to_toml\n"
        "files = sorted(Path('scenarios').glob('*.toml')); assert files\n"
        "for file in files:\n    to_toml(load(file))\n"
        f"found = {COMPILING!r} & set(sys.modules)\n"
        "assert not found, found\n"
        "import asysim.show.plots\n"
        f"found = { {'pandas', *COMPILING}!r} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    done = finish(*PYTHON, code, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_help_imports_neither_numbers_nor_kernels():
    code = (
        "import sys; from asysim.cli.app import main\n"
        "sys.argv[1:] = ['--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "found = {'numpy', 'numba', 'pydantic', 'simpy'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    done = finish(*PYTHON, code, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_lowest_versions_are_those_that_are_tested():
    """`make test-lowest` installs what pyproject.toml allows at least."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.replace("==", ">=") for line in lines if not line.startswith("#")}
    assert pinned == set(project["dependencies"])
