"""Update rules, held against the formulas of their papers written naively."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asysim
from asysim.errors import InputError
from asysim.problems import Quadratic
from asysim.random.streams import Purpose, WordSource, uniforms
from asysim.replay import Divergence, Sampler, UpdateRule, replay
from asysim.replay.update_rule import rules_of
from asysim.runs.rederive import differences, rerun_with
from asysim.scenario import json_schema, parse, to_document, to_toml
from asysim.scenario.load import from_document
from asysim.schedule import simulate
from asysim.trace import Trace
from asysim.trace.gradient import LOST, Gradient
from asysim.trace.info import TraceInfo
from asysim.trace.stream import as_stream, limited
from asysim.updates import (
    AdaptiveDelayCompensation,
    Decaying,
    DelayCompensation,
    GapAware,
    Hinge,
    Inverse,
    Koloskova,
    Mishchenko,
    Polynomial,
    theorem_condition,
)
from tests.oracle import inconsistent_iterates, iterates, same
from tests.strategies import (
    bounds,
    con_documents,
    constant_delay,
    incon_documents,
    recorded,
    with_algorithm,
)
from tests.support import CON, INCON, command, only_fault

M = 2  # a power of two: divisions by it, and so conversions between sum and mean, are exact


def naive(trace, problem, steps, *, weight=None, correct=None, momentum=0.0, average=False):
    """Keep every version of x; `correct` is told of all velocities and steps so far."""
    sampler = Sampler(problem, seed=3, batch_size=M)
    versions, velocity, history = [problem.start()], 0.0, []
    for k in range(trace.updates):
        rows, step = np.flatnonzero(trace.update == k), steps(k)
        total = np.zeros(problem.dimension)
        for row in rows:
            x_read, gradient = versions[trace.version[row]], np.empty(problem.dimension)
            batch = sampler.batch(int(trace.worker[row]), int(trace.draw[row]))
            problem.gradient(x_read, batch, gradient)
            if correct is not None:
                gradient = correct(gradient, versions[-1] - x_read, history)
            if weight is not None:
                gradient = weight(k - int(trace.version[row]), step) * gradient
            total = total + gradient
        if average:
            total = total * (1 / len(rows))
        velocity = momentum * velocity + total
        history.append((velocity, step))
        versions.append(versions[-1] - step * velocity)
    return versions


# The papers' formulas ----------------------------------------------------------------------------


def koloskova(tau, step):
    eta, smoothness, concurrency = step * M, 9.0, 3
    limit = 1 / (4 * smoothness) if tau <= concurrency else 1 / (4 * smoothness * tau)
    return min(eta, limit) / eta


def koloskova_drop(tau, step):
    return koloskova(tau, step) if tau <= 3 else 0.0


def hinge(tau, _):
    return 1 if tau <= 2 else 1 / (10 * (tau - 2) + 1)


def compensated(gradient, moved, _):
    mean = gradient / M
    return M * (mean + 0.3 * mean * mean * moved)


class Adaptive:
    def __init__(self):
        self.square = 0.0

    def __call__(self, gradient, moved, _):
        mean = gradient / M
        self.square = 0.9 * self.square + (1 - 0.9) * mean * mean
        return M * (mean + 0.3 / np.sqrt(self.square + 1e-7) * mean * mean * moved)


def gap_aware(gradient, moved, history):
    if not history:
        return gradient
    k, beta = len(history), 0.9
    terms = [(1 - beta) * beta ** (k - 1 - j) * v**2 for j, (v, _) in enumerate(history)]
    usual = max(step for _, step in history) * np.sqrt(sum(terms) / (1 - beta**k))
    return gradient / (1 + np.abs(moved) / usual)


STEP = 0.02
WEIGHTS = {
    "koloskova": (Koloskova(9.0, 3, M), koloskova),
    "koloskova, drop": (Koloskova(9.0, 3, M, drop=True), koloskova_drop),
    "mishchenko": (Mishchenko(2), lambda tau, _: 2 / max(2, tau)),
    "inverse": (Inverse(), lambda tau, _: 1 / tau if tau else 1),
    "polynomial": (Polynomial(0.5), lambda tau, _: (1 + tau) ** -0.5),
    "hinge": (Hinge(10, 2), hinge),
}
RULES = {
    name: (UpdateRule(weight=weight), {"weight": formula})
    for name, (weight, formula) in WEIGHTS.items()
} | {
    "average": (UpdateRule(average=True), {"average": True}),
    "momentum": (UpdateRule(momentum=0.6), {"momentum": 0.6}),
    "dc-asgd": (UpdateRule(correction=DelayCompensation(0.3, M)), {"correct": compensated}),
    "dc-asgd-adaptive": (
        UpdateRule(correction=AdaptiveDelayCompensation(0.3, 0.9, M)),
        {"correct": Adaptive()},
    ),
    "gap-aware": (UpdateRule(correction=GapAware(0.9)), {"correct": gap_aware}),
    "all of it": (
        UpdateRule(
            weight=Inverse(), correction=DelayCompensation(0.3, M), momentum=0.6, average=True
        ),
        {
            "weight": WEIGHTS["inverse"][1],
            "correct": compensated,
            "momentum": 0.6,
            "average": True,
        },
    ),
    "gap-aware, momentum": (
        UpdateRule(correction=GapAware(0.9), momentum=0.6),
        {"correct": gap_aware, "momentum": 0.6},
    ),
}


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=25)
@given(
    document=con_documents(),
    bound=st.none() | bounds(),
    decaying=st.booleans(),
    block_size=st.sampled_from([1, 7, 500]),
)
def test_a_rule_is_its_formula(name, document, bound, decaying, block_size):
    # With staleness, several gradients in an update, and lost ones, in pieces of any size.
    if bound is not None:
        document = with_algorithm(document, **bound)
    problem = Quadratic([1.0, 0.5, -0.1], noise=0.4)
    rule, formula = RULES[name]
    step = Decaying(STEP, power=0.7, offset=9) if decaying else STEP
    arguments = {"step": step, "update": rule, "batch_size": M, "seed": 3}
    trace = recorded(document, updates=40, dimension=3)
    slow = naive(
        trace,
        problem,
        (lambda k: STEP / (1 + k / 9) ** 0.7) if decaying else lambda _: STEP,
        **copy.deepcopy(formula),
    )
    found = iterates(as_stream(trace), problem, **arguments)
    if "gap-aware" in name:
        # The formula sums over all updates; the rule goes on from the last sum.
        np.testing.assert_allclose(found, slow, rtol=1e-12, atol=1e-12)
    else:
        assert same(found, slow)
    stream = limited(simulate(from_document(document), 3, block_size=block_size), updates=40)
    assert same(iterates(stream, problem, **arguments), found)


@st.composite
def ragged_traces(draw):
    """Updates of 1 … 4 gradients of any staleness, with lost gradients between them."""
    rows, draws = [], [0] * 5
    for k in range(draw(st.integers(5, 25))):
        lost, applied = draw(st.integers(0, 3)), draw(st.integers(1, 4))
        for i in range(lost + applied):
            worker = draw(st.integers(0, 4))
            version = k - min(k, draw(st.integers(0, 6)))
            rows.append(Gradient(worker, draws[worker], version, LOST if i < lost else k))
            draws[worker] += 1
    return Trace.from_gradients(rows, TraceInfo("asysg-con", 5, 3))


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=10)
@given(trace=ragged_traces())
def test_updates_may_differ_in_size(name, trace):
    problem = Quadratic([1.0, 0.5, -0.1], noise=0.4)
    rule, formula = RULES[name]
    slow = naive(trace, problem, lambda _: STEP, **copy.deepcopy(formula))
    stream = as_stream(trace)
    found = iterates(stream, problem, step=STEP, update=rule, batch_size=M, seed=3)
    np.testing.assert_allclose(found, slow, rtol=1e-12, atol=1e-12)
    assert same(found, slow) or "gap-aware" in name


class InTurn:
    """A problem whose k-th gradient is scaled by the weight and step of update k."""

    def __init__(self, problem, scales):
        self.dimension, self.words = problem.dimension, problem.words
        self.start, self.sample = problem.start, problem.sample
        self._problem, self._scales = problem, iter(scales)

    def gradient(self, x, batch, out):
        self._problem.gradient(x, batch, out)
        for scale in next(self._scales):
            out *= scale


@pytest.mark.parametrize("name", WEIGHTS)
@settings(max_examples=15)
@given(
    document=incon_documents(),
    bound=st.none() | bounds(),
    decaying=st.booleans(),
    block_size=st.sampled_from([1, 7, 500]),
)
def test_lock_free_reads_see_the_scaled_updates(name, document, bound, decaying, block_size):
    if bound is not None:
        document = with_algorithm(document, **bound)
    document = document | {"memory": {"read": 9e-7, "write": 1.1e-6}}
    document["workers"] = document["workers"] | {"compute": {"law": "exponential", "mean": 3e-7}}
    problem = Quadratic(np.linspace(0.2, 1, 7), noise=0.4)
    weight, formula = WEIGHTS[name]
    step = Decaying(STEP) if decaying else STEP
    trace = recorded(document, updates=40)
    gammas = [STEP / (1 + k) ** 0.5 if decaying else STEP for k in range(40)]
    taus = trace.staleness.tolist()
    scales = [(formula(tau, gamma), gamma) for tau, gamma in zip(taus, gammas, strict=True)]
    slow, _ = inconsistent_iterates(
        trace, InTurn(problem, scales), step=1.0, batch_size=M, seed=3, write_pace=1100
    )
    arguments = {"step": step, "update": UpdateRule(weight=weight), "rule": "asysg-incon"}
    arguments |= {"batch_size": M, "seed": 3}
    assert same(iterates(as_stream(trace), problem, **arguments), slow)
    stream = limited(simulate(from_document(document), 7, block_size=block_size), updates=40)
    assert same(iterates(stream, problem, **arguments), slow)


# Conversions between the sum over a mini-batch and the papers' mean -------------------------------


@pytest.mark.parametrize("batch_size", [1, 3, 10])
def test_delay_adaptive_limits_are_for_the_step_of_a_mean(batch_size):
    rule = Koloskova(smoothness=2.0, concurrency=4, batch_size=batch_size)
    for gamma in (0.01, 0.1, 1.0):
        for tau in range(12):
            mean_step = gamma * rule.weight(tau, gamma) * batch_size
            limit = 1 / 8 if tau <= 4 else 1 / (8 * tau)
            assert mean_step == pytest.approx(min(gamma * batch_size, limit), rel=1e-15)


@pytest.mark.parametrize("rule", [DelayCompensation, AdaptiveDelayCompensation])
def test_delay_compensation_is_of_the_mean(rule):
    # The same samples three times are the same mean, whatever M.
    x, x_read, mean = np.array([1.0, 2.0]), np.array([0.5, 2.5]), np.array([0.3, -0.7])
    one, three = mean.copy(), 3 * mean
    rule(0.4, batch_size=1).correct(one, x, x_read)
    rule(0.4, batch_size=3).correct(three, x, x_read)
    assert (one != mean).all()
    np.testing.assert_allclose(three / 3, one, rtol=1e-15)


# Laws --------------------------------------------------------------------------------------------


def test_momentum_is_heavy_ball():
    beta, tau, problem = 0.8, 2, Quadratic([1.0, 0.3], noise=0.0, start=1.0)
    rule = UpdateRule(momentum=beta)
    x = iterates(as_stream(constant_delay(tau, 60, 2)), problem, step=0.05, update=rule)
    for k in range(1, 60):
        gradient = problem.eigenvalues * x[max(0, k - tau)]
        expected = x[k] - 0.05 * gradient + beta * (x[k] - x[k - 1])
        np.testing.assert_allclose(x[k + 1], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("tau", [1, 3, 8, 30])
def test_a_delay_adaptive_step_is_stable_for_any_delay(tau):
    # Constant delay τ is stable iff a < 2 sin(π/(2(2τ + 1))): a = 0.9/τ is, 0.9 only for τ = 1.
    trace, problem = constant_delay(tau, 400 * tau, 1), Quadratic([1.0], noise=0.0, start=1.0)
    limit = 2 * math.sin(math.pi / (2 * (2 * tau + 1)))
    assert 0.9 / tau < limit < 1 + 1e-12
    rule = UpdateRule(weight=Mishchenko(1))
    x = np.abs(iterates(as_stream(trace), problem, step=0.9, update=rule)).ravel()
    assert x[-tau - 1 :].max() < 1e-6
    whole = UpdateRule(weight=Mishchenko(tau))
    plain = iterates(as_stream(trace[:200]), problem, step=0.3 / tau)
    assert same(iterates(as_stream(trace[:200]), problem, step=0.3 / tau, update=whole), plain)


CORRECTIONS = [DelayCompensation(0.3, 3), AdaptiveDelayCompensation(0.3, 0.9, 3), GapAware(0.9)]


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_nothing_is_corrected_where_nothing_is_stale(correction):
    problem = Quadratic(np.linspace(0.1, 1, 5), noise=0.4)
    trace, arguments = constant_delay(0, 50, 5), {"step": 0.05, "batch_size": 3}
    rule = UpdateRule(correction=correction)
    corrected = iterates(as_stream(trace), problem, update=rule, **arguments)
    assert same(corrected, iterates(as_stream(trace), problem, **arguments))


@pytest.mark.parametrize("rule", [DelayCompensation, AdaptiveDelayCompensation])
def test_a_correction_without_strength_is_none(rule):
    problem = Quadratic(np.linspace(0.1, 1, 5), noise=0.4)
    trace, arguments = constant_delay(4, 50, 5), {"step": 0.05, "batch_size": 3}
    nothing = UpdateRule(correction=rule(0.0, batch_size=3))
    corrected = iterates(as_stream(trace), problem, update=nothing, **arguments)
    assert same(corrected, iterates(as_stream(trace), problem, **arguments))


def test_a_rule_with_a_memory_can_be_used_again():
    problem, trace = Quadratic(np.linspace(0.1, 1, 5), noise=0.4), constant_delay(4, 50, 5)
    rule = UpdateRule(correction=GapAware(), momentum=0.5)
    first = iterates(as_stream(trace), problem, step=0.05, update=rule)
    assert same(first, iterates(as_stream(trace), problem, step=0.05, update=rule))


class Halving:
    """A step, a weight and a correction of a user's own."""

    def at(self, update):
        return 0.5**update

    def weight(self, staleness, _step):
        return 0.5**staleness

    def correct(self, gradient, x, x_read):
        gradient[x != x_read] = 0.0


