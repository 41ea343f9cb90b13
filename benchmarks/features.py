"""What each feature of the cluster costs the schedule, and that what is not used costs nothing.

    python benchmarks/features.py                 # this version: every feature beside the plain one
    python benchmarks/features.py --before REV    # every row, another version beside it

Every row is the median over rounds in which all candidates take turns, of seconds of the processor;
trust the ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import versions
from clusters import CLUSTER, MEMORY
from rich.console import Console
from rich.table import Table

from asysim.scenario import parse
from asysim.schedule import simulate

ENGINES = {"simpy": 20_000, "compiled": 300_000}  # gradients
OWN = Path(__file__).resolve().parents[1] / "docs" / "own_rule.py"
FEATURES = {
    "plain": (),
    "T = 60, discard": ("algorithm.staleness_bound=60", "algorithm.beyond_bound=discard"),
    "T = 60, restart": ("algorithm.staleness_bound=60", "algorithm.beyond_bound=restart"),
    "T = 60, wait": ("algorithm.staleness_bound=60",),
    "SSP, s = 4": ("coordination={kind='ssp',slack=4}",),
    "synchronous": ("coordination.kind=synchronous",),
    "first 28 of 32": ("coordination={kind='backup',needed=28}",),
    "round robin": ("coordination.kind=round-robin",),
    "Rennala, S = 32": ("coordination={kind='rennala',batch=32}",),
    "Ringmaster, R = 60, stop": ("coordination={kind='ringmaster',delay=60,late='stop'}",),
    "MindFlayer, B = 4": ("coordination={kind='mindflayer',trials=4,seconds=2e-3}",),
    "own rule, S = 32": (f"coordination={{kind='{OWN}:FreshBatch',batch=32,delay=60}}",),
    "slow spells": ("workers.power={kind='spells',normal=0.1,slow=0.02,power=0.2}",),
    "server's interface, FIFO": ("network.server_bandwidth=1e9",),
    "server's interface, fair": ("network.server_bandwidth=1e9", "network.sharing=fair"),
    "messages of random size": (
        "network.server_bandwidth=1e9", "network.message_bytes={law='exponential',mean=800.0}",
    ),
    "x read when it is sent": ("network.server_bandwidth=1e9", "network.version=sent"),
    "4 shards": ("server.shards=4",),
    "crashes and restarts": (
        "faults.uptime={law='exponential',mean=1.0}", "faults.downtime=0.01",
    ),
    "lost messages": ("faults.loss=0.01", "faults.timeout=1e-2"),
}  # fmt: skip


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    versions.add_options(parser)
    told = parser.parse_args()
    if told.play:
        versions.play(rows())
        return
    console = Console(width=120)
    console.print(f"{os.cpu_count()} cores; medians of {told.rounds} rounds", highlight=False)
    if told.before is None:
        console.print(features_table(told.rounds))
    else:
        versions.compare(told, [sys.executable, str(Path(__file__).resolve())], console)


def features_table(rounds: int) -> Table:
    """Gradients per second of the schedule with each feature, by both engines."""
    candidates = rows()
    rates: dict[str, list[float]] = {row: [] for row in candidates}
    for round_ in range(rounds + 1):
        for row, candidate in candidates.items():
            rate = candidate()
            if round_:  # the first one warms up
                rates[row].append(rate)
    middle = {row: statistics.median(measured) for row, measured in rates.items()}
    table = Table(
        "schedule, 32 workers", "SimPy: gradients/s", "time × plain", "compiled: gradients/s",
        "time × plain", "× SimPy",
    )  # fmt: skip
    for name in FEATURES:
        slow, fast = middle[f"{name}, simpy"], middle[f"{name}, compiled"]
        table.add_row(
            name,
            f"{slow:,.0f}", f"{middle['plain, simpy'] / slow:.2f}",
            f"{fast:,.0f}", f"{middle['plain, compiled'] / fast:.2f}", f"{fast / slow:.1f}",
        )  # fmt: skip
    return table


def rows() -> dict[str, Callable[[], float]]:
    """Return what gives the rate of each row."""
    found: dict[str, Callable[[], float]] = {
        f"{name}, {engine}": lambda name=name, engine=engine, count=count: pulled(
            CLUSTER, f"engine={engine}", *FEATURES[name], dimension=100, gradients=count
        )
        for name in FEATURES
        for engine, count in ENGINES.items()
    }
    for engine, count in ENGINES.items():
        found[f"lock-free sweeps, {engine}"] = lambda engine=engine, count=count: pulled(
            MEMORY, f"engine={engine}", dimension=46380, gradients=count
        )
    return found


def pulled(text: str, *changes: str, dimension: int, gradients: int) -> float:
    """Return the gradients of a schedule in a second of the processor."""
    scenario = parse(text, *changes)
    start, count = time.process_time(), 0
    for block in simulate(scenario, dimension):
        count += len(block.rows)
        if count >= gradients:
            break
    return count / (time.process_time() - start)


if __name__ == "__main__":
    main()
