"""A real run under way, as its driver sees it, whoever's hardware it is on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from asysim.backends import emulation
from asysim.backends.assignment import Assignment
from asysim.ground.arrays import Vector
from asysim.trace.trace import Trace

Asked = Callable[[], bool]
"""Whether somebody asked the run to end."""


def nobody() -> bool:
    """Nobody asked."""
    return False


PATIENCE = 1.0
"""Seconds that workers have to stop in a run that is to end at once."""


@dataclass(frozen=True, eq=False)
class Ending:
    """What is left when a real run is over.

    Attributes
    ----------
    x
        The last iterate, shape (n,).
    diverged
        Index of the update that made x infinite or not a number, if one did.
    failure
        What went wrong, in one sentence for a person; empty: nothing.
    facts
        What was measured of the hardware, for the manifest: JSON values by name.
    """

    x: Vector
    diverged: int | None = None
    failure: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Session(ABC):
    """A real run under way. Leaving it as a context ends every worker and frees all memory.

    Entering it waits until all workers are ready, and starts them. If one does not come, the
    session is over before its first update, and `finish` says why; so it is if somebody asks for
    the end.

    Parameters
    ----------
    assignment
        What is done.
    asked
        Whether somebody asked the run to end, before it has begun; later `stop` says so.
    """

    def __init__(self, assignment: Assignment, asked: Asked = nobody) -> None:
        self._assignment, self._asked = assignment, asked
        self._failures: list[str] = []
        self._accuracies: list[emulation.Accuracy] = []

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def finish(self) -> Ending:
        """Say how it ended, once it is over and all rows were fetched."""
        x, diverged = self._last()
        facts = self._facts()
        if self._assignment.settings.emulate and self._accuracies:
            facts["emulation"] = emulation.report(self._accuracies)
        return Ending(x, diverged, self._failure, facts)

    @property
    def _failure(self) -> str:
        """What went wrong; empty: nothing."""
        return "; ".join(self._failures)

    # What each does in its own way ---------------------------------------------------------------

    @property
    @abstractmethod
    def updates(self) -> int:
        """Updates made so far (lock-free: begun), as far as this process has heard."""

    @property
    @abstractmethod
    def over(self) -> bool:
        """Whether nobody will make an update any more."""

    @abstractmethod
    def work(self, seconds: float) -> None:
        """Let the run go on for about so long; returns early when it is over."""

    @abstractmethod
    def rows(self) -> Trace | None:
        """Return the rows disposed of since last asked for, in order and without a gap.

        Once the run is over the next call returns all that are left.
        """

    @abstractmethod
    def snapshots(self) -> list[tuple[int, Vector]]:
        """Return (k, copy of x_k) for each wanted k that came by since last asked for."""

    @abstractmethod
    def stop(self, patience: float = math.inf) -> None:
        """Ask everybody to stop; what is under way then is no row.

        Who has not stopped after so many seconds is left behind: nobody waits for the end of a
        gradient that takes long.
        """

    @abstractmethod
    def _begin(self) -> None:
        """Make the workers, wait until they are ready, and start them."""

    @abstractmethod
    def _end(self) -> None:
        """Stop the workers, wait until they are gone, and free all memory."""

    @abstractmethod
    def _last(self) -> tuple[Vector, int | None]:
        """Return the last iterate, and which update made it not finite, if one did."""

    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """Return what a manifest says of the hardware."""
