"""Scenarios drawn at random, and ways to make small traces."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import strategies as st

from asysim.scenario import Scenario
from asysim.scenario.load import from_document
from asysim.schedule import simulate, trace_info
from asysim.trace import Trace
from asysim.trace.gradient import Gradient
from asysim.trace.info import TraceInfo
from asysim.trace.stream import Block, Deadlock, limited, trace_of

MEANS = st.sampled_from([1e-4, 3e-4, 1e-3])
CONTINUOUS = st.one_of(
    st.builds(lambda m: {"law": "exponential", "mean": m}, MEANS),
    st.builds(lambda m: {"law": "gamma", "mean": m, "cv": 0.5}, MEANS),
    st.builds(lambda m: {"law": "lognormal", "mean": m, "cv": 1.5}, MEANS),
    st.builds(lambda m: {"law": "pareto", "mean": m, "alpha": 1.5}, MEANS),
    st.builds(lambda m: {"law": "uniform", "low": 0.5 * m, "high": m}, MEANS),
)
# Small whole numbers of nanoseconds make many things happen at one instant.
TIED = st.builds(lambda ticks: ticks * 1e-9, st.integers(0, 5))
LAWS = st.one_of(CONTINUOUS, TIED)
# One scale for all of a lock-free scenario: a gradient of nanoseconds beside a write of
# milliseconds is discarded and begun again a million times while the write lasts.
SCALES = st.sampled_from([CONTINUOUS, TIED])


SIZES = st.one_of(
    st.integers(1, 100),
    st.builds(lambda mean: {"law": "exponential", "mean": mean}, st.sampled_from([1.0, 48.0])),
    st.just({"law": "pareto", "mean": 60.0, "alpha": 1.2}),
    st.just({"law": "empirical", "values": [0.0, 24.0, 96.0]}),
)
"""Bytes of a message, or their law."""


@st.composite
def con_documents(draw: st.DrawFn, *, laws: st.SearchStrategy[Any] = LAWS) -> dict[str, Any]:
    """AsySG-con on any cluster, without a bound."""
    count = draw(st.integers(1, 9))
    speed = st.sampled_from([0.25, 0.5, 1.0, 3.0])
    network = {"pull": draw(laws), "push": draw(laws)}
    if laws is LAWS and draw(st.booleans()):
        network |= {"bandwidth": draw(st.sampled_from([5e4, 16e9])), "message_bytes": draw(SIZES)}
    return {
        "seed": draw(st.integers(0, 2**40)),
        "problem": {"kind": "quadratic", "dimension": 3},
        "algorithm": {
            "name": "asysg-con",
            "step": 0.01,
            "gradients_per_update": draw(st.integers(1, 4)),
        },
        "workers": {
            "count": count,
            "compute": draw(laws),
            "speed": draw(st.lists(speed, min_size=count, max_size=count)),
        },
        "network": network,
        "server": {"service": draw(laws)},
    }


@st.composite
def incon_documents(draw: st.DrawFn) -> dict[str, Any]:
    """AsySG-incon on any machine, without a bound; a gradient takes some time."""
    laws = draw(SCALES)
    compute = draw(laws)
    write = draw(st.sampled_from(["dense", "coordinate", "block"]))
    algorithm: dict[str, Any] = {"name": "asysg-incon", "step": 0.01, "write": write}
    if write == "block":
        algorithm["blocks"] = draw(st.integers(1, 7))
    return {
        "seed": draw(st.integers(0, 2**40)),
        "problem": {"kind": "quadratic", "dimension": 7, "noise": 0.5},
        "algorithm": algorithm,
        "workers": {"count": draw(st.integers(1, 7)), "compute": compute or 1e-9},
        "memory": {"read": draw(laws), "write": draw(laws)},
    }


@st.composite
def bounds(draw: st.DrawFn) -> dict[str, Any]:
    """Return a staleness bound T and what enforces it."""
    return {
        "staleness_bound": draw(st.integers(0, 12)),
        "beyond_bound": draw(st.sampled_from(["wait", "discard"])),
    }


def with_algorithm(document: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a scenario document with more keys in its algorithm table."""
    return document | {"algorithm": document["algorithm"] | more}


def star(
    count: int = 1, compute: Any = 1.0, *, dimension: int = 6, **tables: Any
) -> dict[str, Any]:
    """Return a scenario of AsySG-con; what is said of `algorithm` and `workers` is added."""
    return {
        "problem": {"kind": "quadratic", "dimension": dimension},
        "algorithm": {"name": "asysg-con", "step": 0.1} | tables.pop("algorithm", {}),
        "workers": {"count": count, "compute": compute} | tables.pop("workers", {}),
    } | tables


def exponential(mean: float) -> dict[str, Any]:
    """Return an exponential law."""
    return {"law": "exponential", "mean": mean}


def some_rows(
    scenario: Scenario, rows: int = 150, *, dimension: int = 6, block_size: int = 32
) -> tuple[Trace, list[Block]]:
    """Simulate about so many rows of a schedule, fewer if it ends in a deadlock; and its blocks."""
    blocks: list[Block] = []
    with suppress(Deadlock):
        for block in simulate(scenario, dimension, block_size=block_size):
            blocks.append(block)
            if sum(len(block.rows) for block in blocks) >= rows:
                break
    return Trace.joined([block.rows for block in blocks], trace_info(scenario, dimension)), blocks


def recorded(
    scenario: Scenario | dict[str, Any],
    updates: int,
    *,
    dimension: int = 7,
    block_size: int | None = None,
    seconds: float | None = None,
) -> Trace:
    """Simulate a scenario's schedule as far as `updates` or `seconds`.

    The size of the blocks does not show in the trace: by default little is simulated in vain.
    """
    if isinstance(scenario, dict):
        scenario = from_document(scenario)
    if block_size is None:
        block_size = min(updates, 4096 if seconds is None else 64)
    stream = limited(
        simulate(scenario, dimension, block_size=block_size), updates=updates, seconds=seconds
    )
    return trace_of(stream)


def constant_delay(tau: int, updates: int, dimension: int) -> Trace:
    """Return the trace of τ_k = min(k, τ), as τ + 1 equal workers in turn give it."""
    workers = tau + 1
    rows = [
        Gradient(worker=k % workers, draw=k // workers, version=max(0, k - tau), update=k)
        for k in range(updates)
    ]
    return Trace.from_gradients(rows, TraceInfo("asysg-con", workers, dimension))
