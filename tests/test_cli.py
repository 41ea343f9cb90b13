"""The commands: what they print where, and the codes they end with."""

from __future__ import annotations

import json
import os
import pty
import re
from pathlib import Path
from subprocess import DEVNULL

import jsonschema
import pytest

import asysim
from asysim.scenario import json_schema
from asysim.scenario.template import template
from tests.processes import ASYSIM, begin, finish
from tests.support import CON, INCON, command, scenario


@pytest.fixture
def file(tmp_path):
    (tmp_path / "s.toml").write_text(CON)
    return tmp_path / "s.toml"


@pytest.fixture(scope="module")
def con(tmp_path_factory):
    """A kept run with consistent reads."""
    return asysim.run(scenario(CON), folder=tmp_path_factory.mktemp("con") / "run").folder


@pytest.fixture(scope="module")
def incon(tmp_path_factory):
    """A kept run with inconsistent reads."""
    return asysim.run(scenario(INCON), folder=tmp_path_factory.mktemp("incon") / "run").folder


def refused(*words):
    """Return the text of a command's refusal: on stderr alone, clear, with code 2."""
    said = command(*words)
    assert said.code == 2, said
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err


def only_json(said):
    assert said.err == ""
    assert said.out.count("\n") == 1
    return json.loads(said.out)


# Help


COMMANDS = ["run", "speedup", "escape", "plan", "advise", "sweep", "compare", "calibrate",
            "recover", "show", "replay", "plot", "laws", "cite", "schema", "init",
            "warm"]  # fmt: skip


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_says_what_there_is_and_every_exit_code(words):
    said = command(*words)
    assert (said.code, said.err) == (0, "")
    codes = said.out[said.out.index("Exit codes") :]
    told = {int(code) for code in re.findall(r"(?<!\w)(\d+) [a-z]", re.sub(r"\s+", " ", codes))}
    assert told == {0, 1, 2, 3, 4, 5, 6, 7, 130, 141}
    if words == ["--help"]:
        assert all(re.search(rf"│ {name} +[A-Z]", said.out) for name in COMMANDS)


def test_no_words_are_a_call_for_help():
    assert command() == command("--help")


def test_version():
    assert command("--version").out.strip() == asysim.__version__


def test_a_separate_process_says_the_same(file):
    said = finish(*ASYSIM, "run", file, "workers.coutn=8")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == refused("run", file, "workers.coutn=8")


# What is refused


def test_unknown_commands_options_and_pictures(file, con):
    assert 'Unknown command "rum"' in refused("rum")
    assert "--bogus" in refused("run", file, "--bogus")
    assert "SCENARIO" in refused("run")
    text = refused("plot", con, "timelime")
    assert '"timelime"' in text
    assert "timeline" in text


def test_runs_are_made_by_one_kind_of_maker(file):
    assert "given without --dask" in refused("escape", file, "--mpi", "--dask=tcp://nowhere:1")
    assert "real runs are made one by one" in refused("speedup", file, "--on=threads", "--mpi")
    assert "--jobs" in refused("limits", file, "--jobs=0")


def test_a_misspelt_key_is_told_the_nearest(file):
    text = refused("run", file, "workers.coutn=8")
    assert text.splitlines()[0] == "error command line: workers.coutn"
    assert "found 8" in text
    assert "did you mean count?" in text


def test_all_faults_are_told_at_once_whatever_characters_are_in_them(file):
    file.write_text(CON.replace("step = 0.02", 'step = "[/bold]"').replace("count = 3", ""))
    text = refused("run", file, "seed=[red]")
    assert text.count("error ") == 3
    assert 'found "[/bold]"' in text
    assert "command line: seed" in text
    assert f"{file}: workers.count" in text
    file.write_text("[a")
    assert f"error {file}: line 1" in refused("run", file)


def test_a_fault_of_the_data_names_the_scenario(file):
    text = refused("run", file, "problem={kind = 'mlp', layers = [3, 10]}")
    assert text.startswith(f"error {file}: problem.layers")


