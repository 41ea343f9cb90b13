"""What a run is gone on with: where its replay stood between two blocks of its stream.

The schedule is not kept, for it costs little to simulate once more, and comes out the same. What
costs is gradients; a checkpoint has all that they came to.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from asysim.errors import AsysimError, first_line
from asysim.ground.arrays import Vector
from asysim.ground.reading import check_regular
from asysim.problems.base import Problem
from asysim.replay import State
from asysim.replay.ceiling import Ceiling
from asysim.replay.curve import Curve, Point, columns, evaluate, points_of
from asysim.replay.ergodic import ErgodicOutput
from asysim.replay.probe import Probe
from asysim.replay.state import Memory, Standing
from asysim.replay.version_memory import LastUses
from asysim.runs.made_with import made_with, probes_code
from asysim.trace.kept_trace import Recorded
from asysim.trace.stream import Block, Deadlock
from asysim.trace.trace import Trace

CHECKPOINT, NEW_CHECKPOINT = "checkpoint.npz", "checkpoint.new"
_FORMAT = 4
_CURVE, _PROBE = "curve.", "probe."
_SHELVES = ("versions", "changes")
_MEMORY = ("velocity", "vector", "numbers")
_COUNTS = tuple(count.name for count in fields(State) if count.name != "x")


class Unequal(AsysimError):  # noqa: N818  (it says what is not as it was)
    """The schedule, or the problem, is not the one that a checkpoint was made with."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a run stood when its stream was asked for the next block.

    Attributes
    ----------
    blocks
        How many were used up.
    rows
        A checksum of the last one's rows.
    state
        x_k and its counts; the evaluation at x_k, if one is due, is yet to come.
    standing
        What the replay held besides.
    points
        The evaluations so far.
    sum_due, count_due
        Of ‖∇f‖² over those that were due.
    x_ergodic
        The iterate that would be the ergodic output.
    own
        Of `own_code`: the rules of the user's own that it was made with.
    probes, remembered
        Of `probes_code`: those that the curve has besides; and what they remember.
    """

    blocks: int
    rows: int
    state: State
    standing: Standing
    points: list[Point]
    sum_due: float
    count_due: int
    x_ergodic: Vector | None
    own: str = ""
    probes: str = ""
    remembered: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def at_start(cls, problem: Problem) -> Checkpoint:
        """Return where a run stands that has made no update yet."""
        return cls(0, 0, State(problem.start()), Standing(), [], 0.0, 0, None)

    @classmethod
    def of(
        cls, blocks: int, last: Block, state: State, standing: Standing, curve: Curve,
        ergodic: ErgodicOutput, own: str = "",
    ) -> Checkpoint:  # fmt: skip
        """Return where a run stands now; its vectors go on changing."""
        held = Standing(
            standing.lost,
            _needed(standing.versions, LastUses.later(last.held_versions, last.floor)),
            _needed(standing.changes, LastUses.later(last.held_updates, last.floor)),
            standing.memory,
        )
        return cls(
            blocks, checksum(last.rows), state, held, curve.points, curve.sum_due, curve.count_due,
            ergodic.x, own, probes_code(curve.probes), curve.memory(),
        )  # fmt: skip

    def skip(self, blocks: Iterator[Block], recorded: Recorded | None = None) -> Iterator[None]:
        """Pull the blocks that were used up, one for each time this is asked for more.

        Parameters
        ----------
        blocks
            The stream.
        recorded
            The rows of the run as it was, as far as they are known.

        Raises
        ------
        Unequal
            If they are not what they were.
        """
        last, were = None, _Rows(iter(()) if recorded is None else recorded.pieces())
        try:
            for _ in range(self.blocks):
                last = next(blocks, None)
                if last is None or not were.go_on_with(last.rows):
                    raise Unequal
                yield
        except Deadlock:
            raise Unequal from None
        found = (0, 0) if last is None else (last.rows.updates, checksum(last.rows))
        if found != (self.state.updates, self.rows):
            raise Unequal

    def check(self, problem: Problem) -> None:
        """Raise Unequal if a problem is not what it was: its data, say, or its module."""
        if self.points and self.points[0].update == 0:
            first = self.points[0]
            found = evaluate(problem, problem.start())
            if (found.loss, found.gradient_norm2) != (first.loss, first.gradient_norm2):
                raise Unequal

    def curve(
        self, problem: Problem, cadence: int, ceiling: Ceiling | None, probes: tuple[Probe, ...]
    ) -> Curve:
        """Return the curve so far, to go on with."""
        points, total, count = list(self.points), self.sum_due, self.count_due
        curve = Curve(problem, cadence, ceiling, points, total, count, probes)
        if self.remembered:
            curve.recall(self.remembered)
        return curve

    def save(self, path: Path) -> None:
        """Write it to a file, whole or not at all.

        Raises
        ------
        OSError
            If there is no room.
        """
        memory = self.standing.memory()
        facts = {name: getattr(self.state, name) for name in _COUNTS} | {
            "format": _FORMAT, "blocks": self.blocks, "rows": self.rows, "made": made_with(),
            "own": self.own, "lost": self.standing.lost, "sum_due": self.sum_due,
            "count_due": self.count_due, "probes": self.probes,
        }  # fmt: skip
        arrays: dict[str, Any] = {"x": self.state.x, "facts": _bytes_of(facts)}
        arrays |= {_CURVE + name: column for name, column in columns(self.points).items()}
        arrays |= {_PROBE + name: array for name, array in self.remembered.items()}
        for name in _SHELVES:
            shelf: dict[int, Vector] = getattr(self.standing, name)
            arrays[f"{name}.names"] = np.array(list(shelf), dtype=np.int64)
            arrays |= {f"{name}.{number}": vector for number, vector in shelf.items()}
        optional = {name: getattr(memory, name) for name in _MEMORY}
        optional["x_ergodic"] = self.x_ergodic
        arrays |= {name: vector for name, vector in optional.items() if vector is not None}
        partial = path.with_name(NEW_CHECKPOINT)
        try:
            with partial.open("wb") as file:
                np.savez(file, **arrays)
            partial.replace(path)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path, dimension: int, own: str = "", probes: str = "") -> Checkpoint:
        """Read one back, to go on with `own` rules of the user's, and `probes`.

        Raises
        ------
        ValueError, OSError
            If there is none, it is damaged, or made with other versions, with other rules of the
            user's own, other probes, or on another machine: the rest would not have the bits that
            it would have had.
        """
        check_regular(path)
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            return cls._from(arrays, dimension, own, probes)
        except (OSError, ValueError):
            raise
        except Exception as error:  # zipfile, numpy and tokenize raise a dozen kinds
            raise ValueError(f"a damaged checkpoint ({first_line(error)})") from None

    @classmethod
    def _from(cls, arrays: dict[str, Any], dimension: int, own: str, probes: str) -> Checkpoint:
        facts = json.loads(arrays["facts"].tobytes())
        if facts["format"] != _FORMAT:
            raise ValueError("a checkpoint of another format")
        if facts["made"] != made_with():
            raise ValueError("a checkpoint made with other versions, or on another machine")
        if facts["own"] != own:
            raise ValueError("a checkpoint made with a rule of your own that has changed")
        if facts["probes"] != probes:
            raise ValueError("a checkpoint made with other probes, or with one that has changed")

        def vector(name: str) -> Vector:
            found: Vector = arrays[name]
            if found.dtype != np.float64 or found.shape != (dimension,):
                raise ValueError(f"a checkpoint whose {name} has shape {found.shape}")
            return found

        def optional(name: str) -> Vector | None:
            return vector(name) if name in arrays else None

        versions, changes = (
            {number: vector(f"{name}.{number}") for number in arrays[f"{name}.names"].tolist()}
            for name in _SHELVES
        )
        numbers = arrays.get("numbers")
        if numbers is not None and (numbers.dtype != np.float64 or numbers.ndim != 1):
            raise ValueError(f"a checkpoint whose numbers have shape {numbers.shape}")
        memory = Memory(optional("velocity"), optional("vector"), numbers)
        state = State(vector("x"), *(int(facts[name]) for name in _COUNTS))
        points = points_of(_named(arrays, _CURVE))
        return cls(
            int(facts["blocks"]), int(facts["rows"]), state,
            Standing(int(facts["lost"]), versions, changes, lambda: memory), points,
            float(facts["sum_due"]), int(facts["count_due"]), optional("x_ergodic"),
            own, probes, _named(arrays, _PROBE),
        )  # fmt: skip


class _Rows:
    """Rows in pieces, to be held against others in other pieces."""

    def __init__(self, pieces: Iterator[Trace]) -> None:
        self._pieces = pieces
        self._open: Trace | None = None

    def go_on_with(self, rows: Trace) -> bool:
        """Whether the next ones are these, as far as there are any."""
        while len(rows):
            if self._open is None or not len(self._open):
                self._open = next(self._pieces, None)
                if self._open is None:
                    return True
            both = min(len(rows), len(self._open))
            if checksum(self._open[:both]) != checksum(rows[:both]):
                return False
            self._open, rows = self._open[both:], rows[both:]
        return True


def points_in(path: Path) -> list[Point]:
    """Return the evaluations in a checkpoint, whatever it was made with; none if it has none."""
    with suppress(Exception):  # zipfile, numpy and tokenize raise a dozen kinds
        check_regular(path)
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            names = [name for name in file.files if name.startswith(_CURVE)]
            return points_of(_named({name: file[name] for name in names}, _CURVE))
    return []


def checksum(rows: Trace) -> int:
    """Return a checksum of all that rows say."""
    arrays = [rows.facts, rows.ticks]
    if rows.sweeps is not None:
        s = rows.sweeps
        arrays += [s.lo, s.hi, s.offsets - s.offsets[:1], s.update, s.first, s.last]
    found = 0
    for array in arrays:
        found = zlib.crc32(np.ascontiguousarray(array).tobytes(), found)
    return found


def _needed(vectors: dict[int, Vector], uses: LastUses) -> dict[int, Vector]:
    return {name: vectors[name] for name in sorted(vectors) if uses.after(name, -1)}


def _named(arrays: dict[str, Any], begin: str) -> dict[str, Any]:
    """Return those arrays whose names begin so, by the rest of their names."""
    return {k.removeprefix(begin): array for k, array in arrays.items() if k.startswith(begin)}


def _bytes_of(facts: dict[str, Any]) -> Any:
    return np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
