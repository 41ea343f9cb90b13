"""Before a run on threads: workers are compiled, and it is seen how long a gradient takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from asysim.backends.memory import READY, START, STOP, Memory, rehearsal
from asysim.backends.plan import Plan
from asysim.backends.session import PATIENCE, Asked, Quiet

_MOST, _SECONDS = 200, 0.05  # gradients, and for how long they are tried at most
_LOOK = 0.02  # seconds between two looks at whoever tries

Loop = Callable[[Plan, Memory], None]
"""Be worker 0 of a plan in a memory until it is over."""


class Rehearsal:
    """A worker at work by itself, in memory of its own, in a thread that can be left behind.

    Compiled code can't be interrupted. So this thread, which hears signals, only watches.

    Parameters
    ----------
    plan
        What is done in the run.
    loop
        Does it.

    Attributes
    ----------
    failure
        Why it came to nothing; empty: it did not.
    seconds
        What a gradient takes; 0 before that is known.
    """

    def __init__(self, plan: Plan, loop: Loop) -> None:
        self._limit, self._loop = plan.settings.watchdog, loop
        self._plan, self._memory = rehearsal(plan, _MOST, _SECONDS)
        self._error: BaseException | None = None
        self.failure, self.seconds = "", 0.0

    def run(self, asked: Asked) -> bool:
        """Rehearse; return False if somebody asked for the end, or it came to nothing.

        Raises
        ------
        BaseException
            What the worker raises.
        """
        thread = threading.Thread(target=self._try, daemon=True)
        thread.start()
        quiet, signs = Quiet(self._limit), 0
        while thread.is_alive():
            thread.join(_LOOK)
            if asked():
                self._memory.control[STOP] = 1
                thread.join(PATIENCE)
                return False
            control, heads = self._memory.control, self._memory.heads
            # Before it lines up it is being compiled, which may take minutes.
            if quiet.lasts(heard=not control[READY] or int(heads[0]) != signs):
                self._memory.control[STOP] = 1
                self.failure = (
                    f"the run did not begin: a gradient takes more than {self._limit:g} s, after "
                    "which a worker counts as hung; a larger backend.watchdog waits longer"
                )
                return False
            signs = int(heads[0])
        if self._error is not None:
            raise self._error
        return True

    def _try(self) -> None:
        plan, memory = self._plan, self._memory
        try:
            memory.control[STOP] = 1  # once for nothing, which compiles it
            self._loop(plan, memory)
            memory.control[STOP] = memory.control[READY] = 0
            memory.control[START] = began = time.monotonic_ns()
            self._loop(plan, memory)
        except BaseException as error:
            self._error = error
            return
        gradients = max(1, int(memory.heads[0]))
        self.seconds = (time.monotonic_ns() - began) * 1e-9 / gradients
