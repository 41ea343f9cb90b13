"""What a pull and a push cost over MPI, beside a bare ping-pong of the same bytes.

    mpiexec -n 2 python benchmarks/mpi_roundtrip.py [--coordinates N] [--turns N] [--rounds N]

Bare: blocking Send and Recv of mpi4py, back and forth; of vectors that never change, which stay in
both cores' caches, and of one that rank 0 has just changed, like x. Star: the parameter server of
AsySG-con and one worker whose gradient costs nothing, from the grant of x to the gradient's
arrival; and all of the worker's cycle, in which the server decides, updates x and records besides.
Every number is the median over rounds, in which all take turns, of medians over turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any

import numpy as np

from asysim.backends import mpi
from asysim.backends.assignment import Assignment
from asysim.ground.arrays import Vector
from asysim.ground.machine import usable_cores
from asysim.problems.base import Constants
from asysim.replay.update_rule import Rules
from asysim.scenario import Scenario, parse
from asysim.trace.info import TraceInfo

SCENARIO = """
name = "roundtrip"
[problem]
kind = "quadratic"
[algorithm]
name = "asysg-con"
step = 1e-3
[workers]
count = 1
compute = 1e-3
[run]
evaluate_every = 1_000_000_000
"""


class Nothing:
    """A problem whose gradient is not computed: whatever is in its place is sent."""

    words = 0

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension

    def start(self) -> Vector:
        return np.zeros(self.dimension)

    def sample(self, words: Any) -> Any:
        return [None] * len(words)

    def gradient(self, x: Vector, batch: Any, out: Vector) -> None:  # noqa: ARG002
        out[0] = 0.0

    def value(self, x: Vector) -> float:  # noqa: ARG002
        return 0.0

    def full_gradient(self, x: Vector, out: Vector) -> float:  # noqa: ARG002
        out[:] = 0
        return 0.0

    def constants(self) -> Constants:
        return Constants()


def bare(comm: Any, dimension: int, turns: int, *, changes: bool = False) -> float:
    """Return the median seconds of a turn of a ping-pong."""
    here, there = np.zeros(dimension), np.zeros(dimension)
    seconds = np.empty(turns)
    comm.Barrier()
    for turn in range(turns):
        if comm.rank == 0:
            if changes:
                here += 1.0
            begin = time.perf_counter()
            comm.Send(here, 1)
            comm.Recv(there, 1)
            seconds[turn] = time.perf_counter() - begin
        else:
            comm.Recv(there, 0)
            comm.Send(here, 0)
    return float(np.median(seconds))


def star(scenario: Scenario, problem: Nothing) -> tuple[float, float]:
    """Return the median seconds of pull and push, and those from one update to the next."""
    if mpi.world()[0] > 0:
        mpi.serve(scenario, problem)
        return 0.0, 0.0
    info = TraceInfo("asysg-con", 1, problem.dimension, clock="real")
    assignment = Assignment(scenario, problem, Rules(scenario.algorithm.step, None), info)  # type: ignore[arg-type]
    with mpi.open_session(assignment) as session:
        while not session.over:
            session.work(1.0)
        rows = session.rows()
        failure = session.finish().failure
    if failure or rows is None:
        raise SystemExit(failure)
    read, _, _, arrived, applied = rows.ticks
    return float(np.median(arrived - read)) * 1e-9, float(np.median(np.diff(applied))) * 1e-9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coordinates", type=int, default=46_380)
    parser.add_argument("--turns", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    rank, size = mpi.world()
    if size != 2:
        raise SystemExit("run it with: mpiexec -n 2 python benchmarks/mpi_roundtrip.py")
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    scenario = parse(SCENARIO, f"run.updates={options.turns}")
    problem = Nothing(options.coordinates)
    names = ("bare ping-pong", "the same, x just changed", "pull + push", "whole cycle")
    rows: list[tuple[float, ...]] = []
    for _ in range(options.rounds):
        fixed = bare(comm, options.coordinates, options.turns)
        changed = bare(comm, options.coordinates, options.turns, changes=True)
        rows.append((fixed, changed, *star(scenario, problem)))
    if rank > 0:
        return
    library = MPI.Get_library_version().replace("\0", "").split(",")[0].splitlines()[0]
    print(
        f"{options.coordinates:,} float64 each way, medians of {options.rounds} rounds; "
        f"{len(usable_cores())} cores; {' '.join(library.split())}"
    )
    medians = [statistics.median(column) * 1e6 for column in zip(*rows, strict=True)]
    print("| round trip | µs | × bare | × changed |\n|---|--:|--:|--:|")
    for name, value in zip(names, medians, strict=True):
        print(f"| {name} | {value:.1f} | {value / medians[0]:.2f} | {value / medians[1]:.2f} |")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
