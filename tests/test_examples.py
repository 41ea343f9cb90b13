"""Everything a reader is shown runs: scenarios, notebooks, and the commands of the README."""

import contextlib
import os
import re
import shlex
import sys
from pathlib import Path

import nbformat
import pytest

import asysim
from asysim.runs.rederive import differences
from tests.notebooks import execute, with_sizes
from tests.processes import ASYSIM, MPIEXEC, finish
from tests.support import ROOT, SCENARIOS, command

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario_runs_and_can_be_checked(path):
    scenario = asysim.load(path, "run.updates=300", "run.evaluate_every=100", "run.target_loss=")
    if scenario.problem.kind == "torch":
        pytest.importorskip("torch")
    run = asysim.run(scenario)
    assert run.status == "complete"
    assert run.trace.updates == 300
    assert run.curve["loss"].iloc[-1] < run.curve["loss"].iloc[0], "it learns something"
    assert differences(run, asysim.rerun(run.trace, scenario)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
# The kernel's own libraries warn of each other.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
def test_notebook_runs(path):
    kept = nbformat.read(path, as_version=4)
    fresh = execute(path, reduced=True)
    pairs = [(a, b) for a, b in zip(kept.cells, fresh.cells, strict=True) if a.cell_type == "code"]
    for a, b in pairs:
        shown = [set(output.get("data", {})) for output in a.outputs]
        assert shown == [set(output.get("data", {})) for output in b.outputs], a.source
        assert a.execution_count is not None, "the notebook is kept with its output"


def test_reduced_sizes_are_of_names_that_a_notebook_sets():
    assert with_sizes("seeds = 40", {"seeds": 2}) == "seeds = 40\nseeds = 2"
    with pytest.raises(ValueError, match="does not set lengths"):
        with_sizes("seeds = 40", {"lengths": [8, 16]})


def commands(path):
    """Return the lines of a document's shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def runnable(words):
    """Return the words of a documented command with this environment's own programs."""
    if words[0] == "mpiexec":
        here = words.index("asysim")
        return [MPIEXEC, *words[1:here], *runnable(words[here:])]
    return [*(ASYSIM if words[0] == "asysim" else [sys.executable]), *words[1:]]


SMALL = {
    "advise": ["--seeds", "1", "--methods", "asynchronous", "--steps", "0.02", "--workers", "16"],
    "escape": ["escape.seeds=10"],
    "limits": [
        "limits.updates=[64,256]", "limits.batch_sizes=[1]", "limits.multiples=[2.0]",
        "limits.seeds=1",
    ],
    "plan": ["--samples", "1"],
    "speedup": ["speedup.seeds=1"],
    "sweep": ["--jobs=1", "run.updates=50"],
}  # fmt: skip


def short(words):
    """Return the words of a documented command at a small size.

    Of a long run to no target its first 2000 updates, of a study a few runs: that the command is
    right shows with these as well.
    """
    if words[0] != "asysim":
        return words
    small = SMALL.get(words[1], [])
    if small:
        return words if small[0] in words else [*words, *small]
    files = [ROOT / word for word in words if word.startswith("scenarios/")]
    if "run" not in words or not files or any(word.startswith("run.updates=") for word in words):
        return words
    asked = asysim.load(files[0]).run
    aims = asked.target_loss is not None or asked.target_gradient is not None
    return words if aims or asked.updates <= 2000 else [*words, "run.updates=2000"]


def said(words, folder):
    """Run a documented command in a folder; return its exit code and what it says of errors.

    In this process where that is the same: to begin one takes longer than most commands.
    """
    if words[0] == "asysim" and "mpi" not in words:
        with contextlib.chdir(folder):
            code, _, errors = command(*words[1:])
        return code, errors
    done = finish(*runnable(words), cwd=folder)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "page",
    [
        "advice",
        "backends",
        "calibration",
        "escape",
        "file_schedules",
        "limits",
        "my_cluster",
        "planning",
        "second_order",
        "speedup",
        "staleness",
        "strict_saddles",
        "sweeps",
        "theory",
    ],
)
def test_commands_of_a_page_run(page, tmp_path):
    for folder in ("docs", "scenarios"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    elsewhere = commands(ROOT / "README.md")  # the same line comes to the same there
    for line in commands(ROOT / "docs" / f"{page}.md"):
        if line in elsewhere:
            continue
        code, errors = said(short(shlex.split(line)), tmp_path)
        assert code == 0, f"{line}\n{errors}"
        assert "Traceback" not in errors, line


def test_readme_commands_run(tmp_path):
    for folder in ("scenarios", "benchmarks", "notebooks"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    lines = commands(ROOT / "README.md")
    assert lines[:2] == ["make demo", "make test"], "the two commands that do everything come first"
    for line in lines:
        if line in ("make test", "make check"):  # are what runs this, or a part of it
            continue
        words = shlex.split(line)
        made = recipe(words[1]) if words[0] == "make" else short(words)
        code, errors = said(made, tmp_path)
        assert "Traceback" not in errors, f"{line}\n{errors}"
        wrong_on_purpose = "coutn" in line
        assert code == (2 if wrong_on_purpose else 0), f"{line}\n{errors}"


def test_make_check_finds_its_tests():
    words = [*recipe("check"), "--collect-only", "-q", "tests/test_house.py", "tests/test_mpi.py"]
    found = finish(*runnable(words), cwd=ROOT)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "test_imports_go_down_only" in found.stdout
    assert "tests/test_mpi.py::" not in found.stdout


def recipe(target):
    """Return the words of the last command that a make target runs."""
    # `make test` may be what runs this: what it tells its children is not meant for this one.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    dry = ("--no-print-directory", "--dry-run", "--always-make")
    asked = finish("make", *dry, target, cwd=ROOT, env=clean | {"MFLAGS": ""})
    assert asked.returncode == 0, asked.stderr
    words = shlex.split(asked.stdout.splitlines()[-1])
    return [Path(words[0]).name, *words[1:]]


def test_readme_python_runs(tmp_path, monkeypatch):
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S
    )
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_readme_links_exist():
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name} links to {link}"


def test_reference_is_up_to_date():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from reference import PATH, reference
    finally:
        sys.path.pop(0)
    assert PATH.read_text(encoding="utf-8") == reference(), "run: python docs/reference.py"


def test_exported_names():
    assert set(asysim.__all__) == {
        "Advice", "AsysimError", "Assessment", "EscapeStudy", "Gradient", "InputError",
        "LimitStudy", "Run", "Scenario", "SpeedupStudy", "StalenessStudy", "SweepStudy", "Trace",
        "__version__", "advise", "assess", "calibrate", "compare", "escape", "limits", "load",
        "load_run", "plan", "plots", "rerun", "resume", "run", "speedup", "staleness", "sweep",
        "vary",
    }  # fmt: skip
    for name in asysim.__all__:
        assert getattr(asysim, name) is not None
    with pytest.raises(AttributeError, match="no attribute"):
        asysim.nothing_like_this  # noqa: B018
    assert set(asysim.__all__) <= set(dir(asysim)), "completion shows them"
