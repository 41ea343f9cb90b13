"""A run that was interrupted and gone on with is the run that nothing interrupted, to the bit."""

import signal

import pytest

from asysim import checkpoints, execution
from asysim.checkpoint import Checkpoint, checksum
from asysim.checkpoints import Checkpoints
from asysim.outcome import INTERRUPTED
from asysim.recorder import RowList
from asysim.scenario import parse
from asysim.trace import Trace

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
ADAPTIVE = 'correction = {kind = "dc-asgd-adaptive", strength = 0.1}'
CASES = {
    "con": (CON,),
    "con, decaying": (CON, 'algorithm.step={kind = "decaying", initial = 0.02}'),
    "con, momentum and weights": (CON, 'update={momentum = 0.5, weight = {kind = "inverse"}}'),
    "con, gap-aware and momentum": (CON, f"update={{momentum = 0.5, {GAP}}}"),
    "con, adaptive": (CON, f"update={{{ADAPTIVE}}}"),
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
ARITHMETIC = ("compiled", "numpy")


@pytest.fixture(autouse=True)
def at_each_block(monkeypatch):
    """Keep a checkpoint after every block, and have blocks that are short."""
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)
    monkeypatch.setattr(checkpoints, "_SHARE", 0)
    monkeypatch.setattr(execution, "_rows_at_once", lambda *_: 7)


def interrupting(at):
    """Return what is told of progress, and interrupts before an update."""

    def watch(state):
        if state.updates == at:
            signal.raise_signal(signal.SIGTERM)

    return watch


def computed(scenario, *, at=None, begun=None, place=None):
    """Return the outcome and the rows of a run that is interrupted before an update, if at all."""
    prepared, parts = execution._prepared(scenario, None), RowList()
    watch = None if at is None else interrupting(at)
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


@pytest.mark.parametrize("arithmetic", ARITHMETIC)
@pytest.mark.parametrize("name", CASES)
def test_wherever_it_was_interrupted(tmp_path, name, arithmetic):
    text, *changes = CASES[name]
    scenario = parse(text, *changes, f'replay.arithmetic="{arithmetic}"')
    whole = computed(scenario)
    assert whole[0].updates == 60
    places = set()
    for at in range(0, 60, 3):
        place = tmp_path / f"{at}.npz"
        outcome, rows = computed(scenario, at=at, place=place)
        assert (outcome.status, outcome.updates, rows.updates) == (INTERRUPTED, at, at)
        if not place.exists():
            continue
        begun = Checkpoint.load(place, 5)
        places.add(begun.state.updates)
        assert begun.state.updates <= at
        assert_equal(computed(scenario, begun=begun), whole)
        again, _ = computed(scenario, begun=Checkpoint.load(place, 5), at=min(59, at + 9),
                            place=place)  # fmt: skip
        assert again.status == INTERRUPTED
        assert_equal(computed(scenario, begun=Checkpoint.load(place, 5)), whole)
    assert len(places) > 3