def test_missing_files(tmp_path):
    assert "no such file" in refused("run", tmp_path / "none.toml")
    assert "nothing there" in refused("show", tmp_path / "none")
    assert "no such file" in refused("show", tmp_path / "none.parquet")
    assert "nothing there" in refused("replay", tmp_path / "none")
    assert "nothing there" in refused("plot", tmp_path / "none")


# run and show


def test_run_prints_what_show_prints(file, tmp_path):
    said = command("run", file, "--out", tmp_path / "run")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("tiny: asysg-con, 3 workers, γ = 0.02, M = 1, seed 1\n60 updates")
    *_, kept, pictures = said.out.splitlines()
    assert kept == f"kept in {tmp_path / 'run'}"
    assert all(Path(name).is_file() for name in pictures.removeprefix("pictures: ").split())
    assert command("show", tmp_path / "run") == said
    numbers = dict(re.findall(r"^(\w[\w, ]*?)  +(\S.*?) *$", said.out, re.MULTILINE))
    trace = asysim.Trace.load(tmp_path / "run" / "trace.parquet")
    assert numbers["gradients"] == "60"
    measured, law = numbers["staleness, mean"].split(maxsplit=1)
    assert (measured, law) == (f"{trace.staleness.mean():.3f}", "law says 2.000")
    alone = command("show", tmp_path / "run" / "trace.parquet")
    assert alone.code == 0
    assert alone.out in said.out
    told = only_json(command("show", tmp_path / "run" / "trace.parquet", "--json"))
    assert told["mean_staleness"] == trace.staleness.mean()
    assert told["status"] == "complete"


def test_run_and_show_as_json(file, tmp_path):
    said = command("run", file, "--out", tmp_path / "run", "--json")
    told = only_json(said)
    run = asysim.load_run(tmp_path / "run")
    assert (told["name"], told["status"], told["folder"]) == ("tiny", "complete", str(run.folder))
    assert (told["updates"], told["gradients"], told["discarded"]) == (60, 60, 0)
    assert told["loss"] == run.curve["loss"].iloc[-1]
    assert told["mean_staleness"] == run.trace.staleness.mean()
    assert command("show", tmp_path / "run", "--json") == said


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [("run.target_loss=-1", 3, "target not reached"), ("algorithm.step=1e300", 4, "diverged")],
)
def test_json_of_a_failure_is_json(file, tmp_path, change, code, status):
    said = command("run", file, change, "--out", tmp_path / "run", "--json", "--no-pictures")
    assert said.code == code
    assert only_json(said)["status"] == status
    assert not (tmp_path / "run" / "timeline.png").exists()


# replay


def test_replay_with_another_step_is_another_curve_of_one_trace(con):
    same, other = (
        only_json(command("replay", con, *changes, "--json"))
        for changes in ([], ["algorithm.step=0.04"])
    )
    assert same["loss"] == asysim.load_run(con).curve["loss"].iloc[-1] != other["loss"]
    assert same["simulated_seconds"] == other["simulated_seconds"]
    assert same["folder"] is None
    said = command("replay", con, "algorithm.step=0.04")
    assert "γ = 0.04" in said.out
    assert "kept in" not in said.out


def test_replay_of_a_lock_free_trace_as_if_its_reads_were_consistent(incon):
    original = only_json(command("show", incon, "--json"))
    other = only_json(command("replay", incon, "algorithm.name=asysg-con", "--json"))
    assert other["updates"] == original["updates"]
    assert other["loss"] != original["loss"]


def test_consistent_reads_are_a_lock_free_rules_reads_too(con):
    # Every read is of some x_k, so both rules compute the same up to rounding.
    original = only_json(command("show", con, "--json"))
    other = only_json(command("replay", con, "algorithm.name=asysg-incon", "--json"))
    assert other["loss"] == pytest.approx(original["loss"], rel=1e-9)


