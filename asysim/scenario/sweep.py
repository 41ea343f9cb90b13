"""The table that says which runs a sweep makes."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from asysim.errors import Clash, InputError
from asysim.ground.ranges import KeptCount
from asysim.ground.table import FilePath, Table
from asysim.scenario.axes import Axis, axis

ALL = "all"
"""In place of the keys of all axes."""


class Sweep(Table):
    """A sweep (`asysim sweep`): the scenario with every combination of values of some keys."""

    axes: list[str] = Field(default=[], max_length=100)
    """KEY=VALUES for each key: "workers.count=1,2,4", "algorithm.step=0.01:1.0:9:log" (from, to,
    how many; without :log at even distances), "run.seconds=uniform(1,2)" (drawn; also loguniform,
    integers, logintegers), "workers.count+algorithm.step=[1,0.1],[2,0.2]" (keys that change
    together). The last one changes fastest"""
    samples: KeptCount = 10
    """points that axes at random are drawn for, with each combination of the others"""
    repeats: KeptCount | None = None
    """runs of each point, with seeds derived from the scenario's, the point and the number of the
    run; absent: one, with the scenario's own seed"""
    common: list[str] = Field(default=[], max_length=100)
    """keys of axes along which repeats have common random numbers: points that differ in nothing
    else have the same seeds. "all": every axis"""
    folder: FilePath = Field(default=".", strict=False, validate_default=True, exclude=True)
    """where paths among the values of axes start from; absent: the folder of the scenario file"""

    @model_validator(mode="after")
    def _are_axes(self) -> Self:
        keys: list[str] = []
        for i, word in enumerate(self.axes):
            try:
                keys += axis(word).keys
            except InputError as error:
                raise Clash(f"axes.{i}", error.faults[0].expected) from None
        for key in keys:
            if keys.count(key) > 1:
                raise Clash("axes", f"should have one axis of {key}")
        for i, key in enumerate(self.common):
            if key != ALL and key not in keys:
                raise Clash(f"common.{i}", f'should be the key of an axis, or "{ALL}"')
        if "seed" in keys and self.repeats is not None:
            raise Clash("repeats", "should not stand beside an axis of seed, which says the seeds")
        return self

    def read(self) -> tuple[Axis, ...]:
        """Return the axes."""
        return tuple(map(axis, self.axes))
