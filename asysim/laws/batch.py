"""The law of a gradient whose time depends on how many samples it is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from asysim.ground.ranges import Seconds
from asysim.laws.base import Array, LawModel, TimeLaw
from asysim.laws.parts import Parts, deviation
from asysim.laws.simple import Constant, constant
from asysim.laws.union import AnyLaw, Law, which


class Batch(LawModel):
    """Batch: M samples take (fixed + M · per_sample) · noise; of `workers.compute` alone.

    It has no mean of its own: `for_batch` makes it a law once M is known.
    """

    law: Literal["batch"]
    fixed: Seconds = Field(description="seconds that a gradient takes whatever its size")
    per_sample: Seconds = Field(description="seconds for each sample of the mini-batch")
    noise: Law | None = Field(
        default=None,
        description="a factor of its own for each gradient: a number or a law, of any mean",
    )


ComputeLaw = Annotated[AnyLaw | Annotated[Batch, Tag("batch")], Discriminator(which)]


@dataclass(frozen=True)
class Scaled:
    """A law whose every draw is multiplied.

    Parameters
    ----------
    law
        What is multiplied.
    factor
        By how much; > 0.
    """

    law: TimeLaw
    factor: float

    @property
    def mean(self) -> float:
        return self.factor * self.law.mean

    @property
    def std(self) -> float:
        """Standard deviation in seconds."""
        return self.factor * deviation(self.law)

    @property
    def parts(self) -> Parts:
        """The law's parts, if it has some, each multiplied."""
        parts: Parts = getattr(self.law, "parts", ())
        return tuple((weight, Scaled(law, self.factor)) for weight, law in parts)

    def quantile(self, uniform: Array) -> Array:
        return self.factor * self.law.quantile(uniform)


def for_batch(law: ComputeLaw | TimeLaw, batch_size: int) -> TimeLaw:
    """Return the law of one gradient's time, in seconds at speed 1.

    Parameters
    ----------
    law
        Any law; all but `Batch` are returned as they are.
    batch_size
        M, samples in the mini-batch.
    """
    if not isinstance(law, Batch):
        return law
    seconds = law.fixed + batch_size * law.per_sample
    if law.noise is None or seconds == 0:
        return constant(seconds)
    if isinstance(law.noise, Constant):
        return constant(seconds * law.noise.value)
    return Scaled(law.noise, seconds)
