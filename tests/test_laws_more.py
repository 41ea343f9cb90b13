"""Laws made of parts and of the batch's size; infinite means; laws as a scenario tells them."""

from __future__ import annotations

import math

import jsonschema
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from asysim.laws import (
    ComputeLaw,
    Constant,
    Exponential,
    Law,
    Scaled,
    Uniform,
    finite_mean,
    for_batch,
)
from asysim.laws.distribution import cdf, quantiles
from asysim.random.streams import Purpose, WordSource, uniforms
from asysim.scenario import json_schema, parse, to_document, to_toml
from tests.support import CON, only_fault

LAW, COMPUTE = TypeAdapter(Law), TypeAdapter(ComputeLaw)
GAMMA = {"law": "gamma", "mean": 2.0, "cv": 0.5}
MIXED = {
    "law": "mixture",
    "weights": [3, 1],
    "laws": [GAMMA, {"law": "exponential", "mean": 9.0, "shift": 1.0}],
}
NESTED = {"law": "mixture", "weights": [0.5, 0.5], "laws": [MIXED, GAMMA]}
SHARES = np.array([1e-3, 0.25, 0.5, 0.9, 0.999])


def balanced(cv):
    """Return p and both means of the two phases of mean 1, straight from the moments."""
    p = (1 + math.sqrt((cv**2 - 1) / (cv**2 + 1))) / 2
    return p, 1 / (2 * p), 1 / (2 * (1 - p))


def drawn(law, count=20_000):
    return law.quantile(uniforms(WordSource(5).words(Purpose.COMPUTE, 3, 0, count)))


def mixed_cdf(*parts):
    return lambda t: sum(weight * known.cdf(t) for weight, known in parts)


P, SHORT, LONG = balanced(3.0)
_GAMMA, _LATE = stats.gamma(4, scale=0.5), stats.expon(loc=1, scale=8)
# What a scenario says; P(time ≤ t), mean and standard deviation by other means.
PARTS = {
    "two phases": (
        {"law": "hyperexponential", "mean": 1.0, "cv": 3.0},
        mixed_cdf((P, stats.expon(scale=SHORT)), (1 - P, stats.expon(scale=LONG))),
        1.0,
        3.0,
    ),
    "given phases": (
        {"law": "hyperexponential", "weights": [2, 1, 1], "means": [1.0, 2.0, 8.0]},
        mixed_cdf(*((w, stats.expon(scale=m)) for w, m in ((0.5, 1), (0.25, 2), (0.25, 8)))),
        3.0,
        math.sqrt(2 * (0.5 * 1 + 0.25 * 4 + 0.25 * 64) - 9),
    ),
    "mixture": (
        MIXED,
        mixed_cdf((0.75, _GAMMA), (0.25, _LATE)),
        3.75,
        math.sqrt(0.75 * (1 + 4) + 0.25 * (64 + 81) - 3.75**2),
    ),
    "nested": (
        NESTED,
        mixed_cdf((0.875, _GAMMA), (0.125, _LATE)),
        2.875,
        math.sqrt(0.875 * (1 + 4) + 0.125 * (64 + 81) - 2.875**2),
    ),
}
every_kind = pytest.mark.parametrize(
    ("text", "known", "mean", "std"), PARTS.values(), ids=PARTS.keys()
)


@every_kind
def test_draws_moments_and_quantiles_of_a_law_with_parts(text, known, mean, std):
    law = LAW.validate_python(text)
    assert (law.mean, law.std) == (pytest.approx(mean, rel=1e-12), pytest.approx(std, rel=1e-12))
    # By chance 1 seed of 1,000 would fail here, and 1 of 10^6 below; this one does not.
    assert stats.kstest(drawn(law), known).pvalue > 1e-3
    assert abs(drawn(law).mean() - mean) < 5 * std / math.sqrt(20_000)
    np.testing.assert_allclose(known(quantiles(law, SHARES)), SHARES, rtol=1e-9)
    at = np.geomspace(1e-3, 50, 99)
    np.testing.assert_allclose(cdf(law, at), known(at), rtol=0, atol=1e-12)


