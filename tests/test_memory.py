"""Shared memory whose writes slow one another down, and sweeps told by the coordinate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.replay import State, replay
from asysim.scenario.load import from_document
from asysim.trace.stream import as_stream
from tests.oracle import inconsistent_iterates
from tests.strategies import incon_documents, recorded

N = 7


def crowded(text, contention):
    """A lock-free scenario with dense writes that take time."""
    text["algorithm"] = {"name": "asysg-incon", "step": 0.01}
    text["memory"] |= {"contention": contention, "write": 2e-4}
    text["workers"]["compute"] = 1e-4
    return text


@settings(max_examples=40)
@given(incon_documents(), st.sampled_from([0.0, 0.3, 2.0]))
def test_each_write_in_progress_slows_down_one_that_begins(text, contention):
    trace = recorded(crowded(text, contention), 80, dimension=N)
    begin, end = trace.ticks[3], trace.ticks[4]
    for k in range(len(trace)):
        # Of simultaneous events, a write begins before another ends.
        others = int((end[:k] >= begin[k]).sum())
        assert end[k] - begin[k] == round(200_000 * (1 + contention * others))


@settings(max_examples=30)
@given(incon_documents())
def test_replay_under_contention_is_memory_played_by_the_clock(text):
    scenario = from_document(crowded(text, 0.5))
    problem = scenario.problem.build()
    trace = recorded(scenario, 40, dimension=N)
    state = State(problem.start())
    for _ in replay(as_stream(trace), problem, step=0.01, seed=4, rule="asysg-incon", state=state):
        pass
    versions, _ = inconsistent_iterates(trace, problem, step=0.01, batch_size=1, seed=4)
    np.testing.assert_array_equal(state.x, versions[-1])


@pytest.mark.parametrize("write", ["dense", "coordinate"])
def test_sweeps_by_the_coordinate(write):
    def sweeps(**memory):
        text = {
            "problem": {"kind": "quadratic", "dimension": N},
            "algorithm": {"name": "asysg-incon", "step": 0.01, "write": write},
            "workers": {"count": 3, "compute": {"law": "exponential", "mean": 1e-3}},
            "memory": memory,
        }
        return recorded(text, 50, dimension=N)

    whole = sweeps(read=7e-5, write=1.4e-4)
    assert sweeps(read=1e-5, write=2e-5, per_coordinate=True) == whole
