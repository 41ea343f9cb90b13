"""Replay's shortcuts: gradients in two steps, updates in one, several gradients at once."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.errors import InputError
from asysim.jit.compiler import compiled
from asysim.problems import Quadratic, TorchProblem
from asysim.problems.base import BatchedProblem, DescendingProblem
from asysim.problems.compiled import CompiledProblem
from asysim.problems.compiled.product import (
    LARGE,
    SMALL,
    descend_transposed,
    descent_by,
    multiply_transposed,
)
from asysim.replay import Divergence, Sampler, State, UpdateRule, replay
from asysim.replay.space import descend
from asysim.scenario.load import from_document
from asysim.schedule import simulate
from asysim.trace.gradient import LOST
from asysim.trace.stream import as_stream, limited
from asysim.updates.delay_compensation import DelayCompensation
from asysim.updates.staleness_aware import Inverse
from tests.oracle import iterates, same
from tests.problems import perceptron, random
from tests.strategies import bounds, con_documents, incon_documents, recorded, with_algorithm

LAYERS = (4, 9, 6, 3)


class Single:
    """A problem that computes its gradients one by one, in one step, whatever it could do."""

    def __init__(self, problem):
        self.dimension, self.words = problem.dimension, problem.words
        self.start, self.sample, self.gradient = problem.start, problem.sample, problem.gradient


def document(rule, workers, **algorithm):
    made = {
        "seed": 5,
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": rule, "step": 0.01, **algorithm},
        "workers": {"count": workers, "compute": {"law": "exponential", "mean": 1e-3}},
    }
    if rule == "asysg-incon":
        return made | {"memory": {"read": 3e-4, "write": 5e-4}}
    return made | {"server": {"service": 1e-4}}


def in_pieces(made, dimension, block_size, updates):
    stream = simulate(from_document(made), dimension, block_size=block_size)
    return limited(stream, updates=updates)


# Kernels ---------------------------------------------------------------------------------------

_large, _small = descent_by(LARGE), descent_by(SMALL)


@compiled
def large(a, b, x, out, step, rows, inner, columns):
    return _large(a, b, x, out, step, (rows, inner, columns), (0, 1, rows), (0, columns),
                  (0, columns))  # fmt: skip


@compiled
def small(a, b, x, out, step, rows, inner, columns):
    return _small(a, b, x, out, step, (rows, inner, columns), (0, 1, rows), (0, columns),
                  (0, columns))  # fmt: skip


@compiled
def chosen(a, b, x, out, step, rows, inner, columns):
    return descend_transposed(
        a, 0, rows, b, 0, columns, x, out, 0, columns, step, rows, inner, columns
    )


@compiled
def product(a, b, out, rows, inner, columns):
    multiply_transposed(a, 0, rows, b, 0, columns, out, 0, columns, rows, inner, columns)


@pytest.mark.parametrize("kernel", [large, small, chosen])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 0, 3), (10, 3, 16), (23, 10, 30), (41, 7, 13)])
def test_a_descent_is_a_product_and_then_an_update_to_the_bit(kernel, shape):
    rows, inner, columns = shape
    a, b = random(1).standard_normal(inner * rows), random(2).standard_normal(inner * columns)
    x, gradient = random(3).standard_normal(rows * columns), np.empty(rows * columns)
    product(a, b, gradient, *shape)
    expected = x - 0.3 * gradient
    out = np.full(rows * columns, np.nan)
    assert kernel(a, b, x, out, 0.3, *shape)
    assert np.array_equal(out, expected)
    assert kernel(a, b, x, x, 0.3, *shape)
    assert np.array_equal(x, expected)
    for place in range(x.size):
        for bad in (np.inf, -np.inf, np.nan):
            broken = x.copy()
            broken[place] = bad
            assert not kernel(a, b, broken, out, 0.3, *shape)
    x[:] = np.finfo(float).max
    assert kernel(a, b, x, out, 0.0, *shape)


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_two_steps_and_the_update_in_one_have_the_bits_of_the_gradient(activation, loss):
    problem = CompiledProblem(perceptron(activation, loss, LAYERS, samples=40))
    assert isinstance(problem, DescendingProblem)
    assert problem.defers(2)
    assert not problem.defers(1000), "a large batch takes more memory than a gradient"
    x = problem.start() + random(1).standard_normal(problem.dimension)
    batches = [random(i).integers(0, 40, size) for i, size in enumerate([3, 1, 3, 8])]
    begun = [[problem.begin_gradient(x, batch) for _ in range(3)] for batch in batches]
    for batch, (first, second, third) in zip(batches, begun, strict=True):
        whole, out = np.empty_like(x), np.empty_like(x)
        problem.gradient(x, batch, whole)
        problem.finish_gradient(first, out)
        assert np.array_equal(out, whole)
        assert problem.descend(second, x, 0.7, out)
        assert np.array_equal(out, x - 0.7 * whole)
        place, plain = x.copy(), x.copy()
        assert descend(plain, whole, 0.7)
        assert problem.descend(third, place, 0.7, place)
        assert np.array_equal(place, plain)


def test_steps_take_vectors_with_gaps_and_refuse_other_shapes():
    problem = CompiledProblem(perceptron(layers=LAYERS, samples=40))
    n, batch = problem.dimension, np.arange(6)
    x, gaps = problem.start(), np.empty((n, 2))
    gaps[:, 0] = x
    whole = np.empty(n)
    problem.gradient(x, batch, whole)
    problem.finish_gradient(problem.begin_gradient(gaps[:, 0], np.arange(12)[::2] // 2), gaps[:, 1])
    assert np.array_equal(gaps[:, 1], whole)
    begun = problem.begin_gradient(x, batch)
    assert problem.descend(begun, gaps[:, 0], 0.1, gaps[:, 0])
    assert np.array_equal(gaps[:, 0], x - 0.1 * whole)
    for call in (
        lambda: problem.begin_gradient(x[1:], batch),
        lambda: problem.finish_gradient(begun, x[1:]),
        lambda: problem.descend(begun, x, 0.1, x[1:]),
    ):
        with pytest.raises(ValueError, match="shape"):
            call()


# Deferred and fused ----------------------------------------------------------------------------


@pytest.mark.parametrize("workers", range(1, 9))
@pytest.mark.parametrize(
    ("rule", "more"),
    [
        ("asysg-con", {}),
        ("asysg-con", {"gradients_per_update": 3}),
        ("asysg-incon", {}),
        ("asysg-incon", {"write": "block", "blocks": 4}),
    ],
)
def test_the_fast_way_is_the_plain_one_to_the_bit(rule, more, workers):
    problem = CompiledProblem(perceptron(layers=LAYERS, samples=40))
    made = document(rule, workers, **more)
    arguments = {"step": 0.01, "batch_size": 2, "seed": 5, "rule": rule}
    trace = recorded(made, updates=60, dimension=problem.dimension)
    plain = iterates(as_stream(trace), Single(problem), **arguments)
    assert same(iterates(as_stream(trace), problem, **arguments), plain)
    for block_size in (1, 7, 50):
        # In small pieces versions are held from one to the next.
        stream = in_pieces(made, problem.dimension, block_size, 60)
        assert same(iterates(stream, problem, **arguments), plain)


class Decaying:
    def at(self, update):
        return 0.05 / (1 + update)


@pytest.mark.parametrize(
    "update",
    [
        UpdateRule(),
        UpdateRule(average=True),
        UpdateRule(momentum=0.9),
        UpdateRule(weight=Inverse()),
        UpdateRule(correction=DelayCompensation(0.04)),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_rules_come_to_the_same(update, count):
    problem = CompiledProblem(perceptron(layers=LAYERS, samples=40))
    made = document("asysg-con", 5, gradients_per_update=count)
    trace = recorded(made, updates=60, dimension=problem.dimension)
    arguments = {"step": Decaying(), "update": update, "batch_size": 2}
    plain = iterates(as_stream(trace), Single(problem), **arguments)
    assert same(iterates(as_stream(trace), problem, **arguments), plain)
    assert len({x.tobytes() for x in plain}) == 61


@pytest.mark.parametrize("rule", ["asysg-con", "asysg-incon"])
def test_divergence_comes_at_the_same_update(rule):
    problem = CompiledProblem(perceptron(layers=(4, 3), samples=40))
    trace = recorded(document(rule, 4), updates=200, dimension=problem.dimension)
    ends = []
    for candidate in (Single(problem), problem):
        state = State(problem.start())
        with pytest.raises(Divergence) as caught:
            for _ in replay(as_stream(trace), candidate, step=1e6, rule=rule, state=state):
                pass
        ends.append((caught.value.update, state.updates, state.x.tobytes()))
    assert ends[0] == ends[1]
    assert 2 < ends[0][0] < 199


# Several at once -------------------------------------------------------------------------------


class Spy(Quadratic):
    """Computes several gradients at once, one by one, and writes down what it is asked for."""

    together = 4

    def __init__(self, **options):
        super().__init__([1.0, 0.5, -0.1, 0.2, 0.7, 0.3, 0.9], noise=0.4, **options)
        self.asked = []

    def gradients(self, xs, batches, outs):
        self.asked.append([(x, x.copy(), batch) for x, batch in zip(xs, batches, strict=True)])
        for x, batch, out in zip(xs, batches, outs, strict=True):
            self.gradient(x, batch, out)


@settings(max_examples=100)
@given(
    document=con_documents() | incon_documents(),
    bound=st.none() | bounds(),
    block_size=st.sampled_from([1, 7, 500]),
    together=st.sampled_from([1, 2, 3, 10, 1000]),
)
def test_what_is_computed_together_is_what_is_computed_alone(document, bound, block_size, together):
    if bound is not None:
        document = with_algorithm(document, **bound)
    rule = document["algorithm"]["name"]
    arguments = {"step": 0.05, "batch_size": 2, "seed": 3, "rule": rule}
    trace = recorded(document, updates=60)
    problem = Spy()
    assert isinstance(problem, BatchedProblem)
    plain = iterates(as_stream(trace), Single(problem), **arguments)
    stream = in_pieces(document, 7, block_size, 60)
    assert same(iterates(stream, problem, together=together, **arguments), plain)
    assert same(iterates(as_stream(trace), problem, together=together, **arguments), plain)
    assert all(2 <= len(asked) <= together for asked in problem.asked)


@pytest.mark.parametrize("rule", ["asysg-con", "asysg-incon"])
def test_only_what_is_known_is_computed_and_that_as_soon_as_something_is_needed(rule):
    made = document(rule, 6)
    if rule == "asysg-incon":
        made["memory"] = {"read": 0, "write": 0}  # so that what is read is always some x_k
    trace = recorded(made, updates=80)
    problem, known, calls = Spy(), set(), []
    gradients = problem.gradients

    def spied(xs, batches, outs):
        calls.append(len(xs))
        assert all(x.tobytes() in known for x in xs), "an x of the future"
        assert len({id(x) for x in xs}) == len({x.tobytes() for x in xs}), "a second copy"
        gradients(xs, batches, outs)

    problem.gradients = spied
    state = State(problem.start())
    arguments = {"step": 0.05, "rule": rule, "state": state, "together": 100}
    for _ in replay(as_stream(trace), problem, **arguments):
        known.add(state.x.tobytes())
    assert calls[0] == 6, "at first all workers have read x_0"
    assert np.mean(calls) > 2
    assert max(calls) <= 6


@pytest.mark.parametrize("together", [2, 3, 5, 100])
@pytest.mark.parametrize("count", [1, 3])
def test_the_next_ones_are_those_in_order_of_application(together, count):
    made = document("asysg-con", 6, gradients_per_update=count, staleness_bound=7)
    made["algorithm"]["beyond_bound"] = "discard"
    trace = recorded(made, updates=60)
    problem = Spy()
    iterates(as_stream(trace), problem, step=0.05, together=together, seed=3)
    worker, draw, version, update = (column.tolist() for column in trace.facts)
    kept = [i for i in range(len(trace)) if update[i] != LOST]
    computed, expected = set(), []
    for i in kept:
        if i not in computed:
            known = [j for j in kept if j not in computed | {i} and version[j] <= update[i]]
            group = [i, *sorted(known, key=lambda j: (update[j], version[j], j))[: together - 1]]
            computed |= set(group)
            if len(group) > 1:
                expected.append(group)
    sampler = Sampler(problem, seed=3, batch_size=1)
    names = [[sampler.batch(worker[i], draw[i]).tobytes() for i in group] for group in expected]
    assert [[batch.tobytes() for _, _, batch in asked] for asked in problem.asked] == names


def test_together_1_and_problems_that_cannot_are_left_alone():
    trace = recorded(document("asysg-con", 6), updates=40)
    problem = Spy()
    plain = iterates(as_stream(trace), Single(problem), step=0.05)
    assert same(iterates(as_stream(trace), problem, step=0.05), plain)
    assert same(iterates(as_stream(trace), problem, step=0.05, together=1), plain)
    assert same(iterates(as_stream(trace), Single(problem), step=0.05, together=9), plain)
    assert not problem.asked


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    "update",
    [
        UpdateRule(momentum=0.9, average=True),
        UpdateRule(weight=Inverse()),
        UpdateRule(correction=DelayCompensation(0.04)),
    ],
)
def test_rules_over_gradients_computed_together(update, count):
    trace = recorded(document("asysg-con", 6, gradients_per_update=count), updates=40)
    problem = Spy()
    arguments = {"step": Decaying(), "update": update}
    plain = iterates(as_stream(trace), Single(problem), **arguments)
    assert same(iterates(as_stream(trace), problem, together=5, **arguments), plain)
    assert bool(problem.asked) == (update.correction is None), "these are computed one by one"


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("layers", [LAYERS, (4, 3), (30, 90, 80, 3)])
def test_networks_together_agree_with_networks_alone(layers, activation, loss):
    problem = perceptron(activation, loss, layers, samples=40)
    assert isinstance(problem, BatchedProblem)
    assert problem.together == (1 if problem.dimension > 10_000 else 32)
    agree(problem)
    trace = recorded(document("asysg-con", 6), updates=40, dimension=problem.dimension)
    close(trace, problem)


def agree(problem, rtol=1e-12):
    """Ask for gradients at once: several x, twice the same x, and more than are wanted."""
    n = problem.dimension
    points = [problem.start() + 0.3 * random(i).standard_normal(n) for i in range(9)]
    for count in (2, 9, 70):
        xs = [points[i % 9] for i in range(count)]
        batches = [random(i).integers(0, 40, 5) for i in range(count)]
        outs = [np.full(n, np.nan) for _ in range(count)]
        problem.gradients(xs, batches, outs)
        for x, batch, out in zip(xs, batches, outs, strict=True):
            alone = np.empty_like(x)
            problem.gradient(x, batch, alone)
            assert np.linalg.norm(out - alone) <= rtol * np.linalg.norm(alone)


def close(trace, problem, rtol=1e-9, **more):
    arguments = {"step": 0.01, "batch_size": 3, "rule": trace.info.algorithm, **more}
    alone = iterates(as_stream(trace), problem, **arguments)
    for one, other in zip(
        alone, iterates(as_stream(trace), problem, together=20, **arguments), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)


# Torch -----------------------------------------------------------------------------------------


def torch_problem(module, dtype="float64", **more):
    features, classes = random(1).standard_normal((40, 16)), random(2).integers(0, 3, 40)
    return TorchProblem(module, features, classes, loss="cross_entropy", dtype=dtype, **more)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", ["asysg-con", "asysg-incon"])
def test_torch_modules_together_agree_with_modules_alone(rule, dtype):
    nn = pytest.importorskip("torch").nn
    tied = nn.Linear(5, 5)
    frozen = nn.Linear(5, 5)
    frozen.requires_grad_(False)
    module = nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 3, 2), nn.Tanh(), nn.AvgPool2d(3), nn.Flatten(),
        nn.Linear(3, 5), tied, nn.Tanh(), frozen, tied, nn.LayerNorm(5), nn.Linear(5, 3),
    )  # fmt: skip
    problem = torch_problem(module, dtype)
    assert problem.together > 100
    agree(problem, rtol=1e-12 if dtype == "float64" else 1e-5)
    trace = recorded(document(rule, 6), updates=40, dimension=problem.dimension)
    close(trace, problem, rtol=1e-9 if dtype == "float64" else 1e-4)


def test_a_module_that_vmap_refuses_is_computed_one_by_one_and_says_so_once():
    torch = pytest.importorskip("torch")

    class Branching(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(16, 3)

        def forward(self, inputs):
            outputs = self.linear(inputs)
            return outputs if outputs.abs().max().item() < 1e9 else 2 * outputs

    problem = torch_problem(Branching())
    trace = recorded(document("asysg-con", 6), updates=40, dimension=problem.dimension)
    alone = iterates(as_stream(trace), Single(problem), step=0.01)
    with pytest.warns(RuntimeWarning, match="one by one") as said:
        assert same(iterates(as_stream(trace), problem, step=0.01, together=6), alone)
    assert len(said) == 1
    assert problem.together == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agree(problem, rtol=0)


def test_another_device_is_asked_for_by_name():
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match="nowhere"):
        torch_problem(torch.nn.Linear(16, 3), device="nowhere")
    # By the way that x and gradients take to and from another device, as far as can be without.
    here, there = (torch_problem(torch.nn.Linear(16, 3), device=name) for name in ("cpu", "cpu:0"))
    assert (here._here, there._here) == (True, False)
    x, batch = here.start(), np.arange(5)
    outs = np.empty((2, here.dimension))
    for problem, out in zip((here, there), outs, strict=True):
        problem.gradient(x, batch, out)
        agree(problem)
    assert np.array_equal(*outs)
    assert here.value(x) == there.value(x)
    again = pickle.loads(pickle.dumps(there))
    assert again.device == "cpu:0"
    assert again.value(x) == here.value(x)