@pytest.mark.parametrize("text", [text for text, *_ in PARTS.values()], ids=PARTS.keys())
def test_a_law_with_parts_draws_number_by_number(text):
    law = LAW.validate_python(text)
    units = np.concatenate([[2.0**-53, 1 - 2.0**-53], np.linspace(1e-6, 1 - 1e-6, 501)])
    whole = law.quantile(units)
    assert np.isfinite(whole).all()
    assert (whole >= 0).all()
    np.testing.assert_array_equal(whole[7:99], law.quantile(units[7:99]))
    np.testing.assert_array_equal(whole[3], law.quantile(units[3:4])[0])
    assert law.quantile(np.full((2, 3), 0.5)).shape == (2, 3)
    assert law.quantile(np.zeros(0)).shape == (0,)


def test_the_first_number_of_a_part_does_not_end_up_outside_it():
    # 0.75 is exactly where the second law begins: its own number would be 0.
    edge = LAW.validate_python(MIXED).quantile(np.array([np.nextafter(0.75, 0), 0.75]))
    assert np.isfinite(edge).all()
    assert edge[1] == pytest.approx(1.0)


def test_a_mixture_of_numbers_has_their_weights():
    law = LAW.validate_python({"law": "mixture", "weights": [0.2, 0.3, 0.5], "laws": [3, 1, 3]})
    values, counts = np.unique(law.quantile((np.arange(1000) + 0.5) / 1000), return_counts=True)
    assert (values.tolist(), counts.tolist()) == ([1.0, 3.0], [300, 700])
    assert cdf(law, np.array([0.9, 1.0, 2.9, 3.0])).tolist() == pytest.approx([0, 0.3, 0.3, 1])
    assert quantiles(law, np.array([0.1, 0.29, 0.31, 0.9])).tolist() == [1, 1, 3, 3]


def test_a_hyperexponential_of_large_cv_keeps_its_mean():
    law = LAW.validate_python({"law": "hyperexponential", "mean": 2.0, "cv": 1e7})
    halves = [weight * phase.mean for weight, phase in law.parts]
    assert halves == pytest.approx([1.0, 1.0], rel=1e-12)
    assert law.std == pytest.approx(2e7, rel=1e-9)


def test_a_mixture_with_a_meanless_part_has_no_mean():
    law = LAW.validate_python(
        {
            "law": "mixture",
            "weights": [9, 1],
            "laws": [1, {"law": "pareto", "least": 1, "alpha": 1}],
        }
    )
    assert (law.mean, law.std) == (math.inf, math.inf)


# The size of a batch


def test_a_batch_takes_its_fixed_part_and_so_much_a_sample():
    law = COMPUTE.validate_python({"law": "batch", "fixed": 1, "per_sample": 0.25})
    assert for_batch(law, 8) == Constant(value=3.0)
    noisy = COMPUTE.validate_python(
        {"law": "batch", "fixed": 1, "per_sample": 0.25, "noise": GAMMA}
    )
    found = for_batch(noisy, 8)
    assert isinstance(found, Scaled)
    assert (found.mean, found.std) == (6.0, 3.0)
    units = np.linspace(0.01, 0.99, 9)
    np.testing.assert_array_equal(
        found.quantile(units), 3.0 * LAW.validate_python(GAMMA).quantile(units)
    )


def test_a_batch_without_noise_or_time_is_a_constant():
    no_time = {"law": "batch", "fixed": 0, "per_sample": 0}
    for noise in ({}, {"noise": 2}, {"noise": {"law": "pareto", "least": 1, "alpha": 0.5}}):
        assert for_batch(COMPUTE.validate_python(no_time | noise), 3) == Constant(value=0.0)
    law = COMPUTE.validate_python({"law": "batch", "fixed": 0, "per_sample": 2, "noise": 1.5})
    assert for_batch(law, 3) == Constant(value=9.0)


