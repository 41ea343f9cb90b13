"""`asysim plan`: how many workers to take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asysim.cli.makers import ALONE, Makers
from asysim.cli.terminal import Count, counting, interrupted, located
from asysim.errors import unfit
from asysim.ground.console import console, say
from asysim.ground.exit_codes import OK

if TYPE_CHECKING:
    from asysim.replay.curve import Point
    from asysim.trace.trace import Trace


def plan(
    traces: list[Path],
    /,
    *,
    target: float | None = None,
    workers: str | None = None,
    samples: int = 8,
    change: list[str] | None = None,
    out: Path | None = None,
    makers: Makers = ALONE,
    json: bool = False,
    pictures: bool = True,
) -> int:
    """Tell from runs on few workers how long many would take, and how many to take.

    Parameters
    ----------
    traces
        Run folders, or trace.parquet files, of the same problem; real or simulated.
    target
        The loss to be reached; by default what the runs were to reach.
    workers
        Numbers of workers, such as 1,2,4,8; by default more and more until they bring nothing.
    samples
        Simulated runs for each number, every one with parameters drawn anew.
    change
        KEY=VALUE for what is simulated, such as run.updates=100000; may be given several times.
    out
        The folder of the plan; by default runs/NAME-HASH-plan. An interrupted one goes on.
    json
        Print one line of JSON instead of tables.
    pictures
        Draw the picture into the folder.
    """
    from asysim.calibration import calibrate
    from asysim.ground.machine import usable_cores
    from asysim.ground.outputs import check_folder
    from asysim.show.plan_table import table
    from asysim.studies.plan import aimed, measured_time
    from asysim.studies.plan import plan as planned
    from asysim.studies.store import default_folder, write_texts

    counts = _numbers(workers)
    if out is not None:
        check_folder(out)
    changes = tuple(change or ())
    with makers.executor() as executor, located(", ".join(map(str, traces))):
        runs = [recorded(path) for path in traces]
        calibration = calibrate([trace for trace, _ in runs])
        base = aimed(calibration.scenario(), target, changes)
        measured = [(trace.info.workers, measured_time(points, base)) for trace, points in runs]
        folder = out or default_folder(base, "plan")
        count = Count()
        try:
            with counting(f"{base.name}: runs", count, quiet=json) as watch:
                found = planned(
                    calibration, target_loss=target, changes=changes, workers=counts,
                    samples=samples, measured=measured, folder=folder, processes=makers.jobs,
                    executor=executor, progress=watch,
                )  # fmt: skip
        except KeyboardInterrupt:
            return interrupted(count, folder)
        shown = table(found)
        texts = {"plan.md": shown.markdown(), "plan.csv": shown.csv()}
        write_texts(texts, folder, on=None, cores=len(usable_cores()))
    if pictures:
        from asysim.show.plan_picture import save

        save(found, folder)
    if json:
        print(shown.json())
        return OK
    screen = console()
    for warning in calibration.warnings:
        screen.print(f"[yellow]{warning}[/]", highlight=False)
    shown.terminal(screen)
    say(screen, f"kept in {folder}")
    if pictures:
        say(screen, f"picture: {folder / 'plan.png'}")
    return OK


def recorded(path: Path) -> tuple[Trace, tuple[Point, ...]]:
    """Return a trace, and the evaluations of its run if that is what was given."""
    if not path.is_dir():
        from asysim.trace.trace import Trace

        return Trace.load(path), ()
    from asysim.runs.kept_run import load_run

    run = load_run(path)
    return run.trace, run.outcome.points


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        numbers = [int(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise unfit("--workers", text, "numbers such as 1,2,4,8", "command line")
    return numbers
