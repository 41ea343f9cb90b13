"""The same algorithm for real: on threads, on processes, on MPI ranks.

A backend is a module with the members of `Backend`, and its name stands in two lines here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from asysim.backends.assignment import Assignment
    from asysim.backends.session import Asked, Session
    from asysim.errors import Fault
    from asysim.problems.base import Problem
    from asysim.scenario import Scenario

BackendName = Literal["threads", "processes", "mpi"]
"""What `--on` takes."""

_MODULES = {
    "threads": "asysim.backends.shared.threads",
    "processes": "asysim.backends.shared.processes",
    "mpi": "asysim.backends.mpi",
}


class Backend(Protocol):
    """What a backend's module has.

    Attributes
    ----------
    DIES_WHOLE
        Whether this process is killed as well when a worker is.
    """

    DIES_WHOLE: bool

    def unsupported(self, scenario: Scenario) -> list[Fault]:
        """Return what of a scenario can't be run here; nothing if all can."""
        ...

    def prepare(
        self, scenario: Scenario, build: Callable[[bool], Problem]
    ) -> tuple[Assignment, Problem]:  # fmt: skip
        """Return what is to be done, and the problem that evaluates it.

        `build` makes the problem, and is told whether this process leads the run.

        Raises
        ------
        InputError
            With all that stands in the way.
        """
        ...

    def open_session(self, assignment: Assignment, asked: Asked) -> Session:
        """Return the run that an assignment describes, to be entered as a context."""
        ...


def backend(name: str) -> Backend:
    """Return the backend of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in _MODULES:
        from asysim.errors import unfit

        raise unfit("--on", name, "one of " + ", ".join(_MODULES), "command line")
    return cast("Backend", import_module(_MODULES[name]))
