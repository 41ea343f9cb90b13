"""Scenario files: what is read, what is refused, and how a person is told."""

from __future__ import annotations

import json
import tomllib

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.scenario import json_schema, load, parse, to_document, to_toml, vary
from asysim.scenario.template import template
from tests.support import CON, INCON, faults, only_fault

BY_NAME = {"asysg-con": CON, "asysg-incon": INCON}


# Reading


def test_what_is_not_said_has_a_default():
    text = """
    problem = {kind = "quadratic"}
    algorithm = {name = "asysg-con", step = 1}
    workers = {count = 2, compute = 1}
    """
    read = parse(text)
    assert (read.name, read.seed, read.description) == ("scenario", 1, "")
    assert (read.algorithm.batch_size, read.algorithm.staleness_bound) == (1, None)
    assert (read.algorithm.write, read.algorithm.beyond_bound) == ("dense", "wait")
    assert read.workers.speeds == [1.0, 1.0]
    assert read.workers.compute.mean == 1.0
    assert (read.network, read.server, read.memory) == (None, None, None)
    assert (read.run.updates, read.run.seconds, read.run.has_target) == (1_000_000, None, False)


@pytest.mark.parametrize(
    ("run", "cadence"),
    [
        ("updates = 1000", 5),
        ("updates = 7", 1),
        ("seconds = 1.0", 100),
        ("updates = 1000\nevaluate_every = 3", 3),
    ],
)
def test_cadence_of_evaluations(run, cadence):
    assert parse(CON.partition("[run]")[0] + "[run]\n" + run).run.cadence == cadence


def test_a_run_of_seconds_has_no_count_of_updates():
    assert parse(CON.partition("[run]")[0] + "[run]\nseconds = 2").run.updates is None


def test_overrides_replace_and_add_and_make_tables():
    text = CON.partition("[network]")[0]
    read = parse(
        text,
        "workers.count=4",
        "algorithm.batch_size = 3",
        "workers.speed=[1, 2.5, 1, 1]",
        "network.pull={law = 'exponential', mean = 2}",
        "name=other-name",
        "run.seconds=1",
        'description="a b"',
    )
    assert (read.workers.count, read.algorithm.batch_size) == (4, 3)
    assert read.workers.speeds == [1.0, 2.5, 1.0, 1.0]
    assert (read.network.pull.law, read.network.pull.mean) == ("exponential", 2.0)
    assert (read.name, read.description) == ("other-name", "a b")
    assert read.run.updates is None


def test_the_last_override_of_a_key_counts():
    assert parse(CON, "workers.count=4", "workers.count=5").workers.count == 5


def test_a_bare_word_stands_for_itself():
    text = CON.partition("[network]")[0] + CON[CON.index("[run]") :]
    assert parse(text, "algorithm.name=asysg-incon").algorithm.name == "asysg-incon"
    assert parse(CON, "name=a.b-c").name == "a.b-c"


def test_paths_start_from_the_scenarios_folder(tmp_path):
    file = tmp_path / "s.toml"
    problem = 'problem = {kind = "logistic", data = {kind = "libsvm", path = "d/a.txt"}}\n'
    file.write_text(problem + CON.replace('[problem]\nkind = "quadratic"\n', ""))
    read = load(file)
    assert read.problem.data.path == tmp_path / "d/a.txt"
    assert vary(read, "seed=2").problem.data.path == tmp_path / "d/a.txt"


def test_vary_changes_a_copy():
    first = parse(CON)
    second = vary(first, "workers.count=9")
    assert (first.workers.count, second.workers.count) == (3, 9)
    assert vary(second, "workers.count=3") == first


