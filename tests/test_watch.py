"""A watched replay stops at the very update at which x first passes a radius, in any arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.problems import Quadratic
from asysim.problems.compiled import CompiledProblem
from asysim.replay import State, replay
from asysim.replay.compiled import CompiledReplay
from asysim.replay.executor import StepByStep
from asysim.replay.watch import Watch
from asysim.scenario.load import from_document
from asysim.schedule import simulate
from asysim.trace.stream import limited
from tests.oracle import iterates
from tests.strategies import con_documents, incon_documents

N = 7
PROBLEM = CompiledProblem(Quadratic(np.linspace(-0.2, 0.5, N), noise=0.3, start=0.1))
CENTER = np.linspace(0, 0.1, N)


def compiled(stream, **arguments):
    return CompiledReplay(stream, PROBLEM, **arguments)


def step_by_step(stream, **arguments):
    state = State(PROBLEM.start())
    return StepByStep(replay(stream, PROBLEM, state=state, **arguments), state)


@settings(max_examples=30, deadline=None)
@given(
    document=con_documents() | incon_documents(),
    radius=st.floats(0.1, 1.5),
    outside=st.booleans(),
    size=st.integers(1, 40),
)
@pytest.mark.parametrize("make", [compiled, step_by_step])
def test_a_watch_ends_where_the_iterates_first_meet_it(make, document, radius, outside, size):
    scenario = from_document(document)

    def stream():
        return limited(simulate(scenario, N, block_size=size), updates=60)

    arguments = {"step": 0.4, "seed": 7, "rule": scenario.algorithm.name}
    xs = iterates(stream(), PROBLEM, **arguments)
    far = [float(np.linalg.norm(x - CENTER)) for x in xs]
    met = [(distance > radius) == outside for distance in far]
    first = met.index(True) if True in met else len(xs) - 1
    replaying = make(stream(), **arguments)
    watch = Watch(CENTER, radius, outside)
    # In stretches too, as a run that is looked after goes on.
    for until in (min(first, 5), first, 60):
        replaying.advance(until, watch)
    assert replaying.state.updates == first
    np.testing.assert_array_equal(replaying.state.x, xs[first])
    assert watch.met(replaying.state.x) == (True in met)
    # It can be gone on with, to the same iterates, as if nobody had looked.
    replaying.advance(60)
    np.testing.assert_array_equal(replaying.state.x, xs[-1])
