"""One gradient on its way round the star network."""

from __future__ import annotations

from typing import NamedTuple

from asysim.trace.gradient import LOST
from asysim.trace.row_table import Row, Taken


class Parts(NamedTuple):
    """What one gradient's way round takes, in ticks; lists have an entry for each server's part.

    What random sizes of its two messages add for each part: `outbound` and `inbound` on the link,
    which `pull` and `push` include already, `send` and `receive` at the server's interface.
    """

    draw: int
    compute: int
    read: list[int]
    pull: list[int]
    push: list[int]
    service: list[int]
    pull_lost: list[int]
    push_lost: list[int]
    outbound: int = 0
    inbound: int = 0
    send: int = 0
    receive: int = 0


class Flight:
    """A gradient from the read of x to its disposal.

    Attributes
    ----------
    worker, version
        Whose it is, and the updates contained in its x; before that is read, the least they can be.
    has_read
        Whether x has been read for it: not yet, if that happens when its transfer begins.
    parts
        The draws for its way round.
    read, ready, done, arrived
        Ticks, as in a trace; before something is known it is None.
    wanted
        False once it has been disposed of without an update; whatever is still under way for it
        then comes to nothing.
    at_server
        Whether all of it is there and served: only the coordination rule decides on it now.
    limit
        Ticks from `ready` after which its worker gives it up; None: never.
    missing, unserved
        Parts of the message under way that have yet to arrive; that have yet to be served.
    """

    __slots__ = ("arrived", "at_server", "done", "has_read", "limit", "missing", "parts", "read",
                 "ready", "unserved", "version", "wanted", "worker")  # fmt: skip

    def __init__(self, worker: int, parts: Parts, version: int, read: int) -> None:
        self.worker, self.parts, self.version, self.read = worker, parts, version, read
        self.ready: int | None = None
        self.done: int | None = None
        self.arrived: int | None = None
        self.limit: int | None = None
        self.wanted, self.at_server, self.has_read = True, False, True
        self.missing = self.unserved = len(parts.pull)

    def taken(self, now: int) -> Taken:
        """Return the beginning of its row; a stage that it has not reached by `now` is now."""
        ready, done, arrived = (
            now if tick is None or tick > now else tick
            for tick in (self.ready, self.done, self.arrived)
        )
        return (self.worker, self.parts.draw, self.version, self.read, ready, done, arrived)

    def lost(self, now: int, update: int) -> Row:
        """Return its row, not in any update; `update` is the version that it would read now."""
        if not self.has_read:
            return (self.worker, self.parts.draw, update, now, now, now, now, LOST, now)
        return (*self.taken(now), LOST, now)
