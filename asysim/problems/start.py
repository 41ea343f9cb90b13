"""The first iterate x_1: given, or Gaussian from a seed."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from asysim.errors import Clash, check_alone, unfit
from asysim.ground.arrays import Vector
from asysim.ground.ranges import Number, Positive
from asysim.problems.model import ProblemModel, Seed
from asysim.random.streams import Purpose, generator

_SCALE = 0.1


class StartedModel(ProblemModel):
    """A table that may give x_1, or else says how far from 0 a random one is."""

    start: Number | tuple[Number, ...] | None = Field(
        default=None, description="x_1, or each coordinate of it; if not given, random"
    )
    start_scale: Positive | None = Field(
        default=None, description="standard deviation of the coordinates of a random x_1; 0.1"
    )
    seed: Seed = 0

    @property
    @abstractmethod
    def length(self) -> int:
        """n, the length of x."""

    @model_validator(mode="after")
    def _one_start(self) -> StartedModel:
        check_alone(self, "start", "start_scale")
        if isinstance(self.start, tuple) and len(self.start) != self.length:
            raise Clash("start", f"should have {self.length} numbers, one for each coordinate")
        return self

    def first(self) -> Vector:
        """Return x_1, shape (n,)."""
        scale = self.start_scale or _SCALE
        return first_iterate(self.length, self.start, scale=scale, seed=self.seed)


def first_iterate(
    dimension: int, start: ArrayLike | None, *, scale: float = _SCALE, seed: int = 0
) -> Vector:
    """Return x_1, shape (n,): as given, or n Gaussian numbers of a scale, named by the seed.

    Raises
    ------
    InputError
        As `start_of`.
    """
    if start is not None:
        return start_of(start, dimension)
    return scale * generator(seed, Purpose.START).standard_normal(dimension)


def start_of(start: ArrayLike, dimension: int) -> Vector:
    """Return x_1, shape (n,), from n numbers or from one for every coordinate.

    Raises
    ------
    InputError
        If there are more or fewer, or one is not finite.
    """
    point = np.array(start, dtype=np.float64)
    if point.shape not in ((), (dimension,)):
        raise unfit("start", f"shape {point.shape}", f"one number, or {dimension} of them")
    if not np.isfinite(point).all():
        raise unfit("start", "a number that is not finite", "finite numbers")
    return np.broadcast_to(point, (dimension,))
