"""A scenario in, a Run out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asysim.problems.base import Problem
from asysim.replay.probe import Probe
from asysim.runs.checkpoints import Checkpoints
from asysim.runs.outcome import Run
from asysim.runs.replayed import Progress, prepared_for
from asysim.scenario import Scenario
from asysim.scenario.load import scheduled
from asysim.scenario.schedules import FileSchedule
from asysim.trace.recorder import RowList
from asysim.trace.trace import Trace


def run(
    scenario: Scenario,
    *,
    on: str | None = None,
    problem: Problem | None = None,
    folder: str | Path | None = None,
    schedule: str | Path | FileSchedule | None = None,
    probes: Sequence[Probe] = (),
    progress: Progress | None = None,
) -> Run:
    """Simulate a scenario's schedule and compute every gradient in it; or run it for real.

    Parameters
    ----------
    scenario
        From `asysim.load`.
    on
        ``threads``, ``processes`` or ``mpi`` runs the algorithm for real, and measures what a
        simulation would model. With ``mpi`` every rank calls this. It returns, or raises, on rank 0
        only: the others leave, with exit code 2 if something given can't be used.
    problem
        An objective of your own, instead of the scenario's.
    folder
        Where to keep the run; the trace is then written there as it comes.
    schedule
        A run's folder, a trace or a file of delays, or the table `schedule` of a scenario: what
        happened when, in place of all that the scenario says of it.
    probes
        What to measure besides at points of the run, each a column or several of its curve: objects
        such as `asysim.replay.probe.Probe` describes. They are copied.
    progress
        Called many times a second, just before an update; and whenever x is to be evaluated.

    Raises
    ------
    InputError
        If the problem can't be built as the scenario says, or lacks a constant that is needed; or
        a real backend can't do what the scenario asks for; or the columns of a probe can't stand in
        a curve.
    ValueError
        If a run with a problem of your own is to be kept: nothing in the folder could make it.
    """
    if schedule is not None:
        scenario = scheduled(scenario, schedule)
    if problem is not None and folder is not None:
        raise ValueError("a run folder can't hold a problem of your own; keep run.trace instead")
    if on is not None:
        from asysim.runs.real import run_on

        return run_on(
            on, scenario, problem=problem, folder=folder, probes=probes, progress=progress
        )
    prepared = prepared_for(scenario, problem, probes)
    if folder is not None:
        from asysim.runs.folder import recording

        with recording(Path(folder), scenario, prepared.info) as record:
            kept = Checkpoints(place=record.checkpoint)
            return record.finish(prepared.execute(record.trace, progress, kept))
    parts = RowList()
    outcome = prepared.execute(parts, progress)
    info = replace(prepared.info, status=outcome.status)
    return Run(scenario, Trace.joined(parts.rows, info), outcome, problem=problem)