def test_rules_of_ones_own():
    # x = 1, τ = 0, 1, 2, 2, f = x²/2: x_1 = 0; what is stale, and later read at 0, changes nothing.
    mine = Halving()
    rule = UpdateRule(weight=mine, correction=mine)
    trace, problem = constant_delay(2, 4, 1), Quadratic([1.0], noise=0.0, start=1.0)
    x = iterates(as_stream(trace), problem, step=mine, update=rule)
    assert [float(v[0]) for v in x] == [1, 0, 0, 0, 0]
    weighed = iterates(as_stream(trace), problem, step=0.5, update=UpdateRule(weight=mine))
    assert [float(v[0]) for v in weighed[:4]] == [1, 0.5, 0.25, 0.125]


def test_rules_that_need_a_server_are_refused_without_locks():
    stream = as_stream(constant_delay(0, 1, 1))
    with pytest.raises(InputError, match="should be left out"):
        replay(stream, Quadratic([1.0]), step=1, update=UpdateRule(momentum=0.5),
               rule="asysg-incon")  # fmt: skip
    with pytest.raises(InputError, match="below 1"):
        UpdateRule(momentum=1.0)


def test_divergence_names_the_update():
    trace, problem = constant_delay(0, 400, 1), Quadratic([1.0], noise=0.0, start=1.0)
    with pytest.raises(Divergence) as caught:
        iterates(as_stream(trace), problem, step=22.0, update=UpdateRule(weight=Halves()))
    assert caught.value.update == 308  # as with a step of 11


