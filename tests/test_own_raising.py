"""Code of the user's own that raises: a message with its line, and what was computed is kept."""

from __future__ import annotations

import pytest

import asysim
from asysim.runs.salvage import recover
from asysim.scenario import parse
from tests.support import BASE, command, only_fault

RULES = """
from asysim.coordination import Coordination, Settings
from asysim.updates import StepRule, WeightRule

def end(what):
    if what == "exit":
        raise SystemExit(3)
    if what == "disk":
        open("/nowhere/at/all")
    if what == "bare":
        raise RuntimeError
    return 1 / 0

class Step(StepRule):
    what: str

    def at(self, update: int) -> float:
        return 0.01 if update < 15_000 else end(self.what)

class Weight(WeightRule):
    what: str

    def weight(self, staleness, step):
        return 1.0 if staleness < 2 else end(self.what)

class Rule(Settings):
    what: str

    def rule(self, server, workers):
        return Ending(server, self.what)

class Ending(Coordination):
    def __init__(self, server, what):
        super().__init__(server)
        self.what = what

    def arrive(self, flight):
        self.server.fold(flight)
        self.server.make_update()
        if self.server.update == 1000:
            end(self.what)
        self.server.free(flight.worker)
"""
RAISED = {
    "zero": ("line 12, in end", ZeroDivisionError, "ZeroDivisionError: division by zero"),
    "exit": ("line 7, in end", SystemExit, "SystemExit: 3"),
    "disk": ("line 9, in end", FileNotFoundError, "FileNotFoundError: [Errno 2] No such file"),
    "bare": ("line 11, in end", RuntimeError, "RuntimeError"),
}
KEYS = {"Step": "algorithm.step", "Weight": "update.weight", "Rule": "coordination"}
LONG = ("run.updates=20_000", "run.evaluate_every=500")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "s.toml").write_text(BASE)
    (tmp_path / "own.py").write_text(RULES)
    return tmp_path


def named(name, what):
    return f'{KEYS[name]}={{kind="own:{name}", what="{what}"}}'


@pytest.mark.parametrize("what", RAISED)
@pytest.mark.parametrize("name", KEYS)
def test_the_command_line_says_which_line_of_it(files, name, what):
    changes, kept = (named(name, what), *LONG), ("--out", files / "run", "--no-pictures")
    said = command("run", files / "s.toml", *changes, *kept)
    assert (said.code, said.out) == (2, "")
    words = " ".join(said.err.split())
    place, _, error = RAISED[what]
    assert f"{files / 'own.py'}: {place} found {error}" in words
    assert "Traceback" not in said.err
    if name == "Weight":  # in the first block: nothing has been computed
        return
    partial = files / "run.partial"
    assert f"asysim recover {partial}" in words
    assert f"asysim run --resume {partial}" in words
    recover(partial)
    run = asysim.load_run(files / "run")
    assert run.status == "cut short"
    assert len(run.trace) >= 1000
    # Without the rule the schedule is the same.
    assert (
        run.trace.ticks.tobytes()
        == asysim.run(parse(BASE, *LONG)).trace[: len(run.trace)].ticks.tobytes()
    )


@pytest.mark.parametrize("what", RAISED)
@pytest.mark.parametrize("name", KEYS)
def test_from_python_it_goes_through(files, name, what):
    scenario = parse(BASE, named(name, what), *LONG, folder=files)
    with pytest.raises(RAISED[what][1]) as raised:
        asysim.run(scenario, folder=files / "run")
    assert raised.traceback[-1].name == "end"
    assert (name == "Weight") == (not getattr(raised.value, "__notes__", []))


def test_what_ends_a_process_beside_is_told_as_well(files):
    study = ("run.target_loss=1e-9", "speedup={workers=[1, 2]}", "--out", files / "study")
    said = command("speedup", files / "s.toml", named("Step", "zero"), *LONG, *study)
    assert said.code == 2
    assert f"{files / 'own.py'}: {RAISED['zero'][0]} found Zero" in " ".join(said.err.split())


def test_a_file_that_ends_the_program_is_told(tmp_path):
    (tmp_path / "own.py").write_text("raise SystemExit(3)")
    fault = only_fault(parse, BASE, named("Rule", "zero"), folder=tmp_path)
    assert fault.key == "coordination.kind"
    assert "(line 1) with SystemExit: 3" in fault.found
