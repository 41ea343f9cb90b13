"""What each feature of the cluster costs the schedule, and that what is not used costs nothing.

    python benchmarks/features.py                 # this version: every feature beside the plain one
    python benchmarks/features.py --before REV    # the plain scenarios, another revision beside it

Every row is the median over rounds in which all candidates take turns; trust the ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from spine import CLUSTER, MEMORY

ROUNDS, GRADIENTS = 5, 60_000
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
ONE = """
import sys, time
from asysim.scenario import parse
from asysim.schedule import simulate
from asysim.trace.stream import limited
scenario, dimension, gradients = parse(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
best = None
for _ in range(3):
    start = time.perf_counter()
    for _ in limited(simulate(scenario, dimension), updates=gradients): pass
    took = time.perf_counter() - start
    best = took if best is None else min(best, took)
print(best)
"""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--before", metavar="REV", help="a revision of this repository")
    revision = parser.parse_args().before
    console = Console(width=120)
    console.print(f"{os.cpu_count()} cores; medians of {ROUNDS} rounds", highlight=False)
    console.print(features_table() if revision is None else before_table(revision))


def features_table() -> Table:
    """Gradients per second of the schedule with each feature, by both engines."""
    engines = {"simpy": 20_000, "compiled": 300_000}
    rates: dict[tuple[str, str], list[float]] = {
        (name, engine): [] for name in FEATURES for engine in engines
    }
    for round_ in range(ROUNDS + 1):
        for name, engine in rates:
            rate = pulled(name, engine, engines[engine])
            if round_:  # the first one warms up
                rates[name, engine].append(rate)
    middle = {key: statistics.median(measured) for key, measured in rates.items()}
    table = Table(
        "schedule, 32 workers", "SimPy: gradients/s", "time × plain", "compiled: gradients/s",
        "time × plain", "× SimPy",
    )  # fmt: skip
    for name in FEATURES:
        slow, fast = middle[name, "simpy"], middle[name, "compiled"]
        table.add_row(
            name,
            f"{slow:,.0f}", f"{middle['plain', 'simpy'] / slow:.2f}",
            f"{fast:,.0f}", f"{middle['plain', 'compiled'] / fast:.2f}", f"{fast / slow:.1f}",
        )  # fmt: skip
    return table


def pulled(name: str, engine: str, gradients: int) -> float:
    """Return the gradients per second of a schedule with one feature."""
    from asysim.scenario import parse
    from asysim.schedule import simulate

    scenario = parse(CLUSTER, *FEATURES[name], f"engine={engine}")
    start, rows = time.perf_counter(), 0
    for block in simulate(scenario, 100):
        rows += len(block.rows)
        if rows >= gradients:
            break
    return rows / (time.perf_counter() - start)


def before_table(revision: str) -> Table:
    """Time of plain scenarios in this tree, relative to another revision of it."""
    here = Path(__file__).resolve().parents[1]
    table = Table(
        "plain scenario", f"{revision}, gradients/s", "now, gradients/s",
        "time, now / before", "of the best times",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder) / "before"
        git = ["git", "-C", str(here), "worktree"]
        subprocess.run([*git, "add", "--detach", there, revision], check=True, capture_output=True)
        try:
            for name, text, dimension in (("con", CLUSTER, 100), ("incon", MEMORY, 46380)):
                gradients = GRADIENTS if name == "con" else GRADIENTS // 4
                times: dict[Path, list[float]] = {there: [], here: []}
                for turn in range(ROUNDS):
                    for tree in sorted(times, reverse=turn % 2 == 1):  # nobody is always first
                        times[tree].append(one(tree, text, dimension, gradients))
                middle = statistics.median(
                    a / b for a, b in zip(times[here], times[there], strict=True)
                )
                best = min(times[here]) / min(times[there])
                before, now = (gradients / min(t) for t in times.values())
                table.add_row(name, f"{before:,.0f}", f"{now:,.0f}", f"{middle:.3f}", f"{best:.3f}")
        finally:
            subprocess.run([*git, "remove", "--force", there], check=True, capture_output=True)
    return table


def one(tree: Path, text: str, dimension: int, gradients: int) -> float:
    """Return seconds for a schedule of so many gradients, in a process of its own."""
    said = subprocess.run(
        [sys.executable, "-c", ONE, text, str(dimension), str(gradients)],
        cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    return float(said.stdout)


if __name__ == "__main__":
    main()
