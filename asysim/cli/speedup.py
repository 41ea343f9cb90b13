"""`asysim speedup`: compare numbers of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from asysim.backends import BackendName
from asysim.cli.terminal import console, located
from asysim.ground.exit_codes import INTERRUPTED, OK, TARGET_MISSED


def speedup(
    scenario: Path,
    /,
    *changes: str,
    on: BackendName | None = None,
    out: Path | None = None,
    jobs: int | None = None,
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
    jobs
        Simulations at once; by default as many as there are cores.
    json
        Print one line of JSON instead of tables.
    pictures
        Draw the pictures into the folder.
    """
    import asysim
    from asysim.show.speedup_table import table
    from asysim.studies.speedup import settle
    from asysim.studies.store import default_folder, write_texts

    loaded = asysim.load(scenario, *changes)
    with located(str(scenario)):
        settled = settle(loaded)
        folder = out or default_folder(settled, "speedup", on)
        counts = Count()
        try:
            with counting(f"{settled.name}: runs", counts, quiet=json) as watch:
                study = asysim.speedup(
                    settled,
                    on=on,
                    folder=folder,
                    processes=jobs,
                    progress=watch,
                )
        except KeyboardInterrupt:
            return interrupted(counts, folder)
        shown = table(study)
        texts = {
            "table.md": shown.markdown(), "table.tex": shown.latex(), "table.csv": shown.csv(),
        }  # fmt: skip
        write_texts(texts, folder, on=study.on, cores=study.cores)
        drawn = []
        if pictures:
            from asysim.show.speedup_picture import save_all

            drawn = save_all(study, folder)
    if json:
        print(shown.json())
    else:
        screen = console()
        shown.terminal(screen)
        screen.print(f"kept in {folder}", highlight=False, soft_wrap=True)
        if drawn:
            screen.print(f"pictures: {' '.join(map(str, drawn))}", highlight=False, soft_wrap=True)
    return OK if any(row.iteration for row in study.rows) else TARGET_MISSED


@dataclass
class Count:
    """How many runs of a study are over, and of how many."""

    done: int = 0
    of: int = 0


def interrupted(count: Count, folder: Path) -> int:
    """Say what is kept of a study that was interrupted, and return the exit code."""
    console(errors=True).print(
        f"interrupted: {count.done} of {count.of} runs are kept in {folder}; the same command goes "
        "on",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    return INTERRUPTED


@contextmanager
def counting(what: str, count: Count, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Count runs that are over, and show a bar if a person watches; yields what to call."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from asysim.show.progress import Compiling, compiling_shown

    screen = console(errors=True)
    shown = screen.is_terminal and not quiet
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        Compiling(), console=screen, transient=True, disable=not shown,
    ) as bar:  # fmt: skip
        task = bar.add_task(what, total=None, compiles=False)

        def see(done: int, of: int) -> None:
            count.done, count.of = done, of
            bar.update(task, completed=done, total=of)

        with compiling_shown(bar, task) if shown else nullcontext():
            yield see
