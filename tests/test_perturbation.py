"""Noise in updates has the law it says, is named, and leaves a saddle where nothing else does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import asysim
from asysim.errors import InputError
from asysim.problems import Quadratic
from asysim.random.streams import Purpose, WordSource
from asysim.replay import UpdateRule, replay
from asysim.runs.rederive import differences, rerun_with
from asysim.scenario import parse
from asysim.theory.stability import escape_root, noise_floor
from asysim.trace.stream import as_stream
from asysim.updates import Noise
from asysim.updates.perturbation import Perturber, perturb
from tests.oracle import iterates, same
from tests.strategies import constant_delay
from tests.support import CON, only_fault

LAWS = [Noise(0.3), Noise(0.3, ball=True)]
UNLIKELY = 1e-7  # of a false alarm of one test below; seeds are fixed, so it is once for all


def zeta(noise, *, seed, update, dimension):
    out = np.zeros(dimension)
    Perturber(noise, seed)(out, update)
    return out


def draws(noise, dimension, count=20_000):
    perturber, found = Perturber(noise, 5), np.zeros((count, dimension))
    for k in range(count):
        perturber(found[k], k)
    return found


# Its law -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", LAWS)
@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_it_has_no_direction_and_the_mean_square_it_says(noise, dimension):
    # Means of 20,000: each is normal as far as can be seen, and 15 + 5 + 1 are looked at at most.
    found = draws(noise, dimension) / noise.scale
    limit = stats.norm.isf(UNLIKELY / 2 / 21) / math.sqrt(len(found))
    first, second = np.triu_indices(dimension)
    products = found[:, first] * found[:, second]
    expected = np.where(first == second, 1 / dimension, 0.0)
    square = (found**2).sum(axis=1)
    for values, mean in [*zip(found.T, [0.0] * dimension, strict=True),
                         *zip(products.T, expected, strict=True), (square, 1.0)]:  # fmt: skip
        assert abs(values.mean() - mean) < limit * values.std()


@pytest.mark.parametrize("dimension", [1, 2, 5, 40])
def test_the_squared_radius_of_a_gaussian_is_chi_square(dimension):
    square = (draws(Noise(0.3), dimension) ** 2).sum(axis=1) * dimension / 0.09
    assert stats.kstest(square, stats.chi2(dimension).cdf).pvalue > UNLIKELY


@pytest.mark.parametrize("dimension", [1, 2, 5, 40])
def test_a_ball_is_filled_evenly_and_nothing_is_outside(dimension):
    # Of a ball's volume the share within a distance ρ of its middle is (ρ/r)^n.
    radius = 0.3 * math.sqrt((dimension + 2) / dimension)
    distance = np.linalg.norm(draws(Noise(0.3, ball=True), dimension), axis=1)
    assert distance.max() <= radius * (1 + 1e-12)
    assert stats.kstest((distance / radius) ** dimension, stats.uniform.cdf).pvalue > UNLIKELY


def test_on_an_interval_a_ball_is_uniform():
    found = draws(Noise(1.0, ball=True), 1).ravel()
    assert stats.kstest(found, stats.uniform(-math.sqrt(3), 2 * math.sqrt(3)).cdf).pvalue > UNLIKELY


# Its name ----------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**64 - 1),
    update=st.integers(0, 2**40),
    dimension=st.integers(1, 9),
    ball=st.booleans(),
    every=st.integers(1, 5),
)
def test_numpy_and_compiled_code_draw_the_same_bits(seed, update, dimension, ball, every):
    noise = Noise(0.3, ball=ball, every=every)
    vector = np.linspace(1, 2, dimension)
    other = vector.copy()
    Perturber(noise, seed)(vector, update)
    perturb(other, np.uint64(seed), update, noise)
    assert vector.tobytes() == other.tobytes()
    assert (vector != np.linspace(1, 2, dimension)).all() == (update % every == 0)


@pytest.mark.parametrize("noise", LAWS)
def test_seed_and_update_name_it_and_nothing_that_was_drawn_before(noise):
    perturber = Perturber(noise, 3)
    forth = [np.zeros(4) for _ in range(6)]
    back = [np.zeros(4) for _ in range(6)]
    for k in range(6):
        perturber(forth[k], k)
    for k in reversed(range(6)):
        perturber(back[k], k)
    assert same(forth, back)
    assert len({x.tobytes() for x in forth}) == 6
    assert not np.array_equal(forth[0], zeta(noise, seed=4, update=0, dimension=4))
    named = WordSource(3).words(Purpose.PERTURBATION, 0, 0, 4)
    samples = [WordSource(3).words(purpose, 0, 0, 4) for purpose in Purpose]
    assert sum(np.array_equal(named, words) for words in samples) == 1


# What an update makes of it ----------------------------------------------------------------------


@pytest.mark.parametrize("noise", [*LAWS, Noise(0.3, every=3)])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_the_step_scales_it_beside_the_sum_over_the_mini_batch(noise, batch_size):
    problem = Quadratic([1.0, -0.5], noise=0.0, start=0.0)  # no gradient but where noise led
    rule = UpdateRule(perturbation=noise)
    arguments = {"batch_size": batch_size, "seed": 3, "update": rule}
    x = iterates(as_stream(constant_delay(2, 9, 2)), problem, step=0.05, **arguments)
    for k in range(9):
        gradient = batch_size * problem.eigenvalues * x[max(0, k - 2)]
        expected = x[k] - 0.05 * (gradient + zeta(noise, seed=3, update=k, dimension=2))
        assert x[k + 1].tobytes() == expected.tobytes()


def test_velocity_remembers_none_of_it():
    noise, beta = Noise(0.3), 0.5
    problem, rule = Quadratic([1.0, 0.5], start=1.0), UpdateRule(momentum=beta, perturbation=noise)
    x = iterates(as_stream(constant_delay(0, 9, 2)), problem, step=0.5, update=rule, seed=3)
    velocity = np.zeros(2)
    for k in range(9):
        velocity = beta * velocity + problem.eigenvalues * x[k]
        expected = x[k] - 0.5 * (velocity + zeta(noise, seed=3, update=k, dimension=2))
        assert x[k + 1].tobytes() == expected.tobytes()


@pytest.mark.parametrize("noise", LAWS)
@pytest.mark.parametrize("tau", [0, 1, 4])
def test_it_leaves_a_saddle_at_the_rate_of_the_delay(noise, tau):
    # From the saddle itself, with exact gradients, a plain run never moves. What noise there was
    # grows as z^k along −δ, and what comes later is less and less of it: z^k is 1e40 at the end.
    delta, step = 0.5, 0.1
    growth = escape_root(step * delta, tau)
    updates = math.ceil(math.log(1e40) / math.log(growth))
    problem = Quadratic([1.0, -delta], noise=0.0, start=0.0)
    stream = constant_delay(tau, updates, 2)
    assert not any(map(np.any, iterates(as_stream(stream), problem, step=step)))
    x = iterates(as_stream(stream), problem, step=step, update=UpdateRule(perturbation=noise))
    away = np.abs([point[1] for point in x[-20:]])
    assert away[1:] / away[:-1] == pytest.approx(growth, rel=1e-12)
    assert max(abs(point[0]) for point in x) < 1


@pytest.mark.parametrize("noise", LAWS)
@pytest.mark.parametrize("tau", [0, 2])
def test_it_has_the_floor_of_independent_noise(noise, tau):
    # In a bowl Var x is γ² s²/n for each coordinate, times `noise_floor`. 20,000 numbers, those of
    # one coordinate 60 updates apart (correlated by < 1e-4), have a mean square within 1 %, one σ.
    n, step = 1000, 0.2
    problem, rule = Quadratic(np.ones(n), noise=0.0, start=0.0), UpdateRule(perturbation=noise)
    stream = as_stream(constant_delay(tau, 1400, n))
    x = iterates(stream, problem, step=step, update=rule, seed=5)
    found = np.mean([point**2 for point in x[200::60]])
    expected = noise_floor(step, tau) * (step * noise.scale) ** 2 / n
    assert found == pytest.approx(expected, rel=0.01 * stats.norm.isf(UNLIKELY / 2))


@pytest.mark.parametrize("kind", ["gaussian", "ball"])
def test_its_floor_is_no_divergence(kind):
    # From a minimum of 0 with exact gradients there is no scale but the noise's own: even a factor
    # of 20 would do, as the floor is that of gradient noise with E‖ξ‖² = s².
    scenario = parse(
        CON, 'problem={kind="quadratic", noise=0.0, start=0.0}', "run.diverged_above=20",
        "run.updates=2000", f'update.perturbation={{kind="{kind}", scale=10.0}}',
    )  # fmt: skip
    run = asysim.run(scenario)
    assert run.status == "complete"
    assert run.outcome.points[-1].loss > 0


# Scenarios ---------------------------------------------------------------------------------------


def test_every_arithmetic_has_the_same_noise_and_a_trace_can_be_replayed_with_another(tmp_path):
    # From a saddle with exact gradients x_1 is −γζ_0, whatever computes gradients.
    changes = [
        'problem={kind="quadratic", eigenvalues=[1, -0.1, 0.5], noise=0.0, start=0.0}',
        'update.perturbation={kind="ball", scale=0.5}', "run.updates=1",
    ]  # fmt: skip
    scenario = parse(CON, *changes)
    runs = [asysim.run(asysim.vary(scenario, f"replay.arithmetic={how}"))
            for how in ("compiled", "numpy")]  # fmt: skip
    expected = -0.02 * zeta(Noise(0.5, ball=True), seed=1, update=0, dimension=3)
    assert all(np.array_equal(run.x, expected) for run in runs)
    kept = asysim.run(scenario, folder=tmp_path / "run")
    assert differences(kept, rerun_with(asysim.load_run(tmp_path / "run"))) == []
    assert not rerun_with(kept, "update=").x.any()
    assert differences(kept, rerun_with(rerun_with(kept, "update="), changes[1])) == []


@pytest.mark.parametrize("kind", ["gaussian", "ball"])
@pytest.mark.parametrize("arithmetic", ["compiled", "numpy"])
def test_both_engines_come_to_the_same_bits(kind, arithmetic):
    noise = f'update={{momentum=0.3, perturbation={{kind="{kind}", scale=0.5, every=2}}}}'
    changes = noise, f"replay.arithmetic={arithmetic}", "algorithm.gradients_per_update=2"
    runs = [asysim.run(parse(CON, *changes, f"engine={name}")) for name in ("simpy", "compiled")]
    assert runs[0].x.tobytes() == runs[1].x.tobytes()
    assert runs[0].curve.equals(runs[1].curve)
    plain = asysim.run(parse(CON, *changes[1:], "update.momentum=0.3"))
    assert not np.isclose(plain.x, runs[0].x).any()


@pytest.mark.parametrize(
    ("table", "key", "expected"),
    [
        ('{kind="gaussian"}', ".scale", "is required: s: root of E‖ζ‖²"),
        ('{kind="gaussian", scale=0}', ".scale", "should be > 0"),
        ('{kind="gausian", scale=1}', ".kind", 'should be "gaussian" or "ball"'),
        ('{kind="ball", scale=1, every=0}', ".every", "should be ≥ 1"),
        ('{kind="ball", radius=1}', ".radius", "scale"),
    ],
)
def test_mistakes(table, key, expected):
    with pytest.raises(InputError) as caught:
        parse(CON, f"update.perturbation={table}")
    fault = next(f for f in caught.value.faults if f.key == f"update.perturbation{key}")
    assert expected in fault.expected


def test_without_a_server_it_is_refused():
    changes = ["algorithm.name=asysg-incon", "network=", "server="]
    noise = 'update.perturbation={kind="ball", scale=1}'
    fault = only_fault(parse, CON, *changes, noise)
    assert fault.key == "update.perturbation"
    assert "left out, or go with" in fault.expected
    rule = UpdateRule(perturbation=Noise(1.0))
    with pytest.raises(InputError, match="should be left out"):
        replay(as_stream(constant_delay(0, 1, 1)), Quadratic([1.0]), step=1, update=rule,
               rule="asysg-incon")  # fmt: skip
    for wrong in (Noise(-1.0), Noise(math.nan), Noise(1.0, every=0)):
        with pytest.raises(InputError, match=r"perturbation\."):
            UpdateRule(perturbation=wrong)
