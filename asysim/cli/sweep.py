"""`asysim sweep`: a scenario with many values of some of its keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from asysim.cli.ranks import is_rank, launch
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
    jobs: int | None = None,
    dask: str | None = None,
    mpi: Annotated[bool, Parameter(negative="")] = False,
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
    jobs
        Simulations at once; by default as many as there are cores.
    dask
        Address of a Dask scheduler whose workers make the runs.
    mpi
        MPI ranks make the runs: mpiexec -n 9 asysim sweep … --mpi.
    chunk
        i/n: make only the i-th of n parts, as a job of an array; --merge then makes the table.
    merge
        Make the table of what parts have left; runs nothing.
    json
        Print one line of JSON instead of a table.
    pictures
        Draw the pictures into the folder.
    """
    if mpi and not is_rank():
        return launch(_ranks(jobs), "--mpi")
    with _maker(dask, mpi=mpi) as given:
        if given is None:
            return OK  # a rank that has made chunks as long as there were any
        settled = _settled(scenario, axes, repeats, samples, common or [])
        part = None if chunk is None else _part(chunk, merge=merge)
        folder = out or _default_folder(settled)
        with located(str(scenario)):
            study = _made(settled, folder, part, given, jobs, merge=merge, quiet=json)
            if isinstance(study, int):
                return study
            return _report(study, folder, json=json, pictures=pictures)


Given = tuple[futures.Executor | None, Callable[[], int] | None]
"""What makes runs, and how many at once; nothing for processes of its own."""


@contextmanager
def _maker(address: str | None, *, mpi: bool) -> Iterator[Given | None]:
    if mpi:
        from asysim.sweeps.mpi import ranks

        with ranks() as found:
            yield found
    elif address is not None:
        from asysim.sweeps.dask import cluster

        with cluster(address) as found:
            yield found
    else:
        yield None, None


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
        repeats=repeats, samples=samples, common=common, source=_COMMAND_LINE,
    )  # fmt: skip


def _default_folder(scenario: Scenario) -> Path:
    from asysim.runs.folder import default_folder

    place = default_folder(scenario)
    return place.with_name(f"{place.name}-sweep")


def _made(
    scenario: Scenario,
    folder: Path,
    part: Part | None,
    given: Given,
    jobs: int | None,
    *,
    merge: bool,
    quiet: bool,
) -> SweepStudy | int:
    """Make what is missing, and return the sweep; or an exit code, if it is not all there."""
    from asysim.sweeps.design import Design
    from asysim.sweeps.spans import Span
    from asysim.sweeps.store import opened
    from asysim.sweeps.sweep import carry_out, finished, making

    design, count = Design.of(scenario), Count()
    whole = Span(0, len(design)) if part is None else part.span(len(design))
    executor, makers = given
    try:
        with (
            opened(folder, design, part) as store,
            counting(f"{scenario.name}: runs", count, quiet=quiet) as watch,
        ):
            missing = store.missing(whole)
            if merge:
                _check_none(missing, str(folder))
            with making(missing, jobs, executor, None, makers) as maker:
                carry_out(store, missing, whole, maker, watch)
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


def _ranks(jobs: int | None) -> int:
    from asysim.ground.machine import usable_cores

    return 1 + (len(usable_cores()) if jobs is None else max(1, jobs))
