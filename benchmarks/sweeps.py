"""What a sweep adds to its runs, and whether one that is killed again and again comes out the same.

    python benchmarks/sweeps.py overhead
    python benchmarks/sweeps.py killed --runs 100000 --times 10

`overhead` prints how many seconds of the processor a run of some 50 ms takes by itself, and how
many a sweep adds: to make, keep and pack rows of runs that take no time. `killed` makes a sweep
with two processes, and another one that is killed (SIGKILL) at random instants, and compares all
bytes.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np

from asysim.runs import replayed
from asysim.scenario import load
from asysim.sweeps.built import built_problem
from asysim.sweeps.design import Design
from asysim.sweeps.maker import Here
from asysim.sweeps.spans import Span
from asysim.sweeps.store import opened
from asysim.sweeps.sweep import carry_out, settle

SCENARIO = Path(__file__).parents[1] / "scenarios" / "asysg_con.toml"


def overhead(runs: int, rounds: int, updates: int) -> None:
    scenario = load(SCENARIO, *lasting(updates))
    design = Design.of(settle(scenario, {"algorithm.step": np.linspace(0.005, 0.01, runs)}))
    problem = built_problem(scenario)
    outcome = replayed.compute(scenario, problem=problem)
    plain, own = [], []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(10):
            replayed.compute(scenario, problem=problem)
        plain.append((time.process_time() - began) / 10)
        with patch.object(replayed, "compute", lambda *_, **__: outcome):
            own.append(swept(design))
        print(f"a run {1e3 * plain[-1]:6.2f} ms; a sweep adds {1e3 * own[-1]:.3f} ms", flush=True)
    share = min(own) / min(plain)
    print(f"least of {rounds}: {1e3 * min(plain):.2f} ms and {1e3 * min(own):.3f} ms: {share:.2%}")


def lasting(updates: int) -> tuple[str, str]:
    return f"run.updates={updates}", f"run.evaluate_every={updates}"


def swept(design: Design) -> float:
    """Return the processor's seconds that a run of a sweep takes, kept and packed."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        with opened(folder, design) as store:
            carry_out(store, Span(0, len(design)), Here(), None)
            store.pack()
        return (time.process_time() - began) / len(design)


def killed(runs: int, times: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        words = [
            sys.executable, "-m", "asysim", "sweep", str(SCENARIO), "workers.count=1:10:10",
            *lasting(20), f"--repeats={runs // 10}", "--jobs=2", "--no-pictures", "--json",
        ]  # fmt: skip
        began = time.monotonic()
        subprocess.run([*words, f"--out={root / 'whole'}"], check=True, stdout=subprocess.DEVNULL)
        took = time.monotonic() - began
        print(f"uninterrupted: {runs:,} runs in {took:.1f} s", flush=True)
        rng = random.Random(seed)
        done = 0
        while done < times:
            asked = [*words, f"--out={root / 'killed'}"]
            process = subprocess.Popen(asked, stdout=subprocess.DEVNULL)
            time.sleep(rng.uniform(0.3, 1.5) * took / times + 3)
            if process.poll() is not None:
                print("it was over before it could be killed once more")
                break
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            done += 1
            chunks = len(list((root / "killed").glob("chunks/*.parquet")))
            print(f"killed {done} times; {chunks} chunks are kept", flush=True)
        subprocess.run([*words, f"--out={root / 'killed'}"], check=True, stdout=subprocess.DEVNULL)
        same = _contents(root / "whole") == _contents(root / "killed")
        print("equal byte for byte" if same else "NOT equal")
        sys.exit(not same)


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def main() -> None:
    plain = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("what", choices=("overhead", "killed"))
    parser.add_argument("--runs", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    if told.what == "overhead":
        overhead(told.runs or 1000, told.rounds, told.updates)
    else:
        killed(told.runs or 100_000, told.times, told.seed)


if __name__ == "__main__":
    main()
