"""What the server computes: gradients in, x out.

Operation for operation that of `asysim.replay.consistent`, so that a run computed again from its
trace has the same bits.
"""

from __future__ import annotations

from asysim.backends.assignment import Assignment
from asysim.backends.mpi.messages import Message, Pool
from asysim.ground.arrays import Vector
from asysim.replay.gradients import GradientSource
from asysim.replay.space import descend, descend_into
from asysim.replay.state import State
from asysim.replay.update_rule import at_work
from asysim.replay.version_memory import RowFacts


class Iterate:
    """x_k. It is updated in place, unless somebody still reads it: then in a place of its own.

    Parameters
    ----------
    pool
        Where vectors come from: x is sent from where it lies.
    start
        x_0, shape (n,).
    """

    def __init__(self, pool: Pool, start: Vector) -> None:
        self._pool = pool
        self._now, other = pool.filled(0), pool.filled(0)
        self._now.readers = 0
        self._now.body[:] = start
        # Once for nothing, which compiles what has to be, before the clock runs.
        other.body[:] = 0
        descend(other.body, other.body, 1.0)
        descend_into(other.body, other.body, 1.0, other.body)
        pool.put(other)
        self._lent: dict[int, Message] = {}

    @property
    def x(self) -> Vector:
        """x_k, shape (n,). It is not a copy."""
        return self._now.body

    def lend(self, worker: int) -> Message:
        """Let a worker have x as it is now, until it gives it back."""
        self._now.readers += 1
        self._lent[worker] = self._now
        return self._now

    def lent_to(self, worker: int) -> Vector:
        """Return x as a worker has it."""
        return self._lent[worker].body

    def give_back(self, worker: int) -> None:
        """Note that what a worker had is not needed any more, if it had not done so before."""
        version = self._lent.pop(worker, None)
        if version is None:
            return
        version.readers -= 1
        if not version.readers and version is not self._now:
            self._pool.put(version)

    def descend(self, velocity: Vector, step: float) -> bool:
        """Make x_{k+1} = x_k − γ v; return whether all of it is finite."""
        now = self._now
        if not now.readers:
            return descend(now.body, velocity, step)
        self._now = following = self._pool.take()
        following.readers = 0
        return descend_into(now.body, velocity, step, following.body)


class Arithmetic:
    """Makes x_{k+1} = x_k − γ_k v of the gradients that are folded into update k.

    Parameters
    ----------
    assignment
        Problem, step and update rule.
    pool
        Where vectors come from.

    Attributes
    ----------
    iterate
        x, and those of its versions that are still needed.
    """

    def __init__(self, assignment: Assignment, pool: Pool) -> None:
        self.iterate = Iterate(pool, assignment.problem.start())
        self._pool = pool
        self._state = State(self.iterate.x)
        self._come: dict[int, Message] = {}
        self._gradients: GradientSource = _Come(self._come)
        self._step, self._ruled = at_work(
            assignment.rules.step, assignment.rules.update, seed=assignment.seed
        )
        if self._ruled is not None:
            self._gradients = self._ruled.over(self._gradients, self._state)
        self._corrects = self._ruled is not None and self._ruled.corrects
        self._total: Message | None = None

    def take(self, worker: int, gradient: Message) -> None:
        """Keep a worker's gradient until it is folded or dropped."""
        self._come[worker] = gradient
        if not self._corrects:
            self.iterate.give_back(worker)

    def drop(self, worker: int) -> None:
        """Forget a worker's gradient."""
        self._pool.put(self._come.pop(worker))
        self.iterate.give_back(worker)

    def fold(self, worker: int, draw: int, version: int, update: int) -> None:
        """Add a worker's gradient to the update that is being put together."""
        read = self.iterate.lent_to(worker) if self._corrects else self.iterate.x
        begun = self._gradients.begin(read, (worker, draw, version, update, 0))
        gradient = self._gradients.finish(begun)
        message = self._come.pop(worker)
        if self._total is None:
            self._total = message
        else:
            self._total.body += gradient
            self._pool.put(message)
        self.iterate.give_back(worker)

    def make_update(self, update: int, gradients: int) -> bool:
        """Update x with so many gradients; return whether all of it is finite."""
        total, step = self._total, self._step
        assert total is not None
        velocity = total.body
        if self._ruled is not None:
            velocity, step = self._ruled.settle(update, velocity, gradients)
        finite = self.iterate.descend(velocity, step)
        self._state.x = self.iterate.x
        self._pool.put(total)
        self._total = None
        return finite


class _Come:
    """Gradients that workers have computed."""

    def __init__(self, messages: dict[int, Message]) -> None:
        self._messages = messages

    def begin(self, _x: Vector, row: RowFacts) -> Vector:
        return self._messages[row[0]].body

    def finish(self, begun: Vector) -> Vector:
        return begun
