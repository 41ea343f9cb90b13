"""`asysim.run(scenario, on="mpi")` in a script under mpiexec: what is wrong is said once."""

from __future__ import annotations

import signal
import time

import pytest

from tests.processes import LONG_ENOUGH, MPIEXEC, PYTHON, begin, needs_mpi, outside_mpi

pytestmark = needs_mpi
SCENARIO = """
name = "python"
[problem]
kind = "least_squares"
data = {kind = "regression", samples = 50, features = 10}
[algorithm]
name = "asysg-con"
step = 1e-3
[workers]
count = 2
compute = 1e-3
[run]
updates = 50
"""
HEAD = """
import asysim, sys, time
from asysim.backends.mpi import world
from asysim.scenario import parse
rank, _ = world()
scenario = parse(sys.argv[1], *sys.argv[2:])
"""
PLAIN = 'run = asysim.run(scenario, on="mpi"); print(rank, run.trace.updates)'
BAD_INPUT = 2


def start(script, *overrides, ranks=3):
    words = (*PYTHON, HEAD + script, SCENARIO, *overrides)
    return begin(MPIEXEC, "-n", ranks, *words, env=outside_mpi())


def run(script, *overrides, ranks=3):
    """Return the exit code, what was printed, and what was said on standard error."""
    process = start(script, *overrides, ranks=ranks)
    out, err = process.communicate(timeout=LONG_ENOUGH)
    return process.returncode, out, err


def test_a_run_comes_back_on_rank_0_only():
    assert run(PLAIN) == (0, "0 50\n", "")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (('coordination={kind="mindflayer", trials=1, seconds=1}',), "coordination.kind: found"),
        (('problem.data={kind="libsvm", path="/nowhere/data"}',), "/nowhere/data: found no such"),
        (('algorithm.step={kind="theorem"}',), "algorithm.step.variance: found nothing"),
        (("workers.count=5",), "workers.count: found 5, but there are 3 MPI ranks"),
    ],
    ids=["refused", "no data", "no constant", "ranks"],
)
def test_what_is_wrong_is_raised_on_rank_0_and_the_others_leave(overrides, said):
    code, out, err = run(PLAIN, *overrides)
    assert code != 0
    assert out == ""
    assert err.count("asysim.errors.InputError:") == err.count(said) == 1, err
    assert "Abort" not in err


def test_who_catches_it_on_rank_0_can_go_on_alone():
    caught = f"""
try:
    {PLAIN}
except asysim.InputError:
    print(rank, asysim.run(scenario).trace.updates)
"""
    code, out, err = run(caught, 'coordination={kind="mindflayer", trials=1, seconds=1}')
    assert (code, err) == (BAD_INPUT, ""), "the others' exit code"
    assert out == "0 50\n"


def test_a_folder_that_can_t_be_made_is_said_by_rank_0_too(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    for folder in (tmp_path / "full", tmp_path / "file" / "run"):
        code, _, err = run(f'asysim.run(scenario, on="mpi", folder={str(folder)!r})')
        assert code != 0
        assert err.count("asysim.errors.InputError:") == 1, err
        assert "Abort" not in err


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('sys.argv.append("problem.data={kind=\\"libsvm\\", path=\\"/nowhere/data\\"}")',
         "/nowhere/data: found no such file, on rank 2; should be the path of a data file"),
        ("type(scenario.problem).build = lambda _: 1 / 0",
         "problem: found ZeroDivisionError: division by zero, on rank 2; should be"),
    ],
)  # fmt: skip
def test_what_is_wrong_on_one_rank_only_is_said_by_rank_0(wrong, said):
    again = "scenario = parse(sys.argv[1], *sys.argv[2:])"
    code, out, err = run(f"if rank == 2: {wrong}\n{again}\n{PLAIN}")
    assert code != 0
    assert out == ""
    assert err.count("Traceback") == err.count(said) == 1, err


def test_a_rank_that_says_nothing_keeps_nobody_for_long():
    begun = time.monotonic()
    code, out, err = run(
        f"import asysim.backends.mpi.job as a; a._LIMIT = 1.0\n"
        f"if rank == 2: time.sleep(1000)\n{PLAIN}"
    )
    assert time.monotonic() - begun < 300
    assert code != 0
    assert out == ""
    assert err.count("nothing was heard of rank 2 for 1 s") == 1, err


def test_ctrl_c_while_one_rank_builds_its_problem_ends_all():
    script = """
if rank == 0:
    def build(_):
        print("building", flush=True)
        time.sleep(1000)
    type(scenario.problem).build = build
"""
    process = start(script + PLAIN)
    assert process.stdout.readline() == "building\n"
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=LONG_ENOUGH)
    assert process.returncode != 0, err
