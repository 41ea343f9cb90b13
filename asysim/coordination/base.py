"""What a coordination rule is: its table in a scenario file, its facts, and what it does.

It sees times and versions, never x. A rule is one file: a class of `Settings`, which says what is
true of it; a `Coordination`, which SimPy and the MPI server run; and hooks, which are the same for
the compiled machine. `asysim.coordination.rennala` is a short one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol, TypedDict

from asysim.coordination.flight import Flight
from asysim.coordination.machine.hooks import Hooks
from asysim.errors import unfit
from asysim.ground.arrays import Ints
from asysim.ground.outside import OpenTable


class ParameterServer(Protocol):
    """The parameter server, as a coordination rule sees it: what it may do.

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
    server
        What it acts on.

    Attributes
    ----------
    waiting
        Workers that asked to read and were not yet let, in order of asking.
    """

    def __init__(self, server: ParameterServer) -> None:
        self.server = server
        self.waiting: dict[int, None] = {}

    def ask(self, worker: int) -> None:
        """Hear that a worker would read x: grant it, or let it wait."""
        self.server.grant(worker)

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
        return self.server.members - {worker}


class Plain(TypedDict, total=False):
    """How `asysim.schedule.reference.consistent` plays a rule: with one event for each gradient."""

    gradients_per_update: int
    bound: int | None
    beyond: Literal["wait", "discard"]


class Stopping(NamedTuple):
    """What in a scenario has gradients stopped half way: a key, its value, and what would not."""

    key: str
    found: str
    instead: str


class Trials(NamedTuple):
    """How many trials a worker makes for an update, and the ticks after which one is given up."""

    made: int
    limit: int


class Crew(Protocol):
    """Who is to be coordinated, as far as it says which constants of a rule are worth trying."""

    @property
    def workers(self) -> int:
        """P."""
        ...

    def within(self, part: float) -> float:
        """Return the seconds within which that part of all workers have computed a gradient."""
        ...

    def parts(self, *parts: float) -> list[int]:
        """Return these parts of p, each a whole number of at least 1, once, in order."""
        ...


class Asked(Protocol):
    """What a scenario's `[algorithm]` says that is a coordination rule's to do."""

    @property
    def gradients_per_update(self) -> int: ...

    @property
    def staleness_bound(self) -> int | None: ...

    @property
    def beyond_bound(self) -> str: ...


class Settings(OpenTable):
    """A coordination rule as a scenario file names it, and what is true of it.

    A rule of your own says at least `rule`; with `hooks` and `set_up` it runs compiled, too.

    Attributes
    ----------
    asks_at_once
        Whether a worker may read as soon as its gradient is disposed of.
    applies_all
        Whether every gradient that arrives goes into an update, sooner or later.
    in_turn
        Whether workers' gradients are applied in a fixed order.
    is_fresh
        Whether gradients are only applied to the x that they were computed at.
    reacts_to_staleness
        Whether what happens depends on the staleness of gradients.
    needs_members
        Whether an update has a gradient of every member, whoever that is.
    size_key
        The key that says how many gradients make an update; empty: none does.
    instead_of_bound
        What does here what `algorithm.staleness_bound` does for an asynchronous rule.
    at_most_workers, of_each_worker
        Keys that can be no more than p; that may be lists with an entry for each worker.
    """

    asks_at_once: ClassVar[bool] = False
    applies_all: ClassVar[bool] = False
    in_turn: ClassVar[bool] = False
    is_fresh: ClassVar[bool] = False
    reacts_to_staleness: ClassVar[bool] = False
    needs_members: ClassVar[bool] = False
    size_key: ClassVar[str] = ""
    instead_of_bound: ClassVar[str] = "it says itself who waits"
    at_most_workers: ClassVar[tuple[str, ...]] = ()
    of_each_worker: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def variants(cls, crew: Crew) -> Sequence[Settings]:  # noqa: ARG003
        """Return the rule with each of the constants that are worth trying for such workers.

        None, as here, are those of a rule that is tried only as a scenario has it.
        """
        return ()

    def rule(self, server: ParameterServer, workers: int) -> Coordination:  # noqa: ARG002
        """Return the rule for so many workers, given the server that it acts on."""
        raise unfit("coordination.kind", self.kind, "a class with a method `rule`")

    def hooks(self) -> Hooks | None:
        """Return the rule's compiled hooks; None: only SimPy and the MPI server know it."""
        return None

    def set_up(self, m: Ints) -> None:
        """Set what the hooks read: places of `names.own` and of `names.own_of_worker`."""

    def played(self, algorithm: Asked) -> Settings:  # noqa: ARG002
        """Return the rule that it comes to with what `[algorithm]` says."""
        return self

    def plain(self) -> Plain | None:
        """Return how one event for each gradient plays it; None: it can't."""
        return None

    def update_size(self, workers: int) -> int | None:  # noqa: ARG002
        """Return the gradients in an update; None: not always as many, or it is not known."""
        return None

    def most_in_update(self, workers: int) -> int | None:
        """Return how many gradients may be kept until an update is made; None: it is not known."""
        return self.update_size(workers)

    def most_staleness(self, workers: int) -> int | None:  # noqa: ARG002
        """Return T if no gradient that is applied is older, whatever times are; None: not known."""
        return 0 if self.is_fresh else (self.plain() or {}).get("bound")

    def first_of(self, workers: int) -> int | None:  # noqa: ARG002
        """Return c, if an update is the first c gradients at its x and the others are stopped."""
        return None

    def collected(self) -> int | None:
        """Return S, if an update is the first S gradients at its x, any number of a worker's."""
        return None

    def trials_of(self, workers: int) -> Sequence[Trials]:  # noqa: ARG002
        """Return each worker's, if gradients are given up that take longer than a limit."""
        return ()

    def stopping(self) -> Stopping | None:
        """Return what has gradients stopped half way; None: nothing does."""
        return None
