"""The manifest of a run folder: how the run ended, and on what it was made."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asysim.runs.outcome import Outcome
    from asysim.scenario import Scenario

MANIFEST = "manifest.json"
FORMAT = 1
RESULT = ("ergodic_index", "updates", "status", "message")
"""What of an outcome is a single value, and so is kept here."""

_HEAD = "# branch.oid "
_PACKAGES = ("asysim", "numba", "numpy", "scipy", "simpy", "pandas", "pyarrow")


def describe(scenario: Scenario, outcome: Outcome) -> dict[str, Any]:
    """Return the manifest of a run."""
    manifest = {
        "format": FORMAT,
        "result": {name: getattr(outcome, name) for name in RESULT},
        "seed": scenario.seed,
    } | surroundings()
    more = {
        "measured": outcome.measured,
        "theorem": None if outcome.theorem is None else asdict(outcome.theorem),
        "notes": list(outcome.notes),
    }
    return manifest | {name: value for name, value in more.items() if value}


def surroundings() -> dict[str, Any]:
    """Return the versions and the machine that something is made with."""
    return {
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
        asked = subprocess.run(
            ["git", "-C", str(here.parent), "status", "--porcelain=v2", "--branch", "--", "asysim"],
            capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    lines = asked.stdout.splitlines()
    heads = [line.removeprefix(_HEAD) for line in lines if line.startswith(_HEAD)]
    changed = any(not line.startswith("#") for line in lines)
    return "".join(heads) + ("+changes" if changed else "")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