TIMES = st.floats(1e-9, 1e3)
LAWS = st.one_of(
    st.floats(0, 1e3),
    st.builds(lambda mean, cv: {"law": "gamma", "mean": mean, "cv": cv}, TIMES, TIMES),
    st.builds(lambda mean, cv: {"law": "lognormal", "mean": mean, "cv": cv}, TIMES, TIMES),
    st.builds(lambda a, b: {"law": "uniform", "low": min(a, b), "high": max(a, b)}, TIMES, TIMES),
    st.builds(lambda mean: {"law": "exponential", "mean": mean, "shift": mean / 2}, TIMES),
    st.builds(lambda mean: {"law": "pareto", "mean": mean, "alpha": 2.5}, TIMES),
)
PROBLEMS = st.sampled_from(
    [
        {"kind": "quadratic", "eigenvalues": [1.0, -0.5], "start": [1.0, 2]},
        {"kind": "quadratic", "dimension": 3, "noise": 0},
        {"kind": "mlp", "layers": [64, 10], "activation": "tanh"},
        {"kind": "least_squares", "data": {"kind": "regression", "samples": 9}},
        {"kind": "logistic", "l2": 0.5},
        {"kind": "matrix_factorization", "rows": 5},
        {"kind": "chain_of_saddles", "dimension": 2, "start": [0.1, 0.2]},
        {"kind": "phase_retrieval", "measurements": 30, "start_scale": 0.5},
        {"kind": "streaming_pca", "eigenvalues": [2.0, 1]},
        {"kind": "symmetric_factorization", "size": 5, "rank": 2, "start": 0.1},
        {"kind": "matrix_sensing", "size": 5, "rank": 2, "condition": 2},
    ]
)


@st.composite
def documents(draw):
    count = draw(st.integers(1, 4))
    algorithm = {"step": draw(TIMES), "batch_size": draw(st.integers(1, 99))}
    document = {
        "name": draw(st.from_regex(r"[A-Za-z0-9._-]+", fullmatch=True)),
        "description": draw(st.text(st.characters(exclude_categories=["C"]))),
        "seed": draw(st.integers(0, 2**63 - 1)),
        "problem": draw(PROBLEMS),
        "algorithm": algorithm,
        "workers": {"count": count, "compute": draw(LAWS) or 1e-3},
        "run": {"updates": draw(st.integers(1, 10**9)), "target_loss": draw(st.floats(-1, 1))},
    }
    speeds = st.lists(TIMES, min_size=count, max_size=count)
    if draw(st.booleans()):
        document["workers"]["speed"] = draw(TIMES | speeds)
    if draw(st.booleans()):
        algorithm |= {"staleness_bound": draw(st.integers(0, 50)), "beyond_bound": "discard"}
    if draw(st.booleans()):
        algorithm |= {"name": "asysg-con", "gradients_per_update": draw(st.integers(1, 5))}
        document["network"] = {"pull": draw(LAWS), "bandwidth": draw(TIMES), "message_bytes": 8}
        document["server"] = {"service": draw(LAWS)}
    else:
        algorithm |= {"name": "asysg-incon", "write": "block", "blocks": draw(st.integers(1, 9))}
        document["memory"] = {"read": draw(LAWS), "write": draw(LAWS)}
    return document


SCHEMA = jsonschema.Draft202012Validator(json_schema())


@settings(max_examples=40, deadline=None)
@given(documents())
def test_what_is_written_is_read_back(document):
    import tomli_w

    first = parse(tomli_w.dumps(document))
    text = to_toml(first)
    assert parse(text) == first
    assert to_toml(parse(text)) == text
    SCHEMA.validate(document)
    SCHEMA.validate(to_document(first))


# The schema


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    json.dumps(json_schema(), allow_nan=False)


@pytest.mark.parametrize("name", BY_NAME)
def test_templates_are_scenarios_by_parser_and_schema(name):
    document = tomllib.loads(template(name))
    SCHEMA.validate(document)
    assert parse(template(name)).algorithm.name == name
    for table in ("algorithm", "workers", "problem", "run"):
        with pytest.raises(jsonschema.ValidationError):
            SCHEMA.validate(document | {table: document[table] | {"mispelt": 1}})
    with pytest.raises(jsonschema.ValidationError):
        SCHEMA.validate(document | {"mispelt": 1})


@pytest.mark.parametrize("name", BY_NAME)
def test_what_templates_offer_in_comments_is_right(name):
    lines = [
        line[2:] if line.startswith("# ") and (" = " in line or line[2] == "[") else line
        for line in template(name).split('name = "my-scenario"')[1].splitlines()
    ]
    assert parse("\n".join(lines)).algorithm.staleness_bound == 20


