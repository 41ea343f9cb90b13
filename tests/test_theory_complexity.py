"""Time complexities of methods: which is below which, and where they are the same."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asysim.theory.complexity import ASYNCHRONOUS, OPTIMAL, SYNCHRONOUS, TIE, complexity
from asysim.theory.counts import collection_time

POSITIVE = st.floats(0.01, 100)
TIMES = st.lists(st.floats(1e-3, 10), min_size=1, max_size=8)
CONSTANTS = st.fixed_dictionaries(
    {
        "smoothness": POSITIVE, "gap": POSITIVE, "accuracy": POSITIVE,
        "variance": st.just(0.0) | POSITIVE,
    }
)  # fmt: skip


@given(times=TIMES, constants=CONSTANTS)
def test_the_lower_bound_is_below_all_and_asynchrony_below_barriers(times, constants):
    found = complexity(times, **constants)
    assert found.optimum.seconds <= found.asynchronous * (1 + 1e-12)
    assert found.asynchronous <= found.synchronous * (1 + 1e-12)
    assert OPTIMAL in found.best


@given(time=st.floats(1e-3, 10), workers=st.integers(1, 9), constants=CONSTANTS)
def test_of_equal_workers_all_methods_are_alike(time, workers, constants):
    found = complexity([time] * workers, **constants)
    assert found.asynchronous == pytest.approx(found.synchronous)
    assert found.optimum.seconds == pytest.approx(found.asynchronous)
    assert found.best == [ASYNCHRONOUS, SYNCHRONOUS, OPTIMAL]


@given(constants=CONSTANTS)
def test_who_does_not_wait_for_a_straggler(constants):
    constants["variance"] = 0.0  # then one worker is enough
    found = complexity([1.0, 1.0, 1e6], **constants)
    assert found.best == [ASYNCHRONOUS, OPTIMAL]
    assert found.optimum.workers <= 2
    # Asynchronous SGD is afraid of the many stale gradients of the slow, and takes short steps.
    many = complexity([1.0] + [1e6] * 99, **constants)
    assert many.best == [OPTIMAL]
    assert many.asynchronous == pytest.approx(100 * many.optimum.seconds, rel=1e-3)


@given(times=TIMES, constants=CONSTANTS)
def test_rennala_collects_what_the_order_says_and_not_later(times, constants):
    """With s = σ²/ε: t ≤ h_m(1 + S/m) for every m; and of m with τ_m ≤ t, t ≥ h_m and h_m s/m."""
    found = complexity(times, **constants)
    updates = constants["smoothness"] * constants["gap"] / constants["accuracy"]
    assert found.batch == max(1, math.ceil(constants["variance"] / constants["accuracy"]))
    collecting = updates * collection_time(times, found.batch)
    assert collecting <= 2 * found.optimum.seconds * (1 + 1e-6)
    assert collecting >= found.optimum.seconds / 2 * (1 - 1e-6)


@given(times=TIMES, constants=CONSTANTS, factor=st.floats(1, 10))
def test_a_round_that_lasts_longer(times, constants, factor):
    plain = complexity(times, **constants)
    longer = complexity(times, **constants, round_time=factor * max(times))
    assert longer.synchronous == pytest.approx(factor * plain.synchronous)
    assert (SYNCHRONOUS in longer.best) == (
        longer.synchronous <= TIE * min(plain.optimum.seconds, longer.synchronous)
    )


def test_what_is_out_of_range():
    fine = {"smoothness": 1.0, "gap": 1.0, "variance": 1.0, "accuracy": 0.1}
    for change, said in (
        ({"accuracy": 0.0}, "accuracy > 0"),
        ({"gap": 0.0}, "gap > 0"),
        ({"variance": -1.0}, "variance ≥ 0"),
    ):
        with pytest.raises(ValueError, match=said):
            complexity([1.0], **(fine | change))
    with pytest.raises(ValueError, match="time"):
        complexity([], **fine)
