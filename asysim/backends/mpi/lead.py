"""What real runs over MPI have in common on rank 0, whichever the algorithm."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from asysim.backends import padding
from asysim.backends.mpi.clocks import Clock
from asysim.backends.mpi.cores import single_threaded
from asysim.backends.mpi.crew import Crew
from asysim.backends.mpi.post import Letter
from asysim.backends.mpi.watch import Watch
from asysim.backends.padding import Accuracy
from asysim.backends.plan import Plan
from asysim.backends.session import PATIENCE, Asked


class LeadSession(ABC):
    """A real run over MPI that this process, rank 0, leads.

    Parameters
    ----------
    plan
        What is to be done.
    asked
        Whether somebody asked the run to end, before it has begun.
    punctual
        Whether to wait for messages punctually.
    """

    def __init__(self, plan: Plan, asked: Asked, *, punctual: bool = False) -> None:
        self._plan, self._asked, self._punctual = plan, asked, punctual
        self._patience = math.inf
        self._crew = Crew(plan.dimension, plan.workers)
        self._clock = Clock()
        self._watch = Watch(plan.settings.watchdog)
        self._accuracies = [Accuracy() for _ in range(plan.workers)]
        self._failure = ""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(single_threaded())
        limit, punctual = self._plan.settings.watchdog, self._punctual
        if self._crew.muster(limit, asked=self._asked, punctual=punctual):
            self._begin()
        else:
            self.stop(PATIENCE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._crew.dismiss(min(self._watch.usual, self._patience))
        self._stack.close()

    def _start(self) -> None:
        """Start all workers, and the clock."""
        self._clock.begin(self._crew.go())

    def work(self, seconds: float) -> None:
        """Let the run go on for about so long, or until it is over."""
        with self._watch:
            until = time.monotonic_ns() + round(seconds * 1e9)
            crew = self._crew
            while not self.over:
                letter = crew.poll()
                if letter is not None:
                    crew.patience.reset()
                    self._receive(letter)
                else:
                    self._idle()
                if time.monotonic_ns() > until:
                    break

    def _look_around(self, *, late: bool) -> None:
        """Stop if it is too late to go on, and see whether all workers are alive."""
        if late:
            self.stop()
        lost = self._watch.lost()
        if lost is not None:
            limit = self._plan.settings.watchdog
            self._failure = f"worker {lost} gave no sign of life for {limit:g} s"

    @property
    def _fault(self) -> str:
        """What went wrong with the workers; empty: nothing."""
        return self._crew.failure or self._failure

    def _facts(self) -> dict[str, Any]:
        """Return what a manifest says of this run."""
        facts: dict[str, Any] = {"mpi": self._crew.facts()}
        if self._plan.settings.emulate:
            facts["emulation"] = padding.report(self._accuracies)
        return facts

    # What an algorithm does in its own way ---------------------------------------------------

    @property
    @abstractmethod
    def over(self) -> bool:
        """Whether nothing is left to be heard of."""

    @abstractmethod
    def stop(self, patience: float = math.inf) -> None:
        """Let nobody make an update any more; workers have so many seconds to leave."""
        self._patience = min(self._patience, patience)

    @abstractmethod
    def _begin(self) -> None:
        """Make ready and start, now that all workers have come."""

    @abstractmethod
    def _receive(self, letter: Letter) -> None:
        """Take what a worker sent; its message is now this session's to put back."""

    @abstractmethod
    def _idle(self) -> None:
        """Do what there is to do while no letter has come."""
