"""Run folders: kept whole, found again, never lost to something else."""

from __future__ import annotations

import json
import os
import platform
import signal

import numpy as np
import pytest

import asysim
from asysim.ground.lock import LOCK
from asysim.runs import kept_run
from asysim.runs.checkpoint import CHECKPOINT
from asysim.runs.folder import default_folder
from asysim.runs.outcome import INTERRUPTED
from asysim.runs.rederive import differences, rerun_with
from tests.processes import ASYSIM, begin, wait_for_bytes
from tests.support import (
    CON,
    DISCARD,
    INCON,
    command,
    contents,
    interrupting_at,
    only_fault,
    scenario,
)

KEPT = ["curve.parquet", "manifest.json", "scenario.toml", "trace.parquet", "x.npy",
        "x_ergodic.npy"]  # fmt: skip
PICTURES = ["convergence.png", "staleness.png", "timeline.png"]
EVERY_11 = scenario(CON, "run.evaluate_every=11")


@pytest.fixture
def folder(tmp_path):
    """A run of the tiny scenario, kept."""
    asysim.run(scenario(), folder=tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("text", [CON, INCON])
def test_same_scenario_same_bytes(tmp_path, text):
    (tmp_path / "s.toml").write_text(text)
    for name in ("a", "b"):
        assert command("run", tmp_path / "s.toml", "--out", tmp_path / name).code == 0
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert sorted(first) == sorted(KEPT + PICTURES)
    assert first == second


def test_another_seed_other_bytes(tmp_path, folder):
    asysim.run(scenario(CON, "seed=2"), folder=tmp_path / "other")
    for name in KEPT:
        assert contents(folder)[name] != contents(tmp_path / "other")[name], name


@pytest.mark.parametrize("text", [CON, INCON])
def test_a_run_is_given_back(tmp_path, text):
    made = asysim.run(scenario(text), folder=tmp_path / "run")
    back = asysim.load_run(tmp_path / "run")
    assert back.scenario == made.scenario == scenario(text)
    assert back.trace == made.trace
    assert back.trace.info == made.trace.info
    assert differences(made, back) == []
    assert (back.status, back.outcome.message) == (made.status, made.outcome.message)
    assert back.folder == tmp_path / "run"
    in_memory = asysim.run(scenario(text))
    assert differences(made, in_memory) == []
    assert in_memory.trace == made.trace
    assert in_memory.trace.info == made.trace.info


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_run_is_given_back_whatever_engine_was_asked_for(tmp_path, engine):
    """Its trace is the same file, and names none."""
    asked = scenario(CON, f"engine={engine}")
    run = asysim.run(asked, folder=tmp_path / "run")
    back = asysim.load_run(tmp_path / "run")
    assert (back.scenario, back.trace) == (asked, run.trace)
    assert differences(back, rerun_with(back)) == []


def test_the_manifest_says_what_made_it(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["result"]["status"] == "complete"
    assert manifest["result"]["updates"] == 60
    assert manifest["versions"]["asysim"] == asysim.__version__
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["machine"]["cores"] == os.cpu_count()
    assert manifest["seed"] == 1


def test_the_default_folder_is_named_by_the_whole_scenario(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(CON)
    (tmp_path / "t.toml").write_text("# a comment\n" + CON)
    folders = set()
    for words in (["s.toml"], ["t.toml"], ["s.toml", "seed=2"]):
        said = command("run", *words, "--json", "--no-pictures")
        folders.add(json.loads(said.out)["folder"])
    assert folders == {str(default_folder(scenario(CON, *c))) for c in ([], ["seed=2"])}
    assert all(name.startswith("runs/tiny-") for name in folders)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted(
        name.removeprefix("runs/") for name in folders
    )


# What a run must not replace


def test_the_same_scenario_lands_on_itself(folder):
    before = contents(folder)
    (folder / "x.npy").unlink()
    asysim.run(scenario(), folder=folder)
    assert contents(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_a_run_of_another_scenario_is_left_alone(folder):
    before = contents(folder)
    fault = only_fault(asysim.run, scenario(CON, "seed=2"), folder=folder)
    assert fault.source == str(folder)
    assert fault.found == "a run of another scenario"
    assert contents(folder) == before


def test_what_is_not_a_run_is_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter-1.tex").write_text("Of staleness")
    (tmp_path / "file").write_text("mine")
    for name in ("thesis", "file"):
        fault = only_fault(asysim.run, scenario(), folder=tmp_path / name)
        assert (fault.source, fault.found) == (str(tmp_path / name), "something that is not a run")
    assert contents(tmp_path / "thesis") == {"chapter-1.tex": b"Of staleness"}
    assert (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_will_do(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    asysim.run(scenario(), folder=tmp_path / "empty")
    assert sorted(contents(tmp_path / "empty")) == KEPT
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    asysim.run(scenario(), folder=".")
    assert sorted(contents(tmp_path / "here")) == KEPT


def test_somebody_elses_partial_folder_is_left_alone(tmp_path):
    (tmp_path / "run.partial").mkdir()
    (tmp_path / "run.partial" / "notes").write_text("mine")
    fault = only_fault(asysim.run, scenario(), folder=tmp_path / "run")
    assert (fault.source, fault.found) == (str(tmp_path / "run.partial"), "file exists")
    assert contents(tmp_path / "run.partial") == {"notes": b"mine"}


def test_an_earlier_attempts_partial_folder_is_made_anew(tmp_path):
    (tmp_path / "run.partial").mkdir()
    (tmp_path / "run.partial" / "trace.parquet").write_text("PAR1")
    asysim.run(scenario(), folder=tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("out", ["file/run", "/proc/none/run", "/dev/null/run"])
def test_a_place_that_cannot_be_written_to(tmp_path, out):
    # Not a matter of permissions, which root does not need.
    (tmp_path / "file").write_text("")
    fault = only_fault(asysim.run, scenario(), folder=tmp_path / out)
    assert fault.found in ("not a directory", "no such file or directory")
    assert str(tmp_path / out) in fault.source
    assert "--out" in fault.expected


# Interrupted runs


@pytest.mark.real
def test_a_process_has_its_folder_alone_and_if_interrupted_keeps_what_it_did(tmp_path):
    file, partial, out = tmp_path / "long.toml", tmp_path / "run.partial", tmp_path / "run"
    file.write_text(CON)
    length = ("run.updates=1_000_000_000", "run.evaluate_every=1000")
    process = begin(*ASYSIM, "run", file, *length, "--out", out)
    # A row group on disk: the run is under way, however slow the machine.
    wait_for_bytes(process, partial / "trace.parquet", 1000)
    since = json.loads((partial / LOCK).read_text())["since"]
    for again in (["run", file, "--out", out], ["recover", partial]):
        said = command(*again)
        told = said.err.replace("\n", " ")
        assert said.code == 2
        assert f"process {process.pid} on {platform.node()} (since {since})" in told
        assert "Traceback" not in told
    process.send_signal(signal.SIGINT)
    said, err = process.communicate()
    assert (process.returncode, err) == (130, "")
    assert "interrupted after" in said
    # And no lock; on a machine so slow that it was time for one, a checkpoint.
    assert sorted(contents(out).keys() - {CHECKPOINT}) == sorted(KEPT + PICTURES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.toml", "run"]
    run = asysim.load_run(tmp_path / "run")
    assert run.status == run.trace.info.status == INTERRUPTED
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["result"]["status"] == INTERRUPTED
    assert run.outcome.updates == run.trace.updates == run.curve["update"].iloc[-1] > 60_000
    said = command("replay", tmp_path / "run", "--check")
    assert said.code == 0, said
    assert said.out.startswith("exact")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("text", "changes"), [(CON, ()), (CON, DISCARD), (INCON, ())])
def test_a_signal_ends_x_trace_and_curve_at_one_update(tmp_path, number, text, changes):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    run = asysim.run(
        scenario(text, *changes, "run.evaluate_every=11"),
        folder=tmp_path / "run",
        progress=interrupting_at(33, number),
    )
    assert run.status == INTERRUPTED
    assert run.outcome.updates == run.trace.updates == run.curve["update"].iloc[-1] == 33
    back = asysim.load_run(tmp_path / "run")
    assert differences(back, rerun_with(back)) == []
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


def test_an_interrupted_rerun_takes_the_place_of_nothing(tmp_path):
    folder = tmp_path / "run"
    asysim.run(EVERY_11, folder=folder)
    before = contents(folder)
    mine = folder.with_name("run-interrupted")
    mine.mkdir()
    (mine / "notes").write_text("mine")
    run = asysim.run(EVERY_11, folder=folder, progress=interrupting_at(33))
    assert contents(folder) == before
    assert contents(mine) == {"notes": b"mine"}
    assert run.folder == folder.with_name("run-interrupted-2")
    assert asysim.load_run(run.folder).outcome.updates == 33


def test_a_complete_run_takes_the_place_of_an_interrupted_one(tmp_path):
    asysim.run(EVERY_11, folder=tmp_path / "run", progress=interrupting_at(33))
    asysim.run(EVERY_11, folder=tmp_path / "run")
    assert asysim.load_run(tmp_path / "run").status == "complete"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


# Other endings


@pytest.mark.parametrize(("text", "changes"), [(CON, ()), (CON, DISCARD), (INCON, ())])
def test_a_diverged_run_names_the_update_and_is_kept(tmp_path, text, changes):
    (tmp_path / "s.toml").write_text(text)
    words = [*changes, "algorithm.step=1e9", "run.updates=5000"]
    said = command("run", tmp_path / "s.toml", *words, "--out", tmp_path / "run")
    assert said.code == 4
    run = asysim.load_run(tmp_path / "run")
    last = run.outcome.updates - 1
    assert 0 < last < 4000
    assert f"diverged: after update {last}, " in said.out
    assert "algorithm.step" in said.out
    assert run.trace.updates == run.outcome.updates
    assert run.trace.info.status == run.status == "diverged"
    check = command("replay", tmp_path / "run", "--check")
    assert (check.code, check.out[:5]) == (0, "exact")


@pytest.mark.parametrize("text", [CON, INCON])
def test_a_target_reached(tmp_path, text):
    (tmp_path / "s.toml").write_text(text)
    words = ["problem.noise=0", "run.target_loss=1", "run.updates=100000"]
    said = command("run", tmp_path / "s.toml", *words, "--out", tmp_path / "run")
    assert said.code == 0
    assert "target reached after" in said.out
    run = asysim.load_run(tmp_path / "run")
    assert run.curve["loss"].iloc[-1] <= 1 < run.curve["loss"].iloc[-2]
    check = command("replay", tmp_path / "run", "--check")
    assert (check.code, check.out[:5]) == (0, "exact")


def test_a_target_not_reached(tmp_path):
    (tmp_path / "s.toml").write_text(CON)
    out = tmp_path / "run"
    said = command("run", tmp_path / "s.toml", "run.target_gradient=1e-9", "--out", out)
    assert said.code == 3
    assert "target not reached: wanted ‖∇f‖² ≤ 1e-09, but loss" in said.out
    assert asysim.load_run(out).status == "target not reached"
    check = command("replay", out, "--check")
    assert (check.code, check.out[:5]) == (0, "exact")


# Damage

DAMAGE = {
    "manifest.json": [b"", b"{", b"[]", b"{}", b'{"format": 99}', b'{"format": 1}',
                      b'{"format": 1, "result": {}}', b"\xff"],
    "curve.parquet": [b"", b"PAR1"],
    "x.npy": [b"", b"\x93NUMPY"],
    "x_ergodic.npy": [b"", bytes(200)],
    "trace.parquet": [b"", b"PAR1"],
    "scenario.toml": [b"", b"[", b"\xff"],
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_a_folder_with_a_damaged_or_missing_part(folder, name):
    for content in DAMAGE[name]:
        (folder / name).write_bytes(content)
        said = command("show", folder)
        assert (said.code, said.out) == (2, ""), content
        assert str(folder) in said.err
        assert name in said.err
        assert "Traceback" not in said.err
    (folder / name).unlink()
    said = command("show", folder)
    assert said.code == 2
    assert name in said.err


def test_a_cut_x_is_not_x(folder):
    content = (folder / "x.npy").read_bytes()
    (folder / "x.npy").write_bytes(content[:-8])
    assert "x.npy" in only_fault(asysim.load_run, folder).found
    np.save(folder / "x.npy", np.zeros(3))
    assert only_fault(asysim.load_run, folder).found == "a x.npy of float64 and shape (3,)"


def test_an_x_that_says_it_is_longer_than_any_memory(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }" % (2**62)
    length = len(header).to_bytes(2, "little")
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + length + header + bytes(16))
    fault = only_fault(kept_run._vector, tmp_path, "x.npy", 2**62)
    assert fault.found == f"a damaged x.npy (16 bytes for {2**62} numbers)"


def test_what_is_no_run_folder(tmp_path):
    assert only_fault(asysim.load_run, tmp_path / "none").found == "nothing there"
    assert only_fault(asysim.load_run, tmp_path).found == "no manifest.json"
    (tmp_path / "file").write_text("")
    assert only_fault(asysim.load_run, tmp_path / "file").found == "a file"


def test_a_check_sees_one_bit(folder):
    for name, says in (("x.npy", "x: 1 of 10"), ("x_ergodic.npy", "ergodic x: 1 of 10")):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-8] + bytes([content[-8] ^ 1]) + content[-7:])
        said = command("replay", folder, "--check")
        assert said.code == 5
        assert says in said.out
        (folder / name).write_bytes(content)
    run = asysim.load_run(folder)
    run.curve.loc[2, "loss"] = np.nextafter(run.curve["loss"][2], np.inf)
    run.curve.to_parquet(folder / "curve.parquet", index=False)
    said = command("replay", folder, "--check", "--json")
    assert said.code == 5
    told = json.loads(said.out)
    assert not told["exact"]
    assert told["differences"][0].startswith("curve, loss at update 20: ")
