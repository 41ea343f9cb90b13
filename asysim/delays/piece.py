"""A piece of what is studied: gradients in the order of their disposal, as columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Ints
from asysim.trace.rows import TraceRows


class Piece(NamedTuple):
    """Gradients in the order of their disposal; each column has shape (rows,).

    Attributes
    ----------
    worker
        Whose each is; all 0 if nobody knows.
    version
        Updates contained in the x that it was computed at.
    update
        The update that it went into; −1: discarded or lost.
    before
        Updates made before it was disposed of.
    read, ready, done, disposed
        Instants in nanoseconds; all 0 if nobody measured them.
    """

    worker: Ints
    version: Ints
    update: Ints
    before: Ints
    read: Ints
    ready: Ints
    done: Ints
    disposed: Ints

    @classmethod
    def of(cls, rows: TraceRows) -> Piece:
        """Return the rows of a trace."""
        read, ready, done, _, disposed = rows.ticks
        worker, version, update = (
            np.ascontiguousarray(column) for column in (rows.worker, rows.version, rows.update)
        )
        return cls(worker, version, update, rows.updates_before, read, ready, done, disposed)

    @classmethod
    def of_ages(cls, worker: Ints, age: Ints, update: Ints) -> Piece:
        """Return gradients of which nothing is known but how old they were when applied."""
        nothing = np.zeros(len(age), np.int64)
        return cls(worker, update - age, update, update, nothing, nothing, nothing, nothing)

    @property
    def age(self) -> Ints:
        """Updates between each gradient's read and its disposal: τ, if it was applied."""
        return self.before - self.version
