"""What makes an attempt of a task: a simulated run, or a real one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from asysim.errors import AsysimError
from asysim.problems.base import Problem
from asysim.runs.outcome import INTERRUPTED, Outcome
from asysim.scenario import Scenario, to_toml, vary
from asysim.studies.attempt import Attempt
from asysim.studies.task import Task
from asysim.sweeps.built import built_problem


def simulate_attempt(task: Task, problem: Problem | None = None) -> Attempt | None:
    """Simulate one run; None if it was interrupted."""
    from asysim.runs.replayed import compute

    varied = task.scenario()
    if problem is None:
        problem = built_problem(varied)
    outcome = compute(varied, problem=problem)
    return None if outcome.status == INTERRUPTED else Attempt.of(varied, outcome)


def real_attempt(task: Task, problem: Problem | None, *, on: str) -> Attempt | None:
    """Make one real run; None if it was interrupted.

    To evaluate x takes a core, which the workers need. So a run goes on to its last update, and is
    evaluated when it is over; unless it is emulated, when cores are free and time is dear.
    """
    from asysim.runs.run import run

    varied = made = task.scenario()
    if made.run.updates is not None and not (made.backend is not None and made.backend.emulate):
        made = vary(varied, "run.target_loss=", "run.target_gradient=")
    outcome = _on_ranks(made) if on == "mpi" else run(made, on=on, problem=problem).outcome
    return None if outcome.status == INTERRUPTED else Attempt.of(varied, outcome)


def _on_ranks(scenario: Scenario) -> Outcome:
    """Run on MPI ranks, of which this process can't be one again and again."""
    from asysim.runs.kept_run import load_run

    with tempfile.TemporaryDirectory(prefix="asysim-") as folder:
        file, kept = Path(folder) / "scenario.toml", Path(folder) / "run"
        file.write_text(to_toml(scenario), encoding="utf-8")
        words = ["run", str(file), "--on", "mpi", "--out", str(kept), "--no-pictures", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "asysim", *words], capture_output=True, text=True, check=False
        )
        if not kept.exists():
            said = (done.stderr or done.stdout).strip()
            raise AsysimError(
                f"a run on MPI ranks failed: {said or f'exit code {done.returncode}'}"
            )
        return load_run(kept).outcome
