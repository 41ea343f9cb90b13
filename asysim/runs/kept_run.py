"""A run folder read back: every file of it checked, and all of them against one another."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from asysim.errors import InputError, first_line
from asysim.ground.arrays import Vector
from asysim.ground.reading import check_regular
from asysim.replay import curve_file
from asysim.replay.curve import Point
from asysim.runs.folder import CURVE, ERGODIC, LAST, SCENARIO
from asysim.runs.kept_manifest import Manifest, not_a_run, problem, read_manifest
from asysim.runs.leavings import TRACE
from asysim.runs.manifest import MANIFEST, RESULT
from asysim.runs.outcome import Outcome, Run
from asysim.scenario import Scenario, load, to_document
from asysim.scenario.load import from_document
from asysim.trace.info import TraceInfo
from asysim.trace.kept_trace import KeptTrace
from asysim.updates.theorem import Corollary

_NPY = re.compile(
    rb"\{'descr': '([^']{2,20})', 'fortran_order': False, 'shape': \(([\d, ]{0,40})\), \}\s*"
)


def load_run(folder: str | Path) -> Run:
    """Read a run back.

    Raises
    ------
    InputError
        If the folder is not a run, or a part of it is missing or damaged.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    # A run is whole without the measured times that it was made from.
    scenario = load(folder / SCENARIO, read_files=False)
    trace = KeptTrace.open(folder / TRACE)
    points = _points(folder)
    x, x_ergodic = (_vector(folder, name, trace.info.dimension) for name in (LAST, ERGODIC))
    _check_together(folder, scenario, trace.info, manifest)
    told = {name: getattr(manifest.result, name) for name in RESULT}
    theorem = manifest.theorem
    outcome = Outcome(
        points, x, x_ergodic, **told, measured=manifest.measured,
        theorem=None if theorem is None else Corollary(**theorem.model_dump()),
        notes=manifest.notes,
    )  # fmt: skip
    return Run(scenario, trace, outcome, folder)


def _check_together(folder: Path, scenario: Scenario, info: TraceInfo, manifest: Manifest) -> None:
    """Raise InputError if the files of a folder are not of one run."""
    if manifest.result.status != info.status:
        found = f"a {MANIFEST} that says {manifest.result.status}, and a {TRACE} {info.status}"
        raise not_a_run(folder, found)
    if not info.scenario:
        return
    try:
        traced = from_document(info.scenario, read_files=False)
    except InputError:
        return  # another version of asysim's, or what the scenario's own reader has refused
    if _played(traced) != _played(scenario):
        raise not_a_run(folder, f"a {TRACE} of another scenario than its {SCENARIO}")


def _played(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario without the engine, which a trace does not name: both make the same."""
    document = to_document(scenario)
    del document["engine"]
    return document


def _points(folder: Path) -> tuple[Point, ...]:
    try:
        points = curve_file.load(folder / CURVE)
    except (OSError, ValueError) as error:
        raise not_a_run(folder, problem(CURVE, error)) from None
    if points is None:
        raise not_a_run(folder, f"a {CURVE} of other columns")
    return points


def _vector(folder: Path, name: str, dimension: int) -> Vector:
    try:
        check_regular(folder / name)
        with (folder / name).open("rb") as file:
            kind, shape = _header(file)
            if kind != np.float64 or shape != (dimension,):
                raise not_a_run(folder, f"a {name} of {kind} and shape {shape}")
            size = os.fstat(file.fileno()).st_size - file.tell()
            if size != 8 * dimension:
                raise ValueError(f"{size} bytes for {dimension} numbers")
            return np.fromfile(file, np.float64)
    except (OSError, ValueError, MemoryError) as error:
        raise not_a_run(folder, problem(name, error)) from None


def _header(file: BinaryIO) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read what a .npy file says of itself, before there is any memory for what it holds."""
    start = file.read(10)
    size = int.from_bytes(start[8:10], "little")
    told = _NPY.fullmatch(file.read(size)) if start[:8] == b"\x93NUMPY\x01\x00" else None
    if told is None:
        raise ValueError("not an array of numbers as numpy saves one")
    shape = tuple(int(length) for length in told[2].split(b",") if length.strip())
    try:
        return np.dtype(told[1].decode()), shape
    except TypeError as error:
        raise ValueError(first_line(error)) from None
