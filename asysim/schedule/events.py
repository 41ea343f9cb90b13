"""Events that a simulator schedules again and again, and the one order of those at one instant.

SimPy serves events by (time, priority, serial number). Priority is kind × p + worker here, so
that simultaneous events go by kind, then by worker, never by when they happened to be scheduled.
A process with a new Timeout for each delay says the same and takes longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import simpy


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
