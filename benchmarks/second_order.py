"""What looking at Hessians costs.

    python benchmarks/second_order.py [--rounds N] [--scale S]

Each line is a run at the default cadence of `run.second_order`, and the same run without it, in
turn; the ratio is of medians of the processor seconds that a run takes once everything is compiled.
Looks: how many evaluations looked at the Hessian.
"""

from __future__ import annotations

import argparse
import statistics
import time

from asysim.ground.machine import usable_cores
from asysim.runs.replayed import compute
from asysim.scenario import Scenario, parse, vary

_REST = """
algorithm = {name = "asysg-con", step = 1e-3, batch_size = 4}
workers = {count = 8, compute = {law = "exponential", mean = 1e-3}}
"""
_MLP = '{kind = "mlp", data = {kind = "digits"}, layers = [64, 32, 10]}'
RUNS = {
    "quadratic, n = 100": ('{kind = "quadratic", dimension = 100}', 200_000),
    "chain of saddles, n = 20": ('{kind = "chain_of_saddles", dimension = 20}', 200_000),
    "streaming PCA, n = 50": ('{kind = "streaming_pca", dimension = 50}', 50_000),
    "phase retrieval, n = 50": ('{kind = "phase_retrieval", dimension = 50}', 50_000),
    "symmetric factorisation": ('{kind = "symmetric_factorization"}', 100_000),
    "logistic, breast cancer": (
        '{kind = "logistic", data = {kind = "breast_cancer"}}', 100_000),
    "network on digits": (_MLP, 10_000),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="of each pair of runs")
    parser.add_argument("--scale", type=float, default=1.0, help="of every run's length")
    asked = parser.parse_args()
    print(f"{len(usable_cores())} usable cores, medians of {asked.rounds}")
    print(f"{'run':<28}{'updates':>10}{'without':>11}{'with':>11}{'cost':>8}{'looks':>7}")
    for name, (problem, updates) in RUNS.items():
        updates = max(200, int(updates * asked.scale))
        plain = parse(f"problem = {problem}\n{_REST}\nrun = {{updates = {updates}}}")
        looking = vary(plain, "run.second_order={}")
        without, with_ = [], []
        looks = _looks(looking)
        _seconds(plain)
        for _ in range(asked.rounds):
            without.append(_seconds(plain))
            with_.append(_seconds(looking))
        a, b = statistics.median(without), statistics.median(with_)
        print(f"{name:<28}{updates:>10,}{a:>9.3f} s{b:>9.3f} s{b / a - 1:>8.1%}{looks:>7}")


def _looks(scenario: Scenario) -> int:
    points = compute(scenario).points
    return sum(dict(point.more)["least_curvature"] == dict(point.more)["least_curvature"]
               for point in points)  # fmt: skip


def _seconds(scenario: Scenario) -> float:
    began = time.process_time()
    compute(scenario)
    return time.process_time() - began


if __name__ == "__main__":
    main()
