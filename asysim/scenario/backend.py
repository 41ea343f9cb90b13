"""The `[backend]` table: how a real run is made, with `asysim run SCENARIO --on …`."""

from __future__ import annotations

from typing import Literal

from asysim.ground.ranges import SomeSeconds
from asysim.ground.table import Table


class Backend(Table):
    """How a real run is made (`asysim run SCENARIO --on threads|processes|mpi`)."""

    write: Literal["auto", "relaxed", "atomic", "racing"] = "auto"
    """how lock-free workers add to an element of x: word by word, and two writers can lose one's
    addition; atomic, and nothing is lost; or a plain array statement. auto: atomic where gradients
    are sparse or one coordinate is written, else relaxed"""
    one_sweep: bool = True
    """whether a lock-free worker reads x anew in the sweep that writes its update, which saves half
    of the memory's work; not with a staleness bound that makes workers wait"""
    emulate: bool = False
    """whether gradients and messages take the times that the scenario's laws say, padded by
    waiting; otherwise they take the time that they take"""
    watchdog: SomeSeconds = 60.0
    """seconds without a sign of life after which a worker counts as hung, and the run ends"""
