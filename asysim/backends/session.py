"""A real run under way, as its driver sees it, whoever's hardware it is on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

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


class Quiet:
    """How long nothing has been heard.

    Parameters
    ----------
    limit
        Seconds after which that is too long.
    """

    def __init__(self, limit: float) -> None:
        self._limit, self._since = limit, time.monotonic()

    def lasts(self, *, heard: bool) -> bool:
        """Return whether it is too long now, given whether something was heard."""
        moment = time.monotonic()
        if heard:
            self._since = moment
        return moment - self._since > self._limit


class Session(Protocol):
    """A real run under way. Leaving it as a context ends every worker and frees all memory."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    @property
    def updates(self) -> int:
        """Updates made so far."""
        ...

    @property
    def over(self) -> bool:
        """Whether nobody will make an update any more."""
        ...

    def work(self, seconds: float) -> None:
        """Let the run go on for about so long; returns early when it is over."""
        ...

    def rows(self) -> Trace | None:
        """Return the rows disposed of since last asked for, in order and without a gap.

        Once the run is over the next call returns all that are left.
        """
        ...

    def snapshots(self) -> list[tuple[int, Vector]]:
        """Return (k, copy of x_k) for each wanted k that came by since last asked for."""
        ...

    def stop(self, patience: float = math.inf) -> None:
        """Ask everybody to stop; what is under way then is no row.

        Who has not stopped after so many seconds is left behind: nobody waits for the end of a
        gradient that takes long.
        """
        ...

    def finish(self) -> Ending:
        """Say how it ended, once it is over and all rows were fetched."""
        ...