class Halves:
    def weight(self, _staleness, _step):
        return 0.5


# The theorem -------------------------------------------------------------------------------------

BOWL = ['problem={kind="quadratic", eigenvalues=[1, 0.5, 0.25, 0.1], noise=1.0}']
EQUAL = ["workers={count=4, compute=1e-3}", "network=", "server="]


def test_the_theorems_step_keeps_the_theorems_bound():
    gap, smoothness, variance, T = 0.5 * 1.85, 1.0, 1.0, 3
    known = {"gap": gap, "smoothness": smoothness, "variance": variance, "batch_size": M}
    updates = math.ceil(theorem_condition(T, **known))
    assert updates == math.ceil(4 * M * gap * 16)
    changes = [*BOWL, *EQUAL, 'algorithm={name="asysg-con", batch_size=2, step.kind="theorem"}']
    changes += [f"run={{updates={updates}, evaluate_every=1}}", "seed=7"]
    scenario = parse(CON, *changes)
    step = rules_of(scenario, scenario.problem.build()).step
    assert step == pytest.approx(math.sqrt(gap / (M * smoothness * updates * variance)), rel=1e-15)
    done = asysim.run(scenario)
    assert done.trace.staleness.max() == T
    measured = done.curve["gradient_norm2"].iloc[:-1].mean()
    bound = 4 * math.sqrt(variance * gap * smoothness / (M * updates))
    assert bound / 100 < measured <= bound


