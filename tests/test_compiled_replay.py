"""Compiled replay is replay: the same x, counts, exceptions and blocks, wherever it stops."""

from dataclasses import astuple
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.errors import InputError
from asysim.problems import (
    LeastSquares,
    Logistic,
    MatrixFactorization,
    Quadratic,
)
from asysim.problems.compiled import CompiledProblem
from asysim.problems.data import classification, low_rank_matrix, regression
from asysim.replay import Divergence, State, UpdateRule, replay
from asysim.replay.compiled import LARGEST, CompiledReplay, suits
from asysim.replay.compiled.plan import plan_consistent, plan_inconsistent
from asysim.replay.compiled.version_memory import IN_ALL
from asysim.scenario.load import from_document
from asysim.schedule import simulate
from asysim.trace import Trace
from asysim.trace.gradient import Gradient, Seen
from asysim.trace.info import TraceInfo
from asysim.trace.stream import Block, Deadlock, as_stream, limited
from asysim.updates import (
    AdaptiveDelayCompensation,
    Constant,
    Decaying,
    DelayCompensation,
    GapAware,
    Hinge,
    Inverse,
    Koloskova,
    Mishchenko,
    Noise,
    Polynomial,
)
from tests.problems import perceptron
from tests.strategies import bounds, con_documents, incon_documents, recorded, with_algorithm

CON, INCON = "asysg-con", "asysg-incon"
COUNTS = ("updates", "gradients", "ticks", "staleness_sum", "staleness_max", "applied")


def pair(data):
    return data.features, data.targets


PROBLEMS = {
    "quadratic": lambda: Quadratic(np.linspace(0.1, 1, 7), noise=0.3),
    "quadratic without noise": lambda: Quadratic(np.linspace(-0.1, 1, 19)),
    "least squares": lambda: LeastSquares(
        *pair(regression(samples=60, features=9, condition=4, noise=0.1, seed=1))
    ),
    "logistic": lambda: Logistic(
        *pair(classification(samples=60, features=8, density=1, signal=2, seed=1)), l2=0.01
    ),
    "sparse logistic": lambda: Logistic(
        *pair(classification(samples=60, features=40, density=0.1, signal=2, seed=1)), l2=0.01
    ),
    "factorization": lambda: MatrixFactorization(
        low_rank_matrix(5, 4, rank=2, noise=0.1, seed=1), rank=2
    ),
    "perceptron": lambda: perceptron(layers=(4, 5, 3)),
}


@cache
def problem_of(kind):
    return CompiledProblem(PROBLEMS[kind]())


# One against the other -------------------------------------------------------------------------


class Counted:
    """A stream that counts the blocks that were asked for, its end included."""

    def __init__(self, blocks):
        self.pulled = 0
        self._blocks = iter(blocks)

    def __iter__(self):
        return self

    def __next__(self):
        self.pulled += 1
        return next(self._blocks)


class Stepped:
    """The generator, with the interface of the compiled replay."""

    def __init__(self, stream, problem, *, state=None, **arguments):
        self.state = State(problem.start()) if state is None else state
        self._updates = replay(stream, problem, state=self.state, **arguments)
        self._stands = False

    def advance(self, until):
        while not (self._stands and self.state.updates >= until):
            self._stands = False
            if next(self._updates, None) is None:
                return False
            self._stands = True
        return True


def story(make, blocks, problem, targets, **arguments):
    """Return all that can be seen of a replay at each target."""
    stream = Counted(blocks)
    replay = make(stream, problem, **arguments)
    seen = []
    for target in targets:
        try:
            result = replay.advance(target)
        except (Divergence, Deadlock, InputError) as error:
            result = repr(error)
        counts = [getattr(replay.state, name) for name in COUNTS]
        assert all(type(count) is int for count in counts)
        # Which of two nans an operation returns, and its sign, is not defined.
        x = np.where(np.isnan(replay.state.x), np.nan, replay.state.x).tobytes()
        seen.append((target, result, counts, stream.pulled, x))
    return seen


def assert_same(blocks, problem, targets, **arguments):
    """Hold the one against the other; return what was seen."""
    blocks = list(blocks) if not callable(blocks) else blocks
    again = blocks if callable(blocks) else lambda: blocks
    slow = story(Stepped, again(), problem, targets, **arguments)
    fast = story(CompiledReplay, again(), problem, targets, **arguments)
    for one, other in zip(slow, fast, strict=True):
        assert one == other
    return fast


