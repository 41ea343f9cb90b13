"""`asysim advise`: what to do about it: which method, step and number of workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from asysim.cli.makers import ALONE, Makers
from asysim.cli.terminal import Count, counting, interrupted, located
from asysim.errors import unfit
from asysim.ground.console import console, say
from asysim.ground.exit_codes import OK, TARGET_MISSED

if TYPE_CHECKING:
    from asysim.scenario import Scenario

_Number = TypeVar("_Number", int, float)


def advise(
    source: Path,
    /,
    *changes: str,
    target: float | None = None,
    methods: str | None = None,
    steps: str | None = None,
    workers: str | None = None,
    batch_sizes: str | None = None,
    seeds: int = 8,
    budget: float | None = None,
    out: Path | None = None,
    makers: Makers = ALONE,
    json: bool = False,
    pictures: bool = True,
) -> int:
    """Tell which method, constants, step and number of workers reach a target soonest.

    Parameters
    ----------
    source
        A scenario file; or a run folder or a trace.parquet file, whose times are calibrated first.
    changes
        KEY=VALUE in TOML syntax, for the scenario.
    target
        The loss to be reached; by default the scenario's own target.
    methods
        Kinds of coordination rules, such as asynchronous,ringmaster; `bound` is the staleness bound
        T, `own` the scenario's rule as it stands. By default all.
    steps
        γ, such as 0.01,0.02; by default the scenario's own times 1/4, 1/2, 1, 2, 4 and 8.
    workers
        Numbers of workers, such as 4,8,16; by default powers of two up to the scenario's.
    batch_sizes
        M, such as 10,20; by default the scenario's own.
    seeds
        Runs on which the advice is checked, with seeds that had no part in the search.
    budget
        Gradients after which the search looks no further, and takes what it has.
    out
        The folder of the search; by default runs/NAME-HASH-advice. An interrupted one goes on.
    json
        Print one line of JSON instead of tables.
    pictures
        Draw the pictures into the folder.
    """
    from asysim.advice.advice import advise as advised
    from asysim.advice.advice import aimed
    from asysim.ground.machine import usable_cores
    from asysim.ground.outputs import check_folder
    from asysim.runs.folder import default_folder
    from asysim.scenario import to_toml
    from asysim.show.advice_table import header, table
    from asysim.studies.store import write_texts

    kinds = None if methods is None else [word.strip() for word in methods.split(",")]
    lengths = _numbers("--steps", steps, float, "0.01,0.02")
    counts = _numbers("--workers", workers, int, "4,8,16")
    sizes = _numbers("--batch-sizes", batch_sizes, int, "10,20")
    if out is not None:
        check_folder(out)
    with makers.executor() as executor, located(str(source)):
        base = aimed(_scenario(source, changes), target)
        own = default_folder(base)
        folder = out or own.with_name(f"{own.name}-advice")
        count = Count()
        try:
            with counting(f"{base.name}: runs", count, quiet=json) as watch:
                found = advised(
                    base, methods=kinds, steps=lengths, workers=counts, batch_sizes=sizes,
                    seeds=seeds, budget=budget, folder=folder, processes=makers.jobs,
                    executor=executor, progress=watch,
                )  # fmt: skip
        except KeyboardInterrupt:
            return interrupted(count, folder)
        shown = table(found)
        texts = {"advice.md": shown.markdown(), "advice.csv": shown.csv()}
        if found.winner.reached:
            texts["advised.toml"] = header(found) + to_toml(found.best)
        write_texts(texts, folder, on=None, cores=len(usable_cores()))
        drawn = []
        if pictures:
            from asysim.show.advice_picture import save_all

            drawn = save_all(found, folder)
    if json:
        print(shown.json())
    else:
        screen = console()
        shown.terminal(screen)
        if found.winner.reached:
            say(screen, f"to run it: asysim run {folder / 'advised.toml'}")
        say(screen, f"kept in {folder}")
        if drawn:
            say(screen, f"pictures: {' '.join(map(str, drawn))}")
    return OK if found.winner.reached else TARGET_MISSED


def _scenario(source: Path, changes: tuple[str, ...]) -> Scenario:
    """Return the scenario of a file, or what a recorded run is calibrated to."""
    import asysim

    if not source.is_dir() and source.suffix != ".parquet":
        return asysim.load(source, *changes)
    from asysim.cli.plan import recorded

    with located(str(source)):
        trace, _ = recorded(source)
        return asysim.vary(asysim.calibrate([trace]).scenario(), "run.seconds=", *changes)


def _numbers(
    flag: str, text: str | None, kind: Callable[[str], _Number], example: str
) -> list[_Number] | None:
    """Return numbers that are separated by commas; None if none were given."""
    if text is None:
        return None
    try:
        return [kind(word) for word in text.split(",")]
    except ValueError:
        raise unfit(flag, text, f"numbers such as {example}", "command line") from None
