"""The memory that the workers of one machine share: x, counters, logs. One stretch of bytes.

Threads have it in an array, processes in a segment of shared memory; what is in it is the same, and
so is the code that works on it. Words that different workers write are a cache line apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asysim.backends.assignment import Assignment
from asysim.ground.arrays import Ints, Vector
from asysim.updates.perturbation import Noise

LINE = 8  # words in a cache line of 64 bytes
NONE = 2**62
"""Stands where no update is being written, and no version is held."""

COUNTER, STOP, LOCK, TICKET, TURN, START, SEQUENCE, GATHERED, DIVERGED, READY, FREE = (
    LINE * place for place in range(11)
)
"""Words of `control`: updates begun (consistent: made); whether to stop; who holds the lock, plus
1; the next number in the queue for it, and whose turn it is; the instant of the start, 0 before;
gradients disposed of; those in the update that is being put together; 1 + the update after which x
was not finite; workers that are ready; when the emulated server is free again."""

DRAW, VERSION, UPDATE, KEY, BEGUN, AFTER, PARTLY, TIMES = range(8)
FACTS, FIXED = TIMES, TIMES + 5
"""Columns of a row of a log: facts (the last is how many updates were in flight at the read, which
stand behind the rest), then five instants; the key says where it stands among all rows."""

_LOG_BYTES, _SNAPSHOT_BYTES = 2**22, 2**26


class Memory(NamedTuple):
    """What all workers see. Words of which each worker has one are of shape (8 p,)."""

    # Two vectors: with consistent reads version v is x[v % 2]; else the one is x[0]. Each is filled
    # up to whole lines; (2, ≥ n).
    x: NDArray[np.float64]
    total: Vector  # the sum of the gradients of the update that is being put together; (n,)
    control: Ints  # single words, each on a line of its own
    writing: Ints  # which update each worker writes; −1 − k while it takes a number of k at least
    held: Ints  # the version that each worker has read and not used yet
    beats: Ints  # signs of life of workers that wait
    heads: Ints  # rows that each worker has logged
    tails: Ints  # and those of them that were fetched
    log: Ints  # rings of rows; (p, rows, columns)
    # Counters that are added to as x is, so that what is lost of them tells what is lost of x.
    canaries: Vector
    tries: Ints  # additions to canaries that each worker made
    wanted: Ints  # updates before which a copy of x is wanted, in order
    snapshots: NDArray[np.float64]  # a ring of copies
    marks: Ints  # 1 + the place in `wanted` of each copy, 0 once it was fetched
    steps: Vector  # γ_k, or one number for all k


class Limits(NamedTuple):
    """What the kernels know of the scenario: numbers, the same for every worker."""

    dimension: int  # n
    workers: int  # p
    updates: int  # K
    deadline: int  # nanoseconds from the start
    bound: int  # T, or −1
    waits: bool  # for it: else gradients that are too old are dropped
    per_update: int  # c, gradients in an update
    clock_every: int  # of how many gradients one has its instants measured
    stride: int  # one line of x in so many has a line of canaries
    seed: int
    noise: Noise  # in each update of AsySG-con


def shapes(assignment: Assignment) -> dict[str, tuple[tuple[int, ...], type]]:
    """Return the shape and kind of each part of the memory of a run."""
    p, n = assignment.workers, assignment.dimension
    width = FIXED + (p if assignment.info.algorithm == "asysg-incon" else 0)
    rows = max(64, _LOG_BYTES // (8 * width * max(1, p // 8)))
    copies = int(np.clip(_SNAPSHOT_BYTES // (8 * n), 2, 64))
    lines = -(-n // LINE)
    canaries = LINE * (-(-lines // stride_for(n)))
    return {
        "x": ((2, -(-n // LINE) * LINE), np.float64),
        "total": ((n,), np.float64),
        "control": ((LINE * 16,), np.int64),
        "writing": ((LINE * p,), np.int64),
        "held": ((LINE * p,), np.int64),
        "beats": ((LINE * p,), np.int64),
        "heads": ((LINE * p,), np.int64),
        "tails": ((LINE * p,), np.int64),
        "log": ((p, rows, width), np.int64),
        "canaries": ((canaries,), np.float64),
        "tries": ((LINE * p,), np.int64),
        "wanted": ((len(assignment.wanted),), np.int64),
        "snapshots": ((copies, n), np.float64),
        "marks": ((copies,), np.int64),
        "steps": ((len(assignment.steps),), np.float64),
    }


def stride_for(dimension: int) -> int:
    """Return of how many lines of x one has canaries: about a hundred lines have."""
    return max(1, dimension // LINE // 96)


def _places(assignment: Assignment) -> Iterator[tuple[str, tuple[int, ...], type, int]]:
    place = 0
    for name, (shape, kind) in shapes(assignment).items():
        yield name, shape, kind, place
        place += -(-int(np.prod(shape)) * 8 // 64) * 64
    yield "", (), np.int64, place


def size(assignment: Assignment) -> int:
    """Return how many bytes the memory of a run takes."""
    *_, (_, _, _, end) = _places(assignment)
    return end + 64


def view(assignment: Assignment, buffer: Any) -> Memory:
    """Return the memory of a run as it lies in a buffer of `size(assignment)` bytes."""
    bytes_ = np.frombuffer(buffer, dtype=np.uint8)
    first = -bytes_.ctypes.data % 64  # lines of the cache begin there
    parts: dict[str, Any] = {}
    for name, shape, kind, place in _places(assignment):
        if name:
            count = int(np.prod(shape)) * 8
            part: NDArray[Any] = bytes_[first + place : first + place + count].view(kind)
            parts[name] = part.reshape(shape)
    return Memory(**parts)


def begin(assignment: Assignment, memory: Memory) -> None:
    """Fill the memory in, before any worker sees it."""
    start = assignment.problem.start()
    memory.x[:, : assignment.dimension] = start
    memory.writing[:] = NONE
    memory.held[:] = NONE
    memory.wanted[:] = assignment.wanted
    memory.steps[:] = assignment.steps


def limits(assignment: Assignment, *, clock_every: int = 1) -> Limits:
    """Return what the kernels know of a scenario."""
    algorithm = assignment.scenario.algorithm
    bound, update = algorithm.staleness_bound, assignment.rules.update
    return Limits(
        dimension=assignment.dimension,
        workers=assignment.workers,
        updates=assignment.updates,
        deadline=assignment.deadline,
        bound=-1 if bound is None else bound,
        waits=bound is not None and algorithm.beyond_bound == "wait",
        per_update=algorithm.gradients_per_update,
        clock_every=clock_every,
        stride=stride_for(assignment.dimension),
        seed=assignment.seed,
        noise=Noise() if update is None else update.perturbation,
    )


def rehearsal(
    assignment: Assignment, updates: int, seconds: float | None = None
) -> tuple[Assignment, Memory]:
    """Return an assignment of a few updates to whoever begins at once, and memory for it alone.

    It ends with the first gradient that is done after so many seconds, if not before.
    """
    short = assignment.scenario.run.model_copy(update={"updates": updates, "seconds": seconds})
    told: dict[str, Any] = {"run": short}
    if assignment.scenario.backend is not None:
        told["backend"] = assignment.scenario.backend.model_copy(update={"emulate": False})
    alone = replace(assignment, scenario=assignment.scenario.model_copy(update=told))
    memory = view(alone, np.zeros(size(alone), dtype=np.uint8))
    begin(alone, memory)
    memory.wanted[:] = NONE  # nobody would fetch a copy,
    memory.tails[:] = NONE  # or rows: there is always room for them
    memory.control[START] = time.monotonic_ns()
    return alone, memory