STEPS = {
    "number": 0.05,
    "integer": 1,
    "constant": Constant(0.03),
    "decaying": Decaying(0.1, power=0.7, offset=3.0),
    "too long": 1e40,
    "much too long": Decaying(1e60),
}
WEIGHTS = {
    "none": None,
    "inverse": Inverse(),
    "polynomial": Polynomial(0.5),
    "hinge": Hinge(10.0, 2.0),
    "mishchenko": Mishchenko(2),
    "koloskova": Koloskova(9.0, 3, batch_size=2),
    "koloskova, drop": Koloskova(9.0, 1, drop=True),
}
CORRECTIONS = {
    "none": None,
    "dc-asgd": DelayCompensation(0.7, 2),
    "dc-asgd, adaptive": AdaptiveDelayCompensation(0.7, 0.9, 2),
    "gap-aware": GapAware(0.9),
}

NOISES = [Noise(), Noise(0.3), Noise(0.3, ball=True), Noise(0.3, every=3)]

kinds = st.sampled_from(sorted(PROBLEMS))
steps, weights, corrections = (
    st.sampled_from(sorted(table)).map(table.get) for table in (STEPS, WEIGHTS, CORRECTIONS)
)
targets = st.lists(st.integers(0, 25), min_size=1, max_size=8).map(
    lambda strides: [0, *np.cumsum(strides).tolist(), 1000, 1000]
)
rules = st.builds(
    UpdateRule,
    weight=weights,
    correction=corrections,
    momentum=st.sampled_from([0.0, 0.9]),
    average=st.booleans(),
    perturbation=st.sampled_from(NOISES),
)


@settings(max_examples=150)
@given(
    document=con_documents(),
    bound=st.none() | bounds(),
    block_size=st.sampled_from([1, 7, 500]),
    kind=kinds,
    targets=targets,
    step=steps,
    update=st.none() | rules,
    batch_size=st.integers(1, 3),
)
def test_consistent(document, bound, block_size, kind, targets, step, update, batch_size):
    if bound is not None:
        document = with_algorithm(document, **bound)
    problem = problem_of(kind)
    stream = simulate(from_document(document), problem.dimension, block_size=block_size)
    assert_same(
        limited(stream, updates=60),
        problem,
        targets,
        step=step,
        update=update,
        batch_size=batch_size,
        seed=2**63 + 5,
    )


@settings(max_examples=150)
@given(
    document=incon_documents(),
    bound=st.none() | bounds(),
    block_size=st.sampled_from([1, 7, 500]),
    kind=kinds,
    targets=targets,
    step=steps,
    weight=weights,
    times=st.tuples(st.integers(1, 2000), st.integers(0, 2000)),
)
def test_lock_free(document, bound, block_size, kind, targets, step, weight, times):
    # Sweeps of random length overtake one another, so reads see parts of many updates, and go on
    # for several blocks.
    if bound is not None:
        document = with_algorithm(document, **bound)
    read, write = times
    memory = {
        "read": {"law": "exponential", "mean": read * 1e-9},
        "write": {"law": "uniform", "low": 0.0, "high": write * 1e-9},
    }
    workers = document["workers"] | {"compute": {"law": "exponential", "mean": 3e-7}}
    if write:
        document = document | {"memory": memory, "workers": workers}
    problem = problem_of(kind)
    stream = simulate(from_document(document), problem.dimension, block_size=block_size)
    update = None if weight is None else UpdateRule(weight=weight)
    assert_same(
        limited(stream, updates=60), problem, targets, step=step, update=update, rule=INCON,
        batch_size=2, seed=3,
    )  # fmt: skip


@settings(max_examples=30)
@given(document=con_documents(), kind=kinds, targets=targets, step=steps)
def test_whole_writes_where_reads_are_consistent(document, kind, targets, step):
    trace = recorded(document, updates=60, dimension=problem_of(kind).dimension)
    assert_same(as_stream(trace), problem_of(kind), targets, step=step, rule=INCON)


