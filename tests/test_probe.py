"""Probes: what is measured at points of a run, computed once for all of them."""

import numpy as np
import pytest

import asysim
from asysim.problems import Quadratic
from asysim.replay.curve import COLUMNS, PROBES, Evaluation, evaluate
from asysim.replay.probe import At, measured
from asysim.runs.outcome import DIVERGED, INTERRUPTED
from asysim.runs.salvage import recover
from asysim.scenario import parse
from tests.support import (
    checkpoints_at_each_block,
    command,
    contents,
    failing_at,
    interrupting_at,
    only_fault,
)


class Counted(Quadratic):
    calls = 0

    def full_gradient(self, x, out):
        self.calls += 1
        return super().full_gradient(x, out)


class Distance:
    """‖x‖, the distance to the minimum, at every third evaluation."""

    names, every = ("distance",), 3

    def measure(self, at):
        return (float(np.linalg.norm(at.x)),)


def test_the_curve_is_its_probes():
    problem, x = Counted([1.0, 2.0]), np.array([3.0, 4.0])
    assert [name for probe in PROBES for name in probe.names] == [*Evaluation._fields][:2]
    assert evaluate(problem, x) == Evaluation(loss=20.5, gradient_norm2=73.0)
    assert problem.calls == 1, "the gradient is computed once for all"
    found = [measured([*PROBES, Distance()], At(problem, x), k).get("distance") for k in range(4)]
    assert found == [5.0, None, None, 5.0]
    problem.calls = 0
    measured([Distance()], At(problem, x))
    assert problem.calls == 0, "and not for those that don't ask"


# ---- a probe of one's own, along a run

RUN = """
problem = {kind = "quadratic", eigenvalues = [1.0, 2.0, 4.0, 7.0], noise = 0.3, start = 1.0}
algorithm = {name = "asysg-con", step = 0.02, batch_size = 2}
workers = {count = 4, compute = {law = "exponential", mean = 1e-3}, speed = [1.0, 1.0, 0.2, 1.0]}
run = {updates = 62, evaluate_every = 4}
"""
LOCK_FREE = ('algorithm.name="asysg-incon"', "memory={read = 4e-4, write = 4e-4}")


class Sharpness:
    """The largest eigenvalue of ∇²f(x) by one step of the power method from where it was last."""

    names = ("sharpness", "residual")

    def __init__(self, every=2):
        self.every = every
        self._v = None

    def measure(self, at):
        v = self._v
        if v is None:
            v = np.full(len(at.x), len(at.x) ** -0.5)
        product = at.problem.hvp(at.x, v)
        quotient = float(v @ product)
        self._v = product / np.linalg.norm(product)
        return quotient, float(np.linalg.norm(product - quotient * v))

    def memory(self):
        return {} if self._v is None else {"v": self._v}

    def recall(self, memory):
        self._v = memory.get("v")


@pytest.fixture(params=["compiled", "numpy", "lock-free"])
def scenario(request):
    if request.param == "lock-free":
        return parse(RUN, *LOCK_FREE)
    return parse(RUN, f'replay.arithmetic="{request.param}"')


def test_its_columns_are_in_the_curve(scenario):
    probe = Sharpness()
    curve = asysim.run(scenario, probes=[probe]).curve
    assert [*curve.columns] == [*COLUMNS, "sharpness", "residual"]
    assert curve[[*COLUMNS]].equals(asysim.run(scenario).curve)
    measured_at = curve["sharpness"].notna()
    assert curve["update"][measured_at].tolist() == [*range(0, 62, 8)]
    assert curve["update"].iloc[-1] == 62
    found = curve["sharpness"][measured_at].to_numpy()
    assert found[0] == 3.5, "the mean of the eigenvalues"
    assert (np.diff(found) > 0).all()
    assert 6.99 < found[-1] < 7, "the quotients of the power method rise to the largest"
    assert curve.equals(asysim.run(scenario, probes=[probe]).curve), "it was copied"
    always = asysim.run(scenario, probes=[Sharpness(every=1)]).curve
    assert always["sharpness"].notna().all()


def test_a_folder_has_them(scenario, tmp_path):
    run = asysim.run(scenario, probes=[Sharpness()], folder=tmp_path / "run")
    again = asysim.load_run(tmp_path / "run")
    assert again.outcome.points == run.outcome.points
    assert again.curve.equals(run.curve)
    assert asysim.rerun(run.trace, scenario, probes=[Sharpness()]).curve.equals(run.curve)


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_a_run_that_is_gone_on_with_has_them(scenario, tmp_path, how):
    given = {"probes": [Sharpness()]}
    whole = contents(asysim.run(scenario, folder=tmp_path / "whole", **given).folder)
    left = tmp_path / "run"
    with checkpoints_at_each_block():
        if how == "interrupted":
            assert asysim.run(
                scenario, folder=left, progress=interrupting_at(40), **given
            ).status == (INTERRUPTED)
        else:
            with pytest.raises(ZeroDivisionError):
                asysim.run(scenario, folder=left, progress=failing_at(40), **given)
            left = left.with_name("run.partial")
        done = asysim.resume(left, **given)
    assert contents(done.folder) == whole


@pytest.mark.parametrize("probes", [[], [Sharpness(every=3)]])
def test_with_other_probes_all_is_computed_again(scenario, tmp_path, probes):
    with checkpoints_at_each_block():
        left = tmp_path / "run"
        asysim.run(scenario, folder=left, progress=interrupting_at(40), probes=[Sharpness()])
        with pytest.warns(UserWarning, match="begins at the start.*made with other probes"):
            done = asysim.resume(left, probes=probes)
    assert done.curve.equals(asysim.run(scenario, probes=probes).curve)


