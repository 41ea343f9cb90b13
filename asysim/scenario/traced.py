"""The scenario that a trace was simulated with, as the trace itself has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from asysim.errors import InputError
from asysim.scenario.load import from_document
from asysim.scenario.models import Scenario
from asysim.trace.info import TraceInfo

T = TypeVar("T")


def of_its_scenario(
    info: TraceInfo, tell: Callable[[Scenario], T], scenario: Scenario | None = None
) -> T | None:
    """Return what can be told of a trace by the scenario that it was simulated with.

    None if it can't: a real run's scenario says nothing of its times, and a trace may be of another
    version's scenario, or one that names a file which is gone.
    """
    if info.clock != "simulated" or not (scenario or info.scenario):
        return None
    try:
        return tell(scenario or from_document(info.scenario, read_files=False))
    except InputError:
        return None