def test_two_pieces_of_one_update():
    # No schedule makes them, but a trace can say it; what lies where they did is used again.
    rows = [
        Gradient(0, 0, 0, 0, hi=7),
        Gradient(1, 0, 0, 1, hi=7, seen=(Seen(0, 0, 2), Seen(0, 4, 7))),
        Gradient(2, 0, 0, 2, hi=7, seen=(Seen(1, 1, 3),)),
        Gradient(0, 1, 1, 3, hi=7, seen=(Seen(2, 0, 6),)),
        Gradient(1, 1, 2, 4, hi=7, seen=(Seen(2, 1, 2), Seen(3, 0, 6))),
        Gradient(2, 1, 3, 5, hi=7, seen=(Seen(3, 1, 2), Seen(3, 3, 6), Seen(4, 3, 5))),
        Gradient(0, 2, 4, 6, hi=7, seen=(Seen(4, 1, 2), Seen(4, 2, 6), Seen(5, 0, 5))),
    ]
    trace = Trace.from_gradients(rows, TraceInfo(INCON, 3, 7))
    assert_same(as_stream(trace), problem_of("quadratic"), range(9), step=0.1, rule=INCON)


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("rule", [CON, INCON])
def test_every_problem(kind, rule):
    document = {
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": rule, "step": 0.01},
        "workers": {"count": 6, "compute": {"law": "exponential", "mean": 1e-3}},
    }
    if rule == INCON:
        document["memory"] = {"read": 3e-4, "write": 5e-4}
    problem = problem_of(kind)
    trace = recorded(document, updates=150, dimension=problem.dimension)
    arguments = {"step": 0.02, "batch_size": 3, "rule": rule}
    *_, last = assert_same(as_stream(trace), problem, [7, 149, 200], **arguments)
    assert last[1:3] == (False, last[2])
    assert last[2][0] == 150
    if rule == INCON:
        assert np.diff(trace.sweeps.offsets).max() > 1
    assert last[-1] != problem.start().tobytes()


@cache
def stale(per_update):
    """Return rows of eight workers of which some are slow."""
    document = {
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": CON, "step": 0.01, "gradients_per_update": per_update},
        "workers": {
            "count": 8,
            "compute": {"law": "exponential", "mean": 1e-3},
            "speed": [0.2, 0.5, *[1.0] * 6],
        },
    }
    return recorded(document, updates=300)


@pytest.mark.parametrize("correction", CORRECTIONS)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_every_rule(correction, weight):
    # Long enough, and with corrections so strong, that another order of rounding shows.
    ways = product((1, 3), (0.0, 0.8), (False, True))
    for (per_update, momentum, average), noise in zip(ways, 2 * NOISES, strict=True):
        update = UpdateRule(
            weight=WEIGHTS[weight],
            correction=CORRECTIONS[correction],
            momentum=momentum,
            average=average,
            perturbation=noise,
        )
        for step in (STEPS["number"], STEPS["decaying"]):
            seen = assert_same(
                as_stream(stale(per_update)), problem_of("quadratic"), [100, 200, 300],
                step=step, update=update, batch_size=2,
            )  # fmt: skip
            assert seen[-1][1] is False
            assert np.isfinite(np.frombuffer(seen[-1][-1])).all()


# Ends ------------------------------------------------------------------------------------------


def three(*, algorithm=CON):
    rows = [
        Gradient(0, 0, 0, 0), Gradient(1, 0, 0, -1), Gradient(1, 1, 0, 1), Gradient(0, 1, 1, 2),
        Gradient(2, 0, 0, -1),
    ]  # fmt: skip
    return Trace.from_gradients(rows, TraceInfo(algorithm, 3, 7))


@pytest.mark.parametrize("rule", [CON, INCON])
@pytest.mark.parametrize(
    "error", [Deadlock(5, "nobody reads"), InputError([]), None], ids=["deadlock", "input", "none"]
)
def test_the_stream_ends(rule, error):
    def blocks():
        yield from as_stream(three())
        if error is not None:
            raise error

    seen = assert_same(blocks, problem_of("quadratic"), [0, 2, 3, 3, 9], step=0.1, rule=rule)
    assert [point[1] for point in seen[:2]] == [True, True]
    assert seen[2][1] == (False if error is None else repr(error))
    assert [point[1] for point in seen[3:]] == [False, False]
    assert seen[1][2][:2] == [2, 3]  # the lost are counted with the next one that is not


def test_what_else_a_stream_raises_passes_through():
    def blocks():
        yield from as_stream(three())
        raise KeyboardInterrupt

    replay = CompiledReplay(blocks(), problem_of("quadratic"), step=0.1)
    with pytest.raises(KeyboardInterrupt):
        replay.advance(3)
    assert replay.state.updates == 3
    assert not replay.advance(3)