def test_every_key_has_a_description():
    for name, table in json_schema()["$defs"].items():
        for key, value in table["properties"].items():
            if key not in ("law", "kind", "data"):
                assert "description" in value or "$ref" in value, f"{name}.{key}"


# Faults: one for each mistake, with the file, the key, what stands there, what would be right

UNKNOWN = [
    ("sede=3", "sede", "seed"),
    ("netwrok.pull=1", "netwrok", "network"),
    ("algorithm.stpe=3", "algorithm.stpe", "step"),
    ("workers.coutn=8", "workers.coutn", "count"),
    ("workers.compute.men=1", "workers.compute.men", "mean"),
    ("problem.nois=1", "problem.nois", "noise"),
    ("network.bandwith=3", "network.bandwith", "bandwidth"),
    ("server.servce=3", "server.servce", "service"),
    ("run.update=5", "run.update", "updates"),
    ('problem={kind="mlp", data={kind="teacher", sample=3}}', "problem.data.sample", "samples"),
]


@pytest.mark.parametrize(("change", "key", "nearest"), UNKNOWN)
def test_an_unknown_key_and_its_nearest(change, key, nearest):
    fault = only_fault(parse, CON, change)
    assert fault.key == key
    assert f"did you mean {nearest}?" in fault.expected
    assert fault.source == "command line"


def test_an_unknown_key_like_no_other_gets_the_list():
    known = "known keys: compute, count, groups, power, speed, speed_law"
    assert known in only_fault(parse, CON, "workers.qqq=8").expected


