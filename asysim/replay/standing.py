"""Where a replay stands between two blocks of its stream: all that it needs to go on from there.

No gradient is under way then: what a gradient will need of the past is the x that its worker holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from asysim.ground.arrays import Vector


@dataclass(frozen=True)
class Memory:
    """What an update rule remembers.

    Attributes
    ----------
    velocity
        v of heavy ball, shape (n,); None: 0.
    vector, numbers
        Of a correction: `asysim.updates.base.KernelCorrection`'s ``memory`` and ``numbers``.
    """

    velocity: Vector | None = None
    vector: Vector | None = None
    numbers: Vector | None = None


@dataclass
class Standing:
    """What a replay holds besides x and its counts, as it goes by.

    Attributes
    ----------
    lost
        Gradients that were lost since the last one that was applied.
    versions
        Versions of x that are still to be read, by their numbers.
    changes
        Of lock-free memory: gradients of updates of which reads saw a part.
    memory
        Says what the update rule remembers.
    """

    lost: int = 0
    versions: dict[int, Vector] = field(default_factory=dict)
    changes: dict[int, Vector] = field(default_factory=dict)
    memory: Callable[[], Memory] = Memory