def test_a_batch_has_no_mean_before_its_size_is_known():
    law = COMPUTE.validate_python({"law": "batch", "fixed": 1, "per_sample": 1})
    assert not hasattr(law, "mean")
    assert not hasattr(law, "quantile")


def test_noise_with_parts_keeps_its_true_quantiles():
    text = {"law": "batch", "fixed": 2, "per_sample": 0, "noise": MIXED}
    twice, once = for_batch(COMPUTE.validate_python(text), 1), LAW.validate_python(MIXED)
    np.testing.assert_allclose(quantiles(twice, SHARES), 2 * quantiles(once, SHARES), 1e-12)


def test_the_size_of_a_batch_changes_no_other_law():
    mine = Uniform(law="uniform", low=1, high=2)
    assert for_batch(mine, 9) is mine


def test_a_batch_is_written_and_read_back():
    for text in (
        {"law": "batch", "fixed": 1.0, "per_sample": 2.0},
        {"law": "batch", "fixed": 1.0, "per_sample": 2.0, "noise": GAMMA},
        {"law": "batch", "fixed": 1.0, "per_sample": 2.0, "noise": 1.5},
    ):
        law = COMPUTE.validate_python(text)
        assert COMPUTE.dump_python(law, mode="json", exclude_none=True) == text
        assert COMPUTE.validate_json(COMPUTE.dump_json(law)) == law


def test_a_batch_is_no_law_of_a_message():
    with pytest.raises(ValidationError):
        LAW.validate_python({"law": "batch", "fixed": 1, "per_sample": 1})
    change = "network.pull={law = 'batch', fixed = 1, per_sample = 1}"
    fault = only_fault(parse, CON, change)
    assert fault.key == "network.pull.law"
    assert '"batch" is for workers.compute alone' in fault.expected


# Means


def test_a_mean_that_has_to_be_finite():
    assert finite_mean(Exponential(law="exponential", mean=3), "workers.compute", "why") == 3
    law = LAW.validate_python({"law": "pareto", "least": 1.0, "alpha": 0.5})
    fault = only_fault(finite_mean, law, "workers.compute", "throughput is 1 / mean")
    assert fault.key == "workers.compute"
    assert fault.found == ('{law = "pareto", least = 1.0, alpha = 0.5}, whose mean is infinite')
    assert fault.expected == "should have a finite mean: throughput is 1 / mean"


def test_a_law_of_ones_own_has_a_finite_mean_too():
    class Mine:
        mean = math.inf

        def __repr__(self):
            return "Mine()"

        def quantile(self, uniform):
            return uniform

    assert only_fault(finite_mean, Mine(), "k", "w").found == "Mine(), whose mean is infinite"


# Scenario files

WRITTEN = [
    {"law": "erlang", "mean": 2.0, "stages": 3},
    {"law": "weibull", "mean": 2.0, "shape": 0.5},
    {"law": "pareto", "mean": 2.0, "alpha": 1.5},
    {"law": "pareto", "least": 2.0, "alpha": 0.5},
    {"law": "hyperexponential", "mean": 2.0, "cv": 1.5},
    {"law": "hyperexponential", "weights": [1.0, 2.0], "means": [1.0, 2.0]},
    {"law": "empirical", "values": [1.0, 0.0, 2.0]},
    {"law": "mixture", "weights": [1.0, 2.0], "laws": [0.5, GAMMA]},
    NESTED,
]


@pytest.mark.parametrize("text", WRITTEN, ids=lambda text: " ".join(text))
def test_what_is_written_to_a_scenario_is_read_back(text):
    first = parse(CON, f"workers.compute={inline(text)}")
    law = first.workers.compute
    assert np.isfinite(law.quantile(SHARES)).all()
    assert parse(to_toml(first)) == first
    assert to_toml(parse(to_toml(first))) == to_toml(first)
    document = to_document(first)
    written = document["workers"]["compute"]
    assert LAW.validate_python(written) == law
    assert written.keys() == text.keys()
    jsonschema.Draft202012Validator(json_schema()).validate(document)