WRONG = [
    # what is set, the key that is named, what is said to stand there, what would be right
    ('workers.count="8"', "workers.count", '"8"', "should be a whole number"),
    ("workers.count=8.0", "workers.count", "8.0", "should be a whole number"),
    ("workers.count=true", "workers.count", "true", "should be a whole number"),
    ("workers.count=[8]", "workers.count", "[8]", "should be a whole number"),
    ("workers.count={a = 1}", "workers.count", "{a = 1}", "should be a whole number"),
    ("workers.count=0", "workers.count", "0", "should be ≥ 1"),
    ("algorithm.step=true", "algorithm.step", "true", "should be a number"),
    ("algorithm.step=fast", "algorithm.step", '"fast"', "should be a number"),
    ("algorithm.step=0", "algorithm.step", "0", "should be > 0"),
    ("algorithm.step=inf", "algorithm.step", "inf", "should be a finite number"),
    ("algorithm.step=nan", "algorithm.step", "nan", "should be a finite number"),
    ("algorithm.staleness_bound=-1", "algorithm.staleness_bound", "-1", "should be ≥ 0"),
    ("workers=3", "workers", "3", "should be a table of KEY = VALUE"),
    ("run=[1]", "run", "[1]", "should be a table of KEY = VALUE"),
    ("network=fast", "network", '"fast"', "should be a table of KEY = VALUE"),
    ("problem=mlp", "problem", '"mlp"', 'should be a table with kind = "quadratic", '),
    ("workers.compute=-1e-3", "workers.compute", "-0.001", "should be ≥ 0"),
    ("workers.compute=-inf", "workers.compute", "-inf", "should be a finite number"),
    ("workers.compute=nan", "workers.compute", "nan", "should be a finite number"),
    ("workers.compute=true", "workers.compute", "true", "should be a number, or a law such as {"),
    ("workers.compute=gamma", "workers.compute", '"gamma"', "should be a number, or a law such"),
    ("workers.compute=[1]", "workers.compute", "[1]", "should be a number, or a law such as {"),
    ("workers.compute={}", "workers.compute.law", "nothing", 'is required: "constant", '),
    ("workers.compute.law=gama", "workers.compute.law", '"gama"', 'did you mean "gamma"?'),
    ("workers.compute.cv=0", "workers.compute.cv", "0", "should be > 0"),
    ("network.pull={law='uniform', low=2, high=1}", "network.pull.low", "2", "at most high = 1"),
    (
        "network.pull={law='exponential', mean=1, shift=1}",
        "network.pull.shift",
        "1",
        "below mean = 1",
    ),
    ("network.pull={law='pareto', mean=1, alpha=1}", "network.pull.alpha", "1", "should be > 1"),
    ("network.pull={law='constant', value=-1}", "network.pull.value", "-1", "should be ≥ 0"),
    ("network.bandwidth=0", "network.bandwidth", "0", "should be > 0"),
    ("workers.speed=fast", "workers.speed", '"fast"', "should be a number or a list of numbers"),
    ("workers.speed={a = 1}", "workers.speed", "{a = 1}", "should be a number or a list of"),
    ("workers.speed=true", "workers.speed", "true", "should be a number or a list of numbers"),
    ("workers.speed=0", "workers.speed", "0", "should be > 0"),
    ("workers.speed=[1, 1, -2]", "workers.speed.2", "-2", "should be > 0"),
    ("workers.speed=[1, 'a', 1]", "workers.speed.1", '"a"', "should be a number"),
    ("workers.speed=[1, inf, 1]", "workers.speed.1", "inf", "should be a finite number"),
    ("workers.speed=[1, 1]", "workers.speed", "[1, 1]", "should list 3 factors"),
    ("workers.speed=[]", "workers.speed", "[]", "should list 3 factors"),
    ("algorithm.name=asysg-incom", "algorithm.name", '"asysg-incom"', 'mean "asysg-incon"?'),
    ("algorithm.write=block", "algorithm.write", '"block"', 'should be "dense", or go with algo'),
    ("algorithm.write=blok", "algorithm.write", '"blok"', 'did you mean "block"?'),
    ("algorithm.blocks=4", "algorithm.blocks", "4", 'should be left out, or go with write = "bl'),
    ("memory={read = 1}", "memory", "{read = 1}", "should be left out: it belongs to algorithm.n"),
    ("run.seconds=0", "run.seconds", "0", "should be > 0"),
    ("run.target_loss=nan", "run.target_loss", "nan", "should be a finite number"),
    ("seed=-1", "seed", "-1", "should be ≥ 0"),
    ("seed=18446744073709551616", "seed", "18446744073709551616", "< 9223372036854775808"),
    ("name=2020-01-01", "name", "2020-01-01", 'should be text in "quotes"'),
    ("name='a b'", "name", '"a b"', "should be letters, digits, dots, hyphens and underscores"),
    ("name=''", "name", '""', "should be letters, digits, dots, hyphens and underscores"),
    ("problem.kind=mpl", "problem.kind", '"mpl"', 'did you mean "mlp"?'),
    ("problem.kind=3", "problem.kind", "3", 'should be "quadratic", "least_squares", '),
    ("problem={}", "problem.kind", "nothing", 'is required: "quadratic", '),
    ("problem.noise=true", "problem.noise", "true", "should be a number"),
    ("problem.noise='1'", "problem.noise", '"1"', "should be a number"),
    ("problem.noise=inf", "problem.noise", "inf", "should be a finite number"),
    ("problem.dimension=3.0", "problem.dimension", "3.0", "should be a whole number"),
    ("problem.start=true", "problem.start", "true", "should be a number or a list of numbers"),
    ("problem.start=[1, true]", "problem.start.1", "true", "should be a number"),
    ("problem.eigenvalues=[]", "problem.eigenvalues", "[]", "should be a list of at least 1"),
    ("problem={kind='mlp', layers=[64, 0, 2]}", "problem.layers.1", "0", "should be ≥ 1"),
    ("problem={kind='mlp', layers=[64]}", "problem.layers", "[64]", "should be a list of at least"),
    ("problem={kind='mlp', layers=64}", "problem.layers", "64", "should be a list in [brackets]"),
    ("problem={kind='mlp', data=3}", "problem.data", "3", 'should be a table with kind = "digits"'),
    ("problem={kind='mlp', data={}}", "problem.data.kind", "nothing", 'is required: "digits", '),
    (
        "problem={kind='mlp', data={kind='digit'}}",
        "problem.data.kind",
        '"digit"',
        'did you mean "digits"?',
    ),
    (
        "problem={kind='mlp', data={kind='libsvm'}}",
        "problem.data.path",
        "nothing",
        "is required: the file",
    ),
    (
        "problem={kind='mlp', data={kind='libsvm', path=3}}",
        "problem.data.path",
        "3",
        'should be text in "quotes"',
    ),
    (
        "problem={kind='matrix_factorization', data={kind='digits'}, rows=3}",
        "problem.data",
        '{kind = "digits"}',
        "should not stand beside rows",
    ),
]


