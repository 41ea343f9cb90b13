"""What a study keeps of a run: a file of JSON, named by the number of workers and the seed."""

from __future__ import annotations

import json
from typing import Protocol, Self

from pydantic import BaseModel, ConfigDict

from asysim.runs.kept import read_as

Job = tuple[int, int]
"""Which run of a study: a number of workers, and a seed."""


class Record(Protocol):
    """What is kept of a run, or of several seeds in a row."""

    @property
    def job(self) -> Job:
        """Number of workers, and the seed or the first of them."""
        ...

    @property
    def backend(self) -> str | None:
        """Which one made it for real; None if it was simulated."""
        ...

    def to_json(self) -> str:
        """Return it as text."""
        ...


class Simulated(BaseModel):
    """A record of simulated runs, whose fields are those of its file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @property
    def backend(self) -> None:
        """None: it is simulated."""
        return

    def to_json(self) -> str:
        """Return it as text that `from_json` reads back."""
        return json.dumps(self.model_dump())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read it back; raises ValueError for text that is something else."""
        return read_as(cls, text)
