"""Events that a simulator schedules again and again, and the one order of those at one instant.

SimPy serves events by (time, priority, serial number). Priority is kind × p + worker here, so
that simultaneous events go by kind, then by worker, never by when they happened to be scheduled.
A process with a new Timeout for each delay says the same and takes longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import simpy

from asysim.schedule.kinds import Kind


class Recurring(simpy.Event):
    """An event that its owner schedules anew from its own callback."""

    def __init__(self, env: simpy.Environment) -> None:
        super().__init__(env)
        # What `succeed` would set; it would also schedule the event, at once.
        self._ok = True
        self._value = None

    def after(
        self, delay: float, priority: int, callbacks: Sequence[Callable[[Any], None]]
    ) -> None:
        """Call back after `delay` ticks."""
        self.callbacks = callbacks  # type: ignore[assignment]  # SimPy only walks through them
        self.env.schedule(self, priority, delay)  # type: ignore[arg-type]  # any integer will do


class Agenda:
    """Calls functions at given ticks, simultaneous ones by kind and place.

    Parameters
    ----------
    env
        Its clock counts ticks.
    width
        More than any place: workers or servers, whichever are more.
    """

    def __init__(self, env: simpy.Environment, width: int) -> None:
        self.env = env
        self._width = width

    @property
    def now(self) -> int:
        """The present tick."""
        return int(self.env.now)

    def priority(self, kind: Kind, place: int) -> int:
        """Return the priority of events of a kind at a worker's or a server's place."""
        return kind * self._width + place

    def at(self, tick: int, kind: Kind, place: int, call: Callable[[], None]) -> None:
        """Call a function at a tick that is not in the past."""
        event = Recurring(self.env)
        event.after(tick - self.env.now, kind * self._width + place, [lambda _: call()])
