"""How long a study of staleness takes of a long trace, and how much memory, on one core.

    python benchmarks/staleness.py --gradients 100_000_000

The trace is simulated piece by piece into a file of about 36 bytes a gradient, which is removed
again. A process of its own, on one core, then studies it; what it takes to begin is in the times.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from asysim.delays.sources import Rows, source
from asysim.scenario import parse
from asysim.trace.parquet import TraceWriter

CLUSTER = """
name = "long"
problem = {kind = "quadratic", dimension = 10}
algorithm = {name = "asysg-con", step = 0.01}
workers = {count = 16, compute = {law = "exponential", mean = 1e-3}}
"""
CHILD = """
import json, os, resource, sys, time
started = time.perf_counter()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import pyarrow
pyarrow.set_cpu_count(1)
import asysim
study = asysim.staleness(sys.argv[1])
told = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "wall": time.perf_counter() - started, "core": told.ru_utime + told.ru_stime,
    "memory": told.ru_maxrss * 1024, "mean": study.mean, "holds": study.balance.holds,
    "law": study.law_test.test.p_value,
}))
"""


def main() -> None:
    """Make a trace, study it, and say what that took."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--gradients", type=int, default=2_000_000)
    words.add_argument("--workers", type=int, default=16)
    words.add_argument("--folder", type=Path, help="where there is room for the trace")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        path = Path(folder) / "trace.parquet"
        started = time.perf_counter()
        make(path, asked.gradients, asked.workers)
        took = time.perf_counter() - started
        print(f"{asked.gradients:,} gradients of {asked.workers} workers, made in {took:.1f} s, "
              f"{path.stat().st_size / 1e9:.2f} GB", flush=True)  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(path)], check=True, capture_output=True, text=True
        )
    told = json.loads(done.stdout)
    print(
        f"studied in {told['wall']:.1f} s, {told['core']:.1f} s of one core: "
        f"{asked.gradients / told['core']:,.0f} gradients/s, {told['memory'] / 1e6:.0f} MB; mean "
        f"{told['mean']:.4f}, conservation {'holds' if told['holds'] else 'fails'}, exact law "
        f"p = {told['law']:.3f}"
    )


def make(path: Path, gradients: int, workers: int) -> None:
    """Simulate a schedule into a file."""
    found = source(parse(CLUSTER, f"workers.count={workers}", f"run.updates={gradients}"))
    assert isinstance(found, Rows)
    with TraceWriter(path, found.info) as writer:
        for rows in found.pieces():
            writer.write(rows)


if __name__ == "__main__":
    main()
