"""A chunk: runs of a sweep in a row, made by one process, and packed as they will be kept."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import NamedTuple

from asysim.errors import InputError
from asysim.problems.base import Problem
from asysim.runs.outcome import INTERRUPTED
from asysim.scenario import Scenario
from asysim.sweeps.built import built_problem
from asysim.sweeps.design import Asked, design_of
from asysim.sweeps.packed import Row, packed
from asysim.sweeps.row import Result, failed, refused, result_of
from asysim.sweeps.spans import Span


class Chunk(NamedTuple):
    """Runs to be made, as they travel to another process.

    Attributes
    ----------
    text
        The design.
    span
        Which runs of it.
    seconds
        After which no further run is begun; at least one is made.
    """

    text: str
    span: Span
    seconds: float


class Made(NamedTuple):
    """What came of a chunk.

    Attributes
    ----------
    span
        The runs that are over: from its first one on, perhaps not all.
    content
        Their rows, as the bytes of a Parquet file; empty if there are none.
    seconds
        How long it took.
    interrupted
        Whether somebody asked for the end.
    """

    span: Span
    content: bytes
    seconds: float
    interrupted: bool


def make(chunk: Chunk, problem: Problem | None = None) -> Made:
    """Make the runs of a chunk, as far as its time goes."""
    design, rows, interrupted = design_of(chunk.text), [], False
    began = time.perf_counter()
    for number in range(*chunk.span):
        asked = design.asked(number)
        result = _result(chunk.text, asked, problem)
        if result is None:
            interrupted = True
            break
        rows.append(Row(asked, result))
        if time.perf_counter() - began > chunk.seconds:
            break
    took = time.perf_counter() - began
    done = Span(chunk.span.first, chunk.span.first + len(rows))
    return Made(done, packed(rows, chunk.text) if rows else b"", took, interrupted)


def _result(text: str, asked: Asked, problem: Problem | None) -> Result | None:
    """Return what comes of a run; None if it was interrupted."""
    from asysim.runs.replayed import compute

    try:
        scenario = _scenario(text, asked.point).model_copy(update={"seed": asked.seed})
        objective = built_problem(scenario) if problem is None else problem
        outcome = compute(scenario, problem=objective)
    except InputError as error:
        return refused(error)
    except Exception as error:
        return failed(error)
    return None if outcome.status == INTERRUPTED else result_of(scenario, outcome)


@lru_cache(maxsize=1)
def _scenario(text: str, point: int) -> Scenario:
    """Return the scenario of a point, which its repeats share."""
    return design_of(text).scenario(point)