def test_constants_given_come_before_the_problems():
    step = '{kind="theorem", gap=2.0, smoothness=3.0, variance=5.0}'
    scenario = parse(CON, *BOWL, f"algorithm.step={step}", "run.updates=100")
    rule = rules_of(scenario, scenario.problem.build())
    assert rule.step == pytest.approx(math.sqrt(2 / (3 * 100 * 5)), rel=1e-15)


@pytest.mark.parametrize(
    ("problem", "key", "said"),
    [
        ('{kind="quadratic", eigenvalues=[1, -0.1]}', "algorithm.step.gap", "does not know"),
        ('{kind="quadratic", noise=0.0}', "algorithm.step.variance", "own is 0, and it should be"),
        ('{kind="quadratic", start=0.0}', "algorithm.step.gap", "own is 0, and it should be"),
    ],
)
def test_a_constant_that_nobody_knows_is_asked_for(problem, key, said, tmp_path):
    scenario = parse(CON, f"problem={problem}", 'algorithm.step={kind="theorem"}')
    fault = only_fault(asysim.run, scenario, folder=tmp_path / "run")
    assert (fault.key, fault.found) == (key, "nothing")
    assert said in fault.expected
    assert not list(tmp_path.iterdir())


def test_the_ergodic_draw_is_by_the_step_of_each_update():
    indices = []
    for seed in range(20):
        changes = [f"seed={seed}", 'algorithm.step={kind="decaying", initial=0.02, power=2}']
        done = asysim.run(parse(CON, *changes))
        # One iterate after the other takes the place of the one before with probability γ_k / Σγ.
        unit = uniforms(WordSource(seed).words(Purpose.ERGODIC, 0, 0, 60))
        kept, total = -1, 0.0
        for k in range(60):
            step = 0.02 / (1 + k) ** 2
            total += step
            kept = k if unit[k] * total <= step else kept
        assert done.outcome.ergodic_index == kept
        indices.append(kept)
    assert np.mean(indices) < 10  # with equal steps it would be 29.5


