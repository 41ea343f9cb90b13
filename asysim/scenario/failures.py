"""What goes wrong on the cluster of asysg-con: workers that crash, messages that are lost."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from asysim.errors import Clash
from asysim.ground.ranges import Seconds, SomeSeconds, WholeNumber
from asysim.ground.table import Table
from asysim.laws import Law


class Crash(Table):
    """One worker stops at once; the gradient it has not delivered is lost."""

    worker: WholeNumber
    """which worker, from 0"""
    at: Seconds
    """when, in seconds"""
    downtime: SomeSeconds | None = None
    """seconds until it begins again; absent: never"""


class Failures(Table):
    """Crashes and lost messages."""

    uptime: Law | None = None
    """law of the time from a worker's start to its next crash, in seconds; absent: none"""
    downtime: Law | None = None
    """law of the time from such a crash to the restart, in seconds; absent: never"""
    crashes: list[Crash] = Field(default_factory=list)
    """crashes at given times"""
    loss: Annotated[float, Field(ge=0, le=0.9999)] = 0.0
    """probability that a message, or one server's part of it, is lost"""
    timeout: SomeSeconds | None = None
    """seconds after which a message that has not arrived is sent again"""
    retries: WholeNumber | None = None
    """how often a gradient is sent again before it is given up; absent: until it arrives"""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.loss > 0 and self.timeout is None:
            raise Clash("timeout", "is required with loss > 0: after how long to send again")
        if self.retries is not None and self.timeout is None:
            raise Clash("retries", "should be left out, or go with a timeout")
        if self.downtime is not None and self.uptime is None:
            raise Clash("downtime", "should be left out, or go with uptime")
        if self.uptime is not None and self.uptime.mean < 1e-9:
            raise Clash("uptime", "should take some time, or a worker would never start")
        return self
