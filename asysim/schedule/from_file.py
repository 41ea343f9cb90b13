"""The schedule that a scenario takes from a file: nothing is simulated, all of it is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asysim.errors import Fault, InputError
from asysim.trace.info import TraceInfo
from asysim.trace.stream import Stream

if TYPE_CHECKING:
    from asysim.scenario import Scenario
    from asysim.scenario.schedules import FileSchedule


def check_length(scenario: Scenario, dimension: int) -> None:
    """Raise InputError if a schedule from a file has lock-free sweeps over x of another length."""
    schedule = scenario.schedule
    if schedule is not None and schedule.known.dimension not in (None, dimension):
        expected = f"should have {schedule.known.dimension}, as the sweeps in {schedule.named} do"
        raise InputError(Fault("problem", f"{dimension} coordinates", expected))


def known_blocks(schedule: FileSchedule, info: TraceInfo, block_size: int) -> Stream:
    """Return the stream of a file's rows, for a run that `info` is of."""
    return schedule.known.blocks(
        schedule.pieces, info, block_size=block_size, repeat=schedule.repeat
    )


def end_of_file(scenario: Scenario, updates: int) -> Iterator[str]:
    """Say that a run of so many updates ends where the file of its schedule does, if so."""
    schedule = scenario.schedule
    if schedule is not None and not schedule.repeat and updates == schedule.known.updates:
        yield f"the run ends where its schedule does: {schedule.named} has {updates:,} updates"