@pytest.mark.parametrize(("change", "key", "found", "expected"), WRONG)
def test_one_mistake_is_one_fault_in_the_files_own_terms(change, key, found, expected):
    fault = only_fault(parse, CON, change, source="a.toml")
    assert (fault.key, fault.found, fault.source) == (key, found, "command line")
    assert expected in fault.expected
    assert str(fault) == f"command line: {key}: found {found}; {fault.expected}"


INCON_WRONG = [
    ("algorithm.gradients_per_update=2", "algorithm.gradients_per_update", "should be 1"),
    ("network={pull = 1}", "network", "should be left out"),
    ("server={}", "server", "should be left out"),
    ("memory.red=1", "memory.red", "did you mean read?"),
]


@pytest.mark.parametrize(("change", "key", "expected"), INCON_WRONG)
def test_what_a_lock_free_run_has_no_use_for(change, key, expected):
    fault = only_fault(parse, INCON, change)
    assert (fault.key, fault.source) == (key, "command line")
    assert expected in fault.expected


def test_writing_blocks_asks_how_many():
    fault = only_fault(parse, INCON, "algorithm.write=block", source="a.toml")
    assert (fault.key, fault.found, fault.source) == ("algorithm.blocks", "nothing", "a.toml")


@pytest.mark.parametrize(
    ("text", "none"),
    [
        (CON, ["workers.compute=0", "network.pull=0", "network.push=0", "server.service=0"]),
        (INCON, ["workers.compute=0", "memory.read=0", "memory.write=0"]),
    ],
)
def test_a_run_of_seconds_needs_something_that_takes_time(text, none):
    text = text.partition("[run]")[0]
    fault = only_fault(parse, text, *none, "run.seconds=1")
    assert fault.key == "run.seconds"
    assert "takes any time" in fault.expected
    assert parse(text, *none[:-1], "run.seconds=1").run.seconds == 1
    assert parse(text, *none, "run={seconds=1, updates=5}").run.updates == 5


def test_a_fault_names_the_file_or_the_command_line_whichever_set_it():
    text = CON.replace("count = 3", "count = 0").replace("step = 0.02", "step = 0")
    found = faults(parse, text, "algorithm.step=-1", "network.pul=3", source="a.toml")
    assert {(fault.source, fault.key, fault.found) for fault in found} == {
        ("a.toml", "workers.count", "0"),
        ("command line", "algorithm.step", "-1"),
        ("command line", "network.pul", "3"),
    }


def test_a_switch_of_algorithm_is_the_files_tables_at_fault():
    found = faults(parse, CON, "algorithm.name=asysg-incon", source="a.toml")
    assert [(fault.source, fault.key) for fault in found] == [
        ("a.toml", "network"),
        ("a.toml", "server"),
    ]


def test_an_empty_file_is_told_what_is_required():
    found = faults(parse, "", source="a.toml")
    assert [fault.key for fault in found] == ["problem", "algorithm", "workers"]
    assert all(fault.found == "nothing" for fault in found)
    assert all(fault.expected.startswith("is required: a table with") for fault in found)
    assert "name and step" in found[1].expected


def test_keys_required_of_a_table():
    text = "algorithm = {}\nworkers = {}\nproblem = {kind = 'quadratic'}"
    found = faults(parse, text)
    assert {fault.key for fault in found} == {
        "algorithm.name",
        "algorithm.step",
        "workers.count",
        "workers.compute",
    }
    assert all(fault.expected.startswith("is required: ") for fault in found)


def test_everything_wrong_is_told_at_once():
    text = """
    seeed = 1
    [problem]
    kind = "mlp"
    layers = [64, 0, 10]
    data = {kind = "digits", samples = 3}
    [algorithm]
    name = "asysg-con"
    step = -1
    write = "block"
    [workers]
    count = 2
    compute = {law = "gamma", mean = 0, sd = 3}
    speed = [1, 2, 3]
    [memory]
    read = "slow"
    [run]
    updates = 0
    """
    found = faults(parse, text, "server.service=x", "oops", "name.x=3", source="a.toml")
    assert sorted(fault.key for fault in found) == sorted(
        [
            "seeed",
            "problem.layers.1",
            "problem.data.samples",
            "algorithm.step",
            "algorithm.write",
            "workers.compute.mean",
            "workers.compute.cv",
            "workers.compute.sd",
            "workers.speed",
            "memory",
            "memory.read",
            "run.updates",
            "server.service",
            "oops",
            "name",
        ]
    )


