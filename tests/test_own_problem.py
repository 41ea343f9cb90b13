"""A problem of the user's own: the example is docs/own_problem.py, the page docs/problems.md."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys

import numpy as np
import pytest

import asysim
from asysim.errors import InputError
from asysim.problems.base import Constants, CriticalPoint, Problem
from asysim.scenario import parse
from tests.support import BASE, ROOT, only_fault

PAGE = (ROOT / "docs/problems.md").read_text()
EXAMPLE = ROOT / "docs/own_problem.py"


@pytest.fixture(scope="module")
def robust():
    return runpy.run_path(str(EXAMPLE))["Robust"]()


def test_the_page_names_what_the_protocol_asks_for():
    members = set(re.findall(r"^\| `(\w+)", PAGE.split("## ")[0], flags=re.M))
    assert members == {name for name in vars(Problem) if not name.startswith("_")}


def test_the_example_runs_as_the_page_says():
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first, last = (float(line.split()[2]) for line in done.stdout.splitlines()[1:3])
    assert last < first


def test_derivatives_of_the_example_are_those_of_its_value(robust):
    rng = np.random.default_rng(1)
    x, v = rng.normal(size=(2, robust.dimension))
    up, down = np.empty((2, robust.dimension))
    h = 1e-6
    slope = (robust.value(x + h * v) - robust.value(x - h * v)) / (2 * h)
    robust.full_gradient(x, up)
    assert up @ v == pytest.approx(slope, rel=1e-6)
    robust.full_gradient(x + h * v, up)
    robust.full_gradient(x - h * v, down)
    np.testing.assert_allclose(robust.hvp(x, v), (up - down) / (2 * h), rtol=1e-5, atol=1e-8)


def test_samples_of_the_example_are_of_all_terms_alike(robust):
    words = np.random.default_rng(2).integers(0, 2**64, (1, 40_000, 1), dtype=np.uint64)
    x, summed, mean = np.ones(robust.dimension), *np.empty((2, robust.dimension))
    robust.gradient(x, robust.sample(words)[0], summed)
    robust.full_gradient(x, mean)
    terms = np.array([robust.a[i] * r for i, r in enumerate(robust.a @ x - robust.b)])
    # |h'| ≤ |r|, so this is a bound; six standard deviations: a false alarm in 10⁸
    bound = 6 * np.sqrt((terms**2).mean(axis=0) / 40_000)
    assert (np.abs(summed / 40_000 - mean) < bound).all()


def test_both_engines_play_the_example_to_the_bit(robust):
    runs = [
        asysim.run(parse(BASE, f"engine={engine}"), problem=robust)
        for engine in ("simpy", "compiled")
    ]
    assert runs[0].trace == runs[1].trace
    assert (runs[0].x == runs[1].x).all()


class Double:
    """f(x) = Σ(x_i² − 1)²/4 of one's own, written as the protocol asks."""

    dimension, words = 2, 0

    def start(self):
        return np.array([0.1, 0.2])

    def sample(self, words):
        return [None] * len(words)

    def gradient(self, x, batch, out):  # noqa: ARG002
        out[:] = x**3 - x

    def value(self, x):
        return float(((x**2 - 1) ** 2).sum() / 4)

    def full_gradient(self, x, out):
        self.gradient(x, None, out)
        return self.value(x)

    def constants(self):
        return Constants()


class Returned(Double):
    def gradient(self, x, batch, out):  # noqa: ARG002
        return x**3 - x


class Endless(Double):
    dimension = None


class Longer(Double):
    def start(self):
        return np.zeros(3)


class Vague(Double):
    full_gradient = None


@pytest.mark.parametrize(
    ("own", "key", "found"),
    [
        (Double, "problem", "the class Double"),
        (Returned(), "problem.gradient", "out as it was"),
        (Endless(), "problem.dimension", "nothing"),
        (Longer(), "problem.start", r"shape \(3,\)"),
        (Vague(), "problem.full_gradient", "nothing to call"),
    ],
)
def test_what_an_objective_of_ones_own_lacks_is_said_before_it_is_run(own, key, found):
    base = parse(BASE)
    trace = asysim.run(base).trace
    grid = parse(BASE, "limits={updates=[60, 120]}", 'algorithm.step={kind="theorem"}')
    for run in (
        lambda: asysim.run(base, problem=own),
        lambda: asysim.rerun(trace, base, problem=own),
        lambda: asysim.assess(base, problem=own),
        lambda: asysim.escape(base, problem=own, processes=1),
        lambda: asysim.limits(grid, problem=own, processes=1),
        lambda: asysim.speedup(parse(BASE, "run.target_loss=0.1"), problem=own, processes=1),
    ):
        with pytest.raises(InputError, match=found) as told:
            run()
        assert told.value.faults[0].key == key


def test_a_run_of_an_objective_of_ones_own_is_assessed_with_that():
    run = asysim.run(parse(BASE), problem=Double())
    # by hand: ‖∇f(x_1)‖² of x³ − x at 0.1 and 0.2
    assert asysim.assess(run).start_norm2 == pytest.approx(0.099**2 + 0.192**2)
    assert asysim.assess(asysim.rerun(run.trace, run.scenario, problem=Double())).dimension == 2


class Writing(Double):
    """One that writes to x, in one of its methods, once a run is on its way."""

    def __init__(self, where):
        self.where, self.calls = where, 0

    def _at(self, where, x):
        self.calls += where == self.where
        if self.calls > 3:
            x[0] += 1.0

    def gradient(self, x, batch, out):
        self._at("gradient", x)
        super().gradient(x, batch, out)

    def full_gradient(self, x, out):
        self._at("full_gradient", x)
        super().gradient(x, None, out)
        return self.value(x)

    def hvp(self, x, direction):
        self._at("hvp", x)
        return (3 * x**2 - 1) * direction

    def critical_points(self):
        return (CriticalPoint("middle", np.zeros(2), -1.0, self.distance),)

    def distance(self, x):
        self._at("distance", x)
        return float(np.linalg.norm(x))


CURVED = "run.second_order={tolerance=0.1}"


@pytest.mark.parametrize("where", ["gradient", "full_gradient", "hvp", "distance"])
def test_x_is_only_looked_at(where):
    asysim.run(parse(BASE, CURVED), problem=Writing("nowhere"))
    with pytest.raises(ValueError, match="read-only"):
        asysim.run(parse(BASE, CURVED), problem=Writing(where))


def test_without_second_derivatives_it_is_named_by_its_class():
    fault = only_fault(asysim.run, parse(BASE, CURVED), problem=Double())
    assert (fault.key, fault.found) == ("run.second_order", "problem=Double(…), which has none")


@pytest.mark.parametrize("returned", [None, 1.0, np.zeros(3), np.array(["a", "b"]), [0.0, 0.0]])
def test_a_product_with_the_hessian_that_is_none_is_told(returned):
    own = Writing("nowhere")
    own.hvp = lambda x, v: returned  # noqa: ARG005
    fault = only_fault(asysim.run, parse(BASE, CURVED), problem=own)
    assert fault.key == "problem.hvp"
    assert "from Writing" in fault.found
    assert "(2,)" in fault.expected


@pytest.mark.parametrize(
    "points", [None, 3, "here", ["here"], [CriticalPoint("far", np.zeros(3), -1.0, abs)]]
)
def test_stationary_points_that_are_none_are_told(points):
    own = Writing("nowhere")
    own.critical_points = lambda: points
    for run in (asysim.run, asysim.escape):
        assert only_fault(run, parse(BASE, CURVED), problem=own).key == "problem.critical_points"
