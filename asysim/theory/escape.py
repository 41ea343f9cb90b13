"""How long SGD with delayed gradients takes to leave a saddle: x_{k+1} = x_k + a x_{k−τ} + noise.

a = γδ for curvature −δ along the one unstable direction, and the noise of an update has standard
deviation s. The laws here are for constant delay, and exact but for what is said.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Floats
from asysim.theory.arguments import positive
from asysim.theory.stability import escape_root

HALF_LOG = (np.euler_gamma + math.log(2)) / 2
"""−E ln|g| of a standard normal g; 0.63518."""
_DEVIATION = math.pi / math.sqrt(8)
"""Standard deviation of ln|g|."""
_SURE = 1e-9  # chance of being inside still, from which on the tail is geometric
_MOST = 200_000_000  # multiplications
_LEAST, _LARGEST = 1e-140, 1e140


class EscapeLaw(NamedTuple):
    """The law of large R/s: x_k z^{−k} → N(0, V), so K = (ln R/√V − ln|g|) / ln z, g normal.

    Attributes
    ----------
    growth
        z > 1, by which x grows in an update.
    constant
        C of the impulse response h_k → C z^k.
    variance
        V.
    mean, deviation
        Of the updates until |x| > R, but for half an update: K is taken for a real number.
    """

    growth: float
    constant: float
    variance: float
    mean: float
    deviation: float


class EscapeTimes(NamedTuple):
    """The law of the number of updates until |x| > R.

    Attributes
    ----------
    inside
        P(K > k) for k = 0, 1, …, until it falls geometrically.
    mean, deviation
        Of K.
    besides
        Variance of the stable directions up to update E K, at its most, in squares of what their
        mean leaves of R.
    """

    inside: Floats
    mean: float
    deviation: float
    besides: float = 0.0

    @property
    def chances(self) -> Floats:
        """P(K = k) for k = 0, 1, …, as far as `inside` goes."""
        return -np.diff(self.inside, prepend=1.0)


def escape_law(curvature_step: float, delay: int, noise: float, radius: float) -> EscapeLaw:
    """Return the asymptotic law of escape from a saddle, for constant delay, started on it.

    z is the root of z^{τ+1} − z^τ − a = 0, C = z/((τ+1)z − τ), V = s²C²/(z² − 1), the mean
    [ln(R/√V) + (γ_E + ln 2)/2]/ln z and the standard deviation (π/√8)/ln z.

    Parameters
    ----------
    curvature_step
        a = γδ > 0.
    delay
        τ ≥ 0, the same for every update.
    noise
        s > 0, standard deviation of what an update adds at random.
    radius
        R > 0.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    positive("noise", noise)
    positive("radius", radius)
    z = escape_root(curvature_step, delay)
    constant = z / ((delay + 1) * z - delay)
    return law_of(z, constant, noise, radius)


def law_of(z: float, constant: float, noise: float, radius: float) -> EscapeLaw:
    """Return the law with this z, C and s, of a radius.

    Raises
    ------
    ValueError
        If a number's square, or that of R/s, is beyond what numbers hold.
    """
    if not (_LEAST < noise < _LARGEST and _LEAST < radius < _LARGEST and radius < _LARGEST * noise):
        raise ValueError(
            f"noise {noise:.3g} and R = {radius:.3g}: squares of such numbers, or of what one is "
            "of the other, are too large or too small to compute with"
        )
    rate, variance = math.log(z), (noise * constant) ** 2 / (z * z - 1)
    mean = (math.log(radius / math.sqrt(variance)) + HALF_LOG) / rate
    return EscapeLaw(z, constant, variance, mean, _DEVIATION / rate)


def impulse_response(curvature_step: float, delay: int, length: int) -> Floats:
    """Return h_0 = 1, h_1, … of h_{k+1} = h_k + a h_{k−τ}, h being 0 before; shape (length,).

    What an update k adds to x_{k+1}, it adds h_j times to x_{k+1+j}.

    Parameters
    ----------
    curvature_step
        a; negative where the direction is a stable one.
    delay
        τ ≥ 0.
    length
        How many.
    """
    from scipy.signal import lfilter

    down = np.zeros(delay + 2)
    down[0], down[1] = 1.0, -1.0
    down[delay + 1] -= curvature_step
    kick = np.zeros(length)
    kick[0] = 1.0
    response: Floats = lfilter([1.0], down, kick)
    return response


