"""Every time law is the law it says: quantiles, moments and draws against scipy.stats."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from asysim.laws import Constant, Law
from asysim.random.streams import Purpose, WordSource, uniforms

LAW = TypeAdapter(Law)


def lognormal(mean, cv):
    spread = math.log1p(cv**2)
    return stats.lognorm(s=math.sqrt(spread), scale=mean * math.exp(-spread / 2))


def weibull(mean, shape):
    return stats.weibull_min(shape, scale=mean / math.gamma(1 + 1 / shape))


# What a scenario says, and scipy's own idea of that law.
KNOWN = {
    "uniform": ({"law": "uniform", "low": 1e-3, "high": 3e-3}, stats.uniform(1e-3, 2e-3)),
    "exponential": ({"law": "exponential", "mean": 2e-3}, stats.expon(scale=2e-3)),
    "shifted": (
        {"law": "exponential", "mean": 2e-3, "shift": 5e-4},
        stats.expon(loc=5e-4, scale=1.5e-3),
    ),
    "gamma": ({"law": "gamma", "mean": 2.0, "cv": 0.3}, stats.gamma(1 / 0.09, scale=0.18)),
    "wide gamma": ({"law": "gamma", "mean": 2.0, "cv": 2}, stats.gamma(0.25, scale=8)),
    "lognormal": ({"law": "lognormal", "mean": 5.0, "cv": 0.7}, lognormal(5.0, 0.7)),
    "pareto": ({"law": "pareto", "mean": 3.0, "alpha": 2.5}, stats.pareto(2.5, scale=1.8)),
    "heavy": ({"law": "pareto", "mean": 3.0, "alpha": 1.5}, stats.pareto(1.5, scale=1.0)),
    "pareto by least": ({"law": "pareto", "least": 2.0, "alpha": 3.0}, stats.pareto(3, scale=2)),
    "meanless": ({"law": "pareto", "least": 2e-3, "alpha": 0.8}, stats.pareto(0.8, scale=2e-3)),
    "erlang": ({"law": "erlang", "mean": 2.0, "stages": 5}, stats.gamma(5, scale=0.4)),
    "erlang of one": ({"law": "erlang", "mean": 2.0, "stages": 1}, stats.expon(scale=2)),
    "weibull": ({"law": "weibull", "mean": 1e-3, "shape": 0.6}, weibull(1e-3, 0.6)),
    "steep weibull": ({"law": "weibull", "mean": 2.0, "shape": 3}, weibull(2.0, 3)),
}
UNITS = np.concatenate([[2.0**-53, 1e-9], np.linspace(1e-4, 1 - 1e-4, 999), [1 - 2.0**-53]])

every_law = pytest.mark.parametrize(("text", "known"), KNOWN.values(), ids=KNOWN.keys())


@every_law
def test_quantiles_are_the_laws(text, known):
    np.testing.assert_allclose(LAW.validate_python(text).quantile(UNITS), known.ppf(UNITS), 1e-8)


@every_law
def test_mean_is_the_laws(text, known):
    assert LAW.validate_python(text).mean == pytest.approx(known.mean(), rel=1e-12)


@every_law
def test_standard_deviation_is_the_laws(text, known):
    law = LAW.validate_python(text)
    heavy = text["law"] == "pareto" and text["alpha"] <= 2
    assert law.std == (math.inf if heavy else pytest.approx(known.std(), rel=1e-9))


@every_law
def test_coefficient_of_variation_is_the_laws(text, known):
    if "cv" in text:
        assert known.std() / known.mean() == pytest.approx(text["cv"], rel=1e-12)
        at = (np.arange(200_000) + 0.5) / 200_000
        drawn = LAW.validate_python(text).quantile(at)
        assert drawn.std() / drawn.mean() == pytest.approx(text["cv"], rel=0.01)


@every_law
def test_quantiles_are_finite_positive_and_rise(text, known):
    values = LAW.validate_python(text).quantile(UNITS)
    assert values.shape == UNITS.shape
    assert np.isfinite(values).all()
    assert (values >= known.support()[0] * (1 - 1e-12)).all()
    assert (np.diff(values) >= 0).all()
    assert values[-1] > values[0]


@every_law
def test_named_words_are_drawn_from_the_law(text, known):
    # Kolmogorov and Smirnov: the seed is fixed, so this can't fail by chance twice.
    words = WordSource(5).words(Purpose.COMPUTE, 3, 0, 20_000)
    drawn = LAW.validate_python(text).quantile(uniforms(words))
    assert stats.kstest(drawn, known.cdf).pvalue > 1e-3
    if LAW.validate_python(text).std < np.inf:
        # Five standard errors.
        assert abs(drawn.mean() - known.mean()) < 5 * known.std() / math.sqrt(len(drawn))


@every_law
def test_quantiles_of_one_and_of_none_and_of_a_table(text, known):
    law = LAW.validate_python(text)
    assert law.quantile(np.array([0.5]))[0] == pytest.approx(known.median())
    assert law.quantile(np.zeros(0)).shape == (0,)
    assert law.quantile(np.full((2, 3), 0.5)).shape == (2, 3)


@every_law
def test_what_is_written_is_read_back(text, known):
    law = LAW.validate_python(text)
    written = LAW.dump_python(law, mode="json")
    assert LAW.validate_python(written) == law
    assert written | text == written
    assert known.support()[0] >= 0


def test_twice_the_mean_is_twice_each_draw():
    # Common random numbers: the same words give coupled times.
    for rest in (
        {"law": "gamma", "cv": 0.8},
        {"law": "lognormal", "cv": 0.8},
        {"law": "erlang", "stages": 3},
        {"law": "weibull", "shape": 0.7},
        {"law": "pareto", "alpha": 1.2},
        {"law": "hyperexponential", "cv": 3.0},
    ):
        one, two = (LAW.validate_python(rest | {"mean": mean}) for mean in (1.0, 2.0))
        np.testing.assert_allclose(two.quantile(UNITS), 2 * one.quantile(UNITS))


def test_gamma_of_cv_1_is_exponential():
    gamma = LAW.validate_python({"law": "gamma", "mean": 2, "cv": 1})
    exponential = LAW.validate_python({"law": "exponential", "mean": 2})
    np.testing.assert_allclose(gamma.quantile(UNITS), exponential.quantile(UNITS), 1e-8)


@pytest.mark.parametrize("value", [0, 3, 2.5, {"law": "constant", "value": 2.5}])
def test_a_number_is_a_constant(value):
    law = LAW.validate_python(value)
    assert isinstance(law, Constant)
    number = value if not isinstance(value, dict) else value["value"]
    assert law.mean == number
    assert set(law.quantile(UNITS)) == {number}
    assert LAW.dump_python(law, mode="json") == number


def test_weibull_of_shape_1_is_exponential():
    weibull = LAW.validate_python({"law": "weibull", "mean": 2, "shape": 1})
    exponential = LAW.validate_python({"law": "exponential", "mean": 2})
    np.testing.assert_allclose(weibull.quantile(UNITS), exponential.quantile(UNITS), 1e-8)


@pytest.mark.parametrize("shape", [1e-3, 5e-3, 0.02, 1e3])
def test_no_shape_of_weibull_is_beyond_a_float(shape):
    law = LAW.validate_python({"law": "weibull", "mean": 2, "shape": shape})
    assert np.isfinite(law.quantile(UNITS)).all()
    assert law.std > 0


def test_the_longest_draw_of_the_heaviest_pareto_is_a_float():
    law = LAW.validate_python({"law": "pareto", "least": 1e9, "alpha": 1e-9})
    assert np.isfinite(law.quantile(UNITS)).all()
    assert law.mean == math.inf


def test_pareto_by_its_mean_is_pareto_by_its_least():
    by_mean = LAW.validate_python({"law": "pareto", "mean": 3, "alpha": 1.5})
    by_least = LAW.validate_python({"law": "pareto", "least": 1, "alpha": 1.5})
    assert by_least.mean == 3
    np.testing.assert_allclose(by_mean.quantile(UNITS), by_least.quantile(UNITS), 1e-12)


def test_the_narrowest_uniform_is_a_constant():
    law = LAW.validate_python({"law": "uniform", "low": 2, "high": 2})
    assert set(law.quantile(UNITS)) == {2.0}


BAD = [
    -1,
    math.inf,
    math.nan,
    True,
    "fast",
    None,
    {},
    {"law": "weibull", "mean": 1},
    {"law": "constant"},
    {"law": "constant", "value": -1},
    {"law": "uniform", "low": 2, "high": 1},
    {"law": "uniform", "low": -1, "high": 1},
    {"law": "exponential", "mean": 0},
    {"law": "exponential", "mean": 1, "shift": 1},
    {"law": "exponential", "mean": 1, "shift": -1},
    {"law": "gamma", "mean": 1, "cv": 0},
    {"law": "gamma", "mean": 1},
    {"law": "lognormal", "mean": 1, "cv": math.inf},
    {"law": "pareto", "mean": 1, "alpha": 1},
    {"law": "pareto", "mean": "1", "alpha": 2},
    {"law": "gamma", "mean": 1, "cv": 1, "shape": 1},
]


@pytest.mark.parametrize("value", BAD, ids=str)
def test_what_is_no_law(value):
    with pytest.raises(ValidationError):
        LAW.validate_python(value)
