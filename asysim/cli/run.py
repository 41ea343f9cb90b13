"""`asysim run`: compute a run, or go on with one that was interrupted."""

from __future__ import annotations

from pathlib import Path

from asysim.backends import BackendName
from asysim.cli.terminal import finished, located, progress
from asysim.errors import unfit
from asysim.ground.console import console, say
from asysim.ground.exit_codes import INTERRUPTED


def run(
    scenario: Path | None = None,
    /,
    *changes: str,
    resume: Path | None = None,
    on: BackendName | None = None,
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
    resume
        In place of a scenario: the folder that a simulated run left when it was interrupted or
        killed. It goes on there, and all its files come out as if nothing had been.
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
    from asysim.runs.folder import check_free, default_folder

    if resume is not None:
        given = [str(scenario)] if scenario is not None else []
        given += [*changes, *(["--on"] if on else []), *(["--out"] if out else [])]
        return _go_on(resume, given, json=json, pictures=pictures)
    if scenario is None:
        raise unfit("SCENARIO", "nothing", "a TOML file; `asysim init` writes one", "command line")
    if on == "mpi":
        from asysim.cli.ranks import run_as_rank

        return run_as_rank(scenario, changes, out=out, json=json, pictures=pictures)
    loaded = asysim.load(scenario, *changes)
    folder = out or default_folder(loaded, on=on)
    check_free(folder, loaded, real=on is not None)
    with located(str(scenario)), progress(loaded, quiet=json) as watch:
        done = asysim.run(loaded, on=on, folder=folder, progress=watch)
    return finished(done, json=json, pictures=pictures)


def _go_on(folder: Path, given: list[str], *, json: bool, pictures: bool) -> int:
    """Go on with a run that was interrupted."""
    from asysim.runs.checkpoints import StillCatchingUp
    from asysim.runs.resuming import Interrupted

    if given:
        found = " ".join(given)
        raise unfit("--resume", found, "alone: a run goes on as it began", "command line")
    with located(str(folder)):
        left = Interrupted.find(folder)
        if left.unmeasured:
            raise unfit(
                "--resume",
                f"a run with probes of your own ({', '.join(left.unmeasured)})",
                f"gone on with from Python, by asysim.resume({str(folder)!r}, probes=[…])",
            )
        screen = console(errors=True)
        say(screen, f"{folder}: {left.says}")
        try:
            with progress(left.prepared.scenario, quiet=json) as watch:
                done = left.go_on(watch)
        except StillCatchingUp as early:
            say(screen, str(early))
            return INTERRUPTED
    return finished(done, json=json, pictures=pictures)
