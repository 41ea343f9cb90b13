"""A recorded run computed again: with another step or rule, or unchanged, to check it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asysim.errors import Fault, InputError
from asysim.runs.folder import SCENARIO
from asysim.runs.outcome import Run
from asysim.runs.replayed import Progress, rerun
from asysim.scenario import to_document
from asysim.scenario.load import from_document

# These decide when things happen, which the trace has settled.
_HARDWARE = ("schedule", "coordination", "network", "server", "memory", "faults")
_SETTLED = ("workers", *_HARDWARE, "seed", "algorithm.staleness_bound",
            "algorithm.beyond_bound", "algorithm.gradients_per_update", "algorithm.write",
            "algorithm.blocks", "run.updates", "run.seconds")  # fmt: skip


def rerun_with(run: Run, *changes: str, progress: Progress | None = None) -> Run:
    """Compute the gradients of a run's trace again, with changes KEY=VALUE to what is computed.

    Raises
    ------
    InputError
        If a change is about the schedule, which is recorded.
    """
    settled = [change for change in changes if _is_settled(change.partition("=")[0].strip())]
    if settled:
        raise InputError(
            Fault(
                key=change.partition("=")[0],
                found=change,
                expected="decides the schedule, which is recorded: `asysim run` makes a new one",
                source="command line",
            )
            for change in settled
        )
    document = to_document(run.scenario)
    source = "scenario" if run.folder is None else str(run.folder / SCENARIO)
    if any(change.partition("=")[0].strip() == "algorithm.name" for change in changes):
        # The other rule has no use for this one's tables, and the trace knows what they led to.
        document = {k: v for k, v in document.items() if k not in _HARDWARE}
        document["algorithm"] = {k: document["algorithm"][k] for k in ("step", "batch_size")}
    scenario = from_document(document, *changes, source=source, read_files=False)
    return rerun(run.trace, scenario, progress=progress)


def _is_settled(key: str) -> bool:
    return any(key == known or key.startswith(known + ".") for known in _SETTLED)


def differences(one: Run, other: Run) -> list[str]:
    """Say where two runs differ, bit for bit; nothing if they don't."""
    found = []
    if one.outcome.updates != other.outcome.updates:
        found.append(f"updates: {one.outcome.updates} and {other.outcome.updates}")
    if one.outcome.ergodic_index != other.outcome.ergodic_index:
        found.append(
            f"index of the ergodic x: {one.outcome.ergodic_index} and {other.outcome.ergodic_index}"
        )
    if len(one.curve) != len(other.curve):
        found.append(f"curve: {len(one.curve)} points and {len(other.curve)}")
    else:
        # A probe that was given from Python is not known when a folder is read again.
        for column in (c for c in one.curve.columns if c in other.curve.columns):
            a, b = one.curve[column].to_numpy(), other.curve[column].to_numpy()
            apart = np.flatnonzero(_bits(a) != _bits(b))
            if len(apart):
                update = one.curve["update"][apart[0]]
                both = f"{a[apart[0]]} and {b[apart[0]]}"
                found.append(f"curve, {column} at update {update}: {both}")
    pairs = {"x": (one.outcome.x, other.outcome.x)}
    pairs["ergodic x"] = (one.outcome.x_ergodic, other.outcome.x_ergodic)
    for name, (p, q) in pairs.items():
        if len(p) != len(q):
            found.append(f"{name}: {len(p)} coordinates and {len(q)}")
        elif (_bits(p) != _bits(q)).any():
            found.append(f"{name}: {np.sum(_bits(p) != _bits(q))} of {len(p)} coordinates")
    return found


def _bits(values: NDArray[Any]) -> NDArray[np.int64]:
    # As whole numbers: a diverged x has places that are not a number, and those equal nothing.
    return np.ascontiguousarray(values).view(np.int64)
