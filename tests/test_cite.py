"""`asysim cite`: BibTeX of what a scenario uses, and of nothing else."""

import re
from typing import get_args

import pytest

import asysim
from asysim.coordination.rules import RULES
from asysim.problems import ProblemSettings
from asysim.scenario import papers, parse
from asysim.scenario.papers import bibliography, cite, papers_of
from asysim.theory.limits import ORDERS
from asysim.updates import momentum, perturbation, staleness_aware
from asysim.updates.settings import CORRECTIONS, STEPS, WEIGHTS
from tests.support import CON, ROOT, SCENARIOS, command

ENTRY = re.compile(r"@(\w+)\{([a-z]+\d*[a-z]*),\n((?:  \w+ = \{.*\},?\n)+)\}")


def parsed(text):
    """Return the fields of each entry by its key; every character has to belong to one."""
    entries = {}
    rest = text
    while match := ENTRY.match(rest):
        kind, key, body = match.groups()
        assert key not in entries, key
        entries[key] = {"": kind} | dict(re.findall(r"^  (\w+) = \{(.*)\},?$", body, re.M))
        rest = rest[match.end() :].lstrip("\n")
    assert rest == ""
    return entries


def balanced(text):
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def test_every_entry_is_whole():
    entries = bibliography()
    assert parsed("\n\n".join(entries.values()) + "\n").keys() == entries.keys()
    for key, fields in parsed("\n".join(entries.values()) + "\n").items():
        assert {"title", "author"} <= fields.keys(), key
        assert all(map(balanced, fields.values())), key
        if key == "asysim":
            continue
        assert re.search(r"\d{4}", key)[0] == fields["year"], key
        place = {"inproceedings": "booktitle", "article": "journal", "misc": "eprint"}
        assert place[fields[""]] in fields, key
        assert fields["author"].partition(",")[0].lower() == re.match("[a-z]+", key)[0], key
        assert re.fullmatch(r"\d{4}\.\d{4,5}", fields.get("eprint", "0000.00000")), key


def test_every_entry_is_cited_by_something():
    cited = {*papers.ALWAYS, papers.SADDLE, papers.UNIVERSAL}
    cited |= {momentum.PAPER, staleness_aware.PAPER}
    cited |= {key for table in (*STEPS, *WEIGHTS, *CORRECTIONS) for key in table.papers}
    cited |= {key for keys in perturbation.PAPERS.values() for key in keys}
    cited |= {key for rule in RULES for key in rule.papers}
    cited |= {key for table in get_args(get_args(ProblemSettings)[0]) for key in table.papers}
    cited |= {key for order in ORDERS for key in order.papers}
    assert cited == set(bibliography())


def test_every_rule_has_a_paper():
    assert all(table.papers for table in (*WEIGHTS, *CORRECTIONS))
    assert [table.__name__ for table in STEPS if not table.papers] == ["ConstantStep"]


def test_asysim_cites_itself_as_it_asks_to_be_cited():
    entry = parsed(bibliography()["asysim"] + "\n")["asysim"]
    asked = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f'title: "{entry["title"].replace("{", "").replace("}", "")}"' in asked
    assert entry["version"] == asysim.__version__
    assert f"version: {entry['version']}" in asked


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_what_the_scenarios_use(path):
    text = cite(asysim.load(path))
    assert list(parsed(text))[:2] == ["asysim", "lian2015asynchronous"]


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ([], []),
        (['algorithm.step={kind="theorem"}'], []),
        (['algorithm.step={kind="decaying", initial=1}'], ["robbins1951stochastic"]),
        (["update={momentum=0.9}"], ["polyak1964methods"]),
        (["update={average=true, weight.kind='inverse'}"], ["zhang2016staleness"]),
        (
            ["update={weight.kind='fedbuff', correction.kind='gap-aware', momentum=0.1}"],
            ["nguyen2022federated", "barkai2020gap", "polyak1964methods"],
        ),
        (
            ['update.perturbation={kind="gaussian", scale=1}'],
            ["ge2015escaping", "jin2021nonconvex"],
        ),
        (
            ['update.perturbation={kind="ball", scale=1}'],
            ["ge2015escaping", "jin2017escape"],
        ),
        (['problem={kind="quadratic", eigenvalues=[1, -1]}'], ["wang2019second"]),
        (['problem={kind="chain_of_saddles"}'], ["wang2019second", "du2017gradient"]),
        (['problem={kind="streaming_pca"}'], ["wang2019second", "oja1982simplified"]),
    ],
)
def test_what_is_cited_for_what(changes, more):
    scenario = parse(CON, *changes)
    assert papers_of(scenario) == [*papers.ALWAYS, *more]
    assert list(parsed(cite(scenario))) == papers_of(scenario)


def test_the_command(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text(CON)
    said = command("cite", file, "update.weight.kind=mishchenko")
    assert (said.code, said.err) == (0, "")
    assert list(parsed(said.out)) == [*papers.ALWAYS, "mishchenko2022asynchronous"]
    bad = command("cite", file, "update.weight.kind=mishenko")
    assert bad.code == 2
    assert "did you mean" in bad.err
    assert command("cite", tmp_path / "none.toml").code == 2