# Scenario files ----------------------------------------------------------------------------------

CON_CHANGES = {
    "decaying": ['algorithm.step={kind="decaying", initial=0.02, offset=20}'],
    "theorem": ['algorithm.step={kind="theorem"}'],
    "koloskova": ['update.weight={kind="koloskova"}', "algorithm.batch_size=4"],
    "koloskova, drop": ['update.weight={kind="koloskova", concurrency=1, beyond="drop"}'],
    "mishchenko": ['update.weight={kind="mishchenko"}'],
    "inverse": ['update.weight={kind="inverse"}'],
    "constant": ['update.weight={kind="fedasync", function="constant"}'],
    "polynomial": ['update.weight={kind="fedasync", function="polynomial", a=0.5}'],
    "hinge": ['update.weight={kind="fedasync", function="hinge", a=10, b=1}'],
    "fedbuff": ['update={average=true, weight.kind="fedbuff"}', "algorithm.gradients_per_update=2"],
    "dc-asgd": ['update.correction={kind="dc-asgd", strength=0.1}'],
    "dc-asgd-adaptive": ['update.correction={kind="dc-asgd-adaptive", strength=0.1}'],
    "gap-aware": ['update={momentum=0.5, correction.kind="gap-aware"}'],
    "noise": ['update={momentum=0.5, perturbation={kind="ball", scale=0.1, every=2}}'],
}


