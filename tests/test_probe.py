"""Probes: what is measured at points of a run, computed once for all of them."""

import numpy as np

from asysim.problems import Quadratic
from asysim.replay.curve import PROBES, Evaluation, evaluate
from asysim.replay.probe import At, measured


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
    assert [name for probe in PROBES for name in probe.names] == [*Evaluation._fields]
    assert evaluate(problem, x) == Evaluation(loss=20.5, gradient_norm2=73.0)
    assert problem.calls == 1, "the gradient is computed once for all"
    found = [measured([*PROBES, Distance()], At(problem, x), k).get("distance") for k in range(4)]
    assert found == [5.0, None, None, 5.0]
    problem.calls = 0
    measured([Distance()], At(problem, x))
    assert problem.calls == 0, "and not for those that don't ask"
