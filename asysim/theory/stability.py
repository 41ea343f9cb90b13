"""What a delay does to SGD on a quadratic: x_{k+1} = x_k − a x_{k−τ}, with a = γλ."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from asysim.theory.arguments import count, positive


class HeavyBall(NamedTuple):
    """x_{k+1} = x_k − step · ∇f(x_k) + momentum · (x_k − x_{k−1})."""

    step: float
    momentum: float


def stability_limit(delay: int) -> float:
    """Return the a below which x_{k+1} = x_k − a x_{k−τ} dies out: 2 sin(π / (2(2τ + 1))).

    Parameters
    ----------
    delay
        τ ≥ 0, the same for every update.

    Raises
    ------
    ValueError
        If the delay is negative.
    """
    count("delay", delay, least=0)
    return 2 * math.sin(math.pi / (2 * (2 * delay + 1)))


def noise_floor(curvature_step: float, delay: int) -> float:
    """Return Var x / σ² of x_{k+1} = x_k − a x_{k−τ} + w_k with i.i.d. w_k of variance σ².

    (1 + sin θ) / (a cos θ √(4 − a²)) with θ = (2τ + 1) arcsin(a/2). It comes from the stationary
    covariances r_j − r_{j−1} = −a r_{τ+1−j}, which r_j ∝ cos(ωj − φ) solves with a = 2 sin(ω/2)
    and φ = (2τ + 1)ω/4 − π/4. For τ = 0: 1/(a(2 − a)); τ = 1: (1 + a)/(a(1 − a)(2 + a)).
    With gradient noise of variance σ_g², σ = γσ_g.

    Parameters
    ----------
    curvature_step
        a, between 0 and `stability_limit`.
    delay
        τ ≥ 0, the same for every update.

    Raises
    ------
    ValueError
        If an argument is out of range: then there is no stationary law.
    """
    limit = stability_limit(delay)
    if not 0 < curvature_step < limit:
        raise ValueError(f"needs 0 < a < {limit:g}, where delay {delay} is stable, "
                         f"not {curvature_step}")  # fmt: skip
    angle = (2 * delay + 1) * math.asin(curvature_step / 2)
    width = curvature_step * math.sqrt(4 - curvature_step**2)
    return (1 + math.sin(angle)) / (math.cos(angle) * width)


def escape_root(curvature_step: float, delay: int) -> float:
    """Return the growth per update away from a saddle, x_{k+1} = x_k + a x_{k−τ}.

    It is the root z > 1 of z^{τ+1} − z^τ − a = 0: 1 + a without delay, and less with it.

    Parameters
    ----------
    curvature_step
        a = γδ > 0, for curvature −δ.
    delay
        τ ≥ 0, the same for every update.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    count("delay", delay, least=0)
    positive("a", curvature_step)
    # In s = log(z − 1): τ log z + s = log a, increasing and convex, so Newton's method comes
    # down from s = log a without overshooting.
    target = s = math.log(curvature_step)
    for _ in range(100):
        growth = math.exp(s)
        change = (delay * math.log1p(growth) + s - target) / (1 + delay * growth / (1 + growth))
        s -= change
        if change <= 1e-15 * max(1.0, abs(s)):
            break
    return 1 + math.exp(s)


def oscillation_limit(delay: int) -> float:
    """Return the a from which on x_{k+1} = x_k + a x_{k−τ} has oscillations that grow, too.

    2 sin(3π / (2(2τ + 1))), derived: z = e^{iω} is a root of z^{τ+1} − z^τ − a = 0 for
    ω = (4m − 1)π / (2τ + 1) and a = 2 sin(ω/2), m = 1, 2, …. Below it what leaves a saddle along
    its one unstable direction, by drift, does not come back. Infinite for τ = 0, with its one root.

    Parameters
    ----------
    delay
        τ ≥ 0, the same for every update.

    Raises
    ------
    ValueError
        If the delay is negative.
    """
    count("delay", delay, least=0)
    return 2 * math.sin(3 * math.pi / (2 * (2 * delay + 1))) if delay else math.inf


def oscillation_growth(curvature_step: float, delay: int) -> float:
    """Return the growth per update of x_{k+1} = x_k − a x_{k−τ}: the largest modulus of a root.

    Of z^{τ+1} − z^τ + a = 0; below 1 where a is less than `stability_limit`.

    Parameters
    ----------
    curvature_step
        a > 0.
    delay
        τ ≥ 0; all τ + 1 roots are computed.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    count("delay", delay, least=0)
    positive("a", curvature_step)
    if delay == 0:
        return abs(1 - curvature_step)
    polynomial = np.zeros(delay + 2)
    polynomial[0], polynomial[1], polynomial[-1] = 1, -1, curvature_step
    return float(np.abs(np.roots(polynomial)).max())


def heavy_ball(step: float, workers: int) -> HeavyBall:
    """Return the heavy ball that E x_k follows with p equal exponential workers.

    Step γ/p and momentum 1 − 1/p, exactly for a linear gradient and no latency (Mitliagkas et al.
    2016, as recalled). It starts with one full step γ, as all workers hold x_0.

    Parameters
    ----------
    step
        γ > 0.
    workers
        p ≥ 1.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    positive("step", step)
    count("workers", workers)
    return HeavyBall(step / workers, 1 - 1 / workers)
