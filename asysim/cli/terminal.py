"""What all commands share: the progress bar, exit codes, errors with their file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asysim.errors import DamagedWarning, Fault, InputError, reason
from asysim.ground.console import console, say
from asysim.ground.exit_codes import (
    CUT_SHORT,
    DEADLOCK,
    DIVERGED,
    INTERRUPTED,
    OK,
    TARGET_MISSED,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Console

    from asysim.runs.outcome import Run
    from asysim.runs.replayed import Progress
    from asysim.scenario import Scenario


def finished(done: Run, *, json: bool, pictures: bool) -> int:
    """Draw the pictures of a run into its folder, and report it."""
    unwritten = None
    if pictures and done.outcome.points:
        from asysim.show.plots import save_all

        assert done.folder is not None
        try:
            save_all(done, done.folder)
        except InputError as error:
            unwritten = error  # which is no reason to say nothing of the run
    code = report(done, json=json)
    if unwritten is not None:
        raise unwritten
    return code


def report(done: Run, *, json: bool) -> int:
    """Print what a run came to, and return the exit code that says so."""
    from asysim.runs import outcome
    from asysim.show.report import as_json, print_run

    if json:
        print(as_json(done))
    else:
        screen = console()
        print_run(done, screen)
        _say_engine(done, screen)
        if done.folder is not None:
            say(screen, f"kept in {done.folder}")
            if done.status == outcome.INTERRUPTED and done.info.clock == "simulated":
                words = f"asysim run --resume {done.folder}"
                say(screen, f"to go on: {words}")
            drawn = [str(path) for path in sorted(done.folder.glob("*.png"))]
            if drawn:
                say(screen, f"pictures: {' '.join(drawn)}")
    codes = {
        outcome.MISSED: TARGET_MISSED,
        outcome.DIVERGED: DIVERGED,
        outcome.DEADLOCK: DEADLOCK,
        outcome.CUT_SHORT: CUT_SHORT,
        outcome.INTERRUPTED: INTERRUPTED,
    }
    return codes.get(done.status, OK)


def _say_engine(done: Run, screen: Console) -> None:
    """Say for what SimPy played the schedule, if that was not asked for."""
    from asysim.schedule.engine import engine_of

    info = done.info
    if info.clock == "simulated" and (lacks := engine_of(done.scenario, info.dimension).lacks):
        say(screen, f"schedule by SimPy, which is slower: its compiled twin does not know {lacks}")


def progress(scenario: Scenario, *, quiet: bool) -> AbstractContextManager[Progress | None]:
    """Show a progress bar if a person watches."""
    screen = console(errors=True)
    if quiet or not screen.is_terminal:
        return nullcontext()
    from asysim.show.progress import progress_bar

    return progress_bar(scenario, screen)


@contextmanager
def compiling_said() -> Iterator[None]:
    """Say in one line on standard error that functions are compiled, where that takes long."""
    from asysim.jit.notice import WORDS, compiling

    said, spinners = False, []

    def begin() -> None:
        nonlocal said
        screen = console(errors=True)
        if screen.is_terminal:
            spinners.append(screen.status(WORDS))
            spinners[-1].start()
        elif not said:
            say(screen, f"asysim: {WORDS}")
        said = True

    def end() -> None:
        while spinners:
            spinners.pop().stop()

    with compiling.told(begin, end):
        yield


@dataclass
class Count:
    """How many runs of a study are over, and of how many."""

    done: int = 0
    of: int = 0


def interrupted(count: Count, folder: Path) -> int:
    """Say what is kept of a study that was interrupted, and return the exit code."""
    say(
        console(errors=True),
        f"interrupted: {count.done} of {count.of} runs are kept in {folder}; the same command goes "
        "on",
    )
    return INTERRUPTED


@contextmanager
def counting(what: str, count: Count, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Count runs that are over, and show a bar if a person watches; yields what to call."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from asysim.show.progress import Compiling, compiling_shown

    screen = console(errors=True)
    shown = screen.is_terminal and not quiet
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), Compiling(),
        console=screen, transient=True, disable=not shown,
    ) as bar:  # fmt: skip
        task = bar.add_task(what, total=None, compiles=False)

        def see(done: int, of: int) -> None:
            count.done, count.of = done, of
            bar.update(task, completed=done, total=of)

        with compiling_shown(bar, task) if shown else nullcontext():
            yield see


@contextmanager
def writable(path: Path, key: str) -> Iterator[None]:
    """Say clearly why something could not be written."""
    try:
        yield
    except OSError as error:
        expected = "should be a new file" if path.exists() else "should be a place for a new file"
        raise InputError(Fault(key, reason(error), expected, str(path))) from None


@contextmanager
def warnings_said() -> Iterator[None]:
    """Say on standard error, in one line each, what damaged files are made again."""
    usual = warnings.showwarning

    def tell(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, DamagedWarning):
            say(console(errors=True), f"warning: {message}", markup=False)
        else:
            usual(message, category, *where, **more)

    warnings.showwarning = tell
    try:
        yield
    finally:
        warnings.showwarning = usual


@contextmanager
def located(source: str) -> Iterator[None]:
    """Say which file a fault was found in, where whoever found it could not know."""
    try:
        yield
    except InputError as error:
        raise error.located(source) from None
