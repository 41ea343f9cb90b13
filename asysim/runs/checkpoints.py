"""When a run is checkpointed: between two blocks, every ten seconds or so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asysim.errors import AsysimError
from asysim.runs.checkpoint import Checkpoint
from asysim.trace.kept_trace import Recorded
from asysim.trace.stream import Block

EVERY = 10.0  # seconds between two checkpoints, at least
_SHARE = 50  # of its time a run spends at most one part in so many on them


class StillCatchingUp(AsysimError):  # noqa: N818  (it ends a run, as StopIteration ends a loop)
    """Somebody interrupted a run before it had come to where it was interrupted before."""


@dataclass(frozen=True)
class Checkpoints:
    """Where a run begins, and where it keeps what it could be gone on with.

    Parameters
    ----------
    begun
        A checkpoint to begin with; by default a run begins at its beginning.
    place
        The file that keeps the last one; by default none is kept.
    recorded
        The rows of the run that is gone on with, as far as they are known.
    least
        How many updates it had made: with fewer it is not to be interrupted anew.
    """

    begun: Checkpoint | None = None
    place: Path | None = None
    recorded: Recorded | None = None
    least: int = 0

    def watch(
        self, blocks: Iterator[Block], standing: Callable[[int, Block], Checkpoint]
    ) -> Iterator[Block]:
        """Yield the blocks that are left; between two of them, sometimes keep a checkpoint.

        Parameters
        ----------
        blocks
            What is left of the stream.
        standing
            Says where the run stands, told how many blocks were used up, and the last one.
        """
        if self.place is None:
            yield from blocks
            return
        count = 0 if self.begun is None else self.begun.blocks
        due = time.monotonic() + EVERY
        for block in blocks:
            yield block
            count += 1
            now = time.monotonic()
            if now < due:
                continue
            # A run that has no room for it may still have room for its rows; they say so if not.
            with suppress(OSError):
                standing(count, block).save(self.place)
            took = time.monotonic() - now
            due = now + took + max(EVERY, _SHARE * took)
