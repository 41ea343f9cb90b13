"""Kinds of events on a cluster, in their order at one instant: for both engines."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """Simultaneous events go by kind, then by worker or server."""

    SERVED = 0
    SENT = 1
    TRIAL_OVER = 2
    AT_WORKER = 3
    AT_INTERFACE = 4
    RECEIVED = 5
    AT_SERVER = 6
    TIMEOUT = 7
    CRASH = 8
    RESTART = 9
    JOIN = 10
    LEAVE = 11
