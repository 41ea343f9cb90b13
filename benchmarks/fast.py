"""How fast simulations are: the schedule alone, with a tiny problem, and with a network.

    python benchmarks/fast.py [--rounds 5] [--workers 8,32,1024,100000] [--million]
    python benchmarks/fast.py --before REV    # every row, another version beside it

Each table's candidates take turns in every round, so that what else the machine does falls on all
of them; medians of seconds of the processor, and trust the ratios. Peak memory is of a process of
its own for each row. Where ciw is installed (`pip install ciw`), it plays the same queueing network
as a peer.
"""

from __future__ import annotations

import argparse
import heapq
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import versions
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

import asysim
from asysim.problems.base import Problem
from asysim.replay import Sampler
from asysim.scenario import Scenario, parse
from asysim.schedule import simulate

limited, Buffers = versions.found("limited"), versions.found("Buffers")

CLUSTER = """
seed = 1
algorithm = {name = "asysg-con", step = 1e-6}
workers = {count = 32, compute = {law = "exponential", mean = 1e-3}}
problem = {kind = "quadratic", dimension = 100, noise = 0.0}
[network]
pull = {law = "exponential", mean = 1e-4}
push = {law = "exponential", mean = 1e-4}
bandwidth = 1e9
[server]
service = {law = "exponential", mean = 1e-8}
"""
MEMORY = """
seed = 1
algorithm = {name = "asysg-incon", step = 1e-3}
workers = {count = 32, compute = {law = "exponential", mean = 1e-3}}
memory = {read = 1e-5, write = 2e-5}
problem = {kind = "quadratic", dimension = 100, noise = 0.0}
"""
NETWORK = """
seed = 1
algorithm = {name = "asysg-con", step = 1e-6, batch_size = 10}
workers = {count = 1, compute = {law = "exponential", mean = 1e-3}}
network = {pull = 1e-4, push = 1e-4}
[problem]
kind = "mlp"
layers = [400, 100, 50, 20, 10]
activation = "tanh"
data = {kind = "teacher", layers = [400, 100, 50, 20, 10], activation = "tanh", samples = 5000}
"""

COMMANDS = {
    "asysim --help": "--help",
    "asysim run --no-pictures": "run {scenario} run.updates=1 --out {out} --no-pictures",
    "asysim run": "run {scenario} run.updates=1 --out {out}",
}

Candidate = Callable[[], float]
"""Does its work and returns how many gradients it made in a second."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", default="8,32,1024,100000")
    parser.add_argument("--million", action="store_true", help="10^6 workers, 10^7 gradients too")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    versions.add_options(parser)
    told = parser.parse_args()
    if told.alone:
        print(json.dumps(alone(told.alone)))
        return
    workers = [int(word) for word in told.workers.split(",")]
    if told.play:
        versions.play(rows(workers, told.million))
        return
    console = Console(width=120)
    console.print(f"{os.cpu_count()} cores; medians of {told.rounds} rounds", highlight=False)
    if told.before is not None:
        words = [sys.executable, str(Path(__file__).resolve()), "--workers", told.workers]
        versions.compare(told, [*words, *["--million"] * told.million], console)
        return
    with threadpool_limits(1):
        for title, first, candidates in tables(workers):
            console.print(table(title, first, take_turns(candidates, told.rounds)))
    started = start_up(told.rounds)
    console.print(f"start-up, seconds of a whole command: {started}", highlight=False)
    if told.million:
        found = run_alone("million")
        console.print(
            f"10^6 workers, 10^7 gradients, schedule alone: {found['seconds']:.1f} s, "
            f"{found['peak']:,.0f} MB",
            highlight=False,
        )


def tables(workers: list[int]) -> list[tuple[str, str, dict[str, tuple[Candidate, str]]]]:
    """Return the title, the first candidate's short name and the candidates of each table."""
    network = "Schedule and a network of 46,380 parameters, batch 10"
    return [
        ("Schedule alone: network and server (AsySG-con)", "a bare heap", schedules(workers)),
        ("Schedule alone: lock-free sweeps (AsySG-incon)", "SimPy", sweeps(workers)),
        ("Schedule and a quadratic, n = 100", "a bare loop", tiny(workers)),
        (network, "a bare loop", large(workers)),
    ]


def rows(workers: list[int], million: bool) -> dict[str, Candidate]:
    """Return every row of every table, and the commands, by names of their own."""
    short = ("schedule", "sweeps", "quadratic", "network")
    found = {
        f"{prefix}: {name}": candidate
        for prefix, (_, _, candidates) in zip(short, tables(workers), strict=True)
        for name, (candidate, _) in candidates.items()
    }
    found |= {f"start-up: {name}": lambda name=name: command(name) for name in COMMANDS}
    if million:
        found["schedule: 10^6 workers"] = lambda: drained(CLUSTER, 10**6, 10**7)
    return found


