"""Replay does the mathematics of the papers, to the bit where bits are defined."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.errors import InputError
from asysim.problems import LeastSquares, Logistic, MatrixFactorization, Quadratic
from asysim.problems.base import Constants
from asysim.problems.data import classification, digits, low_rank_matrix, regression
from asysim.problems.mlp import MultilayerPerceptron
from asysim.random.streams import uniforms
from asysim.replay import Divergence, Sampler, State, replay
from asysim.replay.ergodic import ErgodicOutput, turns
from asysim.runs.rederive import differences
from asysim.runs.replayed import rerun
from asysim.runs.run import run
from asysim.scenario.load import from_document
from asysim.schedule import simulate
from asysim.trace import Trace
from asysim.trace.gradient import Gradient, Seen
from asysim.trace.info import TraceInfo
from asysim.trace.stream import as_stream, limited
from tests.oracle import consistent_iterates, inconsistent_iterates, iterates, same
from tests.strategies import (
    bounds,
    con_documents,
    constant_delay,
    incon_documents,
    recorded,
    with_algorithm,
)

# On paper --------------------------------------------------------------------------------------

HALF_SQUARE = Quadratic([1.0], noise=0.0, start=1.0)  # f(x) = x²/2, so G(x) = x


def test_three_rows_on_paper():
    # γ = 1/2: x_1 = 1 − 1/2 = 1/2; x_2 = 1/2 − x_0/2 = 0; x_3 = 0 − x_1/2 = −1/4.
    rows = [
        Gradient(worker=0, draw=0, version=0, update=0),
        Gradient(worker=1, draw=0, version=0, update=1),
        Gradient(worker=0, draw=1, version=1, update=2),
    ]
    trace = Trace.from_gradients(rows, TraceInfo("asysg-con", 2, 1))
    found = iterates(as_stream(trace), HALF_SQUARE, step=0.5)
    assert [x.tolist() for x in found] == [[1.0], [0.5], [0.0], [-0.25]]
    assert trace.staleness.tolist() == [0, 1, 1]


def test_three_lock_free_rows_on_paper():
    # f = (x₁² + x₂²)/2 from (1, 1), γ = 1/2. Update 1 has seen update 0 in its first coordinate
    # only: x̂ = (1/2, 1), so x_2 = (1/2, 1/2) − (1/4, 1/2) = (1/4, 0). Update 2 read x_1 and, of
    # update 1, the second coordinate: x̂ = (1/2, 0), so x_3 = (1/4, 0) − (1/4, 0) = (0, 0).
    problem = Quadratic([1.0, 1.0], noise=0.0, start=1.0)
    rows = [
        Gradient(0, 0, 0, 0, hi=2),
        Gradient(1, 0, 0, 1, hi=2, seen=(Seen(0, 0, 1),)),
        Gradient(0, 1, 1, 2, hi=2, seen=(Seen(1, 1, 2),)),
    ]
    trace = Trace.from_gradients(rows, TraceInfo("asysg-incon", 2, 2))
    found = iterates(as_stream(trace), problem, step=0.5, rule="asysg-incon")
    assert [x.tolist() for x in found] == [[1, 1], [0.5, 0.5], [0.25, 0], [0, 0]]
    assert trace.unseen(1) == {0: ((1, 2),)}
    assert trace.unseen(2) == {1: ((0, 1),)}


def test_gradients_in_one_update_are_summed_and_the_lost_are_not():
    # x_1 = 1 − (1 + 1)/4 = 1/2; the lost gradient changes nothing; x_2 = 1/2 − (1 + 1/2)/4 = 1/8.
    rows = [
        Gradient(0, 0, 0, 0), Gradient(1, 0, 0, 0), Gradient(2, 0, 0, -1),
        Gradient(0, 1, 0, 1), Gradient(1, 1, 1, 1),
    ]  # fmt: skip
    trace = Trace.from_gradients(rows, TraceInfo("asysg-con", 3, 1))
    found = iterates(as_stream(trace), HALF_SQUARE, step=0.25)
    assert [x.tolist() for x in found] == [[1.0], [0.5], [0.125]]


# Serial SGD ------------------------------------------------------------------------------------

PROBLEMS = {
    "quadratic": lambda: Quadratic(np.linspace(0.1, 1, 12), noise=0.3),
    "least_squares": lambda: LeastSquares(
        *pair(regression(samples=60, features=5, condition=4, noise=0.1, seed=1))
    ),
    "logistic": lambda: Logistic(
        *pair(classification(samples=60, features=5, density=1, signal=2, seed=1)), l2=0.01
    ),
    "sparse_logistic": lambda: Logistic(
        *pair(classification(samples=60, features=40, density=0.1, signal=2, seed=1)), l2=0.01
    ),
    "mlp": lambda: MultilayerPerceptron(*pair(digits()), layers=[64, 9, 10], loss="cross_entropy"),
    "factorization": lambda: MatrixFactorization(
        low_rank_matrix(9, 7, rank=2, noise=0.1, seed=1), rank=2
    ),
}


def pair(data):
    return data.features, data.targets


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("rule", ["asysg-con", "asysg-incon"])
def test_one_worker_is_serial_mini_batch_sgd(kind, rule):
    problem = PROBLEMS[kind]()
    document = {
        "seed": 5,
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": rule, "step": 0.01, "batch_size": 4},
        "workers": {"count": 1, "compute": {"law": "exponential", "mean": 1e-3}},
    }
    if rule == "asysg-incon":
        document["memory"] = {"read": 1e-4, "write": 2e-4}
    trace = recorded(document, updates=50, dimension=problem.dimension)
    found = iterates(as_stream(trace), problem, step=0.01, batch_size=4, seed=5, rule=rule)
    sampler = Sampler(problem, seed=5, batch_size=4)
    x, gradient = problem.start(), np.empty(problem.dimension)
    serial = [x.copy()]
    for k in range(50):
        problem.gradient(x, sampler.batch(0, k), gradient)
        x -= 0.01 * gradient
        serial.append(x.copy())
    assert same(found, serial)


class WholeGradients:
    """A network that computes its gradients in one step, whatever it could do."""

    def __init__(self, problem):
        self.dimension, self.words = problem.dimension, problem.words
        self.start, self.sample, self.gradient = problem.start, problem.sample, problem.gradient


@pytest.mark.parametrize("rule", ["asysg-con", "asysg-incon"])
def test_gradients_in_two_steps_are_the_same_to_the_bit(rule):
    problem = PROBLEMS["mlp"]()
    assert problem.defers(2)
    assert not problem.defers(10_000), "a large batch takes more memory than a gradient"
    document = {
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": rule, "step": 0.01},
        "workers": {"count": 5, "compute": {"law": "exponential", "mean": 1e-3}},
    }
    if rule == "asysg-incon":
        document["memory"] = {"read": 3e-4, "write": 5e-4}
    trace = recorded(document, updates=60, dimension=problem.dimension)
    arguments = {"step": 0.01, "batch_size": 2, "seed": 5, "rule": rule}
    two = iterates(as_stream(trace), problem, **arguments)
    assert same(two, iterates(as_stream(trace), WholeGradients(problem), **arguments))


# Against the oracles ---------------------------------------------------------------------------


@settings(max_examples=120)
@given(
    document=con_documents(), bound=st.none() | bounds(), block_size=st.sampled_from([1, 7, 500])
)
def test_consistent_replay_equals_the_oracle(document, bound, block_size):
    if bound is not None:
        document = with_algorithm(document, **bound)
    problem = Quadratic([1.0, 0.5, -0.1], noise=0.4)
    arguments = {"step": 0.05, "batch_size": 2, "seed": 3}
    trace = recorded(document, updates=60)
    slow = consistent_iterates(trace, problem, **arguments)
    assert same(iterates(as_stream(trace), problem, **arguments), slow)
    # In pieces, as the simulator makes them, with what each piece says of the next.
    stream = limited(simulate(from_document(document), 3, block_size=block_size), updates=60)
    assert same(iterates(stream, problem, **arguments), slow)


@settings(max_examples=80)
@given(
    document=incon_documents(),
    bound=st.none() | bounds(),
    block_size=st.sampled_from([1, 7, 500]),
    read=st.integers(1, 2000),
    write=st.integers(0, 2000),
)
def test_inconsistent_replay_equals_the_oracle(document, bound, block_size, read, write):
    # Sweeps of random length overtake one another; where only a block is written, its pace can't
    # be read off the trace, so it is constant there.
    if bound is not None:
        document = with_algorithm(document, **bound)
    dense = document["algorithm"]["write"] == "dense"
    memory = {"read": read * 1e-9, "write": write * 1e-9}
    if dense:
        memory["write"] = {"law": "uniform", "low": 0.0, "high": (write + 1) * 1e-9}
    compute = {"law": "exponential", "mean": 3e-7}
    workers = document["workers"] | {"compute": compute}
    document = document | {"memory": memory, "workers": workers}
    problem = Quadratic(np.linspace(0.2, 1, 7), noise=0.4)
    arguments = {"step": 0.05, "batch_size": 2, "seed": 3}
    trace = recorded(document, updates=50)
    pace = None if dense else write
    slow, reads = inconsistent_iterates(trace, problem, write_pace=pace, **arguments)
    arguments["rule"] = "asysg-incon"
    assert same(iterates(as_stream(trace), problem, **arguments), slow)
    stream = limited(simulate(from_document(document), 7, block_size=block_size), updates=50)
    assert same(iterates(stream, problem, **arguments), slow)
    # And the paper's own form: x̂_k = x_k − Σ_{j∈J(k)} (x_{j+1} − x_j).
    for k, row in enumerate(np.flatnonzero(trace.was_applied)):
        paper = slow[k].copy()
        for j, slices in trace.unseen(row).items():
            assert trace.version[row] <= j < k
            for first, last in slices:
                paper[first:last] -= (slow[j + 1] - slow[j])[first:last]
        np.testing.assert_allclose(paper, reads[k], rtol=0, atol=1e-12)


# Theorems --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "updates"), [(2, 9), (3, 6)])
def test_random_workers_on_average_are_heavy_ball(p, updates):
    # Each next worker uniform, as with exponential times. Averaged over all p^K orders, exactly:
    # E x_{k+1} = E x_k − (γ/p) λ E x_k + (1 − 1/p)(E x_k − E x_{k−1}).
    step, curvature = 0.3, 0.7
    problem = Quadratic([curvature], noise=0.0, start=1.0)
    mean = np.zeros(updates + 1)
    for order in product(range(p), repeat=updates):
        versions, draws, rows = [0] * p, [0] * p, []
        for k, worker in enumerate(order):
            rows.append(Gradient(worker, draws[worker], versions[worker], k))
            versions[worker], draws[worker] = k + 1, draws[worker] + 1
        trace = Trace.from_gradients(rows, TraceInfo("asysg-con", p, 1))
        mean += [float(x[0]) for x in iterates(as_stream(trace), problem, step=step)]
    mean /= p**updates
    expected = [1.0, 1.0 - step * curvature]  # all p workers hold x_0, so the first step is full
    while len(expected) <= updates:
        a, b = expected[-2:]
        expected.append(b - step / p * curvature * b + (1 - 1 / p) * (b - a))
    np.testing.assert_allclose(mean, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("tau", [0, 1, 2, 5, 16])
@pytest.mark.parametrize(("side", "stable"), [(0.99, True), (1.01, False)])
def test_stability_limit_from_both_sides(tau, side, stable):
    # x_{k+1} = x_k − a x_{k−τ} is stable iff 0 < a < 2 sin(π / (2(2τ + 1))).
    a = side * 2 * np.sin(np.pi / (2 * (2 * tau + 1)))
    updates = 6000 * (tau + 1)
    problem = Quadratic([1.0], noise=0.0, start=1.0)
    found = np.abs(iterates(as_stream(constant_delay(tau, updates, 1)), problem, step=a))
    early, late = found[: updates // 4].max(), found[-updates // 4 :].max()
    assert (late < early / 100) if stable else (late > 100 * early)


@pytest.mark.parametrize("a", [0.2, 0.5])
@pytest.mark.parametrize(
    ("tau", "floor"),
    [
        (0, lambda a: 1 / (a * (2 - a))),
        (1, lambda a: (1 + a) / (a * (1 - a) * (2 + a))),
    ],
)
def test_noise_floor(tau, floor, a):
    # Var x / (aσ)² on a quadratic with λ = 1. 4,000 independent coordinates, so the variance is
    # known to 2.2 % (one standard deviation); 5 of those: a false alarm has probability 1e-6.
    n, updates = 4000, 200
    problem = Quadratic(np.ones(n), noise=np.sqrt(n), start=0.0)  # σ = 1 in each coordinate
    trace = constant_delay(tau, updates, n)
    x = iterates(as_stream(trace), problem, step=a)[-1]
    assert x.var() / a**2 == pytest.approx(floor(a), rel=5 * np.sqrt(2 / n))


@pytest.mark.parametrize(("tau", "root"), [(0, 1.1000), (1, 1.0916), (4, 1.0749), (16, 1.0476)])
def test_delay_slows_the_escape_from_a_saddle(tau, root):
    # Along −δ the growth is the root z > 1 of z^{τ+1} − z^τ − γδ = 0; here γδ = 0.1.
    problem = Quadratic([1.0, -0.5], noise=0.0, start=[0.0, 1e-6])
    found = np.array(iterates(as_stream(constant_delay(tau, 400, 2)), problem, step=0.2))[:, 1]
    z = found[-1] / found[-2]
    assert z == pytest.approx(root, abs=5e-5)
    assert z ** (tau + 1) - z**tau == pytest.approx(0.1, rel=1e-9)


# Ends ------------------------------------------------------------------------------------------


def test_divergence_names_the_update():
    # |1 − γ|^k grows tenfold a step from 1: 10^309 is past the largest number after 309 updates.
    trace = constant_delay(0, 400, 1)
    state = State(HALF_SQUARE.start())
    with pytest.raises(Divergence) as caught:
        for _ in replay(as_stream(trace), HALF_SQUARE, step=11.0, state=state):
            pass
    assert caught.value.update == 308
    assert state.updates == 309
    assert not np.isfinite(state.x).all()


def test_ergodic_output_is_uniform_over_iterates():
    # With equal steps every index is as likely. Seeded; a false alarm has probability 1e-4.
    from scipy import stats

    updates, runs = 8, 4000
    counts = np.zeros(updates, dtype=int)
    for seed in range(runs):
        output = ErgodicOutput(seed, 0.1)
        while (k := output.due(updates)) < updates:
            output.take(np.array([float(k)]))
        assert output.x is not None
        assert output.x[0] == output.index
        counts[output.index] += 1
    assert stats.chisquare(counts).pvalue > 1e-4


def test_ergodic_output_weighs_by_the_step():
    from scipy import stats

    class Steps:
        def at(self, update):
            return (1.0, 3.0, 0.5, 2.5)[update]

    steps = np.array([1.0, 3.0, 0.5, 2.5])
    counts = np.zeros(4, dtype=int)
    for seed in range(4000):
        counts[turns(seed, Steps(), 4)[-1]] += 1
    assert stats.chisquare(counts, 4000 * steps / steps.sum()).pvalue > 1e-4


def scenario_of(**algorithm):
    return from_document(
        {
            "problem": {"kind": "quadratic", "dimension": 1, "noise": 0.0},
            "algorithm": {"name": "asysg-con", "step": 0.1} | algorithm,
            "workers": {"count": 2, "compute": 1e-3},
            "run": {"updates": 2000},
        }
    )


class Valley:
    """A problem of a user's own: f(x, y) = (1 − x)² + (y − x²)², with noise in both coordinates."""

    dimension, words = 2, 2

    def start(self):
        return np.array([-0.5, 0.5])

    def sample(self, words):
        return uniforms(words) - 0.5

    def gradient(self, x, batch, out):
        self.full_gradient(x, out)
        out *= len(batch)
        out += batch.sum(axis=0)

    def value(self, x):
        return (1 - x[0]) ** 2 + (x[1] - x[0] ** 2) ** 2

    def full_gradient(self, x, out):
        slope = 2 * (x[1] - x[0] ** 2)
        out[:] = -2 * (1 - x[0]) - 2 * x[0] * slope, slope
        return self.value(x)

    def constants(self):
        return Constants(minimum=0.0)


