"""Makes a run of what another left that did not come to its end: its rows, which were on disk."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from asysim.errors import Fault, InputError, reason, unfit
from asysim.ground.lock import LOCK, Lock
from asysim.replay import curve_file
from asysim.replay.curve import Point, more_of, with_more
from asysim.runs.checkpoint import CHECKPOINT, points_in
from asysim.runs.folder import CURVE, FILES, PARTIAL, SCENARIO, free_place, recording
from asysim.runs.leavings import TRACE, Leavings
from asysim.runs.outcome import CUT_SHORT, Run
from asysim.runs.replayed import Progress, rerun
from asysim.runs.row_log import LEFT_BEHIND, PARTLY, ROWS, info_of, pieces
from asysim.scenario import load
from asysim.trace.info import TraceInfo
from asysim.trace.trace import Trace


def recover(
    partial: str | Path,
    why: str = "the run did not come to its end",
    *,
    progress: Progress | None = None,
) -> Path:
    """Make a run folder of what is in RUN.partial, marked as cut short, and return it.

    A simulated or consistent run is computed again from its rows, to the bit. Of a real lock-free
    run there is the trace; its x is gone.

    Parameters
    ----------
    partial
        The folder that the run left.
    why
        What happened to it.
    progress
        Called as that of `asysim.run`.

    Raises
    ------
    InputError
        If it has left nothing that can be used, or is being written to.

    Warns
    -----
    UserWarning
        If it had probes of the user's own: their columns are kept as far as a checkpoint has them,
        and have no number after that.
    """
    partial = Path(partial)
    if not partial.is_dir():
        raise unfit("run folder", "no such folder", LEFT_BEHIND, str(partial))
    try:
        with Lock(partial / LOCK, "run folder"):
            target = _recovered(partial, why, progress)
            for name in FILES - {LOCK} | {ROWS, PARTLY}:
                (partial / name).unlink(missing_ok=True)
        if not any(partial.iterdir()):
            partial.rmdir()
    except OSError as error:
        raise InputError(
            Fault(
                "run folder",
                reason(error),
                "should be a place that can be written to, with room for the run once more",
                str(partial),
            )
        ) from None
    return target


def _recovered(partial: Path, why: str, progress: Progress | None) -> Path:
    """Make a run of what is in a folder, and return where it is."""
    info, parts = _left(partial)
    info = replace(info, status=CUT_SHORT)
    scenario = load(partial / SCENARIO, read_files=False)
    trace = Trace.joined(parts, info)
    target = free_place(partial.with_name(partial.name.removesuffix(PARTIAL)))
    if not info.exact:
        target.mkdir(parents=True)
        trace.save(target / TRACE)
        shutil.copy(partial / SCENARIO, target / SCENARIO)
        return target
    made = rerun(trace, scenario, progress=progress)
    message = f"{why}; the {made.outcome.updates:,} updates before are kept"
    known = _evaluated(partial)
    points = with_more(made.outcome.points, known)
    if measured := [name for name in more_of(points) if name not in more_of(made.outcome.points)]:
        message += f"; {' and '.join(measured)} only as measured until update {known[-1].update:,}"
        warnings.warn(f"{partial}: {message}", stacklevel=3)
    outcome = replace(made.outcome, status=CUT_SHORT, message=message, points=points)
    made_here = partial / "recovered"  # beside what it is made of, until it is whole
    _keep(Run(scenario, trace, outcome), made_here)
    made_here.rename(target)
    return target


def _evaluated(partial: Path) -> Sequence[Point]:
    """Return the evaluations that were kept: rows give all of them but a user's own columns."""
    with suppress(OSError, ValueError):
        return curve_file.load(partial / CURVE) or ()
    return points_in(partial / CHECKPOINT)


def _left(partial: Path) -> tuple[TraceInfo, Sequence[Trace]]:
    """Return what a run left: what its trace says of itself, and the rows in pieces."""
    left = None if (partial / ROWS).exists() else Leavings.find(partial)
    if left is None:
        return info_of(partial), list(pieces(partial))
    return left.info, list(left.pieces())


def _keep(run: Run, target: Path) -> None:
    with recording(target, run.scenario, run.trace.info) as record:
        record.trace.write(run.trace)
        record.finish(run.outcome)
