"""Second derivatives along a run: where it was stationary, and which saddles it passed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import asysim
from asysim.problems import LeastSquares
from asysim.problems.base import curvature_of
from asysim.replay.curve import COLUMNS
from asysim.replay.passages import stationarity, visits
from asysim.replay.second_order import CURVATURE, SADDLES, second_order_probes
from asysim.runs.outcome import INTERRUPTED
from asysim.scenario import parse, vary
from asysim.show.report import as_json, run_html
from asysim.show.second_order import facts, sentences
from tests.problems import random
from tests.support import checkpoints_at_each_block, command, contents, interrupting_at, only_fault

CHAIN = """
name = "chain"
[problem]
kind = "chain_of_saddles"
dimension = 4
descent = 1.0
ratio = 1.0
noise = 0.02
start = [0.5, 0.05, 0.05, 0.05]
[algorithm]
name = "asysg-con"
step = 0.05
[workers]
count = 8
compute = {law = "exponential", mean = 1e-3}
[run]
updates = 1000
second_order = {tolerance = 0.05, every = 1}
"""


@pytest.fixture(scope="module")
def chain():
    return asysim.run(parse(CHAIN))


@pytest.mark.check
def test_a_run_passes_the_saddles_of_the_chain_in_order(chain):
    found = facts(chain)
    assert found.names == ("saddle 1", "saddle 2", "saddle 3", "saddle 4")
    assert [stay.saddle for stay in found.visits] == [0, 1, 2, 3]
    assert all(stay.left is not None for stay in found.visits)
    s = found.stationarity
    assert s.sure
    # Flat at a saddle already, but second-order stationary only past the last one.
    assert found.visits[1].entered <= s.first_order < found.visits[1].left
    assert s.second_order >= found.visits[-1].left
    assert s.last_curvature == pytest.approx(1.0, abs=0.05)  # λ_min = δ at the minimum
    curve = chain.curve
    near = curve["saddle_distance"] < 0.05
    assert near.sum() > 3
    np.testing.assert_allclose(curve["least_curvature"][near], -1.0, atol=0.02)


def test_the_least_curvature_is_that_of_the_dense_hessian_at_each_look():
    """The chain knows it in closed form; x_k is the end of a run of k updates."""
    scenario = vary(parse(CHAIN), "workers.count=1", "run.updates=200", "run.evaluate_every=10")
    run = asysim.run(scenario)
    problem = scenario.problem.build()
    xs = [asysim.run(vary(scenario, f"run.updates={k}", "run.evaluate_every=10",
                          "run.second_order=")).x for k in (10, 50, 200)]  # fmt: skip
    table = run.curve.set_index("update")
    for k, x in zip((10, 50, 200), xs, strict=True):
        low, high = curvature_of(problem, x)  # of the tridiagonal matrix
        assert low == high == pytest.approx(table["least_curvature"][k], abs=1e-9)
    assert (run.curve["curvature_residual"] < 1e-6).all()


def test_the_component_along_negative_curvature_is_the_distance_from_a_quadratic_saddle():
    scenario = parse(
        'problem = {kind = "quadratic", eigenvalues = [1.0, -0.1], start = [0.0, 0.5], noise = 0}\n'
        'algorithm = {name = "asysg-con", step = 0.1}\n'
        "workers = {count = 1, compute = 1e-3}\n"
        "run = {updates = 50, evaluate_every = 10, second_order = {radius = 0.55, every = 1}}"
    )
    run = asysim.run(scenario)
    expected = 0.5 * 1.01 ** run.curve["update"]
    np.testing.assert_allclose(run.curve["negative_component"], expected, rtol=1e-9)
    np.testing.assert_allclose(run.curve["saddle_distance"], expected, rtol=1e-9)
    (stay,) = facts(run).visits
    assert (stay.entered, stay.left, stay.nearest) == (0, 10, 0.5)


@pytest.mark.parametrize("arithmetic", ["compiled", "numpy"])
def test_it_changes_nothing_else_and_is_kept(tmp_path, arithmetic):
    scenario = vary(parse(CHAIN), f'replay.arithmetic="{arithmetic}"', "run.updates=300")
    run = asysim.run(scenario, folder=tmp_path / "run")
    plain = asysim.run(vary(scenario, "run.second_order="))
    assert run.curve[[*COLUMNS]].equals(plain.curve)
    assert [*run.curve.columns] == [*COLUMNS, *CURVATURE, *SADDLES]
    again = asysim.load_run(tmp_path / "run")
    assert again.curve.equals(run.curve)
    assert sentences(again) == sentences(run) != []
    assert asysim.rerun(run.trace, scenario).curve.equals(run.curve)


def test_gone_on_with_it_is_the_same_to_the_byte(tmp_path):
    """Where the search for λ_min begins is remembered, too: n = 70 is beyond dense matrices."""
    scenario = vary(parse(CHAIN), "problem.dimension=70", "problem.start=0.1", "run.updates=120",
                    "run.evaluate_every=1", "run.second_order.every=3")  # fmt: skip
    whole = contents(asysim.run(scenario, folder=tmp_path / "whole").folder)
    left = tmp_path / "run"
    with checkpoints_at_each_block():
        cut = asysim.run(scenario, folder=left, progress=interrupting_at(70))
        assert cut.status == INTERRUPTED
        done = asysim.resume(left)
    assert contents(done.folder) == whole


@pytest.mark.real
def test_a_real_run_looks_too(tmp_path):
    run = asysim.run(vary(parse(CHAIN), "run.updates=400"), on="threads", folder=tmp_path / "run")
    assert [*run.curve.columns][-5:] == [*CURVATURE, *SADDLES]
    assert asysim.rerun(run.trace, run.scenario).curve.equals(run.curve)


def test_seldom_enough_by_default():
    """Never fewer than 3 looks but the run's ends, one evaluation in 10 at most."""
    chain = vary(parse(CHAIN), "run.second_order={tolerance = 0.05}")
    for updates, least, most in ((1000, 3, 5), (1_000_000, 8, 20), (30, 3, 30)):
        scenario = vary(chain, f"run.updates={updates}")
        probe, _ = second_order_probes(scenario, scenario.problem.build())
        evaluations = max(1, updates // scenario.run.cadence)
        assert evaluations % probe.every == 0
        assert least <= evaluations // probe.every <= most
    run = asysim.run(chain)
    looked = run.curve["least_curvature"].notna()
    assert looked.iloc[0]
    assert looked.iloc[-1]


def test_some_terms_of_a_sum_the_same_ones_for_any_run():
    text = (
        'problem = {kind = "least_squares", data = {kind = "regression"}}\n'
        'algorithm = {name = "asysg-con", step = 0.001}\n'
        "workers = {count = 2, compute = 1e-3}\n"
        "run = {updates = 20, second_order = {samples = 50}}"
    )
    scenario = parse(text)
    problem = scenario.problem.build()
    (probe,) = second_order_probes(scenario, problem)
    (other,) = second_order_probes(vary(scenario, "seed=9"), problem)
    assert isinstance(probe.problem, LeastSquares)
    assert probe.problem.samples == 50
    v = random(1).standard_normal(problem.dimension)
    assert probe.problem.hvp(v, v).tolist() == other.problem.hvp(v, v).tolist()
    (whole,) = second_order_probes(vary(scenario, "run.second_order.samples=100_000"), problem)
    assert whole.problem is problem
    (short,) = second_order_probes(vary(scenario, "run.second_order.samples="), problem)
    long = vary(scenario, "run.second_order.samples=", "run.updates=100_000_000")
    (most,) = second_order_probes(long, problem)
    assert 64 <= short.problem.samples < most.problem.samples <= 1024


def test_stays_near_saddles():
    update = np.arange(8)
    saddle = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    distance = np.array([0.5, 0.2, 2.0, 0.4, 0.3, 3.0, 0.9, 0.8])
    found = visits(update, saddle, distance, 1.0)
    assert [(v.saddle, v.entered, v.left, v.nearest) for v in found] == [
        (0, 0, 2, 0.2), (1, 3, 5, 0.3), (1, 6, None, 0.8)]  # fmt: skip
    assert visits(update, saddle, distance, 0.1) == ()
    moved = np.array([0, 1, 1, 1, 1, 1, 1, 1])  # from one neighbourhood into the next
    assert [(v.saddle, v.entered, v.left) for v in visits(update, moved, distance, 5.0)] == [
        (0, 0, 1), (1, 1, None)]  # fmt: skip


def test_first_and_second_order():
    nan = math.nan
    curve = {
        "update": np.array([0, 10, 20, 30]),
        "gradient_norm2": np.array([1.0, 1e-4, 1e-6, 1e-6]),
        "least_curvature": np.array([-1.0, nan, -0.2, -0.09]),
        "curvature_residual": np.array([0.0, nan, 0.0, 0.02]),
    }
    found = stationarity(curve, 1e-2)
    assert (found.first_order, found.second_order, found.sure) == (10, 30, False)
    assert (found.looks, found.last_update) == (3, 30)
    assert stationarity(curve, 1e-1).second_order == 20  # √ε = 0.32: −0.2 will do
    assert stationarity(curve, 1e-5).first_order is None
    nowhere = curve | {"least_curvature": np.full(4, nan)}
    assert stationarity(nowhere, 1e-2) is None


def test_json_and_pages_say_it(chain):
    said = json.loads(as_json(chain))["second_order"]
    assert said["second_order"] > said["first_order"]
    assert said["visits"][0]["saddle"] == "saddle 1"
    assert "λ_min" in run_html(chain)


def test_the_picture_has_components_only_near_saddles(chain):
    """⟨∇f, v⟩/λ has no bound between saddles, where λ is 0 somewhere."""
    distances = asysim.plots.second_order(chain).axes[2]
    (dots,) = [line for line in distances.lines if "negative" in line.get_label()]
    at, stays = np.asarray(dots.get_xdata()), facts(chain).visits
    assert len(at) > 10
    assert all(any(s.entered <= k <= s.left for s in stays) for k in at)
    assert np.max(dots.get_ydata()) < 10


def test_the_command_draws_it(tmp_path):
    (tmp_path / "chain.toml").write_text(CHAIN)
    done = command("run", str(tmp_path / "chain.toml"), "run.updates=200", "--out",
                   str(tmp_path / "run"))  # fmt: skip
    assert done.code == 0
    assert "λ_min" in done.out
    assert (tmp_path / "run" / "second_order.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        (["run.second_order.samples=10"], "run.second_order.samples", "no sum of terms"),
        (["run.second_order.tolerance=1e-13"], "run.second_order.tolerance", "1e-12"),
        (["run.second_order.tolerance=0.0"], "run.second_order.tolerance", ""),
        (["run.second_order.every=0"], "run.second_order.every", ""),
        (["run.second_order.radius=-1.0"], "run.second_order.radius", ""),
    ],
)
def test_what_can_not_be(changes, key, expected):
    fault = only_fault(lambda: asysim.run(vary(parse(CHAIN), *changes)))
    assert fault.key == key
    assert expected in fault.expected


class Plain:
    """A problem without second derivatives."""

    dimension, words = 2, 0

    def __init__(self, problem):
        self.start, self.sample, self.gradient = problem.start, problem.sample, problem.gradient
        self.value, self.full_gradient = problem.value, problem.full_gradient
        self.constants = problem.constants


def test_a_problem_without_second_derivatives_is_told_which_have_them():
    scenario = vary(parse(CHAIN), "problem.dimension=2", "problem.start=0.1", "problem.noise=0.0")
    own = Plain(scenario.problem.build())
    fault = only_fault(lambda: asysim.run(scenario, problem=own))
    assert fault.key == "run.second_order"
    assert "hvp(x, direction)" in fault.expected
    assert "quadratic" in fault.expected
