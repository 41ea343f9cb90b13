"""How fast real runs are, how they scale, and what they lose.

    python benchmarks/backends.py [--rounds 7] [--workers 1,2] [--updates 10000]

Every row is the median over rounds in which all candidates take turns, so that what else the
machine does falls on all of them; trust the ratios. Rates are of the recorded runs themselves, from
the start barrier to the last update.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import asysim
from asysim.backends.assignment import prepared
from asysim.backends.shared.hardware import fetch_add
from asysim.backends.shared.memory import COUNTER, READY, START, begin, limits, size, view
from asysim.backends.shared.sweeps import relaxed
from asysim.backends.shared.ticket_lock import line_up
from asysim.jit.compiler import compiled
from asysim.problems.compiled import draw_batch, gradient, new_batch, new_work
from asysim.scenario import parse

sys.path.insert(0, str(Path(__file__).parent))
import torch_hogwild

NETWORK = """
seed = 1
algorithm = {name = "asysg-incon", step = 5e-4, batch_size = 10}
workers = {count = 1, compute = 1e-3}
[problem]
kind = "mlp"
layers = [400, 100, 50, 20, 10]
activation = "tanh"
loss = "squared"
data = {kind = "teacher", layers = [400, 100, 50, 20, 10], activation = "tanh", samples = 20_000}
"""
SPARSE = """
seed = 1
algorithm = {name = "asysg-incon", step = 0.02, batch_size = 10}
workers = {count = 1, compute = 1e-3}
[problem]
kind = "logistic"
l2 = 0
data = {kind = "classification", samples = 20_000, features = 200_000, density = 2.5e-4}
"""
HOT = ("problem.data.features=64", "problem.data.density=0.3")
CON = ("algorithm.name=asysg-con",)

Result = tuple[float, float | None, float | None]
"""Updates/s, part of component updates lost, loss reached."""
Candidate = Callable[[int, int], Result]
"""Runs with so many workers for so many updates."""


def ours(text: str, on: str, *changes: str) -> Candidate:
    """Return a candidate that is a run of asysim's own."""
    scenario = parse(text, *changes)
    problem = scenario.problem.build()

    def run(workers: int, updates: int) -> Result:
        length = (f"workers.count={workers}", f"run.updates={updates}")
        told = parse(text, *changes, *length, f"run.evaluate_every={updates}")
        done = asysim.run(told, on=on, problem=problem)
        lost = done.outcome.measured.get("lost_estimate")
        return done.trace.updates / done.trace.duration, lost, float(done.curve["loss"].iloc[-1])

    return run


@compiled
def unrecorded(m, told, model, seed, worker, batch_size):  # noqa: ANN001, ANN201
    """Be a worker of which nobody keeps a record: no log, no clock, no brackets."""
    n = told.dimension
    batch, work = new_batch(model, batch_size), new_work(model, batch_size)
    x, g = m.x[0][:n].copy(), np.empty(n)
    if line_up(m):
        draw = 0
        while True:
            draw_batch(model, seed, worker, draw, batch)
            gradient(model, x, batch, work, g)
            if fetch_add(m.control, COUNTER, 1) >= told.updates:
                return
            relaxed(m.x[0], g, m.steps[0], 0, n, x, m.canaries, told.stride)
            draw += 1


def without_record(text: str) -> Candidate:
    """Return a candidate that does the same and records nothing."""
    problem = parse(text).problem.build()

    def run(workers: int, updates: int) -> Result:
        told = parse(text, f"workers.count={workers}", f"run.updates={updates}")
        assignment, _ = prepared(told, problem, compiled=True)
        memory = view(assignment, np.zeros(size(assignment), dtype=np.uint8))
        begin(assignment, memory)
        known = limits(assignment)
        arguments = [(memory, known, assignment.problem.model, 1, w, 10) for w in range(workers)]
        threads = [threading.Thread(target=unrecorded, args=each) for each in arguments]
        for thread in threads:
            thread.start()
        while memory.control[READY] < workers:
            time.sleep(1e-3)
        started = time.perf_counter()
        memory.control[START] = time.monotonic_ns()
        for thread in threads:
            thread.join()
        return updates / (time.perf_counter() - started), None, None

    return run


def hogwild(workers: int, updates: int) -> Result:
    """Run PyTorch's own Hogwild."""
    return torch_hogwild.updates_per_second(workers, updates // 2), None, None


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--updates", type=int, default=10_000)
    told = parser.parse_args()
    workers = [int(word) for word in told.workers.split(",")]
    console = Console(width=76 + 22 * len(workers))
    console.print(f"{os.cpu_count()} cores; medians of {told.rounds} rounds", highlight=False)
    network: dict[str, Candidate] = {
        "threads, relaxed": ours(NETWORK, "threads"),
        "the same, nothing recorded": without_record(NETWORK),
        "threads, relaxed, two sweeps": ours(NETWORK, "threads", "backend.one_sweep=false"),
        "threads, racing": ours(NETWORK, "threads", "backend.write=racing"),
        "threads, atomic": ours(NETWORK, "threads", "backend.write=atomic"),
        "threads, AsySG-con (lock)": ours(NETWORK, "threads", *CON),
        "processes (NumPy), relaxed": ours(NETWORK, "processes"),
    }
    if torch_hogwild.available():
        network["PyTorch's Hogwild, float32"] = hogwild
    sparse: dict[str, Candidate] = {
        "spread, atomic": ours(SPARSE, "threads"),
        "spread, relaxed": ours(SPARSE, "threads", "backend.write=relaxed"),
        "hot, atomic": ours(SPARSE, "threads", *HOT),
        "hot, relaxed": ours(SPARSE, "threads", *HOT, "backend.write=relaxed"),
    }
    title = "46,380-parameter network, batch 10, float64"
    console.print(measured(title, network, workers, told.updates, told.rounds))
    title = (
        "sparse logistic regression, batch 10: 200,000 features, 50 a sample; hot: 64, 19 a sample"
    )
    console.print(measured(title, sparse, workers, 20 * told.updates, told.rounds))


def measured(
    title: str, candidates: dict[str, Candidate], workers: list[int], updates: int, rounds: int
) -> Table:
    """Let all candidates take turns, and return what came of it."""
    results: dict[tuple[str, int], list[Result]] = defaultdict(list)
    for _ in range(rounds):
        for name, run in candidates.items():
            for count in workers:
                results[name, count].append(run(count, updates))
    table = Table("", title=title, header_style="bold")
    for count in workers:
        table.add_column(f"{count}: updates/s", justify="right")
    for count in workers[1:]:
        table.add_column(f"{count}: speedup", justify="right")
    for heading in ("lost", "loss"):
        table.add_column(f"{workers[-1]}: {heading}", justify="right")
    for name in candidates:
        rates = [statistics.median(r[0] for r in results[name, count]) for count in workers]
        last = results[name, workers[-1]]
        table.add_row(
            name,
            *(f"{rate:,.0f}" for rate in rates),
            *(f"{rate / rates[0]:.2f}" for rate in rates[1:]),
            _middle([r[1] for r in last], "{:.1e}"),
            _middle([r[2] for r in last], "{:.5f}"),
        )
    return table


def _middle(values: list[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    middle = statistics.median(known)
    return form.format(middle) if middle else "0"


if __name__ == "__main__":
    main()
