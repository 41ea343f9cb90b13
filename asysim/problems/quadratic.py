"""The quadratic bowl or saddle with Gaussian gradient noise: everything is known exactly."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from asysim.errors import Clash, check_alone, unfit
from asysim.ground.arrays import Vector
from asysim.ground.ranges import Magnification, NotNegative, Number, Size
from asysim.jit.compiler import implements
from asysim.problems.base import Constants, CriticalPoint, Curvature, Problem
from asysim.problems.compiled.finite_sums import without_work
from asysim.problems.compiled.generics import Matrix, gradient, shared
from asysim.problems.data_settings import TableSize
from asysim.problems.gaussian import GaussianNoise, gaussian_samples
from asysim.problems.model import ProblemModel, Seed, Sizes
from asysim.problems.start import start_of


class QuadraticSettings(ProblemModel):
    """A quadratic bowl or saddle with Gaussian gradient noise."""

    compiled_by = ("",)
    kind: Literal["quadratic"] = "quadratic"
    dimension: Size | None = Field(
        default=None, description="number of coordinates; 10 if no eigenvalues are given"
    )
    condition: Magnification | None = Field(
        default=None,
        description="eigenvalues spaced evenly in their logarithm from 1 down to 1/condition; "
        "10 if no eigenvalues are given",
    )
    eigenvalues: tuple[Number, ...] | None = Field(
        default=None, min_length=1, description="in place of the two above; negative: a saddle"
    )
    noise: NotNegative = Field(default=1.0, description="σ: root of E‖noise‖² of one sample")
    start: Number | tuple[Number, ...] = Field(
        default=1.0, description="x_1, or each coordinate of it"
    )
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_spectrum(self) -> QuadraticSettings:
        check_alone(self, "eigenvalues", "dimension", "condition")
        length = len(self.eigenvalues) if self.eigenvalues is not None else self.dimension or 10
        if isinstance(self.start, tuple) and len(self.start) != length:
            raise Clash("start", f"should have {length} numbers, one for each coordinate")
        return self

    def build(self) -> Problem:
        from asysim.problems.data import spectrum

        eigenvalues = self.eigenvalues or spectrum(self.dimension or 10, self.condition or 10.0)
        return Quadratic(eigenvalues, noise=self.noise, start=self.start)

    def needs(self, table: TableSize | None) -> Sizes:  # noqa: ARG002
        dimension = len(self.eigenvalues or ()) or self.dimension or 10
        return Sizes(dimension, key="dimension" if self.dimension else "data")


class Quadratic(GaussianNoise):
    """f(x) = ½ xᵀ diag(λ) x, with G(x, ξ) = λ ∘ x + ξ and ξ ~ N(0, σ²/n · I).

    The noise of one sample has E‖ξ‖² = σ², whatever the dimension n.

    Parameters
    ----------
    eigenvalues
        λ, shape (n,), finite. Negative ones make a saddle at 0.
    noise
        σ ≥ 0. At 0 the gradient is deterministic and a sample takes no random words.
    start
        x_1, shape (n,), or one number for every coordinate.

    Raises
    ------
    InputError
        If an argument has the wrong shape or range.
    """

    def __init__(
        self, eigenvalues: ArrayLike, *, noise: float = 0.0, start: ArrayLike = 1.0
    ) -> None:
        self.eigenvalues = np.array(eigenvalues, dtype=np.float64)
        if self.eigenvalues.ndim != 1 or not self.eigenvalues.size:
            raise unfit("eigenvalues", f"shape {self.eigenvalues.shape}", "one number or more")
        if not np.isfinite(self.eigenvalues).all():
            raise unfit("eigenvalues", "a number that is not finite", "finite numbers")
        super().__init__(self.dimension, noise)
        self._start = start_of(start, self.dimension)

    @property
    def dimension(self) -> int:
        return self.eigenvalues.size

    def start(self) -> Vector:
        return self._start.copy()

    def gradient(self, x: Vector, batch: NDArray[np.float64], out: Vector) -> None:
        np.multiply(self.eigenvalues, x, out=out)
        self.add_noise(batch, out)

    def value(self, x: Vector) -> float:
        return float(0.5 * np.dot(self.eigenvalues * x, x))

    def full_gradient(self, x: Vector, out: Vector) -> float:
        np.multiply(self.eigenvalues, x, out=out)
        return float(0.5 * np.dot(out, x))

    def constants(self) -> Constants:
        """Return L = L_max = max |λ|, σ², ρ = 0, and f* = 0, or None for a saddle: no least value.

        All hold everywhere.
        """
        largest = float(np.abs(self.eigenvalues).max())
        return Constants(
            lipschitz=largest,
            variance=self.noise**2,
            minimum=0.0 if (self.eigenvalues >= 0).all() else None,
            hessian_lipschitz=0.0,
            coordinate_lipschitz=largest,
        )

    def critical_points(self) -> tuple[CriticalPoint, ...]:
        """Return the origin, or the whole space of directions whose eigenvalue is 0."""
        steep = self.eigenvalues != 0
        least = float(self.eigenvalues.min())

        def distance(x: Vector) -> float:
            return float(np.linalg.norm(x[steep]))

        return (CriticalPoint("origin", np.zeros(self.dimension), least, distance),)

    def curvature(self, x: Vector) -> Curvature:  # noqa: ARG002  (everywhere the same)
        """Return the least of λ, which is that of ∇²f everywhere."""
        least = float(self.eigenvalues.min())
        return Curvature(least, least)

    def hvp(self, x: Vector, direction: Vector) -> Vector:  # noqa: ARG002  (everywhere the same)
        product: Vector = self.eigenvalues * direction
        return product

    def kernel_model(self) -> QuadraticModel:
        return QuadraticModel(shared(self.eigenvalues), self.deviation, self.words)


# Compiled


class QuadraticModel(NamedTuple):
    """λ, shape (n,); the standard deviation of one coordinate of the noise; words for a sample."""

    eigenvalues: Vector
    deviation: float
    words: int


gaussian_samples(QuadraticModel)
without_work(QuadraticModel)


@implements(gradient, QuadraticModel)
def _gradient(
    model: QuadraticModel,
    x: Vector,
    batch: Matrix,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    count = len(batch)
    for i in range(out.size):
        out[i] = model.eigenvalues[i] * x[i] * count
    if model.words > 0:
        for i in range(out.size):
            total = 0.0
            for m in range(count):
                total += batch[m, i]
            out[i] += total
