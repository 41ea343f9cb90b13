"""`asysim show`: what a run or a trace was like, in tables."""

from __future__ import annotations

from pathlib import Path

from asysim.cli.terminal import report
from asysim.ground.console import console
from asysim.ground.exit_codes import OK


def show(path: Path, /, *, json: bool = False) -> int:
    """Print what a run came to.

    Parameters
    ----------
    path
        A run folder, or a trace.parquet.
    json
        Print one line of JSON instead of tables.
    """
    from asysim.show.report import print_trace, trace_as_json
    from asysim.trace.kept_trace import KeptTrace

    if path.suffix == ".parquet":
        trace = KeptTrace.open(path)
        if json:
            print(trace_as_json(trace))
        else:
            print_trace(trace, console())
        return OK
    import asysim

    return report(asysim.load_run(path), json=json)