def left_at(scenario, place, how):
    """Return the folder of a run with two probes that came to update 40."""
    given = {"folder": place / "run", "probes": [Sharpness(), Distance()]}
    with checkpoints_at_each_block():
        if how == "interrupted":
            return asysim.run(scenario, progress=interrupting_at(40), **given).folder
        with pytest.raises(ZeroDivisionError):
            asysim.run(scenario, progress=failing_at(40), **given)
    return place / "run.partial"


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_the_command_line_which_knows_none_does_not_drop_columns(scenario, tmp_path, how):
    left = left_at(scenario, tmp_path, how)
    before = contents(left)
    said = command("run", "--resume", left)
    assert (said.code, said.out) == (2, "")
    for words in ("sharpness, residual, distance", "from Python", f"asysim.resume('{left}', prob"):
        assert words in " ".join(said.err.split())
    assert contents(left) == before


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_what_is_recovered_keeps_the_columns_as_far_as_they_are_known(scenario, tmp_path, how):
    whole = asysim.run(scenario, probes=[Sharpness(), Distance()]).curve
    left = left_at(scenario, tmp_path, how)
    with pytest.warns(UserWarning, match="distance only as measured until update") as said:
        made = asysim.load_run(recover(left))
    assert said[0].message.args[0].endswith(made.outcome.message)
    known = made.curve[: made.curve["residual"].last_valid_index() + 1]
    assert len(known) > 3
    assert [*made.curve.columns] == [*whole.columns]
    assert known.equals(whole[: len(known)])
    assert made.curve[[*COLUMNS]].equals(whole[[*COLUMNS]][: len(made.curve)])


@pytest.mark.real
def test_a_real_run_has_them():
    scenario = parse(RUN)
    run = asysim.run(scenario, on="threads", probes=[Sharpness()])
    assert asysim.rerun(run.trace, scenario, probes=[Sharpness()]).curve.equals(run.curve)


class Fragile(Distance):
    def measure(self, at):
        assert np.isfinite(at.gradient).all()
        return super().measure(at)


def test_nothing_is_measured_where_the_loss_is_not_finite():
    run = asysim.run(parse(RUN, "algorithm.step=1e300", "run.evaluate_every=1"), probes=[Fragile()])
    assert run.status == DIVERGED
    assert run.curve["distance"][0] == 2.0


def named(*names, every=1):
    probe = Distance()
    probe.names, probe.every = names, every
    return probe


@pytest.mark.parametrize(
    ("probe", "found"),
    [(named("loss"), "'loss'"), (named("a", "a"), "'a'"), (named("a b"), "'a b'"),
     (named("a", every=0), "0")],
)  # fmt: skip
def test_columns_that_can_not_be(probe, found, tmp_path):
    assert only_fault(asysim.run, parse(RUN), probes=[probe]).found == found
    assert only_fault(asysim.run, parse(RUN), probes=[probe], folder=tmp_path / "no").found == found
    assert [*tmp_path.iterdir()] == []


def giving(found, names=("a", "b"), every=1):
    return type("Odd", (), {"names": names, "every": every, "measure": lambda *_: found})()


@pytest.mark.parametrize(
    ("found", "key", "said"),
    [
        (None, "measure", "None"), (1.0, "measure", "1.0"), ("xy", "measure", "'xy'"),
        ((1.0,), "measure", "1 number"), ((1.0, 2.0, 3.0), "measure", "3 numbers"),
        ((1.0, "x"), "measure, column b", "'x'"), ((1j, 1.0), "measure, column a", "1j"),
        ((None, 1.0), "measure, column a", "None"), ({"a": 1.0, "b": 2.0}, "measure", "{'a'"),
        ((1.0, np.ones(3)), "measure, column b", "ndarray of shape (3,)"),
        ((1.0, object), "measure, column b", "<class 'object'>"),
    ],
)  # fmt: skip
def test_what_is_no_number_for_each_column_is_told(found, key, said):
    fault = only_fault(asysim.run, parse(RUN), probes=[giving(found)])
    assert (fault.source, fault.key) == ("Odd, a probe", key)
    assert fault.found.startswith(said)


@pytest.mark.parametrize("found", [[1, True], np.array([1, 1]), (np.float32(1), np.array(1))])
def test_numbers_of_any_kind_are_taken(found):
    assert asysim.run(parse(RUN), probes=[giving(found)]).curve[["a", "b"]].eq(1.0).all(axis=None)


@pytest.mark.parametrize(
    ("probes", "key", "found"),
    [
        ([giving((), names=(1,))], "names", "1"), ([giving((), names="own")], "names", "'own'"),
        ([giving((), every="2")], "every", "'2'"), ([giving((), every=1.5)], "every", "1.5"),
        ([giving((), every=True)], "every", "True"), ([Distance], "probes", "the class Distance"),
        (Distance(), "probes", "an object Distance"), ([object()], "names", "nothing"),
        ([3], "names", "nothing"),
    ],
)  # fmt: skip
def test_what_is_no_probe_is_told(probes, key, found):
    fault = only_fault(asysim.run, parse(RUN), probes=probes)
    assert (fault.key, fault.found) == (key, found)


class Meddling(Distance):
    def __init__(self, what):
        self.what = what

    def measure(self, at):
        getattr(at, self.what)[:] = 0.0
        return (0.0,)


@pytest.mark.parametrize("what", ["x", "gradient"])
def test_a_probe_only_looks(scenario, what):
    with pytest.raises(ValueError, match="read-only"):
        asysim.run(scenario, probes=[Meddling(what)])
