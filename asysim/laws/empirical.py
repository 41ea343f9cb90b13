"""The law of times that were measured: each draw is one of them."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import ConfigDict, Field, ValidationInfo, model_validator

from asysim.errors import Clash, InputError
from asysim.ground.ranges import Count, Seconds
from asysim.ground.table import FilePath
from asysim.laws.base import Array, EitherLaw, SomeOf
from asysim.laws.measured import Unit


class Empirical(EitherLaw):
    """Empirical: each draw is one of the given or measured durations, all equally likely.

    A file is read when the scenario is; what gzip compressed is unpacked, unless it is a trace.
    ``NAME.parquet``: a trace that asysim wrote, of which it takes `done − ready` of every gradient
    that was applied, or any table. ``NAME.csv``, ``NAME.tsv``, or any file with a `column`: a table
    of text with commas, semicolons or tabs, with a line of column names or without. Anything else:
    one number a line, with # comments. Gaps (empty cells, NaN) are left out.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["values"]}, {"required": ["file"]}]}
    )

    law: Literal["empirical"]
    values: SomeOf[Seconds] | None = Field(default=None, description="durations in seconds")
    file: Annotated[FilePath, Field(strict=False)] | None = Field(
        default=None,
        description="in place of values: a list of numbers, a table (.csv, .tsv, .parquet) or a "
        "trace.parquet, relative to the scenario's folder",
    )
    column: str | Count | None = Field(
        default=None,
        description="which column of a table, by its name or its number from 1; the only one if it "
        "has one",
    )
    unit: Unit | None = Field(
        default=None, description="of the file's numbers, if it is no trace; absent: s"
    )

    @model_validator(mode="after")
    def _can_be_read(self, info: ValidationInfo) -> Self:
        if self.told_by(("values",), ("file",)) == ("values",):
            for key in ("column", "unit"):
                if getattr(self, key) is not None:
                    raise Clash(key, "should be left out: it belongs to file")
            return self
        context = info.context if isinstance(info.context, dict) else {}
        if context.get("read_files", True):
            try:
                _ = self.times
            except InputError as error:
                (fault,) = error.faults
                key = fault.key if fault.key in ("column", "unit") else "file"
                raise Clash(key, f"can't be used: {fault}") from None
        return self

    # By its fields: what else there is was read from the file.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Empirical) and self._said == other._said

    def __hash__(self) -> int:
        return hash(self._said)

    @property
    def _said(self) -> tuple[object, ...]:
        return (self.values, self.file, self.column, self.unit)

    @cached_property
    def times(self) -> Array:
        """The durations in seconds, sorted; read from the file when first asked for.

        Raises
        ------
        InputError
            If the file can't be read, or holds anything but numbers of seconds.
        """
        if self.values is not None:
            return np.sort(np.array(self.values, dtype=np.float64))
        from asysim.laws.measured import read_times

        assert self.file is not None
        return np.sort(read_times(Path(self.file), self.column, self.unit))

    @cached_property
    def mean(self) -> float:
        """Mean of the durations in seconds."""
        return math.fsum(self.times.tolist()) / len(self.times)

    @property
    def std(self) -> float:
        """Standard deviation in seconds, of one draw."""
        return float(self.times.std())

    def quantile(self, uniform: Array) -> Array:
        last = len(self.times) - 1
        # Rounding can bring uniform · count up to count itself.
        return self.times[np.minimum((uniform * len(self.times)).astype(np.int64), last)]