def test_empty_streams_and_blocks():
    problem = problem_of("quadratic")
    assert_same([], problem, [0, 1], step=0.1)
    nothing = np.zeros(0, dtype=np.int64)
    trace, info = three(), three().info
    lost = Trace.from_gradients([Gradient(0, 0, 0, -1), Gradient(1, 0, 0, -1)], info)
    empty = Trace.from_gradients([], info)
    for rule in (CON, INCON):
        blocks = [
            Block(empty, nothing, nothing, 0),
            Block(lost, np.zeros(1, dtype=np.int64), nothing, 0),
            Block(trace[:1], np.array([0, 1]), nothing, 1),
            Block(lost, np.array([0, 1]), nothing, 1),
            Block(empty, np.array([1, 0]), nothing, 1),
            Block(trace[1:3], np.array([1]), nothing, 2),
            Block(empty, np.array([1]), nothing, 2),
            Block(trace[3:], nothing, nothing, 3),
        ]
        seen = assert_same(blocks, problem, [0, 0, 1, 2, 3, 4], step=0.1, rule=rule)
        assert [point[3] for point in seen] == [3, 3, 6, 8, 9, 9]


@pytest.mark.parametrize("rule", [CON, INCON])
def test_divergence_at_the_first_update_that_is_not_finite(rule):
    trace = recorded(
        {
            "problem": {"kind": "quadratic"},
            "algorithm": {"name": CON, "step": 0.01},
            "workers": {"count": 3, "compute": {"law": "exponential", "mean": 1e-3}},
        },
        updates=40,
    )
    problem = problem_of("quadratic")
    seen = assert_same(as_stream(trace), problem, [1000, 1000], step=1e40, rule=rule)
    assert "Divergence" in seen[0][1]
    assert seen[1][1] is False
    assert 0 < seen[0][2][0] < 40
    found = np.frombuffer(seen[0][-1])
    assert not np.isfinite(found).all()


@pytest.mark.parametrize("rule", [CON, INCON])
def test_it_goes_on_from_a_state(rule):
    # One worker, so that the second half reads no version of the first.
    document = {
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": CON, "step": 0.01},
        "workers": {"count": 1, "compute": 1e-3},
    }
    trace, problem = recorded(document, updates=40), problem_of("quadratic")
    whole = CompiledReplay(as_stream(trace), problem, step=0.1, rule=rule)
    whole.advance(99)
    first = CompiledReplay(as_stream(trace[:20]), problem, step=0.1, rule=rule)
    first.advance(99)
    x = first.state.x.copy()
    kept = x.copy()
    state = State(x, *astuple(first.state)[1:])
    second = CompiledReplay(as_stream(trace[20:]), problem, step=0.1, rule=rule, state=state)
    assert second.advance(20)
    assert not second.advance(99)
    assert second.state is state
    assert state.x.tobytes() == whole.state.x.tobytes()
    assert astuple(state)[1:] == astuple(whole.state)[1:]
    assert x.tobytes() == kept.tobytes(), "what was given is left alone"


@pytest.mark.parametrize("rule", [CON, INCON])
def test_python_is_given_a_chance_now_and_then(rule, monkeypatch):
    monkeypatch.setattr("asysim.replay.compiled.executor._AT_ONCE", 1)
    assert_same(as_stream(three()), problem_of("quadratic"), [0, 2, 9], step=0.1, rule=rule)


# Memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [CON, INCON])
@pytest.mark.parametrize("block_size", [64, 10_000])
def test_nothing_is_kept_that_is_not_needed(rule, block_size):
    # One worker reads at the beginning and again only after thousands of updates of the others.
    workers = 6
    document = {
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": rule, "step": 0.01},
        "workers": {
            "count": workers,
            "compute": {"law": "exponential", "mean": 1e-3},
            "speed": [1e-3, *[1.0] * (workers - 1)],
        },
    }
    if rule == INCON:
        document["memory"] = {"read": 2e-4, "write": 3e-4}
    problem = problem_of("quadratic")
    stream = simulate(from_document(document), problem.dimension, block_size=block_size)
    replay = CompiledReplay(limited(stream, updates=9000), problem, step=0.01, rule=rule)
    replay.advance(10_000)
    assert replay.state.updates == 9000
    assert replay.state.staleness_max > 1000
    used = int(replay._planner._book[IN_ALL])
    assert used <= 4 + (workers + 2 if rule == CON else 6 * workers)


