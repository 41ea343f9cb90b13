"""x at the server, with those of its versions that somebody still needs."""

from __future__ import annotations

from asysim.backends.mpi.messages import Message, Pool
from asysim.ground.arrays import Vector
from asysim.replay.kernel import descend, descend_into


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
