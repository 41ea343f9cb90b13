"""`asysim replay`: compute a run's gradients again on the same schedule."""

from __future__ import annotations

from pathlib import Path

from asysim.cli.terminal import located, progress, report
from asysim.errors import Fault, InputError
from asysim.ground.console import console, say
from asysim.ground.exit_codes import DIFFERS, OK


def replay(
    path: Path,
    /,
    *changes: str,
    check: bool = False,
    json: bool = False,
) -> int:
    """Compute a run's gradients again on the same schedule, perhaps with another step or rule.

    Parameters
    ----------
    path
        A run folder.
    changes
        KEY=VALUE for what is computed: algorithm.step, algorithm.batch_size, algorithm.name,
        update.…, problem.…, and run.… for targets and the cadence. The schedule is the recorded
        one.
    check
        Derive the run again from its own trace and compare the curve and x, bit for bit.
    json
        Print one line of JSON instead of tables.
    """
    import asysim
    from asysim.runs.rederive import differences, rerun_with
    from asysim.show.report import check_as_json

    original = asysim.load_run(path)
    if check and changes:
        raise InputError(
            Fault(
                key="--check",
                found="changes " + " ".join(changes),
                expected="compares a run with itself: give no changes",
                source="command line",
            )
        )
    with located(str(path)), progress(original.scenario, quiet=json) as watch:
        again = rerun_with(original, *changes, progress=watch)
    if not check:
        return report(again, json=json)
    found = differences(original, again)
    if json:
        print(check_as_json(original, found))
        return DIFFERS if found else OK
    screen = console()
    for line in found:
        say(screen, f"[bold red]differs[/] {line}")
    if not found:
        say(
            screen,
            f"[green]exact[/]: {again.outcome.updates:,} updates from {len(original.recorded):,} "
            "recorded gradients give the same curve and the same x, bit for bit",
        )
    return DIFFERS if found else OK
