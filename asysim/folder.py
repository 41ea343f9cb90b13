"""The run folder: scenario.toml, trace.parquet, curve.parquet, x.npy, x_ergodic.npy, manifest.json.

Nothing in it depends on when or how fast it was made: the same scenario, on the same machine with
the same versions, gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from asysim.errors import Fault, InputError
from asysim.replay import curve as curves
from asysim.execution import INTERRUPTED, Outcome, Run
from asysim.scenario import Scenario, load, to_toml
from asysim.schedule import trace_info
from asysim.trace import Trace
from asysim.trace_file import TraceWriter

MANIFEST, SCENARIO, TRACE, CURVE = "manifest.json", "scenario.toml", "trace.parquet", "curve.parquet"
LAST, ERGODIC = "x.npy", "x_ergodic.npy"
_FORMAT = 1
_PACKAGES = ("asysim", "numpy", "scipy", "simpy", "pandas", "pyarrow")


def default_folder(scenario: Scenario, root: str | Path = "runs") -> Path:
    """Return ROOT/NAME-HASH, the hash being of the whole scenario: the same one lands on itself."""
    digest = hashlib.sha256(to_toml(scenario).encode()).hexdigest()
    return Path(root) / f"{scenario.name}-{digest[:8]}"


@dataclass
class Recording:
    """A run folder in the making, beside its final place."""

    target: Path
    partial: Path
    scenario: Scenario
    trace: TraceWriter

    def finish(self, outcome: Outcome) -> Run:
        """Write everything and move the folder into place.

        An interrupted run never takes the place of one that was there: it gets a name of its own.
        """
        self.trace.status = outcome.status
        self.trace.close()
        (self.partial / SCENARIO).write_text(to_toml(self.scenario), encoding="utf-8")
        curves.save(outcome.curve, self.partial / CURVE)
        np.save(self.partial / LAST, outcome.x)
        np.save(self.partial / ERGODIC, outcome.x_ergodic)
        manifest = _manifest(self.scenario, outcome)
        (self.partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        target = self.target
        if outcome.status == INTERRUPTED and target.exists():
            target = target.with_name(f"{target.name}-interrupted")
        if target.exists():
            shutil.rmtree(target)
        self.partial.rename(target)
        return Run(self.scenario, Trace.load(target / TRACE), outcome, target)


@contextmanager
def recording(target: Path, scenario: Scenario, dimension: int) -> Iterator[Recording]:
    """Make a run folder; on an error what was recorded so far stays in TARGET.partial.

    Raises
    ------
    InputError
        If the folder can't be made, or holds something that a run must not replace.
    """
    check_free(target, scenario)
    partial = target.with_name(f"{target.name}.partial")
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            Fault(
                key="run folder",
                found=(error.strerror or str(error)).lower(),
                expected="should be a place that can be written to; --out names another",
                source=str(target),
            )
        ) from None
    with TraceWriter(partial / TRACE, trace_info(scenario, dimension)) as writer:
        yield Recording(target, partial, scenario, writer)


def check_free(target: Path, scenario: Scenario) -> None:
    """Raise InputError unless `target` is absent, empty, or a run of the same scenario."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    known = target / SCENARIO
    if (target / MANIFEST).is_file() and known.is_file():
        if known.read_text(encoding="utf-8") == to_toml(scenario):
            return
        found = "a run of another scenario"
    else:
        found = "something that is not a run"
    raise InputError(
        Fault(
            key="run folder",
            found=found,
            expected="should be a new or empty folder; --out names another",
            source=str(target),
        )
    )


def load_run(folder: str | Path) -> Run:
    """Read a run back.

    Raises
    ------
    InputError
        If the folder is not a run, or a part of it is missing or damaged.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    scenario = load(folder / SCENARIO)
    trace = Trace.load(folder / TRACE)
    try:
        curve = curves.load(folder / CURVE)
        x, x_ergodic = np.load(folder / LAST), np.load(folder / ERGODIC)
    except (OSError, ValueError) as error:
        raise _not_a_run(folder, str(error).splitlines()[0]) from None
    result = manifest["result"]
    outcome = Outcome(
        curve, x, x_ergodic, result["ergodic_index"], result["updates"], result["status"],
        result["message"],
    )  # fmt: skip
    return Run(scenario, trace, outcome, folder)


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError:
        raise _not_a_run(folder, f"no {MANIFEST}") from None
    except ValueError:
        raise _not_a_run(folder, f"a damaged {MANIFEST}") from None
    if manifest.get("format") != _FORMAT or "result" not in manifest:
        raise _not_a_run(folder, f"a {MANIFEST} of format {manifest.get('format')}")
    return manifest


def _not_a_run(folder: Path, found: str) -> InputError:
    return InputError(
        Fault(
            key="run folder",
            found=found,
            expected="should be a folder that `asysim run` made",
            source=str(folder),
        )
    )


def _manifest(scenario: Scenario, outcome: Outcome) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "result": {
            "status": outcome.status,
            "message": outcome.message,
            "updates": outcome.updates,
            "ergodic_index": outcome.ergodic_index,
        },
        "seed": scenario.seed,
        "versions": {"python": platform.python_version()} | {p: version(p) for p in _PACKAGES},
        "commit": _commit(),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
        },
    }


def _commit() -> str | None:
    """Return the git commit that asysim runs from, marked if files differ; None if installed."""
    here = Path(__file__).resolve().parent
    if not (here.parent / ".git").exists():
        return None
    try:
        git = ["git", "-C", str(here.parent)]
        asked = {"capture_output": True, "text": True, "check": True, "timeout": 10}
        head = subprocess.run([*git, "rev-parse", "HEAD"], **asked).stdout.strip()  # type: ignore[call-overload]
        changed = subprocess.run([*git, "status", "--porcelain", "--", "asysim"], **asked).stdout  # type: ignore[call-overload]
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}+changes" if changed else head


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
