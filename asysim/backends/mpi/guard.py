"""Signals and errors on a worker's rank, which must not leave the other ranks waiting for it."""

from __future__ import annotations

import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from asysim.backends.mpi.world import mpi

_SOON = 10.0  # seconds in which rank 0 is to have said what follows from a SIGTERM

_terminated: list[float] = []  # when SIGTERM came


def heed_signals() -> None:
    """End the job if there was a SIGTERM and rank 0, which heard of it too, is silent."""
    if _terminated and time.monotonic() - _terminated[0] > _SOON:
        mpi().COMM_WORLD.Abort(128 + signal.SIGTERM)


def _note(_number: int, _frame: FrameType | None) -> None:
    _terminated.append(time.monotonic())


def _end_all(_kind: type[BaseException], error: BaseException, _trace: object) -> None:
    """Print an error and end the whole job: without this rank the others would wait for ever."""
    traceback.print_exception(error)
    sys.stderr.flush()
    mpi().COMM_WORLD.Abort(1)


def guard() -> None:
    """See to it that an error which nobody catches on this rank can't leave the others waiting."""
    sys.excepthook = _end_all


@contextmanager
def under_orders() -> Iterator[None]:
    """Leave signals to rank 0, and errors that nobody catches to `guard`, until all is over."""
    guard()
    before = {}
    if threading.current_thread() is threading.main_thread():
        before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
        before[signal.SIGTERM] = signal.signal(signal.SIGTERM, _note)
    yield
    # Not after an error: it is to be guarded against.
    sys.excepthook = sys.__excepthook__
    for number, handler in before.items():
        signal.signal(number, handler)
