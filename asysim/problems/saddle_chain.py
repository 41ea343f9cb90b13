"""A chain of d saddles, each of which takes plain descent longer than all before it together.

After Du, Jin, Lee, Jordan, Singh & Póczos 2017 (Gradient descent can take exponential time to
escape saddle points, arXiv 1705.10412): there quadratic pieces are joined by splines along a tube;
here one analytic function on all of R^d does it. With c_i = cos x_i, c_0 = −1 and c_{d+1} = 1,

    f(x) = δ Σ_{i=1..d} (1 + c_i) + h Σ_{i=1..d} (1 + c_{i−1})(1 − c_i),    h = (κ + 1) δ / 2,
    ∂f/∂x_i = sin x_i · b_i,    b_i = −δ + h (c_{i−1} + c_{i+1}).

It is a row of coordinates that each want to go from 0 to ±π, where the first sum is least; but a
coordinate is held at 0 by the second sum until the one before it has gone.

- *Saddles*: at x^k, the first k coordinates at π and the others at 0, the Hessian is diagonal: −δ
  for coordinate k + 1, κδ for those that wait, δ or (κ + 2)δ for those that have gone. So
  λ_min = −δ and f(x^k) = 2δ (d − k); at x^d, where f* = 0, it is a minimum, with λ_min = δ.
- *No others matter*: at a stationary point b_1 = −δ + h (c_2 − 1) < 0 implies sin x_1 = 0. If
  c_1 = 1, then ∂²f/∂x_1² = b_1 ≤ −δ; if c_1 = −1, the same holds of x_2, and so on. So every
  stationary point is a minimum with f = 0, or a strict saddle (or maximum) with λ_min ≤ −δ.
- *Slower and slower*: until coordinate k has gone, after a time S_k, coordinate k + 1 shrinks like
  exp(−κδt); then it grows like exp(δt). So S_{k+1} ≈ (1 + κ) S_k. Noise ends that: it keeps
  coordinates from shrinking below its own size, and each saddle takes as long as the last.
- *Smoothness*: as |c_i c_{i−1}| + |s_i s_{i−1}| ≤ 1, rows of the Hessian sum up to at most
  δ + 2h (Gershgorin), which is L and, from d = 2, attained. And D³f[v, v, v] is
  δ Σ ± |v_i|³ − ½ h Σ (± |v_i − v_{i+1}|³ ± |v_i + v_{i+1}|³), where each pair is at most
  2√2 (v_i² + v_{i+1}²)^{3/2}; so ρ ≤ δ + 2√2 h.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from asysim.errors import Clash, unfit
from asysim.ground.arrays import Vector
from asysim.ground.ranges import NotNegative, Number, Positive, Size
from asysim.jit.compiler import implements
from asysim.problems.base import Constants, CriticalPoint, Curvature, Problem
from asysim.problems.compiled.finite_sums import without_work
from asysim.problems.compiled.generics import Matrix, gradient
from asysim.problems.data_settings import TableSize
from asysim.problems.gaussian import GaussianNoise, gaussian_samples
from asysim.problems.model import ProblemModel, Sizes
from asysim.problems.start import start_of


class SaddleChainSettings(ProblemModel):
    """A chain of saddles that slows plain descent more with each of them; Gaussian noise."""

    papers = ("wang2019second", "du2017gradient")
    compiled_by = ("",)
    kind: Literal["chain_of_saddles"] = "chain_of_saddles"
    dimension: Size = Field(default=5, description="d: of coordinates, and of saddles on the way")
    descent: Positive = Field(
        default=0.25, description="δ: the least curvature at every saddle is −δ, at the end δ"
    )
    ratio: Positive = Field(
        default=2.0,
        description="κ: a coordinate that waits for its saddle is held with curvature κδ, so plain "
        "descent has gone past a saddle after 1 + κ times as long as past the one before",
    )
    noise: NotNegative = Field(default=1.0, description="σ: root of E‖noise‖² of one sample")
    start: Number | tuple[Number, ...] = Field(
        default=0.1, description="x_1, or each coordinate of it; at 0 only noise leaves the saddle"
    )

    @model_validator(mode="after")
    def _a_start_that_fits(self) -> SaddleChainSettings:
        if isinstance(self.start, tuple) and len(self.start) != self.dimension:
            expected = f"should have {self.dimension} numbers, one for each coordinate"
            raise Clash("start", expected)
        return self

    def build(self) -> Problem:
        return SaddleChain(
            self.dimension,
            descent=self.descent,
            ratio=self.ratio,
            noise=self.noise,
            start=self.start,
        )

    def needs(self, table: TableSize | None) -> Sizes:  # noqa: ARG002
        return Sizes(self.dimension, key="dimension")


class SaddleChain(GaussianNoise):
    """The function above, with G(x, ξ) = ∇f(x) + ξ and ξ ~ N(0, σ²/d · I).

    Parameters
    ----------
    dimension
        d.
    descent
        δ > 0.
    ratio
        κ > 0.
    noise
        σ ≥ 0. At 0 the gradient is deterministic and a sample takes no random words.
    start
        x_1, shape (d,), or one number for every coordinate.

    Raises
    ------
    InputError
        If an argument has the wrong shape or range.
    """

    def __init__(
        self,
        dimension: int,
        *,
        descent: float = 0.25,
        ratio: float = 2.0,
        noise: float = 0.0,
        start: ArrayLike = 0.1,
    ) -> None:
        if dimension < 1:
            raise unfit("dimension", str(dimension), "at least 1")
        for name, value in (("descent", descent), ("ratio", ratio)):
            if not 0 < value < math.inf:
                raise unfit(name, str(value), "a finite number above 0")
        super().__init__(dimension, noise)
        self.dimension = dimension
        self.descent = float(descent)
        self.ratio = float(ratio)
        self.coupling = 0.5 * (self.ratio + 1) * self.descent  # h
        self._start = start_of(start, dimension)

    def start(self) -> Vector:
        return self._start.copy()

    def gradient(self, x: Vector, batch: NDArray[np.float64], out: Vector) -> None:
        self._write_gradient(x, out)
        self.add_noise(batch, out)

    def value(self, x: Vector) -> float:
        # 1 + cos x and 1 − cos x as squares lose no digits near the minimum.
        held, gone = np.cos(x / 2) ** 2, np.sin(x / 2) ** 2
        waiting = float(np.dot(held[:-1], gone[1:]))
        return 2 * self.descent * float(held.sum()) + 4 * self.coupling * waiting

    def full_gradient(self, x: Vector, out: Vector) -> float:
        self._write_gradient(x, out)
        return self.value(x)

    def constants(self) -> Constants:
        """Return L and L_max, σ², f* = 0 and a bound of ρ, all of which hold everywhere.

        From d = 2 on L is attained, at x^d; ρ is a bound (see above).
        """
        alone = self.dimension == 1  # nothing to wait for: f is δ (1 + cos x)
        coupling = 0.0 if alone else self.coupling
        lipschitz = self.descent + 2 * coupling
        return Constants(
            lipschitz=lipschitz,
            variance=self.noise**2,
            minimum=0.0,
            hessian_lipschitz=self.descent + 2 * math.sqrt(2) * coupling,
            coordinate_lipschitz=lipschitz,
        )

    def critical_points(self) -> tuple[CriticalPoint, ...]:
        """Return saddle 1 … d (x^0 … x^{d−1} above) and the minimum, each with its images.

        f is the same at x + 2π z for whole numbers z; so −π is as good as π, and distances are to
        the nearest image.
        """
        points = []
        for gone in range(self.dimension + 1):
            end = gone == self.dimension
            point = np.where(np.arange(self.dimension) < gone, math.pi, 0.0)
            least = self.descent if end else -self.descent
            name = "minimum" if end else f"saddle {gone + 1}"
            points.append(CriticalPoint(name, point, least, partial(_distance, point)))
        return tuple(points)

    def curvature(self, x: Vector) -> Curvature:
        """Return the least eigenvalue of ∇²f(x), which is tridiagonal."""
        from scipy.linalg import eigvalsh_tridiagonal

        diagonal, beside = self._hessian(x)
        least = float(eigvalsh_tridiagonal(diagonal, beside, select="i", select_range=(0, 0))[0])
        return Curvature(least, least)

    def hvp(self, x: Vector, direction: Vector) -> Vector:
        diagonal, beside = self._hessian(x)
        product: Vector = diagonal * direction
        product[1:] += beside * direction[:-1]
        product[:-1] += beside * direction[1:]
        return product

    def kernel_model(self) -> SaddleChainModel:
        return SaddleChainModel(self.descent, self.coupling, self.deviation, self.words)

    def _pull(self, cosines: Vector) -> Vector:
        """Return the b_i."""
        before = np.concatenate([[-1.0], cosines[:-1]])
        after = np.concatenate([cosines[1:], [1.0]])
        pull: Vector = self.coupling * (before + after) - self.descent
        return pull

    def _write_gradient(self, x: Vector, out: Vector) -> None:
        np.multiply(np.sin(x), self._pull(np.cos(x)), out=out)

    def _hessian(self, x: Vector) -> tuple[Vector, Vector]:
        """Return the diagonal of ∇²f(x), shape (d,), and what stands beside it, shape (d − 1,)."""
        sines, cosines = np.sin(x), np.cos(x)
        return cosines * self._pull(cosines), -self.coupling * sines[:-1] * sines[1:]


def _distance(point: Vector, x: Vector) -> float:
    """Return how far x is from the nearest of point + 2π z."""
    return float(np.linalg.norm(np.remainder(x - point + math.pi, 2 * math.pi) - math.pi))


# Compiled


class SaddleChainModel(NamedTuple):
    """δ, h, the standard deviation of one coordinate of the noise; words for a sample."""

    descent: float
    coupling: float
    deviation: float
    words: int


gaussian_samples(SaddleChainModel)
without_work(SaddleChainModel)


@implements(gradient, SaddleChainModel)
def _gradient(
    model: SaddleChainModel,
    x: Vector,
    batch: Matrix,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    count = len(batch)
    before, here = -1.0, math.cos(x[0])
    for i in range(out.size):
        after = math.cos(x[i + 1]) if i + 1 < out.size else 1.0
        out[i] = math.sin(x[i]) * (model.coupling * (before + after) - model.descent) * count
        before, here = here, after
    if model.words > 0:
        for i in range(out.size):
            total = 0.0
            for m in range(count):
                total += batch[m, i]
            out[i] += total
