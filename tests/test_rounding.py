"""What a clock of whole nanoseconds makes of durations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from asysim.laws import Constant, Exponential, Mixture
from asysim.random.streams import Purpose, WordSource
from asysim.scenario.load import from_document
from asysim.schedule.rounding import Step, steps_of
from asysim.schedule.timing import Duration
from tests.test_expectations import document


def step_of(law, speed=1.0):
    return Step("workers.compute", Duration(law, Purpose.COMPUTE), speed)


@pytest.mark.parametrize(("seconds", "ticks"), [(1.4e-9, 1), (0.4e-9, 0), (10.6e-9, 11)])
def test_a_constant_is_rounded_to_the_tick(seconds, ticks):
    found = step_of(Constant(value=seconds))
    assert found.rounding.mean == pytest.approx(ticks * 1e-9, abs=1e-15)
    assert found.rounding.vanishing == (1 if ticks == 0 else 0)
    assert step_of(Constant(value=seconds * 4), 4.0).rounding.mean == pytest.approx(ticks * 1e-9)


@pytest.mark.parametrize("mean", [0.3, 1.0, 4.0])
def test_an_exponential_law_is_rounded_as_its_formula_says(mean):
    # P(below ½) vanishes, and Σ_n P(T > n + ½) = e^{−1/2m} / (1 − e^{−1/m}).
    rounding = step_of(Exponential(law="exponential", mean=mean * 1e-9)).rounding
    assert rounding.vanishing == pytest.approx(-math.expm1(-0.5 / mean), abs=1e-3)
    expected = math.exp(-0.5 / mean) / -math.expm1(-1 / mean) * 1e-9
    assert rounding.mean == pytest.approx(expected, rel=2e-3)


def test_what_is_rare_or_long_is_as_it_is():
    assert step_of(Constant(value=1 / 3 * 1e-3)).error == 0
    law = Mixture(law="mixture", weights=[1, 1], laws=[Constant(value=1e-10), Constant(value=1.0)])
    assert step_of(law).rounding.vanishing == 0.5
    assert step_of(law).error == 0  # beside a mean of half a second
    nothing = Mixture(law="mixture", weights=[1, 1], laws=[Constant(value=0.0)] * 2)
    assert step_of(nothing).rounding.vanishing == 0  # it was to take no time


def test_steps_are_those_that_a_schedule_draws():
    text = document(
        1e-9, 3, server={"service": 2e-9}, network={"push": 3e-9, "server_bandwidth": 1e10},
        workers={"compute": 1e-9, "groups": [{"count": 1}, {"count": 1, "speed": 3}]},
    )  # fmt: skip
    found = {step.key: step for step in steps_of(from_document(text), 6)}
    assert set(found) == {"workers.compute", "server.service", "network.push",
                          "network.server_bandwidth"}  # fmt: skip
    compute = found["workers.compute"]
    assert compute.speed == 3.0  # the fastest
    ticks = compute.duration.ticks(WordSource(1), 0, 0, 4, compute.speed)
    assert np.mean(ticks) == 0 == pytest.approx(compute.rounding.mean, abs=1e-18)
    assert found["network.server_bandwidth"].mean == pytest.approx(4.8e-9)
