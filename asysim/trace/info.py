"""What a trace says of itself, beside its rows."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from asysim.errors import first_line, unfit
from asysim.ground.ranges import MOST_WORKERS

TRACE = "trace.parquet"
"""The file's name in a run's folder."""


def trace_at(path: Path) -> Path:
    """Return a trace's file: that of a run, if it is its folder that was named.

    Raises
    ------
    InputError
        If a folder has none.
    """
    if not path.is_dir():
        return path
    if not (path / TRACE).exists():
        raise unfit("run folder", f"no {TRACE}", "a folder that `asysim run` made", str(path))
    return path / TRACE


_WORDS = {
    "algorithm": ("asysg-con", "asysg-incon"),
    "clock": ("simulated", "real"),
    "arithmetic": ("numpy", "compiled"),
}


@dataclass(frozen=True)
class TraceInfo:
    """What a trace says of itself, beside its rows.

    Attributes
    ----------
    algorithm
        ``asysg-con`` or ``asysg-incon``.
    workers
        p.
    dimension
        n, the length of x.
    exact
        Whether the rows hold everything that replay needs: always in simulation; never for a
        real lock-free run, whose reads can't be observed.
    clock
        ``simulated`` or ``real``.
    arithmetic
        How gradients were computed: ``numpy`` or ``compiled``, which differ in the last bits.
    status
        How the run ended: ``complete`` or a word for what cut it short.
    scenario
        The resolved scenario as a nested dictionary; empty for a trace written by hand.
    """

    algorithm: str
    workers: int
    dimension: int
    exact: bool = True
    clock: str = "simulated"
    arithmetic: str = "numpy"
    status: str = "complete"
    scenario: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_document(cls, document: Any, **more: Any) -> Self:
        """Return what a file says of a trace, every field of its type.

        Raises
        ------
        ValueError
            If that is no information about a trace.
        """
        if not isinstance(document, dict):
            raise ValueError("not a table of names")
        known = {one.name for one in fields(cls)}
        if unknown := sorted(map(str, (document | more).keys() - known)):
            raise ValueError(f"an unknown key {unknown[0][:40]}")
        try:
            info = cls(**document, **more)
        except TypeError as error:
            raise ValueError(first_line(error)) from None
        for name, words in _WORDS.items():
            if getattr(info, name) not in words:
                raise ValueError(f"{name} is not {' or '.join(words)}")
        for name, most in (("workers", MOST_WORKERS), ("dimension", 2**62)):
            size = getattr(info, name)
            if type(size) is not int or not 1 <= size <= most:
                raise ValueError(f"{name} is not a number between 1 and {most}")
        kinds = {"exact": bool, "status": str, "scenario": dict}
        for name, kind in kinds.items():
            if type(getattr(info, name)) is not kind:
                raise ValueError(f"{name} is of another type")
        return info