EVERYWHERE = [(CON, name) for name in CON_CHANGES] + [
    (INCON, name) for name in ("decaying", *list(CON_CHANGES)[2:9])
]


@pytest.mark.parametrize(("text", "name"), EVERYWHERE)
def test_runs_are_replayed_exactly(text, name, tmp_path):
    changes = CON_CHANGES[name]
    scenario = parse(text, *changes)
    assert parse(to_toml(scenario)) == scenario
    done = asysim.run(scenario, folder=tmp_path / "run")
    loaded = asysim.load_run(tmp_path / "run")
    assert loaded.scenario == scenario
    assert differences(loaded, rerun_with(loaded)) == []
    # The schedule does not know the rule, so it can be taken out and put back.
    plain = rerun_with(done, "update=", "algorithm.step=0.02")
    assert np.array_equal(plain.x, done.x) == (name == "constant")
    rule = [change for change in changes if not change.startswith("algorithm.gradients")]
    assert differences(done, rerun_with(plain, *rule)) == []


def test_the_commands_know_update_rules(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text(CON)
    changes = ["update.momentum=0.5", 'algorithm.step={kind="decaying", initial=0.02}']
    said = command("run", file, *changes, "--out", tmp_path / "run", "--no-pictures")
    assert said.code == 0
    assert "γ = 0.02/(1 + k/1)^0.5" in said.out
    assert "exact" in command("replay", tmp_path / "run", "--check").out
    assert command("replay", tmp_path / "run", 'algorithm.step={kind="theorem"}').code == 0
    saddle = 'problem={kind="quadratic", eigenvalues=[1, -0.1]}'
    bad = command("run", file, saddle, 'algorithm.step={kind="theorem"}')
    assert bad.code == 2
    assert "a.toml: algorithm.step.gap" in bad.err


def test_a_constant_step_is_written_as_a_number():
    plain = parse(CON)
    assert parse(CON, 'algorithm.step={kind="constant", value=0.02}') == plain
    assert to_document(plain)["algorithm"]["step"] == 0.02
    assert "update" not in to_document(plain)


@pytest.mark.parametrize("name", CON_CHANGES)
def test_the_schema_knows_update_rules(name):
    import jsonschema

    jsonschema.validate(to_document(parse(CON, *CON_CHANGES[name])), json_schema())


KINDS = '"koloskova", "mishchenko", "inverse", "fedasync" or "fedbuff"'
WRONG = [
    (CON, "algorithm.step=[1]", "algorithm.step", "should be a number, or a step that changes"),
    (CON, "algorithm.step={}", "algorithm.step.kind", '"constant", "decaying" or "theorem"'),
    (CON, 'algorithm.step={kind="decayin"}', "algorithm.step.kind", 'did you mean "decaying"?'),
    (CON, 'algorithm.step={kind="decaying"}', "algorithm.step.initial", "is required: γ_0"),
    (CON, 'algorithm.step={kind="constant", value=0}', "algorithm.step.value", "should be > 0"),
    (CON, 'algorithm.step={kind="theorem", gap=-1}', "algorithm.step.gap", "should be > 0"),
    (CON, 'algorithm.step={kind="theorem", gab=1}', "algorithm.step.gab", "did you mean gap?"),
    (CON, "update.momentum=1", "update.momentum", "should be < 1"),
    (CON, "update.momentun=0.1", "update.momentun", "did you mean momentum?"),
    (CON, "update.average=1", "update.average", "should be true or false"),
    (CON, "update.weight=inverse", "update.weight", f"a table with kind = {KINDS}"),
    (CON, 'update.weight={kind="inv"}', "update.weight.kind", f"should be {KINDS}"),
    (CON, 'update.weight={kind="koloskova", beyond="x"}', "update.weight.beyond", '"drop"'),
    (CON, 'update.weight={kind="fedasync", function="hinge", a=1}', "update.weight.b",
     'is required with function = "hinge"'),
    (CON, 'update.weight={kind="fedasync", function="polynomial", a=1, b=1}', "update.weight.b",
     'should be left out with function = "polynomial"'),
    (CON, 'update.correction={kind="dc-asgd"}', "update.correction.strength", "is required: λ"),
    (INCON, "update.momentum=0.5", "update.momentum", "should be 0, or go with"),
    (INCON, "update.average=true", "update.average", "should be false, or go with"),
    (INCON, 'update.correction={kind="gap-aware"}', "update.correction", "left out, or go with"),
    (INCON, 'update.perturbation={kind="ball", scale=1}', "update.perturbation",
     "left out, or go with"),
    (INCON, 'algorithm.step={kind="theorem"}', "algorithm.step", "of another kind, or go with"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "change", "key", "expected"), WRONG)
def test_one_mistake_is_one_fault(text, change, key, expected):
    fault = only_fault(parse, text, change)
    assert (fault.key, fault.source) == (key, "command line")
    assert expected in fault.expected


def test_the_theorem_needs_a_length_in_updates():
    fault = only_fault(parse, CON, 'algorithm.step={kind="theorem"}', "run={seconds=1.0}")
    assert (fault.key, fault.found) == ("run.updates", "nothing")
    assert "the K in it" in fault.expected
    assert parse(CON, 'algorithm.step={kind="theorem"}', "run={}").run.updates == 1_000_000


def test_a_step_that_has_decayed_beyond_float64_is_0():
    decaying = Decaying(STEP, power=1e30, offset=1.0)
    assert [decaying.at(k) for k in (0, 1, 10)] == [STEP, 0.0, 0.0]


def test_a_theorems_step_that_is_infinite_is_refused_with_its_constants():
    words = ["problem.noise=1e-160", "algorithm.step={kind='theorem'}"]
    with pytest.raises(InputError, match=r"= inf of Δ = .* σ² = 1e-320|σ² = 9\.9"):
        asysim.run(parse(CON, *words))
