"""`asysim run --on mpi`, as a person starts it: mpiexec and all."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

import asysim
from asysim.runs.rederive import differences
from asysim.scenario import parse
from tests.processes import (
    ASYSIM,
    LONG_ENOUGH,
    MPIEXEC,
    PYTHON,
    begin,
    children,
    finish,
    linux,
    needs_mpi,
    outside_mpi,
    shared_memory,
    wait_for_bytes,
    wait_until_gone,
)

pytestmark = needs_mpi
SCENARIO = """
name = "star"
[problem]
kind = "logistic"
data = {kind = "breast_cancer"}
[algorithm]
name = "asysg-con"
step = 0.01
batch_size = 4
[workers]
count = 4
compute = 1e-3
[run]
updates = 1000
evaluate_every = 200
"""
BAD_INPUT, CUT_SHORT = 2, 7


def start(folder, *words, ranks=5, **options):
    file = folder / "star.toml"
    file.write_text(SCENARIO)
    launcher = [MPIEXEC, "-n", ranks] if ranks else []
    return begin(
        *launcher, *ASYSIM, "run", file, *words, "--on", "mpi", "--out", folder / "run",
        "--no-pictures", **options,
    )  # fmt: skip


def run(folder, *words, ranks=5, **options):
    process = start(folder, *words, ranks=ranks, **options)
    out, err = process.communicate(timeout=LONG_ENOUGH)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def test_mpiexec_n_5(tmp_path):
    code, out, err = run(tmp_path)
    assert code == 0, err
    assert out.count("1,000 updates") == 1, "one rank speaks for all"
    done = asysim.load_run(tmp_path / "run")
    assert done.status == "complete"
    assert done.trace.updates == 1000
    assert done.trace.info.clock == "real"
    assert set(done.trace.worker) == {0, 1, 2, 3}
    assert differences(done, asysim.rerun(done.trace, done.scenario)) == []


def test_one_sided_memory(tmp_path):
    code, _, err = run(tmp_path, "algorithm.name=asysg-incon")
    assert code == 0, err
    done = asysim.load_run(tmp_path / "run")
    assert done.trace.updates == 1000
    assert not done.trace.info.exact
    assert done.trace.brackets is not None
    assert done.curve["loss"].iloc[-1] < done.curve["loss"].iloc[0]


@pytest.mark.parametrize("algorithm", ["asysg-con", "asysg-incon"])
def test_nothing_has_to_be_compiled(tmp_path, algorithm):
    """Ranks share no memory whose words only machine code can change at once."""
    changes = (f"algorithm.name={algorithm}", "workers.count=2", "run.updates=60")
    code, _, err = run(tmp_path, *changes, ranks=3, env=os.environ | {"NUMBA_DISABLE_JIT": "1"})
    assert code == 0, err
    done = asysim.load_run(tmp_path / "run")
    assert done.trace.updates == 60
    if done.trace.info.exact:  # and machine code computes the same bits
        assert differences(done, asysim.rerun(done.trace, done.scenario)) == []


def test_ranks_are_started_where_nobody_did(tmp_path):
    changes = ("workers.count=2", "run.updates=200")
    code, out, err = run(tmp_path, *changes, ranks=0, env=outside_mpi())
    assert code == 0, err
    assert "200 updates" in out
    assert asysim.load_run(tmp_path / "run").trace.info.workers == 2


@pytest.mark.parametrize("ranks", [3, 6])
def test_more_or_fewer_ranks_than_workers(tmp_path, ranks):
    code, _, err = run(tmp_path, ranks=ranks)
    said = " ".join(err.split())
    assert code == BAD_INPUT
    assert said.count("workers.count") == 1, "said once"
    assert "mpiexec -n 5" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('coordination={kind="mindflayer", trials=1, seconds=1}', "coordination.kind"),
        ('problem.data={kind="libsvm", path="/nowhere/data"}', "/nowhere/data"),
        ("workers.coutn=4", "did you mean count?"),
    ],
)
def test_what_is_wrong_is_said_once_and_ends_all_with_its_code(tmp_path, change, said):
    code, _, err = run(tmp_path, change)
    assert code == BAD_INPUT
    assert err.count(said) == 1, err
    assert "Abort" not in err
    assert not (tmp_path / "run").exists()


def test_without_mpiexec_it_says_what_to_install(tmp_path):
    (tmp_path / "python").symlink_to(sys.executable)
    code = (
        "import sys; sys.executable = '/nowhere/python'; from asysim.cli.app import main; "
        f"sys.argv = ['asysim', 'run', '{tmp_path / 'star.toml'}', '--on', 'mpi']; main()"
    )
    (tmp_path / "star.toml").write_text(SCENARIO)
    done = finish(*PYTHON, code, env=outside_mpi(PATH=str(tmp_path)))
    assert done.returncode == BAD_INPUT, done
    assert "asysim[mpi]" in done.stderr
    assert "Traceback" not in done.stderr


@linux
def test_a_killed_rank(tmp_path):
    process = start(tmp_path, "run.updates=100_000_000", "run.evaluate_every=10_000_000")
    wait_for_bytes(process, tmp_path / "run.partial" / "rows.spool", 100_000)
    family = children(process.pid)
    ranks = sorted(
        p for p, words in family.items() if "asysim\0run" in words and "keeper" not in words
    )
    segments = shared_memory(ranks)
    time.sleep(1)  # so long that somebody has looked
    os.kill(ranks[-1], signal.SIGKILL)
    begun = time.monotonic()
    _, err = process.communicate(timeout=LONG_ENOUGH)
    assert time.monotonic() - begun < 200
    assert process.returncode != 0
    assert "what was recorded so far is in" in err
    done = asysim.load_run(tmp_path / "run")
    assert done.status == "cut short"
    assert done.trace.updates > 100
    assert differences(done, asysim.rerun(done.trace, done.scenario)) == []
    wait_until_gone(family)
    assert segments
    assert not [path for path in segments if path.exists()]


def test_a_study_runs_on_ranks(tmp_path):
    scenario = parse(
        SCENARIO, "run.updates=1500", "run.target_loss=0.09", "run.evaluate_every=100",
        "speedup.workers=[1]", "speedup.seeds=1",
    )  # fmt: skip
    (row,) = asysim.speedup(scenario, on="mpi", folder=tmp_path / "study").rows
    assert row.reached == 1
    assert row.attempts[0].measured["backend"] == "mpi"
    assert row.time.value == 1.0