def test_check_is_exact_in_words_and_in_json(con, incon):
    for folder in (con, incon):
        said = command("replay", folder, "--check")
        assert (said.code, said.err) == (0, "")
        assert said.out == (
            "exact: 60 updates from 60 recorded gradients give the same curve and the same x, "
            "bit for bit\n"
        )
        told = only_json(command("replay", folder, "--check", "--json"))
        assert told == {"name": "tiny", "folder": str(folder), "exact": True, "differences": []}


@pytest.mark.parametrize(
    "change",
    ["workers.count=3", "seed=2", "network.pull=0", "run.updates=5", "algorithm.staleness_bound=3"],
)
def test_what_the_schedule_settled_is_refused(con, change):
    text = refused("replay", con, change)
    assert text.startswith(f"error command line: {change.partition('=')[0]}\n")
    assert "asysim run" in text


def test_other_refusals_of_replay(con):
    assert "give no changes" in refused("replay", con, "algorithm.step=1", "--check")
    assert "did you mean step?" in refused("replay", con, "algorithm.stpe=1")
    assert "KEY=VALUE" in refused("replay", con, "algorithm.step")
    assert "--check found" not in refused("replay", con, "--chek")


# plot, schema, init


def test_plot_draws_what_is_asked_for(con, tmp_path):
    said = command("plot", con, "timeline", "--out", tmp_path / "p", "--start", "0.01")
    assert (said.code, said.out) == (0, f"{tmp_path / 'p' / 'timeline.png'}\n")
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["timeline.png"]
    first = (tmp_path / "p" / "timeline.png").read_bytes()
    command("plot", con, "timeline", "--out", tmp_path / "p", "--seconds", "0.001")
    assert (tmp_path / "p" / "timeline.png").read_bytes() != first
    said = command("plot", con, "--out", tmp_path / "q")
    assert len(said.out.splitlines()) == len(list((tmp_path / "q").iterdir())) == 3


def test_schema_and_init(tmp_path):
    said = command("schema")
    assert said.err == ""
    assert json.loads(said.out) == json_schema()
    jsonschema.Draft202012Validator.check_schema(json.loads(said.out))
    assert command("schema", "--out", tmp_path / "schema.json") == (0, "", "")
    assert (tmp_path / "schema.json").read_text() == said.out
    for name in ("asysg-con", "asysg-incon"):
        path = tmp_path / f"{name}.toml"
        assert f"asysim run {path}" in command("init", path, "--algorithm", name).out
        assert path.read_text() == template(name)
        path.write_text("mine")
        assert "file exists" in refused("init", path)
        assert path.read_text() == "mine"
    assert "--algorithm" in refused("init", tmp_path / "x.toml", "--algorithm", "sgd")


def test_places_that_cannot_be_written_to(con, file, tmp_path):
    for words in (
        ["schema", "--out", file / "x"],
        ["init", file / "x"],
        ["plot", con, "--out", file / "x"],
        ["plot", con, "--out", file],
        ["run", file, "--out", file / "x"],
    ):
        assert str(file) in refused(*words)
    (tmp_path / "p" / "timeline.png").mkdir(parents=True)
    assert "is a directory" in refused("plot", con, "timeline", "--out", tmp_path / "p")


# A person at a terminal


def on_a_terminal(words, folder):
    """Run a command whose stderr is a terminal; return its code, stdout, and what was shown."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    process = begin(*ASYSIM, *words, cwd=folder, env=environment, stderr=theirs, stdin=DEVNULL)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    out, _ = process.communicate()
    return process.returncode, out, shown.decode()


def test_a_person_sees_how_far_and_how_fast(file, tmp_path):
    # Long enough that several tenths of a second go by; how many is of no matter.
    words = ["run", file.name, "run.updates=60000", "run.evaluate_every=100", "--no-pictures"]
    code, out, shown = on_a_terminal(words, tmp_path)
    assert code == 0
    assert "60,000 updates" in out
    assert re.search(r"\d+ %", shown)
    assert re.search(r"[\d,]+ updates/s", shown)
    assert "Traceback" not in shown


def test_in_a_pipe_nobody_watches(file, tmp_path):
    assert command("run", file, "run.updates=2000", "--out", tmp_path / "run").err == ""