def moments(
    curvature_step: float, delay: int, noise: float, start: float, length: int
) -> tuple[Floats, Floats]:
    """Return mean and variance of x_k for k = 0, …, length − 1; twice shape (length,).

    x_{k+1} = x_k + a x_{max(k−τ, 0)} + noise: until update τ every gradient is one at x_0, as with
    p = τ + 1 equal workers that begin together.

    Parameters
    ----------
    curvature_step, delay, length
        As for `impulse_response`.
    noise
        s ≥ 0.
    start
        x_0.
    """
    response = impulse_response(curvature_step, delay, length)
    mean = start * (1 + curvature_step * np.concatenate([[0.0], np.cumsum(response)[:-1]]))
    return mean, noise**2 * np.concatenate([[0.0], np.cumsum(response**2)[:-1]])


def escape_times(
    curvature_step: float,
    delay: int,
    noise: float,
    radius: float,
    *,
    start: float = 0.0,
    stable: Floats | None = None,
) -> EscapeTimes:
    """Return the law of the first update after which |x| > R, for constant delay.

    x_k is exactly normal, and P(K > k) is taken for P(|x_k| ≤ R): that nothing which has passed R
    is inside it at a later k. Of x that passes R by drift, a R in an update, that holds but for
    noise of the order of a R.

    Parameters
    ----------
    curvature_step, delay, noise, radius
        As for `escape_law`.
    start
        x_0, the distance from the saddle along the unstable direction, below R.
    stable
        Rows of three, (−γλ, s, start), for directions of curvature λ ≥ 0 besides, whose mean square
        is taken off R²: good to first order in it.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number; or growth is too slow for
        numbers to be made of each update.
    """
    law = escape_law(curvature_step, delay, noise, radius)
    length = steps_until_geometric(law, radius, delay + 2)
    mean, variance = moments(curvature_step, delay, noise, start, length)
    led, noisy = np.zeros(length), np.zeros(length)
    for slope, deviation, begin in () if stable is None else stable:
        m, v = moments(float(slope), delay, float(deviation), float(begin), length)
        led += m**2
        noisy += v
    reach = np.sqrt(np.maximum(radius**2 - led - noisy, 0.0))
    times = times_of(within(mean, variance, reach), law.growth)
    return times._replace(besides=besides(led, noisy, radius, times.mean))


def besides(led: Floats, noisy: Floats, radius: float, mean: float) -> float:
    """Return `EscapeTimes.besides` of squares of means and variances, one for each update."""
    until = round(mean) + 1
    left = np.maximum(radius - np.sqrt(led[:until]), radius * 1e-9)
    return float((noisy[:until] / left**2).max())


def steps_until_geometric(law: EscapeLaw, radius: float, work: int) -> int:
    """Return after how many updates P(K > k) falls geometrically, as good as."""
    at_radius = math.log(radius / math.sqrt(law.variance))
    length = math.ceil((max(at_radius, 0.0) - math.log(_SURE)) / math.log(law.growth)) + work
    if not length * work <= _MOST:
        raise ValueError(f"growth by {law.growth - 1:.3g} in an update is too slow for a law of "
                         "each update")  # fmt: skip
    return length


def within(mean: Floats, variance: Floats, reach: Floats | float) -> Floats:
    """Return P(|x_k| ≤ R) of normal x_k."""
    from scipy.special import ndtr

    deviation = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inside = ndtr((reach - mean) / deviation) - ndtr((-reach - mean) / deviation)
    certain: Floats = np.where(deviation > 0, inside, np.abs(mean) <= reach)
    return certain


def times_of(inside: Floats, growth: float) -> EscapeTimes:
    """Return the law with these P(K > k), the rest of which is geometric."""
    k = np.arange(len(inside))
    last, n, ratio = float(inside[-1]), len(inside), 1 / growth
    rest = last * ratio / (1 - ratio)  # Σ of further P(K > k)
    mean = float(inside.sum()) + rest
    # E K² = Σ (2k + 1) P(K > k)
    square = float(((2 * k + 1) * inside).sum()) + rest * (2 * n - 1 + 2 / (1 - ratio))
    return EscapeTimes(inside, mean, math.sqrt(max(square - mean * mean, 0.0)))
