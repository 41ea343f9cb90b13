"""Where a law of escape ends: it is left out there, and true where it is not."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from asysim.problems import CriticalPoint
from asysim.problems.base import Constants
from asysim.replay.room import problem_of
from asysim.scenario import parse
from asysim.studies.escape import settle
from asysim.studies.task import with_workers
from asysim.theory.escape import escape_times
from asysim.theory.escape_exponential import mean_square_growth
from asysim.theory.escape_prediction import Prediction, prediction
from asysim.theory.saddle import saddle_of
from tests.test_escape import EXPONENTIAL, SADDLE
from tests.test_theory_escape import first_passage


def foretold(*changes, problem=None):
    """Return what is foretold of a scenario, without a run."""
    scenario = parse(SADDLE, *changes)
    problem = problem_of(scenario) if problem is None else problem
    settled, goal = settle(scenario, problem)
    saddle = saddle_of(problem, goal.point, goal.radius)
    one = with_workers(settled, scenario.workers.count)
    return prediction(one, problem, saddle, goal.radius)


@pytest.mark.parametrize("a", [-0.3, -1.2, 0.1])
def test_mean_squares_grow_as_all_orders_say(a):
    # E x² over every order of two workers, one by one: a sum of powers of three numbers, of which
    # the largest is found by the linear recursion that they obey (Prony).
    orders = np.array(list(itertools.product((0, 1), repeat=12)))
    x, held, every = np.ones(len(orders)), np.ones((len(orders), 2)), np.arange(len(orders))
    squares = []
    for worker in orders.T:
        x = x + a * held[every, worker]
        held[every, worker] = x
        squares.append(float((x**2).mean()))
    rows = np.array([squares[i : i + 3] for i in range(9)])
    recursion = np.linalg.lstsq(rows, np.array(squares[3:]), rcond=None)[0]
    roots = np.abs(np.roots([1, *-recursion[::-1]]))
    assert roots.max() == pytest.approx(mean_square_growth(a, 2), rel=1e-6)
    assert mean_square_growth(a, 1) == pytest.approx((1 + a) ** 2)


def test_it_is_left_out_from_where_a_stable_direction_grows_in_mean_square():
    low, high = 0.1, 2.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if mean_square_growth(-middle, 8) < 1 else (low, middle)

    def at(steep):
        return foretold(EXPONENTIAL, "workers.count=8", f"problem.eigenvalues=[{steep}, -0.1]")

    assert isinstance(at(low - 1e-6), Prediction)
    assert at(high + 1e-6) == (
        f"a stable direction is unstable in mean square with 8 exponential workers: γλ = {high:.3g}"
    )
    assert isinstance(at(0.0), Prediction)  # a flat one only drifts


def test_just_before_that_it_is_true():
    # 4,000 runs of the recursion itself, five standard errors (a false alarm: 6e-7), and 0.5 % for
    # what the law of random orders leaves out.
    rng, runs, p, slopes = np.random.default_rng(2), 4000, 8, np.array([[0.1], [-0.56]])
    x, held, every = np.zeros((2, runs)), np.zeros((2, p, runs)), np.arange(runs)
    seen, k = np.zeros(runs, dtype=int), 0
    while not seen.all():
        worker = rng.integers(0, p, runs)
        x = x + slopes * held[:, worker, every] + 1e-3 * rng.normal(size=(2, runs))
        held[:, worker, every] = x
        k += 1
        seen[(seen == 0) & ((x**2).sum(axis=0) > 1)] = k
    law = foretold(EXPONENTIAL, "workers.count=8", "problem.eigenvalues=[0.56, -0.1]").times
    assert abs(seen.mean() - law.mean) < 5 * law.deviation / math.sqrt(runs) + 5e-3 * law.mean


@pytest.mark.parametrize("a", [0.02, 0.1, 0.5])
def test_it_is_left_out_where_noise_brings_runs_back(a):
    def at(ratio):
        change = f"problem.eigenvalues=[-{a}]", f"problem.noise={a / ratio}", "workers.count=1"
        return foretold(*change)

    assert "at R the drift of an update is 1.4 times its noise" in at(1.4)
    law = at(1.5 + 1e-9).times
    exact = first_passage(a, a / 1.5, 1.0, updates=round(8 / a))
    assert law.mean == pytest.approx(exact.sum(), rel=0.01)


@pytest.mark.parametrize(("a", "steep"), [(0.02, 1.0), (0.1, 0.1)])
def test_it_is_left_out_where_stable_directions_are_as_wide_as_the_ball(a, steep):
    # 0.05 R² at escape: five standard errors of 10,000 runs, and 1 %
    rng, runs = np.random.default_rng(4), 10_000
    wide = math.sqrt(0.05 * (1 - (1 - steep) ** 2))
    u, v, seen, k = np.zeros(runs), np.zeros(runs), np.zeros(runs, dtype=int), 0
    while not seen.all():
        u = (1 + a) * u + 1e-3 * rng.normal(size=runs)
        v = (1 - steep) * v + wide * rng.normal(size=runs)
        k += 1
        seen[(seen == 0) & (u * u + v * v > 1)] = k
    law = escape_times(a, 0, 1e-3, 1.0, stable=np.array([[-steep, wide, 0.0]]))
    assert law.besides == pytest.approx(0.05, rel=1e-6)
    assert abs(seen.mean() - law.mean) < 5 * law.deviation / math.sqrt(runs) + 0.01 * law.mean


def test_many_wide_directions_are_said():
    flat = ", ".join(["0.01"] * 20)
    why = foretold(f"problem.eigenvalues=[{flat}, -0.1]", "problem.noise=0.15", "workers.count=1")
    assert "noise along the stable directions has a variance of" in why


@pytest.mark.parametrize("law", [[], [EXPONENTIAL]])
def test_a_start_at_the_rim_is_said(law):
    # Of runs that begin 1e-4 R from it, with noise of 1e-3 R, many are outside after an update if f
    # leads them back by 1e-4 R, and next to none if it does so by 0.01 R.
    slow = "problem.eigenvalues=[1e-4, -0.1]"
    assert "squares of what is left of R" in foretold(*law, slow, "problem.start=[0.9999, 0.0]")
    for there in ([slow, "problem.start=[0.9, 0.0]"], ["problem.start=[0.9999, 0.0]"]):
        assert isinstance(foretold(*law, *there), Prediction)


class Shaken:
    """f = −½ δ x², whose sample's gradient is −δ (1 + c ξ) x + s ξ'."""

    dimension, words = 1, 2

    def __init__(self, factor, noise=1e-3):
        self._factor, self._noise = factor, noise

    def start(self):
        return np.zeros(1)

    def sample(self, words):
        from asysim.random.streams import uniforms

        return math.sqrt(12) * (uniforms(words) - 0.5)

    def gradient(self, x, batch, out):
        out[:] = (-0.1 * (1 + self._factor * batch[:, :1]) * x + self._noise * batch[:, 1:]).sum(0)

    def value(self, x):
        return float(-0.05 * x @ x)

    def full_gradient(self, x, out):
        out[:] = -0.1 * x
        return self.value(x)

    def hvp(self, _, v):
        return -0.1 * v

    def constants(self):
        return Constants(hessian_lipschitz=0.0)

    def critical_points(self):
        return (CriticalPoint("top", np.zeros(1), -0.1, lambda x: float(np.linalg.norm(x))),)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_noise_that_grows_with_x_is_counted(factor):
    # 10,000 runs; five standard errors, and what is left out by the estimate: its square
    problem = Shaken(factor)
    _, goal = settle(parse(SADDLE), problem)
    along = saddle_of(problem, goal.point, goal.radius).changes.along
    assert along == pytest.approx((0.1 * factor) ** 2, rel=0.05)
    rng, runs, x = np.random.default_rng(6), 10_000, np.zeros(10_000)
    seen, k = np.zeros(runs, dtype=int), 0
    while not seen.all():
        kicks = math.sqrt(12) * (rng.random((2, runs)) - 0.5)
        x = x + 0.1 * (1 + factor * kicks[0]) * x + 1e-3 * kicks[1]
        k += 1
        seen[(seen == 0) & (np.abs(x) > 1)] = k
    law = escape_times(0.1, 0, 1e-3, 1.0)
    error = 5 * seen.std() / math.sqrt(runs)
    found = foretold("workers.count=1", problem=problem)
    if factor == 0.5:
        assert abs(seen.mean() - law.mean) < found.change * law.mean + error
    else:
        share = (0.1 * factor / 1.1) ** 2 / 2 / math.log(1.1)
        assert found.startswith("the gradient's noise varies within R, which may change the mean")
        assert abs(seen.mean() - law.mean) > 0.02 * law.mean + error
        assert share == pytest.approx(seen.mean() / law.mean - 1, rel=0.35)


CHAIN = "problem={kind='chain_of_saddles', dimension=1, descent=0.1, noise=1e-4, start=0.0}"


def test_what_f_is_beyond_its_quadratic_model_is_counted():
    problem = problem_of(parse(SADDLE, CHAIN))
    top = problem.critical_points()[0]
    for radius in (0.5, 2.5):
        # the gradient is sin x: ∫ (x / sin x − 1) dx / x
        exact = math.log(2 * math.tan(radius / 2) / radius)
        assert saddle_of(problem, top, radius).changes.bend == pytest.approx(exact, rel=0.02)
    assert saddle_of(problem, top, 3.5).changes.bend == math.inf
    assert isinstance(foretold(CHAIN, "escape.radius=0.5"), Prediction)
    why = "f is not quadratic within R, which may change the mean by "
    assert foretold(CHAIN, "escape.radius=2.5").startswith(why + "some ")
    assert foretold(CHAIN, "escape.radius=3.5") == why + "more than itself"


def test_only_gaussian_noise_makes_it_exact():
    for kind in ("gaussian", "ball"):
        found = foretold(f"update={{perturbation={{kind='{kind}', scale=0.01}}}}")
        assert found.exact == (kind == "gaussian")


@pytest.mark.parametrize(
    ("noise", "why"),
    [
        ("0", "there is no noise along the unstable direction"),
        ("1e-300", "noise 7.07e-301 and R = 1: squares of such numbers"),
    ],
)
def test_no_noise_is_told_from_very_little(noise, why):
    for change in (
        (f"problem.noise={noise}", "workers.count=5"),
        (f"problem.noise={noise}", EXPONENTIAL),
    ):
        assert foretold(*change).startswith(why)
