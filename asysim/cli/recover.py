"""`asysim recover`: make a run of what another left."""

from __future__ import annotations

from pathlib import Path

from asysim.ground.exit_codes import OK


def recover(partial: Path, /) -> int:
    """Make a run of what another left that was killed, or ran out of disk.

    Parameters
    ----------
    partial
        The folder RUN.partial.
    """
    from asysim.runs.salvage import recover as made_of

    print(f"kept in {made_of(partial)}, marked as cut short")
    return OK
