"""`asysim speedup`: compare numbers of workers."""

from __future__ import annotations

from pathlib import Path

from asysim.backends import BackendName
from asysim.cli.makers import ALONE, Makers
from asysim.cli.terminal import Count, counting, interrupted, located
from asysim.errors import unfit
from asysim.ground.console import console, say
from asysim.ground.exit_codes import OK, TARGET_MISSED


def speedup(
    scenario: Path,
    /,
    *changes: str,
    on: BackendName | None = None,
    out: Path | None = None,
    makers: Makers = ALONE,
    json: bool = False,
    pictures: bool = True,
) -> int:
    """Compare numbers of workers: how much sooner is the target reached, and why not sooner.

    Parameters
    ----------
    scenario
        A TOML file with a target (run.target_loss); its table `speedup` says which numbers of
        workers, how many seeds, and whose table is shown beside.
    changes
        KEY=VALUE in TOML syntax, such as speedup.workers=[1,2,4] or speedup.seeds=10; with more
        of either than before, only what is new is computed.
    on
        Run it for real, on threads, processes or MPI ranks, one run after the other.
    out
        The folder of the study; by default runs/NAME-HASH-speedup, the same for any number of
        seeds and of workers. An interrupted study goes on, and a finished one takes more of them.
    json
        Print one line of JSON instead of tables.
    pictures
        Draw the pictures into the folder.
    """
    import asysim
    from asysim.show.speedup_table import table
    from asysim.studies.speedup import settle
    from asysim.studies.store import default_folder, write_texts

    if on is not None and makers.elsewhere:
        raise unfit("--on", on, "left out, with --dask and --mpi: real runs are made one by one")
    with makers.executor() as executor, located(str(scenario)):
        settled = settle(asysim.load(scenario, *changes))
        folder = out or default_folder(settled, "speedup", on)
        counts = Count()
        try:
            with counting(f"{settled.name}: runs", counts, quiet=json) as watch:
                study = asysim.speedup(
                    settled,
                    on=on,
                    folder=folder,
                    processes=makers.jobs,
                    executor=executor,
                    progress=watch,
                )
        except KeyboardInterrupt:
            return interrupted(counts, folder)
        shown = table(study)
        write_texts(shown.texts(), folder, on=study.on, cores=study.cores)
        drawn = []
        if pictures:
            from asysim.show.speedup_picture import save_all

            drawn = save_all(study, folder)
    if json:
        print(shown.json())
    else:
        screen = console()
        shown.terminal(screen)
        say(screen, f"kept in {folder}")
        if drawn:
            say(screen, f"pictures: {' '.join(map(str, drawn))}")
    return OK if any(row.iteration for row in study.rows) else TARGET_MISSED