def test_a_problem_of_ones_own(tmp_path):
    scenario = scenario_of(step=0.02, batch_size=2)
    done = run(scenario, problem=Valley())
    assert done.curve["loss"].iloc[-1] < 0.05 < done.curve["loss"].iloc[0]
    again = rerun(done.trace, scenario, problem=Valley())
    assert differences(done, again) == []
    with pytest.raises(ValueError, match="of your own"):
        run(scenario, problem=Valley(), folder=tmp_path / "run")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (Gradient(0, 0, 1, 0), "version"),
        (Gradient(0, 0, -1, 0), "version"),
        (Gradient(0, 0, 0, 1), "update"),
        (Gradient(0, 0, 0, -2), "update"),
        (Gradient(5, 0, 0, 0), "worker"),
        (Gradient(0, -1, 0, 0), "draw"),
    ],
)
def test_impossible_traces_are_refused(row, complaint):
    trace = Trace.from_gradients([row], TraceInfo("asysg-con", 2, 1))
    with pytest.raises(InputError, match=f"{complaint}.*row 0"):
        rerun(trace, scenario_of())


def test_real_lock_free_traces_are_refused():
    info = TraceInfo("asysg-incon", 2, 1, exact=False)
    trace = Trace.from_gradients([Gradient(0, 0, 0, 0, hi=1)], info)
    with pytest.raises(InputError, match="can't be replayed"):
        rerun(trace, scenario_of())


def test_rules_that_need_what_a_trace_lacks_are_refused():
    con = Trace.from_gradients([Gradient(0, 0, 0, 0)], TraceInfo("asysg-con", 2, 1))
    with pytest.raises(InputError, match="names no blocks"):
        rerun(con, scenario_of(name="asysg-incon", write="coordinate"))
    pair_ = [Gradient(0, 0, 0, 0), Gradient(1, 0, 0, 0)]
    folded = Trace.from_gradients(pair_, TraceInfo("asysg-con", 2, 1))
    with pytest.raises(InputError, match="several gradients"):
        rerun(folded, scenario_of(name="asysg-incon"))
    wide = Trace.from_gradients([Gradient(0, 0, 0, 0, hi=9)], TraceInfo("asysg-incon", 2, 9))
    with pytest.raises(InputError, match="should have 9"):
        rerun(wide, scenario_of(name="asysg-incon"))