def test_a_trace_from_a_file_needs_no_compilation_of_its_own(tmp_path):
    problem = problem_of("quadratic")
    for rule, plan in ((CON, plan_consistent), (INCON, plan_inconsistent)):
        document = {
            "problem": {"kind": "quadratic"},
            "algorithm": {"name": rule, "step": 0.01},
            "workers": {"count": 3, "compute": {"law": "exponential", "mean": 1e-3}},
        }
        if rule == INCON:
            document["memory"] = {"read": 2e-4, "write": 3e-4}
        trace = recorded(document, updates=50)
        trace.save(tmp_path / "trace.parquet")
        read = Trace.load(tmp_path / "trace.parquet")
        assert_same(as_stream(trace), problem, [10, 60], step=0.1, rule=rule)
        assert_same(as_stream(read), problem, [10, 60], step=0.1, rule=rule)
        assert_same(as_stream(read[3:0]), problem, [10, 60], step=0.1, rule=rule)
        assert len(plan.signatures) == 1


# What it does not do ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        (CON, [Gradient(0, 0, 1, 0)]),
        (CON, [Gradient(0, 0, 0, 0), Gradient(0, 1, 0, 2)]),
        (CON, [Gradient(0, 0, -1, 0)]),
        (CON, [Gradient(0, 0, 3, 5)]),
        (INCON, [Gradient(0, 0, 3, 5, hi=7)]),
        (INCON, [Gradient(0, 0, 0, 0, hi=7, seen=(Seen(0, 0, 7),))]),
        (INCON, [Gradient(0, 0, 5, 5, hi=7, seen=(Seen(3, 0, 7),))]),
        (INCON, [Gradient(0, 0, 5, 5, hi=7, seen=(Seen(6, 0, 7),))]),
    ],
)
def test_rows_that_no_schedule_could_have_made(rule, rows):
    trace = Trace.from_gradients(rows, TraceInfo(rule, 1, 7))
    replay = CompiledReplay(as_stream(trace), problem_of("quadratic"), step=0.1, rule=rule)
    with pytest.raises(ValueError, match=f"row {len(rows) - 1}"):
        replay.advance(10)
    assert not replay.advance(10)


class Own:
    def at(self, _update):
        return 0.1

    def weight(self, _staleness, _step):
        return 1.0

    def correct(self, gradient, x, x_read):
        pass


class Derived(Inverse):
    pass


class Unknown:
    dimension, words = 3, 0


def test_what_suits():
    plain, problem = Quadratic(np.ones(LARGEST)), problem_of("quadratic")
    for known in (plain, CompiledProblem(plain), problem):
        assert suits(known, step=0.1)
    assert not suits(Quadratic(np.ones(LARGEST + 1)), step=0.1)
    assert not suits(Unknown(), step=0.1)
    for step in (0.1, 1, np.float64(0.1), Constant(0.1), Decaying(0.1)):
        assert suits(problem, step=step)
    assert not suits(problem, step=Own())
    assert not suits(problem, step=0.1, seed=2**64)
    whole = UpdateRule(weight=Inverse(), correction=GapAware(), momentum=0.9, average=True)
    assert suits(problem, whole, step=0.1)
    for update in (
        UpdateRule(weight=Own()), UpdateRule(correction=Own()), UpdateRule(weight=Derived()),
    ):  # fmt: skip
        assert not suits(problem, update, step=0.1)
        with pytest.raises(ValueError, match="suits"):
            CompiledReplay(iter(()), problem, step=0.1, update=update)


def test_parts_that_need_a_server_are_refused_without_one():
    with pytest.raises(InputError, match="left out"):
        CompiledReplay(
            iter(()), problem_of("quadratic"), step=0.1, update=UpdateRule(momentum=0.5), rule=INCON
        )


def test_a_rule_with_a_memory_can_be_used_again():
    document = {
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": CON, "step": 0.01},
        "workers": {"count": 4, "compute": {"law": "exponential", "mean": 1e-3}},
    }
    trace, problem = recorded(document, updates=40), problem_of("quadratic")
    for correction in (GapAware(0.9), AdaptiveDelayCompensation(0.3)):
        arguments = {"step": 0.1, "update": UpdateRule(correction=correction)}
        once = assert_same(as_stream(trace), problem, [99], **arguments)
        assert once == assert_same(as_stream(trace), problem, [99], **arguments)
        # What it remembers from before is where it begins.
        x = np.linspace(1.0, 2.0, problem.dimension)
        correction.correct(x.copy(), x, 0.5 * x)
        if isinstance(correction, GapAware):
            correction.stepped(x, 0.2)
        assert once != assert_same(as_stream(trace), problem, [99], **arguments)
