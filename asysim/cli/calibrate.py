"""`asysim calibrate`: turn recorded runs into a scenario."""

from __future__ import annotations

from pathlib import Path

from asysim.ground.console import console
from asysim.ground.exit_codes import OK


def calibrate(*traces: Path, out: Path | None = None, json: bool = False) -> int:
    """Fit computing, messages and server to recorded runs, and write a scenario that has them.

    Parameters
    ----------
    traces
        Run folders, or trace.parquet files; of one algorithm and batch size.
    out
        The scenario to write, and beside it the times of empirical laws; by default nothing is.
        Existing files are left alone.
    json
        Print one line of JSON instead of a table.
    """
    from asysim.calibration import calibrate as fitted
    from asysim.errors import unfit
    from asysim.ground.outputs import check_new_file
    from asysim.show.calibration_report import calibration_as_json, print_calibration
    from asysim.trace.info import trace_at
    from asysim.trace.trace import Trace

    if out is not None:
        check_new_file(out)
    if not traces:
        raise unfit("TRACE", "none", "one run folder or more", "command line")
    found = fitted(
        [Trace.load(trace_at(path)) for path in traces], sources=[str(path) for path in traces]
    )
    files = [] if out is None else found.save(out)
    if json:
        print(calibration_as_json(found, [str(path) for path in files]))
        return OK
    print_calibration(found, console())
    for path in files:
        print(f"wrote {path}")
    if out is not None:
        print(f"try: asysim run {out} workers.count=16" if not found.scenario().workers.groups
              else f"try: asysim run {out}")  # fmt: skip
    return OK
