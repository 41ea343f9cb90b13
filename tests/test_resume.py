"""A run that was interrupted and gone on with is the run that nothing interrupted, to the bit."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import asysim
from asysim.errors import InputError
from asysim.problems.quadratic import Quadratic
from asysim.replay.compiled import executor
from asysim.runs import checkpoint, replayed
from asysim.runs.checkpoint import CHECKPOINT, Checkpoint, checksum
from asysim.runs.checkpoints import Checkpoints, StillCatchingUp
from asysim.runs.made_with import own_code
from asysim.runs.outcome import INTERRUPTED
from asysim.runs.resuming import Interrupted
from asysim.scenario import parse
from asysim.trace import Trace
from asysim.trace.recorder import RowList
from tests.support import (
    checkpoints_at_each_block,
    command,
    contents,
    failing_at,
    interrupting_at,
    only_fault,
)

CON = """
problem = {kind = "quadratic", dimension = 5, noise = 0.3, start = 1.0}
algorithm = {name = "asysg-con", step = 0.02, batch_size = 2}
workers = {count = 4, compute = {law = "exponential", mean = 1e-3}, speed = [1.0, 1.0, 0.2, 1.0]}
run = {updates = 60, evaluate_every = 1}
"""
INCON = """
problem = {kind = "quadratic", dimension = 5, noise = 0.3, start = 1.0}
algorithm = {name = "asysg-incon", step = 0.02, batch_size = 2}
workers = {count = 4, compute = {law = "exponential", mean = 1e-3}, speed = [1.0, 1.0, 0.2, 1.0]}
memory = {read = 4e-4, write = 4e-4}
run = {updates = 60, evaluate_every = 1}
"""
GAP = 'correction = {kind = "gap-aware", decay = 0.9}'
DOCS = Path(__file__).parents[1] / "docs"
OWN = f'correction = {{kind = "{DOCS}/own_update.py:Damped"}}'
ADAPTIVE = 'correction = {kind = "dc-asgd-adaptive", strength = 0.1}'
CASES = {
    "con": (CON,),
    "con, decaying": (CON, 'algorithm.step={kind = "decaying", initial = 0.02}'),
    "con, momentum and weights": (CON, 'update={momentum = 0.5, weight = {kind = "inverse"}}'),
    "con, gap-aware and momentum": (CON, f"update={{momentum = 0.5, {GAP}}}"),
    "con, adaptive": (CON, f"update={{{ADAPTIVE}}}"),
    "con, of one's own": (CON, f"update={{momentum = 0.5, {OWN}}}"),
    "con, noise": (CON, 'update={momentum = 0.5, perturbation = {kind = "ball", scale = 0.1}}'),
    "con, several gradients, mean": (
        CON, "algorithm.gradients_per_update=3", "update.average=true"),
    "con, discarded": (
        CON, "algorithm.staleness_bound=3", 'algorithm.beyond_bound="discard"'),
    "con, cluster": (CON, "coordination={kind = 'rennala', batch = 3}"),
    "con, crashes": (CON, "faults={uptime = 0.01, downtime = 0.003}"),
    "incon": (INCON,),
    "incon, decaying, weights": (
        INCON, 'algorithm.step={kind = "decaying", initial = 0.02}',
        'update.weight={kind = "inverse"}'),
    "incon, coordinates": (INCON, 'algorithm.write="coordinate"'),
}  # fmt: skip
HOW = ("compiled", "step by step", "numpy")


@pytest.fixture(autouse=True)
def at_each_block():
    with checkpoints_at_each_block():
        yield


def computed(scenario, *, at=None, begun=None, place=None, problem=None):
    """Return the outcome and the rows of a run that is interrupted before an update, if at all."""
    prepared, parts = replayed.prepared_for(scenario, problem), RowList()
    watch = None if at is None else interrupting_at(at)
    outcome = prepared.execute(parts, watch, Checkpoints(begun, place))
    return outcome, Trace.joined(parts.rows, prepared.info)


def assert_equal(found, expected):
    (outcome, rows), (whole, all_rows) = found, expected
    assert checksum(rows) == checksum(all_rows)
    assert outcome.points == whole.points
    assert outcome.x.tobytes() == whole.x.tobytes()
    assert outcome.x_ergodic.tobytes() == whole.x_ergodic.tobytes()
    for name in ("ergodic_index", "updates", "status", "message"):
        assert getattr(outcome, name) == getattr(whole, name)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", CASES)
def test_wherever_it_was_interrupted(tmp_path, monkeypatch, name, how):
    """By the compiled loop, one update after the other, or in NumPy."""
    text, *changes = CASES[name]
    if how == "step by step":
        monkeypatch.setattr(executor, "LARGEST", 0)
    scenario = parse(text, *changes, f'replay.arithmetic="{how if how == "numpy" else "compiled"}"')
    whole = computed(scenario)
    assert whole[0].updates == 60
    own, places = own_code(scenario), set()
    for at in range(1, 60, 7):
        place = tmp_path / f"{at}.npz"
        outcome, rows = computed(scenario, at=at, place=place)
        assert (outcome.status, outcome.updates, rows.updates) == (INTERRUPTED, at, at)
        if not place.exists():
            continue
        begun = Checkpoint.load(place, 5, own)
        places.add(begun.state.updates)
        assert begun.state.updates <= at
        assert_equal(computed(scenario, begun=begun), whole)
        again, _ = computed(scenario, begun=Checkpoint.load(place, 5, own), at=min(59, at + 9),
                            place=place)  # fmt: skip
        assert again.status == INTERRUPTED
        assert_equal(computed(scenario, begun=Checkpoint.load(place, 5, own)), whole)
    assert len(places) > 3


class Batched(Quadratic):
    """Computes several gradients at once, with bits that depend on which."""

    def gradients(self, xs, batches, outs):
        for x, batch, out in zip(xs, batches, outs, strict=True):
            self.gradient(x, batch, out)
            out *= 1 + 1e-15 * len(xs)


@pytest.mark.parametrize("text", [CON, INCON])
def test_gradients_computed_together(tmp_path, text):
    scenario = parse(text, "replay={together = 3, arithmetic = 'numpy'}")
    problem = Batched(np.linspace(0.1, 1, 5), noise=0.3)
    whole = computed(scenario, problem=problem)
    computed(scenario, problem=problem, at=40, place=tmp_path / "c.npz")
    begun = Checkpoint.load(tmp_path / "c.npz", 5)
    assert begun.state.updates > 20
    assert_equal(computed(scenario, problem=problem, begun=begun), whole)


def test_simpy_s_schedule_and_a_target(tmp_path):
    scenario = parse(CON, 'engine="simpy"', "run.target_loss=0.5", "run.smoothing=5")
    whole = computed(scenario)
    assert whole[0].status == "target reached"
    at = whole[0].updates - 3
    computed(scenario, at=at, place=tmp_path / "c.npz")
    assert_equal(computed(scenario, begun=Checkpoint.load(tmp_path / "c.npz", 5)), whole)


# ---- folders


@pytest.fixture(params=[CON, INCON], ids=["con", "incon"])
def scenario(request):
    return parse(request.param)


@pytest.fixture
def whole(tmp_path, scenario):
    """Return the files of a run that nothing interrupted."""
    return contents(asysim.run(scenario, folder=tmp_path / "whole").folder)


def cut(scenario, folder, at=40):
    done = asysim.run(scenario, folder=folder, progress=interrupting_at(at))
    assert done.status == INTERRUPTED
    return done.folder


def killed(scenario, folder, at=40):
    """Leave what a run leaves that does not come to its end."""
    with pytest.raises(ZeroDivisionError):
        asysim.run(scenario, folder=folder, progress=failing_at(at))
    return folder.with_name(f"{folder.name}.partial")


def test_all_files_are_those_of_a_run_that_nothing_interrupted(tmp_path, scenario, whole):
    left = cut(scenario, tmp_path / "run")
    assert (left / CHECKPOINT).is_file()
    done = asysim.resume(left)
    assert done.folder == left == tmp_path / "run"
    assert contents(done.folder) == whole
    assert {path.name for path in tmp_path.iterdir()} == {"run", "whole"}


def test_it_comes_to_the_place_where_it_was_to_go(tmp_path, scenario, whole):
    asysim.run(scenario, folder=tmp_path / "run")
    left = cut(scenario, tmp_path / "run")
    assert left == tmp_path / "run-interrupted"
    assert asysim.resume(left).folder == tmp_path / "run"
    assert contents(tmp_path / "run") == whole
    assert not left.exists()


def test_what_a_killed_run_left_is_gone_on_with(tmp_path, scenario, whole):
    left = killed(scenario, tmp_path / "run")
    assert "--resume" in only_fault(asysim.run, scenario, folder=tmp_path / "run").expected
    assert asysim.resume(left).folder == tmp_path / "run"
    assert contents(tmp_path / "run") == whole
    assert {path.name for path in tmp_path.iterdir()} == {"run", "whole"}


def test_interrupted_and_killed_again_and_again(tmp_path, scenario, whole):
    left = cut(scenario, tmp_path / "run", at=20)
    assert asysim.resume(left, progress=interrupting_at(30)).folder == left
    with pytest.raises(ZeroDivisionError):
        asysim.resume(left, progress=failing_at(45))
    assert asysim.load_run(left).outcome.updates == 30  # as it was
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asysim.resume(tmp_path / "run.partial").folder == left
    assert contents(left) == whole
    assert {path.name for path in tmp_path.iterdir()} == {"run", "whole"}


def test_too_early_to_be_interrupted_again(tmp_path, scenario):
    left = cut(scenario, tmp_path / "run")
    before = contents(left)
    begun = Checkpoint.load(left / CHECKPOINT, 5).state.updates
    with pytest.raises(StillCatchingUp, match="is as it was"):
        asysim.resume(left, progress=interrupting_at(begun))
    assert contents(left) == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def damage(path):
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda path, _: path.unlink(), "no checkpoint yet"),
        (lambda path, _: damage(path), "a damaged checkpoint"),
        (lambda path, _: path.write_text("no"), "damaged|allow_pickle|pickle"),
        (
            lambda _, patch: patch.setattr(checkpoint, "made_with", dict),
            "made with other versions, or on another machine",
        ),
    ],
)
def test_without_a_checkpoint_all_is_computed_again(tmp_path, monkeypatch, harm, why):
    scenario = parse(CON)
    whole = contents(asysim.run(scenario, folder=tmp_path / "whole").folder)
    left = cut(scenario, tmp_path / "run")
    harm(left / CHECKPOINT, monkeypatch)
    with pytest.warns(UserWarning, match=f"begins at the start.*({why})"):
        done = asysim.resume(left)
    assert contents(done.folder) == whole


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (
            'workers.compute={{law = "empirical", file = "{}"}}',
            "0.001\n0.002\n0.003\n",
            "0.001\n0.002\n0.004\n",
        ),
        (
            'problem={{kind = "least_squares", data = {{kind = "libsvm", path = "{}"}}}}',
            "1.5 1:1 2:2\n2 1:2 2:1\n3 1:3 2:5\n",
            "1.5 1:1 2:2\n2 1:2 2:1\n3 1:3 2:6\n",
        ),
    ],
)
def test_a_file_that_changed_meanwhile_is_noticed(tmp_path, change, before, after):
    place = tmp_path / "numbers.txt"
    place.write_text(before)
    left = cut(parse(CON, change.format(place)), tmp_path / "run")
    kept = contents(left)
    place.write_text(after)
    assert "has changed" in only_fault(asysim.resume, left).expected
    assert contents(left) == kept
    assert {path.name for path in tmp_path.iterdir()} == {"run", "numbers.txt"}


def test_a_rule_of_ones_own_that_changed_meanwhile_is_noticed(tmp_path):
    rule = tmp_path / "rule.py"
    rule.write_text((DOCS / "own_update.py").read_text())
    update = f'update={{correction = {{kind = "{rule}:Damped"}}}}'
    left = cut(parse(CON, update), tmp_path / "run")
    assert Interrupted.find(left).begun is not None
    rule.write_text(rule.read_text() + "\n# another text\n")
    with pytest.warns(UserWarning, match="at the start.*your own that has changed"):
        done = asysim.resume(left)
    whole = asysim.run(parse(CON, update), folder=tmp_path / "whole")
    assert contents(done.folder) == contents(whole.folder)


def test_rows_that_are_not_those_recorded_are_noticed(tmp_path):
    left = cut(parse(CON), tmp_path / "run")
    trace = asysim.load_run(left).trace
    ticks = trace.ticks.copy()
    ticks[-1, 8] += 1
    replace(trace, ticks=ticks).save(left / "trace.parquet")
    assert "run anew" in only_fault(asysim.resume, left).expected


def test_a_trace_that_can_not_be_leaves_nothing_half_made(tmp_path):
    left = cut(parse(CON), tmp_path / "run")
    trace = asysim.load_run(left).trace
    ticks = trace.ticks.copy()
    ticks[3, 8] = ticks[4, 8] + 1  # it arrived after it was applied
    replace(trace, ticks=ticks).save(left / "trace.parquet")
    with pytest.raises(InputError, match="arrived"):
        asysim.resume(left)
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


def test_what_can_not_be_gone_on_with(tmp_path):
    over = asysim.run(parse(CON), folder=tmp_path / "over").folder
    assert only_fault(asysim.resume, over).found == "a run that is over: complete"
    assert only_fault(asysim.resume, tmp_path / "none").found == "nothing there"
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "mine").touch()
    assert only_fault(asysim.resume, tmp_path / "else").found == "something else"
    manifest = over / "manifest.json"
    real = json.loads(manifest.read_text()) | {"measured": {"backend": "threads"}}
    manifest.write_text(json.dumps(real))
    assert "a real run" in only_fault(asysim.resume, over).found
    (tmp_path / "killed.partial").mkdir()
    assert "killed.partial" in only_fault(asysim.resume, tmp_path / "killed").expected
    (tmp_path / "real.partial").mkdir()
    (tmp_path / "real.partial" / "rows.spool").touch()
    assert "asysim recover" in only_fault(asysim.resume, tmp_path / "real.partial").expected


def test_the_command(tmp_path):
    left = cut(parse(CON), tmp_path / "run")
    assert f"to go on: asysim run --resume {left}" in command("show", left).out
    for words in (["s.toml"], ["run.updates=9"], ["--on", "threads"], ["--out", "x"]):
        said = command("run", *words, "--resume", left)
        assert (said.code, said.out) == (2, "")
        assert "--resume" in said.err
        assert words[-1] in said.err or words[0] in said.err
    assert "asysim init" in command("run").err
    said = command("run", "--resume", left, "--no-pictures")
    assert said.code == 0
    begun = "goes on from update "
    assert begun in said.err
    assert "60 updates" in said.out
    assert "is over: complete" in command("run", "--resume", left).err