def start_up(rounds: int) -> str:
    """Return what commands take that compute next to nothing, their kernels compiled before."""
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for round_ in range(rounds + 1):
        for name, times in found.items():
            begin = time.perf_counter()
            command(name)
            if round_:  # the first one compiles
                times.append(time.perf_counter() - begin)
    return ", ".join(f"{name} {statistics.median(times):.2f}" for name, times in found.items())


def command(name: str) -> float:
    """Do a command in a process; return how many there would be in a second of the processor."""
    scenario = str(Path(__file__).resolve().parents[1] / "scenarios" / "asysg_con.toml")
    with tempfile.TemporaryDirectory() as folder:
        places = {"{scenario}": scenario, "{out}": f"{folder}/run"}
        words = [places.get(word, word) for word in COMMANDS[name].split()]
        before = os.times()
        subprocess.run([sys.executable, "-m", "asysim", *words], check=True, capture_output=True)
    after = os.times()
    return 1 / sum(after[i] - before[i] for i in (2, 3))  # user and system time of children


def table(title: str, first: str, rates: dict[str, tuple[float, str]]) -> Table:
    """Return rates as a table, beside that of the first candidate."""
    result = Table(title=title, title_justify="left")
    result.add_column("what")
    for name in ("gradients/s", "µs each", f"× {first}", "peak MB"):
        result.add_column(name, justify="right")
    base = next(iter(rates.values()))[0]
    for name, (rate, memory) in rates.items():
        cells = f"{rate:,.0f}", f"{1e6 / rate:,.3g}", f"{rate / base:,.2f}", memory
        result.add_row(name, *cells)
    return result


def take_turns(
    candidates: dict[str, tuple[Candidate, str]], rounds: int
) -> dict[str, tuple[float, str]]:
    """Return each candidate's median rate, over rounds in which all run one by one, and memory."""
    found: dict[str, list[float]] = {name: [] for name in candidates}
    for round_ in range(rounds + 1):
        for name, (candidate, _) in candidates.items():
            rate = candidate()
            if round_:  # the first one warms up
                found[name].append(rate)
    memory = {
        name: f"{run_alone(what)['peak']:,.0f}" if what else ""
        for name, (_, what) in candidates.items()
    }
    return {name: (statistics.median(rates), memory[name]) for name, rates in found.items()}


# Candidates -----------------------------------------------------------------------------------


def schedules(workers: list[int]) -> dict[str, tuple[Candidate, str]]:
    """Return schedules of a parameter server, and what else does the like."""
    found: dict[str, tuple[Candidate, str]] = {
        "a bare heapq loop, p = 32": (lambda: bare_heap(32, 200_000), "")
    }
    if importlib.util.find_spec("ciw"):
        found["ciw, p = 32"] = (lambda: queueing_peer(32, 4_000), "")
    found["SimPy engine, p = 32"] = (lambda: drained(CLUSTER, 32, 60_000, "engine=simpy"), "")
    for p in workers:
        count = max(500_000, 3 * p)
        found[f"compiled engine, p = {p:,}"] = (
            lambda p=p, count=count: drained(CLUSTER, p, count),
            f"schedule {p}",
        )
    return found


def sweeps(workers: list[int]) -> dict[str, tuple[Candidate, str]]:
    """Return schedules of shared memory."""
    found: dict[str, tuple[Candidate, str]] = {
        "SimPy engine, p = 32": (lambda: drained(MEMORY, 32, 10_000, "engine=simpy"), "")
    }
    for p in (p for p in workers if p <= 1024):
        found[f"compiled engine, p = {p:,}"] = (lambda p=p: drained(MEMORY, p, 60_000), "")
    return found


def tiny(workers: list[int]) -> dict[str, tuple[Candidate, str]]:
    """Return whole runs of a small problem."""
    problem = parse(CLUSTER).problem.build()
    found: dict[str, tuple[Candidate, str]] = {
        "a bare NumPy loop: gradient, x −= γ·g": (lambda: bare_loop(problem, 1, 20_000), "")
    }
    slow = ("engine=simpy", "replay.arithmetic=numpy")
    found["SimPy engine, NumPy, p = 32"] = (lambda: whole(CLUSTER, 32, 20_000, *slow), "")
    for p in workers:
        count = max(400_000, 2 * p)
        found[f"asysim, p = {p:,}"] = (
            lambda p=p, count=count: whole(CLUSTER, p, count),
            f"tiny {p}",
        )
    for name, count, change in (
        ("100 normal numbers each", 100_000, "problem.noise=0.1"),
        ("momentum", 400_000, "update.momentum=0.5"),
        ("DC-ASGD", 400_000, "update.correction={kind='dc-asgd',strength=0.1}"),
    ):
        found[f"asysim, p = 32, {name}"] = (
            lambda change=change, count=count: whole(CLUSTER, 32, count, change),
            "",
        )
    return found


