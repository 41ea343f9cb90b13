"""Coordination rules: who reads when, and which gradients go into which update; one file a rule."""

from __future__ import annotations

from asysim.coordination.base import Coordination, ParameterServer, Settings
from asysim.coordination.machine.hooks import Hooks

__all__ = ["Coordination", "Hooks", "ParameterServer", "Settings"]
