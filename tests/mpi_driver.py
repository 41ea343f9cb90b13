"""What the tests of the MPI backends start with mpiexec: a driver on rank 0, workers elsewhere.

mpiexec -n 5 python -m tests.mpi_driver RESULT CASE SCENARIO.toml [CASE SCENARIO.toml …]
"""

import faulthandler
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from asysim.backends import mpi
from asysim.backends.assignment import prepared
from asysim.backends.session import Ending
from asysim.errors import InputError
from asysim.problems.base import Constants
from asysim.scenario import parse
from asysim.trace import Trace
from asysim.trace.recorder import RowList


class Came(NamedTuple):
    """What came of a run."""

    trace: Trace
    snapshots: list
    ending: Ending
    at_start: list  # `updates_at_start` of each piece of the trace, and the updates up to its end
    updates: int


class Counting:
    """Gradients of whole numbers that don't depend on x: with γ = 2^−10, sums of them are exact."""

    dimension = 300
    words = 1

    def start(self):
        return np.zeros(self.dimension)

    def sample(self, words):
        return (words[..., 0] % np.uint64(1000)).astype(np.int64)

    def gradient(self, x, batch, out):  # noqa: ARG002
        out[:] = np.arange(self.dimension) % 7
        out *= float(batch.sum())

    def value(self, x):
        return float(x.sum())

    def full_gradient(self, x, out):
        out[:] = 1
        return self.value(x)

    def constants(self):
        return Constants()


class Hurt:
    """A problem whose gradient goes wrong on one rank after a while."""

    def __init__(self, problem, harm):
        self._problem, self._harm, self._count = problem, harm, 0

    def __getattr__(self, name):
        return getattr(self._problem, name)

    def gradient(self, x, batch, out):
        self._count += 1
        if mpi.world()[0] == 3 and self._count == 8:
            self._harm()
        self._problem.gradient(x, batch, out)


def _fail():
    raise ValueError("no gradient today\nnor tomorrow")


def _freeze():
    os.kill(os.getpid(), signal.SIGSTOP)


HARMS = {"fail": _fail, "freeze": _freeze}


def run(case, scenario):
    """Run one case; return what came of it on rank 0, None elsewhere."""
    problem = Counting() if case == "counting" else scenario.problem.build()
    if case in HARMS:
        problem = Hurt(problem, HARMS[case])
    if mpi.world()[0] > 0:
        mpi.serve(scenario, problem)
        return None
    assignment, _ = prepared(scenario, problem)
    parts, snapshots = RowList(), []

    def fetch(session):
        rows = session.rows()
        if rows is not None:
            parts.write(rows)
        snapshots.extend(session.snapshots())

    with mpi.open_session(assignment) as session:
        while not session.over:
            session.work(0.01)
            fetch(session)
            if case == "stop" and session.updates >= 50:
                session.stop()
        fetch(session)
        ending, updates = session.finish(), session.updates
    at_start = [(part.updates_at_start, part.updates) for part in parts.rows]
    return Came(Trace.joined(parts.rows, assignment.info), snapshots, ending, at_start, updates)


def load(path):
    """Return what rank 0 left behind."""
    with Path(path).open("rb") as file:
        return [Came(**one) for one in pickle.load(file)]


def main():
    faulthandler.dump_traceback_later(150, exit=True)  # whoever started this has given up
    result, words = sys.argv[1], sys.argv[2:]
    came = []
    for case, path in zip(words[::2], words[1::2], strict=True):
        scenario = parse(Path(path).read_text())
        try:
            if not mpi.check_size(scenario):
                raise SystemExit(2)
            if mpi.world()[0] == 0 and (faults := mpi.unsupported(scenario)):
                raise InputError(faults)
        except InputError as error:
            print(error, file=sys.stderr)
            raise SystemExit(2) from None
        if case == "early" and mpi.world()[0] == 0:
            raise SystemExit(4)
        if case == "late" and mpi.world()[0] == 2:
            raise RuntimeError("not to be caught")
        came.append(run(case, scenario))
    if mpi.world()[0] == 0:
        with Path(result).open("wb") as file:
            pickle.dump([one._asdict() for one in came], file)
        mpi.abandon(5)


if __name__ == "__main__":
    main()
