"""Makes a run of what a real run left that was killed: its rows, which were on disk already."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from asysim.backends.spool import PARTLY, ROWS, info_of, pieces
from asysim.execution import rerun
from asysim.folder import SCENARIO, TRACE, recording
from asysim.outcome import CUT_SHORT, Run
from asysim.scenario import load
from asysim.trace import Trace


def recover(partial: str | Path, why: str = "the run was killed") -> Path:
    """Make a run folder of what is in RUN.partial, marked as cut short, and return it.

    A consistent run is computed again from its rows, to the bit. Of a lock-free run there is the
    trace; its x is gone.

    Parameters
    ----------
    partial
        The folder that the run left.
    why
        What happened to it.

    Raises
    ------
    InputError
        If it has left nothing that can be used.
    """
    partial = Path(partial)
    info = replace(info_of(partial), status=CUT_SHORT)
    scenario = load(partial / SCENARIO, read_files=False)
    trace = Trace.joined(list(pieces(partial)), info)
    target = _free(partial.with_name(partial.name.removesuffix(".partial")))
    if not info.exact:
        target.mkdir(parents=True)
        trace.save(target / TRACE)
        shutil.copy(partial / SCENARIO, target / SCENARIO)
    else:
        made = rerun(trace, scenario)
        message = f"{why}; the {made.outcome.updates:,} updates before are kept"
        outcome = replace(made.outcome, status=CUT_SHORT, message=message)
        made_here = partial / "recovered"  # beside what it is made of, until it is whole
        _keep(Run(scenario, trace, outcome), made_here)
        made_here.rename(target)
    for name in (ROWS, PARTLY, SCENARIO, TRACE):
        (partial / name).unlink(missing_ok=True)
    if not any(partial.iterdir()):
        partial.rmdir()
    return target


def _keep(run: Run, target: Path) -> None:
    with recording(target, run.scenario, run.trace.info) as record:
        record.trace.write(run.trace)
        record.finish(run.outcome)


def _free(target: Path) -> Path:
    """Return a place that nothing is at."""
    number, place = 1, target
    while place.exists():
        number += 1
        place = target.with_name(f"{target.name}-{number}")
    return place
