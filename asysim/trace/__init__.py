"""The contract between *when* and *what*: one row for each gradient, and its file."""

from asysim.trace.gradient import Gradient
from asysim.trace.info import TraceInfo
from asysim.trace.trace import Trace

__all__ = ["Gradient", "Trace", "TraceInfo"]
