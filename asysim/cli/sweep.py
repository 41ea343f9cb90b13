"""`asysim sweep`: a scenario with many values of some of its keys."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from asysim.cli.makers import ALONE, Makers
from asysim.cli.terminal import Count, counting, interrupted, located
from asysim.errors import unfit
from asysim.ground.console import console, say
from asysim.ground.exit_codes import OK

if TYPE_CHECKING:
    from asysim.scenario import Scenario
    from asysim.sweeps.spans import Span
    from asysim.sweeps.store import Part
    from asysim.sweeps.sweep import SweepStudy

_COMMAND_LINE = "command line"


def sweep(
    scenario: Path,
    /,
    *axes: str,
    repeats: int | None = None,
    samples: int | None = None,
    common: Annotated[list[str] | None, Parameter(negative="")] = None,
    out: Path | None = None,
    makers: Makers = ALONE,
    chunk: str | None = None,
    merge: Annotated[bool, Parameter(negative="")] = False,
    json: bool = False,
    pictures: bool = True,
) -> int:
    """Run a scenario with every combination of values of some keys: one table of what came of it.

    Parameters
    ----------
    scenario
        A TOML file; its table `sweep` may hold axes, too.
    axes
        KEY=v1,v2,… or KEY=from:to:count, with :log for even ratios; KEY=uniform(a,b), loguniform,
        integers or logintegers for values at random; KEY+KEY=[v1,w1],[v2,w2] for keys that change
        together. KEY=VALUE changes all runs.
    repeats
        Runs of each point, with seeds of their own; by default one, with the scenario's seed.
    samples
        Points at random.
    common
        A key of an axis along which repeats have the same seeds, or "all"; may be given several
        times.
    out
        The folder; by default runs/NAME-HASH-sweep. An interrupted sweep goes on.
    chunk
        i/n: make only the i-th of n parts, as a job of an array; --merge then makes the table.
    merge
        Make the table of what parts have left; runs nothing.
    json
        Print one line of JSON instead of a table.
    pictures
        Draw the pictures into the folder.
    """
    with makers.executor() as executor, located(str(scenario)):
        settled = _settled(scenario, axes, repeats, samples, common or [])
        part = None if chunk is None else _part(chunk, merge=merge)
        folder = out or _default_folder(settled)
        study = _made(settled, folder, part, executor, makers.jobs, merge=merge, quiet=json)
    return study if isinstance(study, int) else _report(study, folder, json=json, pictures=pictures)


def _settled(
    path: Path, words: tuple[str, ...], repeats: int | None, samples: int | None, common: list[str]
) -> Scenario:
    """Return the scenario with its table `sweep`; KEY=VALUE is a change of it, and no axis."""
    import asysim
    from asysim.scenario.axes import axis
    from asysim.sweeps.sweep import settle

    read = [axis(word, _COMMAND_LINE) for word in words]
    loaded = asysim.load(path, *(one.override for one in read if one.override is not None))
    return settle(
        loaded, [one.word for one in read if one.override is None],
        repeats=repeats, samples=samples, common=common, source=_COMMAND_LINE, folder=path.parent,
    )  # fmt: skip


def _default_folder(scenario: Scenario) -> Path:
    from asysim.runs.folder import default_folder

    place = default_folder(scenario)
    return place.with_name(f"{place.name}-sweep")


def _made(
    scenario: Scenario,
    folder: Path,
    part: Part | None,
    executor: futures.Executor | None,
    jobs: int | None,
    *,
    merge: bool,
    quiet: bool,
) -> SweepStudy | int:
    """Make what is missing, and return the sweep; or an exit code, if it is not all there."""
    from asysim.sweeps.design import Design
    from asysim.sweeps.maker import making
    from asysim.sweeps.spans import Span
    from asysim.sweeps.store import opened
    from asysim.sweeps.sweep import carry_out, finished

    design, count = Design.of(scenario), Count()
    whole = Span(0, len(design)) if part is None else part.span(len(design))
    try:
        with (
            making(jobs, executor) as maker,
            opened(folder, design, part) as store,
            counting(f"{scenario.name}: runs", count, quiet=quiet) as watch,
        ):
            if merge:
                _check_none(store.missing(whole), str(folder))
            carry_out(store, whole, maker, watch)
            if part is None:
                store.pack()
                return finished(scenario, store)
    except KeyboardInterrupt:
        return interrupted(count, folder)
    say(console(), f"part {part.number} of {part.of}: {len(whole):,} runs are over, in {folder}")
    return OK


def _report(study: SweepStudy, folder: Path, *, json: bool, pictures: bool) -> int:
    from asysim.ground.machine import usable_cores
    from asysim.show.sweep_table import table
    from asysim.studies.store import write_texts

    shown = table(study)
    write_texts(shown.texts(), folder, on=None, cores=len(usable_cores()))
    drawn = []
    if pictures:
        from asysim.show.sweep_picture import save_all

        drawn = save_all(study, folder)
    if json:
        print(shown.json())
        return OK
    screen = console()
    shown.terminal(screen)
    say(screen, f"kept in {folder}; all runs: pandas.read_parquet({str(folder / 'runs')!r})")
    if drawn:
        say(screen, f"pictures: {' '.join(map(str, drawn))}")
    return OK


def _part(text: str, *, merge: bool) -> Part:
    from asysim.sweeps.store import Part

    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise unfit("--chunk", text, "i/n, the i-th of n parts, such as 3/10", _COMMAND_LINE)
    if merge:
        wanted = "given without --chunk, when all parts are over"
        raise unfit("--merge", f"--chunk={text}", wanted, _COMMAND_LINE)
    return Part(int(number), int(of))


def _check_none(missing: Sequence[Span], folder: str) -> None:
    if missing:
        count = sum(map(len, missing))
        shown = ", ".join(f"{first:,} to {end - 1:,}" for first, end in missing[:5])
        more = ", …" if len(missing) > 5 else ""
        found = f"{count:,} runs that are not over ({shown}{more})"
        raise unfit("--merge", found, "all of them over: --chunk makes them, or this command "
                    "without --merge", folder)  # fmt: skip
