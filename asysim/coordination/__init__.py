"""Coordination rules, one for each way of the field to decide who reads when."""

from __future__ import annotations

from asysim.coordination.asynchronous import Asynchronous
from asysim.coordination.barrier import Barrier
from asysim.coordination.base import Coordination, Desk
from asysim.coordination.bounded import Dropping, Waiting
from asysim.coordination.mindflayer import MindFlayer
from asysim.coordination.rennala import Rennala
from asysim.coordination.round_robin import RoundRobin
from asysim.coordination.ssp import StaleSynchronous

__all__ = ["Asynchronous", "Barrier", "Coordination", "Desk", "Dropping", "MindFlayer", "Rennala",
           "RoundRobin", "StaleSynchronous", "Waiting"]  # fmt: skip
