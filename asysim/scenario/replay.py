"""The `[replay]` table: how the gradients of a simulated or recorded run are computed."""

from __future__ import annotations

from typing import Literal

from asysim.ground.ranges import Count
from asysim.ground.table import Table


class Replay(Table):
    """How gradients are computed, which decides the speed, and bits only as far as rounding."""

    arithmetic: Literal["auto", "compiled", "numpy"] = "auto"
    """whether compiled kernels compute gradients, or the problem's own NumPy; auto: kernels where
    there are some"""
    together: Count = 1
    """gradients computed at once at most, where a problem can (`kind = "torch"`, or networks in
    NumPy): those whose x is known by now, the soonest needed first. Results agree to rounding; 1:
    to the last bit with those of real workers"""
