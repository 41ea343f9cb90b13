"""What a schedule is simulated on: times, the network and the servers, fates and powers."""

from __future__ import annotations

from dataclasses import dataclass

from asysim.schedule.reference.failures import Fates
from asysim.schedule.reference.power import PowerClock
from asysim.schedule.reference.star import Wiring
from asysim.schedule.timing import ClusterTiming


@dataclass(frozen=True)
class Cluster:
    """Everything about the hardware that decides when things happen.

    Parameters
    ----------
    timing
        How long each step of each gradient takes.
    wiring
        The servers' side of the network.
    fates
        What happens to workers.
    powers
        Each worker's power; None: always 1; (p,).
    """

    timing: ClusterTiming
    wiring: Wiring
    fates: Fates
    powers: list[PowerClock | None]
