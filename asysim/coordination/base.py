"""What a coordination rule is asked, and what it may do: it sees times and versions, never x."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Protocol

from asysim.coordination.flight import Flight


class Desk(Protocol):
    """The parameter server's desk, as a coordination rule sees it.

    Attributes
    ----------
    update
        k, the index of the next update.
    gathered
        Gradients folded into it so far.
    members
        Workers that have come and not gone for good, as far as the server knows: one that crashed
        still counts.
    flights
        Each worker's gradient, from its read to its disposal; the oldest read first.
    """

    update: int
    flights: dict[int, Flight]

    @property
    def gathered(self) -> int: ...

    @property
    def members(self) -> set[int]: ...

    def grant(self, worker: int, *, limit: int | None = None, in_hand: bool = False) -> None:
        """Let a worker that asked read x: now, or when it is sent, if network.version says so.

        With `limit` it gives up if its gradient is not done so many ticks after x is in hand;
        with `in_hand` it has this version of x already.
        """
        ...

    def fold(self, flight: Flight) -> None:
        """Add a gradient that is at the server to the next update."""
        ...

    def make_update(self) -> None:
        """Make the update of all gradients folded into it."""
        ...

    def discard(self, flight: Flight) -> None:
        """Drop a gradient that is at the server."""
        ...

    def stop(self, worker: int) -> None:
        """Drop a worker's gradient wherever it is."""
        ...

    def free(self, worker: int) -> None:
        """Tell a worker that its gradient is disposed of: it asks to read again, if it can."""
        ...


class Coordination(ABC):
    """A rule for who reads when and which gradients go into which update.

    Parameters
    ----------
    desk
        What it acts on.

    Attributes
    ----------
    waiting
        Workers that asked to read and were not yet let, in order of asking.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.waiting: dict[int, None] = {}

    @abstractmethod
    def ask(self, worker: int) -> None:
        """Hear that a worker would read x: grant it, or let it wait."""

    @abstractmethod
    def arrive(self, flight: Flight) -> None:
        """Take a gradient that is at the server and served."""

    def dropped(self, flight: Flight) -> None:  # noqa: B027  (most rules have no use for it)
        """Hear that a gradient was lost on its way: its worker crashed, or gave it up."""

    def renewed(self, flight: Flight, since: int) -> None:  # noqa: B027
        """Hear that x, granted at version `since`, was read now, at `flight.version`."""

    def leave(self, worker: int) -> None:  # noqa: B027
        """Hear that a worker, which has no gradient under way, has gone for good."""

    def withdraw(self, worker: int) -> None:
        """Hear that a worker that asked to read can't any more."""
        self.waiting.pop(worker, None)

    def awaited(self, worker: int) -> Iterable[int]:
        """Return the workers without whose gradients this one can't go on."""
        return self.desk.members - {worker}
