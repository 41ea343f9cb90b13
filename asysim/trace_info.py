"""What a trace says of itself, beside its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
