"""How long SGD takes to leave a saddle when its workers' times are exponential: over all orders.

The laws of `asysim.theory.escape` for p workers in place of a constant delay; derived here from
moments over all orders, and confirmed by simulation in the tests.
"""

from __future__ import annotations

import math

import numpy as np

from asysim.ground.arrays import Floats
from asysim.theory.arguments import count, positive
from asysim.theory.escape import (
    EscapeLaw,
    EscapeTimes,
    besides,
    escape_times,
    law_of,
    steps_until_geometric,
    times_of,
    within,
)

_NODES = 32


def escape_law_of_exponential_workers(
    curvature_step: float, workers: int, noise: float, radius: float
) -> EscapeLaw:
    """Return the law of escape in the mean over the orders of p exponential workers.

    Derived: with m = E x and y the mean of what the workers hold, one update makes m' = m + a y and
    y' = (1 − 1/p) y + m'/p. So z is the larger root of z² − (2 − 1/p + a/p) z + 1 − 1/p = 0, and
    C that of the response to m = 1, y = 1/p: whose gradient brought the noise reads it at once.
    What chance orders add is left out here, and is in `escape_times_of_exponential_workers`.

    Parameters
    ----------
    curvature_step, noise, radius
        As for `escape_law`.
    workers
        p ≥ 1, equal, with independent exponential times and no latency.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    a, p = curvature_step, workers
    positive("a", a)
    positive("noise", noise)
    positive("radius", radius)
    count("workers", p)
    half = 1 - (1 - a) / (2 * p)
    z = half + math.sqrt(half * half - (1 - 1 / p))
    other = (1 - 1 / p) / z
    constant = (1 + a / p - other) / (z - other)
    return law_of(z, constant, noise, radius)


def escape_times_of_exponential_workers(
    curvature_step: float,
    workers: int,
    noise: float,
    radius: float,
    *,
    start: float = 0.0,
    stable: Floats | None = None,
) -> EscapeTimes:
    """Return the law of the first update after which |x| > R, for exponential workers.

    Derived, and close rather than exact. Given the order, x_k is normal; its variance v_k differs
    from order to order. E v_k is exact, by a recursion of second moments over all orders (x²,
    x y_i, y_i², y_i y_j); ln v_k is taken for normal, with the spread that the first and second
    moment of the impulse response leave it: 4 ln(E h_k² / (E h_k)²).

    Parameters
    ----------
    curvature_step, workers, noise, radius
        As for `escape_law_of_exponential_workers`.
    start
        x_0, below R; every worker begins with it.
    stable
        As for `escape_times`.

    Raises
    ------
    ValueError
        As for `escape_times`.
    """
    law = escape_law_of_exponential_workers(curvature_step, workers, noise, radius)
    if workers == 1:
        return escape_times(curvature_step, 0, noise, radius, start=start, stable=stable)
    a, p, length = curvature_step, workers, steps_until_geometric(law, radius, 64)
    first = np.array([[1, a], [1 / p, 1 - 1 / p + a / p]])
    means = np.empty((2, length))  # of the start, and of a kick
    state = np.array([[1.0, 1.0], [1.0, 1 / p]]).T
    second, kick = _second_moments(a, p)
    squares = np.array([np.ones(4), np.zeros(4), kick]).T  # of the start, of all noise, of one kick
    found = np.empty((3, length))
    for k in range(length):
        means[:, k], found[:, k] = state[0], squares[0]
        state, squares = first @ state, second @ squares
        squares[:, 1] += kick
    led, noisy = np.zeros(length), np.zeros(length)
    for slope, deviation, begin in () if stable is None else stable:
        led += _mean_squares(float(slope), p, 0.0, float(begin), length)
        noisy += _mean_squares(float(slope), p, float(deviation), 0.0, length)
    reach = np.sqrt(np.maximum(radius**2 - led - noisy, 0.0))
    spread = np.maximum(4 * np.log(found[2] / means[1] ** 2), 0.0)
    mean, variance = start * means[0], noise**2 * found[1]
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    inside = np.zeros(length)
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        factor = np.exp(np.sqrt(spread) * node - spread / 2)
        inside += weight * within(mean * np.sqrt(factor), variance * factor, reach)
    times = times_of(inside, law.growth)
    return times._replace(besides=besides(led, noisy, radius, times.mean))


def mean_square_growth(curvature_step: float, workers: int) -> float:
    """Return by how much E x² grows in an update, over all orders, in the long run.

    The spectral radius of what an update makes of the second moments: above 1 single orders go on
    to shake x ever more, though E x itself may die out (`asysim.theory.stability.heavy_ball`).

    Parameters
    ----------
    curvature_step
        a; negative where the direction is a stable one.
    workers
        p ≥ 1.

    Raises
    ------
    ValueError
        If there are no workers.
    """
    count("workers", workers)
    if workers == 1:
        return (1 + curvature_step) ** 2
    return float(np.abs(np.linalg.eigvals(_second_moments(curvature_step, workers)[0])).max())


def _second_moments(a: float, p: int) -> tuple[Floats, Floats]:
    """Return what an update makes of E x², E x y_i, E y_i², E y_i y_j, and what its noise adds.

    Worker i, one of p ≥ 2 at random, brings a y_i; then it reads: y_i' = x' = x + a y_i + noise.
    """
    stay = 1 - 1 / p
    whole = np.array([1, 2 * a, a * a, 0.0])  # E x'²
    other = np.array([0, 1, 0, a])  # E x' y_j of another worker
    matrix = np.array([
        whole,
        whole / p + stay * other,
        whole / p + stay * np.array([0.0, 0, 1, 0]),
        2 / p * other + (1 - 2 / p) * np.array([0.0, 0, 0, 1]),
    ])  # fmt: skip
    return matrix, np.array([1, 1 / p, 1 / p, 0.0])


def _mean_squares(a: float, p: int, noise: float, start: float, length: int) -> Floats:
    """Return E x_k² over all orders."""
    second, kick = _second_moments(a, p)
    state, found = np.full(4, start**2), np.empty(length)
    for k in range(length):
        found[k] = state[0]
        state = second @ state + noise**2 * kick
    return found
