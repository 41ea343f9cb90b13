"""How fast SimPy and NumPy alone are: the schedule, and what replay adds to a bare gradient loop.

    python benchmarks/spine.py

Every row is the median over rounds in which all candidates take turns, so that what else the
machine does falls on all of them; trust the ratios.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import simpy
from clusters import CLUSTER, MEMORY
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from asysim.ground.arrays import Buffers
from asysim.problems.base import Problem
from asysim.replay import Sampler, State, replay
from asysim.scenario import Scenario, parse
from asysim.schedule import simulate
from asysim.schedule.reference.events import Recurring
from asysim.trace import Trace
from asysim.trace.stream import as_stream, limited, trace_of

WORKERS, GRADIENTS, ROUNDS = 32, 100_000, 7
UPDATES = 400

NETWORK = """
seed = 1
algorithm = {name = "asysg-con", step = 1e-5, batch_size = 10}
workers = {count = 1, compute = {law = "exponential", mean = 1e-3}}
[problem]
kind = "mlp"
layers = [400, 100, 50, 20, 10]
data = {kind = "teacher", layers = [400, 100, 50, 20, 10], samples = 5000}
"""
CON = ("server.service=2e-5",)
INCON = ("algorithm.name=asysg-incon", "memory.read=4e-5", "memory.write=1e-4")


def main() -> None:
    """Print both tables."""
    console = Console()
    console.print(f"{os.cpu_count()} cores; medians of {ROUNDS} rounds", highlight=False)
    console.print(schedule_table())
    with threadpool_limits(1):
        console.print(replay_table())


def schedule_table() -> Table:
    """Gradients per second of schedules, beside SimPy with nothing but its events."""
    cluster, memory = (parse(text, "engine=simpy") for text in (CLUSTER, MEMORY))
    candidates = {
        "one bare SimPy event for each gradient": lambda: bare_events(GRADIENTS),
        "textbook: process and simpy.Resource": lambda: textbook(GRADIENTS // 5) * 5,
        "asysg-con, network and server": lambda: drain(cluster, GRADIENTS),
        "asysg-incon, read and write sweeps": lambda: drain(memory, GRADIENTS // 4) * 4,
    }
    seconds = take_turns(candidates)
    table = Table(title=f"Schedule, p = {WORKERS}", title_justify="left")
    table.add_column("what")
    table.add_column("gradients/s", justify="right")
    table.add_column("× bare", justify="right")
    bare = seconds["one bare SimPy event for each gradient"]
    for name, took in seconds.items():
        table.add_row(name, f"{GRADIENTS / took:,.0f}", f"{took / bare:.2f}")
    return table


def replay_table() -> Table:
    """Time per update of replay, beside the same gradients and updates in a tight loop."""
    problem = parse(NETWORK).problem.build()
    candidates: dict[str, Callable[[], float]] = {
        "bare loop: gradient, x −= γ·g": lambda: bare_loop(problem, UPDATES)
    }
    for rule, changes in (("asysg-con", CON), ("asysg-incon", INCON)):
        for p in (1, 8, 32):
            scenario = parse(NETWORK, *changes, f"workers.count={p}")
            trace = record(scenario, problem.dimension, UPDATES)
            candidates[f"{rule}, p = {p}"] = lambda trace=trace: replayed(trace, problem)
    seconds = take_turns(candidates)
    table = Table(
        title=f"Replay, {problem.dimension:,}-parameter network, batch 10", title_justify="left"
    )
    table.add_column("what")
    table.add_column("µs/update", justify="right")
    table.add_column("× bare", justify="right")
    bare = seconds["bare loop: gradient, x −= γ·g"]
    for name, took in seconds.items():
        table.add_row(name, f"{took / UPDATES * 1e6:,.1f}", f"{took / bare:.3f}")
    return table


def take_turns(candidates: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Return the median seconds of each candidate, over rounds in which all run one by one."""
    took: dict[str, list[float]] = {name: [] for name in candidates}
    for round_ in range(ROUNDS + 1):
        for name, candidate in candidates.items():
            seconds = candidate()
            if round_:  # the first one warms up
                took[name].append(seconds)
    return {name: statistics.median(times) for name, times in took.items()}


def bare_events(count: int) -> float:
    """Let one event per worker do nothing but schedule itself again."""
    env = simpy.Environment(initial_time=0)
    delays = iter(np.random.default_rng(1).integers(1, 2_000_000, count + WORKERS).tolist())

    def again(event: Recurring) -> None:
        event.after(next(delays), 0, callbacks)

    callbacks = [again]
    for _ in range(WORKERS):
        Recurring(env).after(next(delays), 0, callbacks)
    began = time.perf_counter()
    for _ in range(count):
        env.step()
    return time.perf_counter() - began


def textbook(count: int) -> float:
    """Run the same cluster as a SimPy tutorial would write it."""
    env = simpy.Environment()
    server = simpy.Resource(env, capacity=1)
    rng = np.random.default_rng(1)
    rows: list[tuple[float, ...]] = []

    def worker(name: int) -> simpy.events.ProcessGenerator:
        while True:
            read, version = env.now, len(rows)
            yield env.timeout(rng.exponential(1e-4))
            yield env.timeout(rng.exponential(1e-3))
            yield env.timeout(rng.exponential(1e-4))
            with server.request() as turn:
                yield turn
                yield env.timeout(rng.exponential(2e-5))
            rows.append((name, version, len(rows), read, env.now))

    for name in range(WORKERS):
        env.process(worker(name))
    began = time.perf_counter()
    while len(rows) < count:
        env.step()
    return time.perf_counter() - began


def drain(scenario: Scenario, count: int) -> float:
    """Pull a schedule and do nothing with it."""
    began = time.perf_counter()
    for _ in limited(simulate(scenario, 100), updates=count):
        pass
    return time.perf_counter() - began


def record(scenario: Scenario, dimension: int, updates: int) -> Trace:
    """Return a schedule as a trace."""
    return trace_of(limited(simulate(scenario, dimension), updates=updates))


def bare_loop(problem: Problem, updates: int) -> float:
    """Run serial mini-batch SGD, as tight as Python allows."""
    sampler = Sampler(problem, seed=1, batch_size=10)
    buffers = Buffers(problem.dimension)
    x, gradient = buffers.take(), buffers.take()
    x[:] = problem.start()
    began = time.perf_counter()
    for k in range(updates):
        problem.gradient(x, sampler.batch(0, k), gradient)
        gradient *= 1e-5
        x -= gradient
    return time.perf_counter() - began


def replayed(trace: Trace, problem: Problem) -> float:
    """Replay a trace."""
    state = State(problem.start())
    began = time.perf_counter()
    rule = trace.info.algorithm
    stream = as_stream(trace)
    for _ in replay(stream, problem, step=1e-5, batch_size=10, seed=1, rule=rule, state=state):
        pass
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
