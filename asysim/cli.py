"""The command line: which commands there are, and what becomes of their errors."""

from __future__ import annotations

import sys

from cyclopts import App, CycloptsError

from asysim import __version__
from asysim.commands.calibrating import calibrate
from asysim.commands.looking import laws, plot, show
from asysim.commands.planning import plan
from asysim.commands.running import recover, replay, run
from asysim.commands.studying import speedup
from asysim.commands.writing import cite, init, schema
from asysim.errors import AsysimError, InputError
from asysim.terminal import BAD_INPUT, FAULT, INTERRUPTED, OK, console

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
COMMANDS = (run, speedup, plan, calibrate, recover, replay, show, plot, laws, init, schema, cite)
for command in COMMANDS:
    app.command(command)


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