def inline(value):
    """Write a law on one line of TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


WRONG = [
    # the law, the key that is named, what is said to stand there, what would be right
    ("law='pareto', mean=1, alpha=1", "alpha", "1", "should be > 1 beside mean: at 1 and below th"),
    ("law='pareto', mean=1, alpha=0.5", "alpha", "0.5", "give least"),
    ("law='pareto', mean=1, least=1, alpha=2", "least", "1", "should not stand beside mean"),
    ("law='pareto', alpha=2", "mean", "nothing", "or give least"),
    ("law='pareto', least=0, alpha=2", "least", "0", "should be > 0"),
    ("law='pareto', leest=1, alpha=2", "leest", "1", "did you mean least?"),
    ("law='erlang', mean=1, stages=0", "stages", "0", "should be ≥ 1"),
    ("law='erlang', mean=1, stages=1.5", "stages", "1.5", "should be a whole number"),
    ("law='weibull', mean=1, shape=0", "shape", "0", "should be > 0"),
    ("law='weibull', shape=1", "mean", "nothing", "is required: mean duration in seconds"),
    ("law='hyperexponential', mean=1, cv=1", "cv", "1", "should be > 1"),
    ("law='hyperexponential', mean=1", "cv", "nothing", "is required: standard deviation / mean"),
    ("law='hyperexponential'", "mean", "nothing", "or give weights and means"),
    ("law='hyperexponential', weights=[1]", "means", "nothing", "is required: mean of each phase"),
    ("law='hyperexponential', mean=1, cv=2, means=[1]", "means", "[1]", "not stand beside mean"),
    ("law='hyperexponential', weights=[1, 0], means=[1, 2]", "weights.1", "0", "should be > 0"),
    ("law='hyperexponential', weights=[1], means=[1, 2]", "means", "[1, 2]", "weights, 1, not 2"),
    (
        "law='mixture', weights=[1], laws=[1, 2]",
        "laws",
        "[1, 2]",
        "as many as there are weights, 1",
    ),
    ("law='mixture', weights=[], laws=[1]", "weights", "[]", "should be a list of at least 1"),
    ("law='mixture', weights=[-1], laws=[2]", "weights.0", "-1", "should be > 0"),
    (
        "law='mixture', weights=[1], laws=['x']",
        "laws.0",
        '"x"',
        "should be a number, or a law such",
    ),
    ("law='mixture', weights=[1], laws=[{law='gama'}]", "laws.0.law", '"gama"', 'mean "gamma"?'),
    (
        "law='mixture', weights=[1], laws=[{law='gamma', mean=1, cv=0}]",
        "laws.0.cv",
        "0",
        "should be > 0",
    ),
    (
        "law='mixture', weights=[1], laws=[{law='pareto', mean=1, alpha=1}]",
        "laws.0.alpha",
        "1",
        "should be > 1 beside mean",
    ),
    ("law='empirical'", "values", "nothing", "is required: durations in seconds; or give file"),
    ("law='empirical', values=[]", "values", "[]", "should be a list of at least 1"),
    ("law='empirical', values=[1, -2]", "values.1", "-2", "should be ≥ 0"),
    ("law='empirical', values=[1], file='a'", "file", '"a"', "should not stand beside values"),
    ("law='empirical', values=[1], column='a'", "column", '"a"', "it belongs to file"),
    ("law='empirical', file=3", "file", "3", 'should be text in "quotes"'),
]


@pytest.mark.parametrize(("law", "key", "found", "expected"), WRONG)
def test_what_is_wrong_with_a_law_of_a_scenario(law, key, found, expected):
    fault = only_fault(parse, CON, f"workers.compute={{{law}}}")
    assert (fault.key, fault.found) == (f"workers.compute.{key}", found)
    assert expected in fault.expected
