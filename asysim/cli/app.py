"""The command line: which commands there are, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from cyclopts import App, CycloptsError

from asysim import __version__
from asysim.cli.advise import advise
from asysim.cli.calibrate import calibrate
from asysim.cli.cite import cite
from asysim.cli.compare import compare
from asysim.cli.escape import escape
from asysim.cli.init import init
from asysim.cli.laws import laws
from asysim.cli.limits import limits
from asysim.cli.plan import plan
from asysim.cli.plot import plot
from asysim.cli.recover import recover
from asysim.cli.replay import replay
from asysim.cli.run import run
from asysim.cli.schema import schema
from asysim.cli.show import show
from asysim.cli.speedup import speedup
from asysim.cli.staleness import staleness
from asysim.cli.sweep import sweep
from asysim.cli.terminal import compiling_said, warnings_said
from asysim.cli.theory import theory
from asysim.cli.warm import warm
from asysim.errors import AsysimError, Fault, InputError, first_line, reason
from asysim.ground.console import console, speak_plainly
from asysim.ground.exit_codes import BAD_INPUT, FAULT, INTERRUPTED, UNREAD

app = App(
    name="asysim",
    help="How many workers can asynchronous SGD use before staleness eats the speedup?",
    help_epilogue=(
        "Exit codes: 0 done; 1 a fault of asysim itself; 2 something given can't be used; "
        "3 target not reached; 4 diverged; 5 replay --check found a difference; 6 deadlock; "
        "7 a real run was cut short; 130 interrupted; 141 nobody reads what is printed any more."
    ),
    version=__version__,
    result_action="return_value",
)
COMMANDS = (
    run, speedup, plan, advise, sweep, limits, escape, calibrate, recover, replay, show, compare,
    plot, staleness, theory, laws, init, schema, cite, warm,
)  # fmt: skip
for command in COMMANDS:
    app.command(command)


def main() -> None:
    """Run a command and exit: every error that is a person's to mend is one clear message."""
    speak_plainly()
    try:
        code = _done(sys.argv[1:])
        _flush()
    except BrokenPipeError:
        code = _unread()
    except SystemExit as leaving:
        # rich leaves so where it prints to a pipe that was closed.
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        code = _unread()
    except OSError as error:
        if error.filename is not None:
            raise
        code = BAD_INPUT  # of a stream that was open: what is said can't be written
        with suppress(OSError):
            print(f"error: what was to be printed can't be written: {reason(error)}",
                  file=sys.stderr)  # fmt: skip
        _discard(sys.stdout)
    sys.exit(code)


def _done(words: list[str]) -> int:
    """Run a command and return its exit code."""
    code: int
    try:
        with warnings_said(), compiling_said():
            code = app(words, exit_on_error=False)
    except InputError as error:
        from asysim.show.report import print_faults

        print_faults(error, console(errors=True))
        _say_notes(error)
        code = BAD_INPUT
    except MemoryError:
        print("error: there was not enough memory for what was asked", file=sys.stderr)
        code = BAD_INPUT
    except CycloptsError:
        code = BAD_INPUT  # cyclopts has said what is wrong
    except AsysimError as error:
        print(f"error: {error}", file=sys.stderr)
        code = FAULT
    except KeyboardInterrupt:
        code = INTERRUPTED
    except (Exception, SystemExit) as error:
        told = _of_their_own(error)
        if told is None:
            raise
        from asysim.show.report import print_faults

        print_faults(told, console(errors=True))
        _say_notes(error)
        code = BAD_INPUT
    return code


def _of_their_own(error: BaseException) -> InputError | None:
    """Return what is said of an error that code raised which a scenario names."""
    from asysim.ground.outside import raised_in

    place = raised_in(error)
    if place is None:
        return None
    name, said = type(error).__name__, str(error)
    return InputError(
        Fault(
            key=f"line {place.line}, in {place.function}",
            found=f"{name}: {first_line(error)}" if said else name,
            expected="is code of your own: from Python, asysim shows all calls that led there",
            source=place.file,
        )
    )


def _say_notes(error: BaseException) -> None:
    for note in getattr(error, "__notes__", ()):
        print(f"  {note}", file=sys.stderr)


def _flush() -> None:
    """Write what is still to be written now, where an error can be told."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _unread() -> int:
    """Return the exit code of a program that was left by who read it, as `head` does."""
    _discard(sys.stdout)
    _discard(sys.stderr)
    return UNREAD


def _discard(stream: object) -> None:
    """Have a stream write to nowhere: Python flushes it once more as it leaves."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[attr-defined]