def large(workers: list[int]) -> dict[str, tuple[Candidate, str]]:
    """Return whole runs of a network."""
    problem = parse(NETWORK).problem.build()
    found: dict[str, tuple[Candidate, str]] = {
        "a bare NumPy loop: gradient, x −= γ·g": (lambda: bare_loop(problem, 10, 5_000), "")
    }
    slow = ("engine=simpy", "replay.arithmetic=numpy")
    found["SimPy engine, NumPy, p = 32"] = (
        lambda: whole(NETWORK, 32, 2_000, *slow, problem=problem),
        "",
    )
    for p in (p for p in workers if p <= 1024):
        count = max(20_000, 16 * p)
        found[f"asysim, p = {p:,}"] = (
            lambda p=p, count=count: whole(NETWORK, p, count, problem=problem),
            f"large {p}",
        )
    found["asysim, AsySG-incon, p = 32"] = (
        lambda: whole(NETWORK, 32, 20_000, *LOCK_FREE, problem=problem),
        "",
    )
    return found


LOCK_FREE = (
    "algorithm.name=asysg-incon",
    "network=",
    "memory={read=4e-5, write=1e-4}",
)


def drained(text: str, workers: int, gradients: int, *changes: str) -> float:
    """Pull a schedule and do nothing with it."""
    scenario = parse(text, f"workers.count={workers}", *changes)
    began = time.process_time()
    for _ in limited(simulate(scenario, 100), updates=gradients):
        pass
    return gradients / (time.process_time() - began)


def whole(
    text: str, workers: int, updates: int, *changes: str, problem: Problem | None = None
) -> float:
    """Run a scenario from its laws to its last x; evaluations are left out but for two."""
    scenario = parse(text, f"workers.count={workers}", f"run.updates={updates}", *changes)
    scenario = scenario_with(scenario, updates)
    problem = scenario.problem.build() if problem is None else problem
    began = time.process_time()
    asysim.run(scenario, problem=problem)
    return updates / (time.process_time() - began)


def scenario_with(scenario: Scenario, updates: int) -> Scenario:
    """Return a scenario that evaluates x at its start and its end."""
    return asysim.vary(scenario, f"run.evaluate_every={updates}")


def bare_heap(workers: int, gradients: int) -> float:
    """Let a heap of workers' next arrivals do nothing but go on."""
    delays = np.random.default_rng(1).exponential(1e-3, gradients + workers).tolist()
    heap = [(delays[worker], worker) for worker in range(workers)]
    heapq.heapify(heap)
    began = time.process_time()
    for i in range(workers, gradients + workers):
        now, worker = heap[0]
        heapq.heapreplace(heap, (now + delays[i], worker))
    return gradients / (time.process_time() - began)


def queueing_peer(workers: int, gradients: int) -> float:
    """Let ciw play the closed network: everybody thinks, then queues for one server."""
    import ciw

    inf = float("inf")
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([1e-9, inf]), None],
        batching_distributions=[ciw.dists.Sequential([workers]), ciw.dists.Deterministic(1)],
        service_distributions=[ciw.dists.Exponential(1e3), ciw.dists.Exponential(1e8)],
        number_of_servers=[inf, 1],
        routing=[[0.0, 1.0], [1.0, 0.0]],
    )
    ciw.seed(1)
    simulation = ciw.Simulation(network)
    began = time.process_time()
    simulation.simulate_until_max_time(gradients / workers * 1e-3)
    took = time.process_time() - began
    served = sum(1 for record in simulation.get_all_records() if record.node == 2)
    return served / took


def bare_loop(problem: Problem, batch_size: int, updates: int) -> float:
    """Run serial mini-batch SGD, as tight as Python allows."""
    sampler = Sampler(problem, seed=1, batch_size=batch_size)
    buffers = Buffers(problem.dimension)
    x, gradient = buffers.take(), buffers.take()
    x[:] = problem.start()
    began = time.process_time()
    for k in range(updates):
        problem.gradient(x, sampler.batch(0, k), gradient)
        gradient *= 1e-6
        x -= gradient
    return updates / (time.process_time() - began)


# Memory: a process for each ---------------------------------------------------------------------


def alone(what: str) -> dict[str, float]:
    """Do one thing once; return the seconds and the peak memory, in MB."""
    kind, _, number = what.partition(" ")
    began = time.process_time()
    if kind == "million":
        drained(CLUSTER, 10**6, 10**7)
    elif kind == "schedule":
        drained(CLUSTER, int(number), max(100_000, 3 * int(number)))
    elif kind == "tiny":
        whole(CLUSTER, int(number), max(100_000, 2 * int(number)))
    else:
        whole(NETWORK, int(number), max(1_000, 70 * int(number)))
    took = time.process_time() - began
    return {"seconds": took, "peak": peak()}


def peak() -> float:
    """Return the most memory that this process has had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # the other way counts what there was before the program was loaded
        words = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return float(words["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_alone(what: str) -> dict[str, float]:
    """Do one thing in a process of its own."""
    words = [sys.executable, str(Path(__file__)), "--alone", what]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