def test_python_hears_of_clashes_too():
    from pydantic import ValidationError

    from asysim.scenario import Scenario

    document = to_document(parse(CON)) | {"memory": {}}
    with pytest.raises(ValidationError, match="memory should be left out"):
        Scenario.model_validate(document)


def test_discarding_without_end_is_refused():
    change = ["algorithm.name=asysg-incon", "network=", "server=", "workers.compute=0.0",
              "algorithm.staleness_bound=3"]  # fmt: skip
    parse(CON, *change)
    fault = only_fault(parse, CON, *change, "algorithm.beyond_bound=discard")
    assert fault.key == "workers.compute"
    assert "without end" in fault.expected


# Overrides


def test_an_empty_override_takes_a_key_or_a_table_out():
    changed = parse(
        CON, "algorithm.name=asysg-incon", "network=", "server=", "algorithm.batch_size="
    )
    assert (changed.network, changed.server) == (None, None)
    assert changed.algorithm.batch_size == 1
    assert parse(CON, "memory=", "algorithm.blocks=") == parse(CON), "what is not there can go"
    assert only_fault(parse, CON, "workers.count=").key == "workers.count"


@pytest.mark.parametrize(
    "change",
    ["workers.count", "workers..count=8", "=8", "workers.count=8 9", "",
     "workers.count={", "description=a b", "workers.count=1\nseed=4", 'name="\udcff"', "a b=3",
     "[workers]\ncount=3"],
)  # fmt: skip
def test_what_is_not_key_equals_value(change):
    fault = only_fault(parse, CON, change)
    assert "KEY=VALUE" in fault.expected
    assert fault.source == "command line"
    assert fault.found.isprintable()
    str(fault).encode()


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ("workers.count.x=8", "workers.count = 3"),
        ("name.x.y=8", 'name = "tiny"'),
        ("network.pull.mean=1", "network.pull = 5e-05"),
    ],
)
def test_an_override_does_not_go_through_what_is_no_table(change, there):
    fault = only_fault(parse, CON, change)
    assert (fault.key, fault.found) == (change.partition("=")[0], there)
    assert "give " + there.partition(" ")[0] + " whole" in fault.expected


def test_what_a_refused_override_was_to_set_is_not_missing():
    text = CON.replace("count = 3", "")
    assert only_fault(parse, text, "workers.count=3 3").found == "workers.count=3 3"


# Files


@pytest.mark.parametrize(
    ("text", "key", "found", "expected"),
    [
        ("[a\n", "line 1", "[a", "is not TOML: expected ']' at the end of a table declaration"),
        ("a = 1\na = 2\n", "line 2", "a = 2", "is not TOML: cannot overwrite a value"),
        ("a = 1\nb =", "line 2", "b =", "is not TOML: invalid value"),
        ("\n\nworkers.count: 3", "line 3", "workers.count: 3", "is not TOML: "),
    ],
)
def test_syntax_errors_show_the_line(tmp_path, text, key, found, expected):
    file = tmp_path / "s.toml"
    file.write_text(text)
    fault = only_fault(load, file)
    assert (fault.source, fault.key, fault.found) == (str(file), key, found)
    assert expected in fault.expected


def test_files_that_cannot_be_read(tmp_path):
    missing = only_fault(load, tmp_path / "none.toml")
    assert missing.source == str(tmp_path / "none.toml")
    assert missing.found == "no such file or directory"
    assert "asysim init" in missing.expected
    assert only_fault(load, tmp_path).found == "is a directory"
    (tmp_path / "latin.toml").write_bytes("description = 'é'".encode("latin-1"))
    assert only_fault(load, tmp_path / "latin.toml").found == "not UTF-8 text"


def test_a_byte_order_mark_does_no_harm(tmp_path):
    file = tmp_path / "s.toml"
    file.write_bytes(b"\xef\xbb\xbf" + CON.encode())
    assert load(file) == parse(CON)
