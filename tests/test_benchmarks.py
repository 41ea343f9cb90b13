"""Benchmarks that hold another version beside this one, with this version as the other one, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def said(*words, temporary):
    command = [sys.executable, str(ROOT / "benchmarks" / "features.py"), *words]
    environment = os.environ | {"TMPDIR": str(temporary)}
    return subprocess.run(
        command, cwd=temporary, env=environment, capture_output=True, text=True, check=False
    )


def test_another_version_is_played_from_its_folder_and_leaves_nothing(tmp_path):
    rows = ("--rows", "plain, simpy", "FreshBatch", "--rounds", "1")
    done = said("--before", str(ROOT), *rows, temporary=tmp_path)
    assert done.returncode == 0, done.stderr
    (row,) = (line for line in done.stdout.splitlines() if "plain, simpy" in line)
    rates = [float(word.replace(",", "")) for word in row.split("│")[2:4]]
    assert all(rate > 0 for rate in rates)
    assert not list(tmp_path.iterdir())


def test_a_version_that_cannot_play_a_row_is_said_to(tmp_path):
    package = tmp_path / "old" / "asysim"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "scenario.py").write_text("def parse(*_):\n    raise KeyError('no such feature')\n")
    (package / "schedule.py").write_text("simulate = None\n")
    rows = ("--rows", "plain, simpy", "--rounds", "1")
    done = said("--before", str(package.parent), *rows, temporary=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "before: KeyError: 'no such feature'" in " ".join(done.stdout.split())


@pytest.mark.parametrize("other", ["no-such-revision", "empty"])
def test_what_is_no_version_gets_one_line(other, tmp_path):
    (tmp_path / "empty").mkdir()
    done = said("--before", other, temporary=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"--before {other}: ")
    assert len(done.stderr.splitlines()) == 1
