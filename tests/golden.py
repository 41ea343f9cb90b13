"""The bytes that every file in scenarios/ comes to: what a rearrangement of the code must keep.

    python -m tests.golden            compare with tests/golden.json, and say what differs
    python -m tests.golden --write    write it anew, after a change that is meant to change bytes

A trace is whole numbers, so its hash is the same on every machine. So is that of a curve which was
computed by compiled kernels, which use no library. What NumPy computes depends on the machine's
BLAS: of those runs the last loss is kept, as a number. So it is with what probes measure besides,
such as the eigenvalues of a Hessian, which is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import asysim
from asysim.replay import curve as curves
from asysim.trace.gradient import FACTS, TIMES
from tests.support import SCENARIOS

KEPT = Path(__file__).with_name("golden.json")
ENGINES = ("simpy", "compiled")
UPDATES = 2000


def scenarios() -> list[Path]:
    """Return every scenario file whose problem needs nothing but the core packages."""
    return [path for path in SCENARIOS if 'kind = "torch"' not in path.read_text(encoding="utf-8")]


def digest(*arrays: Any) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of some arrays' bytes, little-endian."""
    found = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        found.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return found.hexdigest()[:16]


def columns(trace: asysim.Trace) -> dict[str, str]:
    """Return the hash of each column of a trace."""
    found = {name: digest(column) for name, column in zip(FACTS, trace.facts, strict=True)}
    found |= {name: digest(column) for name, column in zip(TIMES, trace.ticks, strict=True)}
    if trace.sweeps is not None:
        s = trace.sweeps
        found["sweeps"] = digest(s.lo, s.hi, s.offsets, s.update, s.first, s.last)
    return found


def run(path: Path, engine: str, arithmetic: str) -> asysim.Run:
    """Run a scenario for a while."""
    return asysim.run(
        asysim.load(
            path, f"engine={engine}", f"run.updates={UPDATES}", f"replay.arithmetic={arithmetic}"
        )
    )


def made(run: asysim.Run) -> dict[str, Any]:
    """Return what the bytes of a run are."""
    curve = curves.columns(run.outcome.points)
    points = np.column_stack([curve[name] for name in curves.COLUMNS]).astype(np.float64)
    found: dict[str, Any] = {"trace": columns(run.trace), "status": run.status}
    if run.trace.info.arithmetic == "numpy":
        found["loss"] = run.outcome.points[-1].loss
    else:
        found["curve"] = digest(points, run.x, run.outcome.x_ergodic)
    return found


def runs_of(path: Path) -> dict[str, dict[str, asysim.Run]]:
    """Run a scenario with each engine and each arithmetic."""
    return {
        "compiled kernels": {engine: run(path, engine, "auto") for engine in ENGINES},
        "NumPy": {"compiled": run(path, "compiled", "numpy")},
    }


def all_of(runs: dict[str, dict[str, asysim.Run]]) -> dict[str, Any]:
    """Return what the bytes of such runs are."""
    return {
        arithmetic: {engine: made(one) for engine, one in engines.items()}
        for arithmetic, engines in runs.items()
    }


def kept() -> dict[str, Any]:
    """Return what tests/golden.json says of each scenario."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def differences(kept: Any, found: Any, place: str = "") -> list[str]:
    """Say where two such documents differ; numbers may do so in their last digits."""
    if isinstance(kept, dict) and isinstance(found, dict):
        return [
            line
            for key in kept | found
            for line in differences(kept.get(key), found.get(key), f"{place}{key}: ")
        ]
    if isinstance(kept, float) and isinstance(found, float):
        return [] if abs(kept - found) <= 1e-6 * abs(kept) else [f"{place}{kept}, now {found}"]
    return [] if kept == found else [f"{place}{kept}, now {found}"]


def main() -> int:
    """Compare or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write tests/golden.json anew")
    found = {}
    write = parser.parse_args().write
    for path in scenarios():
        found[path.stem] = all_of(runs_of(path))
        print(path.stem, flush=True)
    if write:
        KEPT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return 0
    apart = differences(kept(), found)
    print("\n".join(apart) or "no byte differs")
    return bool(apart)


if __name__ == "__main__":
    sys.exit(main())
