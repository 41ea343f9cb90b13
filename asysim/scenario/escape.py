"""The table that says what an escape study looks at: from which saddle, how far, how often."""

from __future__ import annotations

from pydantic import Field

from asysim.ground.ranges import KeptCount, Positive, WholeNumber, WorkerCount
from asysim.ground.table import Table


class Escape(Table):
    """An escape study (`asysim escape`): how long runs take to leave a saddle, by staleness."""

    workers: list[WorkerCount] = Field(default=[1, 2, 5, 17, 65], min_length=1)
    """numbers of workers p; equal ones that take turns have the staleness p − 1"""
    seeds: KeptCount = 1000
    """runs with each number of workers: with seed, seed + 1, …"""
    radius: Positive | None = None
    """R: a run has escaped when ‖x − saddle‖ > R first; absent: half the way to the nearest other
    stationary point that is known, or 1 if there is none"""
    saddle: str | None = None
    """the name of a known stationary point; absent: the saddle that is nearest to the start"""
    afterwards: WholeNumber = 0
    """updates for which a run is watched after it escaped, for its first return within R"""
    returns: KeptCount = 200
    """runs in each cell of the map of returns (`asysim escape SCENARIO --returns`)"""
