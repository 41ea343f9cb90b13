"""The commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from cyclopts import App, CycloptsError

from asysim import __version__
from asysim.errors import AsysimError, Fault, InputError
from asysim.terminal import (
    BAD_INPUT,
    DIFFERS,
    FAULT,
    INTERRUPTED,
    OK,
    console,
    finished,
    located,
    progress,
    report,
    writable,
)

app = App(
    name="asysim",
    help="How many workers can asynchronous SGD use before staleness eats the speedup?",
    help_epilogue=(
        "Exit codes: 0 done; 1 a fault of asysim itself; 2 something given can't be used; "
        "3 target not reached; 4 diverged; 5 replay --check found a difference; 6 deadlock; "
        "7 a real run was cut short; 130 interrupted."
    ),
    version=__version__,
    result_action="return_value",
)


@app.command
def run(
    scenario: Path,
    /,
    *changes: str,
    on: Literal["threads", "processes", "mpi"] | None = None,
    out: Path | None = None,
    json: bool = False,
    pictures: bool = True,
) -> int:
    """Run a scenario and keep the run in a folder.

    Parameters
    ----------
    scenario
        A TOML file; `asysim init` writes one to start from.
    changes
        KEY=VALUE in TOML syntax, such as workers.count=8 or algorithm.name=asysg-incon; and KEY=
        takes a key or a table out of the file: network=
    on
        Run it for real, on threads or processes that share memory, or on MPI ranks, of which the
        first is the server: mpiexec -n 5 asysim run FILE workers.count=4 --on mpi
    out
        The folder to make; by default runs/NAME-HASH, the hash being of the whole scenario; of a
        real run runs/NAME-HASH-ON-1, -2, …
    json
        Print one line of JSON instead of tables.
    pictures
        Draw the pictures into the folder.
    """
    import asysim
    from asysim.folder import check_free, default_folder

    if on == "mpi":
        from asysim.ranks import run_as_rank

        return run_as_rank(scenario, changes, out=out, json=json, pictures=pictures)
    loaded = asysim.load(scenario, *changes)
    folder = out or default_folder(loaded, on=on)
    check_free(folder, loaded, real=on is not None)
    with located(str(scenario)), progress(loaded, quiet=json) as watch:
        done = asysim.run(loaded, on=on, folder=folder, progress=watch)
    return finished(done, json=json, pictures=pictures)


@app.command
def recover(partial: Path, /) -> int:
    """Make a run of what a real run left that was killed, or ran out of disk.

    Parameters
    ----------
    partial
        The folder RUN.partial.
    """
    from asysim.backends.recover import recover as made_of

    print(f"kept in {made_of(partial)}, marked as cut short")
    return OK


@app.command
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
    from asysim.trace import Trace

    if path.suffix == ".parquet":
        trace = Trace.load(path)
        if json:
            print(trace_as_json(trace))
        else:
            print_trace(trace, console())
        return OK
    import asysim

    return report(asysim.load_run(path), json=json)


@app.command
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
    from asysim.rederive import differences, rerun_with
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
        screen.print(f"[bold red]differs[/] {line}", highlight=False, soft_wrap=True)
    if not found:
        screen.print(
            f"[green]exact[/]: {again.outcome.updates:,} updates from {len(original.trace):,} "
            "recorded gradients give the same curve and the same x, bit for bit",
            highlight=False,
            soft_wrap=True,
        )
    return DIFFERS if found else OK


@app.command
def plot(
    path: Path,
    /,
    *pictures: Literal["convergence", "staleness", "timeline"],
    start: float = 0.0,
    seconds: float | None = None,
    out: Path | None = None,
) -> int:
    """Draw pictures of a run.

    Parameters
    ----------
    path
        A run folder.
    pictures
        Which; by default all.
    start
        Where the timeline begins, in seconds.
    seconds
        How much of it is shown; by default about six gradients of each worker.
    out
        The folder to draw into; by default the run's own.
    """
    import asysim
    from asysim.show.plots import save_all

    done = asysim.load_run(path)
    folder = out or path
    with writable(folder, "--out"):
        folder.mkdir(parents=True, exist_ok=True)
    for picture in save_all(done, folder, pictures, start=start, seconds=seconds):
        print(picture)
    return OK


@app.command
def cite(scenario: Path, /, *changes: str) -> int:
    """Print BibTeX for what a scenario uses: its algorithm, its rules, asysim itself.

    Parameters
    ----------
    scenario
        A TOML file.
    changes
        KEY=VALUE in TOML syntax, as for `asysim run`.
    """
    import asysim
    from asysim.papers import cite as bibtex

    print(bibtex(asysim.load(scenario, *changes)), end="")
    return OK


@app.command
def schema(*, out: Path | None = None) -> int:
    """Print the JSON Schema of scenario files, for editors.

    Parameters
    ----------
    out
        The file to write instead.
    """
    import json

    from asysim.scenario import json_schema

    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        with writable(out, "--out"):
            out.write_text(text, encoding="utf-8")
    return OK


@app.command
def laws(
    law: str,
    key: str | None = None,
    /,
    *,
    out: Path = Path("law.png"),
    batch_size: int | None = None,
    draws: int = 100_000,
    seed: int = 1,
    json: bool = False,
) -> int:
    """Print what a time law is like, and draw it.

    Parameters
    ----------
    law
        A law in TOML as in a scenario, '{law = "weibull", mean = 1e-3, shape = 0.6}' or a number
        of seconds; or the scenario file that it stands in.
    key
        Where in the scenario; by default workers.compute.
    out
        The picture to draw.
    batch_size
        M, for a law of the batch's size; by default the scenario's.
    draws
        How many draws to hold against the law.
    seed
        Names the draws: they are those of worker 0's gradients under this seed, at speed 1.
    json
        Print one line of JSON instead of a table.
    """
    from asysim.laws.given import given
    from asysim.show.law_picture import save_law_picture
    from asysim.show.laws import LawSheet, law_as_json, print_law

    found, size = given(law, key)
    sheet = LawSheet(found, size if batch_size is None else batch_size, draws, seed)
    with writable(out, "--out"):
        out.parent.mkdir(parents=True, exist_ok=True)
        save_law_picture(sheet, out)
    if json:
        print(law_as_json(sheet, str(out)))
    else:
        print_law(sheet, console())
        print(f"picture: {out}")
    return OK


@app.command
def init(
    path: Path = Path("scenario.toml"),
    *,
    algorithm: Literal["asysg-con", "asysg-incon"] = "asysg-con",
) -> int:
    """Write a commented scenario to start from.

    Parameters
    ----------
    path
        The file to make; an existing one is left alone.
    algorithm
        Which of the two algorithms it is for.
    """
    from asysim.scenario.template import template

    with writable(path, "init"), path.open("x", encoding="utf-8") as file:
        file.write(template(algorithm))
    print(f"wrote {path}; try: asysim run {path}")
    return OK


def main() -> None:
    """Run a command and exit: every error that is a person's to mend is one clear message."""
    try:
        code = app(sys.argv[1:], exit_on_error=False)
    except InputError as error:
        from asysim.show.report import print_faults

        print_faults(error, console(errors=True))
        code = BAD_INPUT
    except CycloptsError:
        code = BAD_INPUT  # cyclopts has said what is wrong
    except AsysimError as error:
        print(f"error: {error}", file=sys.stderr)
        code = FAULT
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = OK
    sys.exit(code)
