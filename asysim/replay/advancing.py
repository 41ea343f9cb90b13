"""Replay as far as somebody wants: one update after the other, or many at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from asysim.replay.standing import Standing
from asysim.replay.state import State

_SLICE = 0.02  # seconds between two looks at whoever watches


class Advancing(Protocol):
    """A replay that goes as far as it is told to.

    Attributes
    ----------
    state
        x_k with its counts, advanced in place.
    """

    state: State

    def standing(self) -> Standing:
        """Return what is held besides the state; true while the stream is asked for a block."""
        ...

    def advance(self, until: int) -> bool:
        """Make updates until k = `until`; return whether the stream names a further one.

        If the stream is over before, the state is that after its last whole update.

        Raises
        ------
        Divergence
            After the first update that makes x infinite or not a number.
        """
        ...


class StepByStep:
    """A replay by `asysim.replay.replay`, which yields before each update.

    Parameters
    ----------
    states
        What it yields.
    state
        The state that it advances.
    standing
        What it holds besides.
    """

    def __init__(
        self, states: Iterator[State], state: State, standing: Standing | None = None
    ) -> None:
        self.state = state
        self._standing = Standing() if standing is None else standing
        self._states = states
        self._begun = False

    def standing(self) -> Standing:
        """Return what is held besides the state; true while the stream is asked for a block."""
        return self._standing

    def advance(self, until: int) -> bool:
        """Make updates until k = `until`; return whether the stream names a further one."""
        if not self._begun:
            self._begun = True
            if next(self._states, None) is None:
                return False
        while self.state.updates < until:
            if next(self._states, None) is None:
                return False
        return True


class Pace:
    """How many updates to make before looking up again: about a fiftieth of a second's.

    Attributes
    ----------
    updates
        So many.
    """

    def __init__(self) -> None:
        self.updates = 1

    def advance(self, replay: Advancing, until: int) -> bool:
        """Advance a replay, and see how long that takes."""
        began = time.perf_counter()
        goes_on = replay.advance(until)
        took = time.perf_counter() - began
        if took < _SLICE / 2:
            self.updates *= 2
        elif took > 2 * _SLICE:
            self.updates = max(1, self.updates // 2)
        return goes_on
