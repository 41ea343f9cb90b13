"""`asysim laws`: a law's numbers beside those of its draws, and its picture."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from pydantic import TypeAdapter

from asysim.laws import ComputeLaw
from asysim.random.streams import Purpose, WordSource, uniforms
from asysim.show.law_picture import law_picture
from asysim.show.laws import LawSheet
from tests.support import CON, INCON, command

WEIBULL = '{law = "weibull", mean = 1e-3, shape = 0.6}'
LAW = TypeAdapter(ComputeLaw)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(CON.replace("step = 0.02", "step = 0.02\nbatch_size = 4"))
    (tmp_path / "times.txt").write_text("0.5\n0.25\n")
    return tmp_path


def told(*words):
    said = command("laws", *words, "--json")
    assert (said.code, said.err) == (0, "")
    assert said.out.count("\n") == 1
    return json.loads(said.out)


def refused(*words):
    said = command("laws", *words)
    assert (said.code, said.out) == (2, "")
    assert "Traceback" not in said.err
    return said.err


def sheet(text, **options):
    return LawSheet(LAW.validate_python(text), **options)


def test_the_table_has_the_law_beside_its_draws(here):
    said = command("laws", WEIBULL)
    assert (said.code, said.err) == (0, "")
    title, about, heading, *rows, last = said.out.splitlines()
    assert title == '{law = "weibull", mean = 0.001, shape = 0.6}'
    assert about.startswith("Weibull with the given mean")
    assert heading.split() == ["law", "100,000", "draws"]
    names = [re.split(r"  +", row.strip())[0] for row in rows]
    assert names == ["mean", "standard deviation", "median", "90 %", "99 %", "99.9 %"]
    assert re.split(r"  +", rows[0].strip())[1] == "1 ms"
    assert re.split(r"  +", rows[2].strip())[1] == "360.8 µs"
    assert last == "picture: law.png"
    assert (here / "law.png").read_bytes().startswith(b"\x89PNG")


def test_json_has_the_same_numbers_and_names_every_draw():
    found = told(WEIBULL, "--draws", "1000", "--seed", "7", "--out", "w.svg")
    assert (found["draws"], found["seed"], found["picture"]) == (1000, 7, "w.svg")
    assert found["law"] == {"law": "weibull", "mean": 1e-3, "shape": 0.6}
    assert found["seconds"]["mean"] == 1e-3
    law = LAW.validate_python(found["law"])
    assert found["seconds"]["90%"] == pytest.approx(law.quantile(np.array([0.9]))[0])
    drawn = law.quantile(uniforms(WordSource(7).words(Purpose.COMPUTE, 0, 0, 1000)))
    assert found["seconds_of_draws"]["mean"] == pytest.approx(drawn.mean())
    assert found["seconds_of_draws"]["standard_deviation"] == pytest.approx(drawn.std())
    assert found["seconds_of_draws"]["median"] in drawn
    eight, nine = (told(WEIBULL, "--seed", seed)["seconds_of_draws"] for seed in ("8", "9"))
    assert eight["mean"] != nine["mean"]


@pytest.mark.parametrize(
    ("law", "finite", "warning"),
    [
        ('{law = "pareto", least = 1, alpha = 0.8}', set(), "The mean is infinite"),
        ('{law = "pareto", mean = 1, alpha = 1.5}', {"mean"}, "standard deviation is infinite"),
        ('{law = "pareto", mean = 1, alpha = 3}', {"mean", "standard_deviation"}, ""),
    ],
)
def test_heavy_tails_are_told(law, finite, warning):
    found = told(law)
    seconds = found["seconds"]
    assert {key for key in ("mean", "standard_deviation") if seconds[key] is not None} == finite
    assert warning in found["warning"]
    assert bool(warning) == bool(found["warning"])
    text = command("laws", law).out
    assert text.count("infinite  ") == 2 - len(finite)
    assert not warning or found["warning"] in text
    # An error of a mean is only given where there is one.
    assert ("±" in text) == (not warning)


@pytest.mark.parametrize(
    ("law", "median"),
    [
        ({"law": "mixture", "weights": [3, 1], "laws": [5, 1]}, 5),
        ({"law": "empirical", "values": [1, 2, 3, 4]}, 2),
        ({"law": "hyperexponential", "weights": [1, 1], "means": [3, 3]}, 3 * np.log(2)),
    ],
)
def test_a_median_is_the_laws_though_quantiles_may_not_rise(law, median):
    said = {what: by_law for what, by_law, _ in sheet(law, count=100).rows}
    assert said["median"] == pytest.approx(median)


def test_a_law_of_a_scenario_and_its_batch(here):
    assert told("s.toml")["law"] == {"law": "gamma", "mean": 1e-3, "cv": 0.3}
    assert told("s.toml", "network.pull")["law"] == 5e-5
    mixture = "{law='mixture', weights=[1, 1], laws=[1, {law='gamma', mean=2, cv=1}]}"
    (here / "m.toml").write_text(re.sub("service = .*", f"service = {mixture}", CON))
    assert told("m.toml", "server.service.laws.1")["law"]["mean"] == 2
    batch = '{law = "batch", fixed = 1, per_sample = 0.5}'
    assert told(batch)["seconds"]["mean"] == 1.5
    found = told(batch, "--batch-size", "6")
    assert (found["batch_size"], found["seconds"]["mean"]) == (6, 4.0)
    assert command("laws", batch).out.startswith(
        '{law = "batch", fixed = 1.0, per_sample = 0.5}, M = 1\n'
    )
    assert told("s.toml")["batch_size"] == 4


def test_files_of_a_typed_law_start_from_here():
    assert told('{law = "empirical", file = "times.txt"}')["seconds"]["mean"] == 0.375


@pytest.mark.parametrize(
    ("words", "key", "expected"),
    [
        (["fast"], "LAW", "should be a number of seconds, a law in TOML such as"),
        (["1\nb = 2"], "LAW", "should be a number of seconds"),
        (['"x"'], "LAW", "should be a number, or a law"),
        (["{}"], "LAW.law", "is required"),
        (['{law = "weibul", mean = 1}'], "LAW.law", 'did you mean "weibull"?'),
        (['{law = "pareto", mean = 1, alpha = 1}'], "LAW.alpha", "should be > 1 beside mean"),
        (['{law = "empirical", file = "no.txt"}'], "LAW.file", "no such file"),
        (["1", "network.pull"], "network.pull", "is no scenario file"),
        (["1", "--draws", "0"], "--draws", "from 1 to 10000000"),
        (["1", "--batch-size", "0"], "--batch-size", "from 1 to"),
        (["1", "--seed", "-1"], "--seed", "from 0 to"),
        (["1", "--out", "law.xyz"], "--out", "a name that ends in .png"),
    ],
)
def test_what_is_refused(words, key, expected):
    text = refused(*words)
    assert text.splitlines()[0] == f"error command line: {key}"
    assert expected in text


def test_what_is_refused_of_a_scenario(here):
    assert "error none.toml: scenario" in refused("none.toml")
    text = refused("s.toml", "workers.count")
    assert text.splitlines()[:2] == ["error s.toml: workers.count", "  found 3"]
    assert "workers.compute or network.pull or network.push or server.service" in text
    assert "found nothing" in refused("s.toml", "workers.compute.laws.0")
    (here / "i.toml").write_text(INCON)
    assert "memory.read or memory.write" in refused("i.toml", "network.pull")
    (here / "law.png").mkdir()
    assert "is a directory" in refused("1")


MEANLESS = {"law": "pareto", "least": 1e-3, "alpha": 0.8}
NO_TIME = [0, {"law": "empirical", "values": [0, 0, 0, 0]}]
PICTURED = [
    *NO_TIME,
    2e-3,
    {"law": "exponential", "mean": 1e-3},
    {"law": "uniform", "low": 1.0, "high": 2.0},
    {"law": "gamma", "mean": 1.0, "cv": 0.01},
    {"law": "weibull", "mean": 1.0, "shape": 0.1},
    MEANLESS,
    {"law": "pareto", "least": 1e-3, "alpha": 0.01},
    {"law": "hyperexponential", "mean": 1.0, "cv": 4.0},
    {"law": "empirical", "values": [0, 0, 1, 2]},
    {"law": "mixture", "weights": [9, 1], "laws": [1, {"law": "uniform", "low": 0, "high": 2}]},
    {"law": "batch", "fixed": 1, "per_sample": 1, "noise": {"law": "gamma", "mean": 1, "cv": 1}},
]


@pytest.mark.parametrize(
    ("text", "count"), [*((text, 1000) for text in PICTURED), (0, 1), (MEANLESS, 1)], ids=str
)
def test_every_law_has_a_picture_with_units(text, count):
    picture = law_picture(sheet(text, count=count))
    assert picture._repr_png_().startswith(b"\x89PNG")
    for axes in picture.axes:
        assert re.fullmatch(r"time \$t\$ in (seconds|(milli|micro|nano)seconds)", axes.get_xlabel())
        assert axes.get_ylabel()
    labels = [text.get_text() for text in picture.axes[0].get_legend().get_texts()]
    assert [label.split()[0] for label in labels] == ["draws", "law", "median", "mean"]


@pytest.mark.parametrize("text", [text for text in PICTURED if text not in NO_TIME], ids=str)
def test_bars_and_points_are_the_draws_and_lines_the_law(text):
    spread, tail = law_picture(sheet(text, count=4000)).axes
    draws, law = (step.get_data().values for step in spread.patches)
    assert law.sum() > 0.95 or spread.get_xscale() == "log"
    # A share of 4,000 draws is off by five standard errors once in 10^6, here of 60 bins or so.
    assert (np.abs(draws - law) < 5 * np.sqrt((law + 1e-3) / 4000)).all()
    line, points = tail.lines[:2]
    assert np.interp(line.get_xdata()[-1], *line.get_data()) < 1e-3
    assert (np.diff(line.get_ydata()) <= 0).all()
    assert points.get_ydata().min() == 1 / 4000


def test_a_mean_beyond_the_picture_or_beyond_all_is_still_told():
    far = {"law": "mixture", "weights": [1e6, 1], "laws": [1e-3, 1e6]}
    for text, label in ((far, "mean 1.001 s, far right"), (MEANLESS, "mean infinite")):
        legend = law_picture(sheet(text, count=100)).axes[0].get_legend()
        assert label in [entry.get_text() for entry in legend.get_texts()]
