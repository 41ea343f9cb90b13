"""The whole job of ranks: whether all can take part in a run, and how nobody waits for ever.

All ranks read the same scenario, so what is wrong with it is wrong on each of them, and rank 0
speaks for all. A file may be missing on one machine only: that is rank 0's to say as well.
"""

from __future__ import annotations

import atexit
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from asysim.backends.liveness import Patience
from asysim.backends.mpi.topology import mpi, world
from asysim.errors import Fault, InputError, unfit
from asysim.ground.exit_codes import BAD_INPUT

_TAG = 1  # a run's own messages have none
_LIMIT = 300.0  # seconds that the others may take longer than rank 0, compiling perhaps
_SOON = 10.0  # seconds in which rank 0 is to have said what follows from a SIGTERM

_terminated: list[float] = []  # when SIGTERM came
_stranded: set[int] = set()  # workers that did not leave when they were told


def end(code: int) -> None:
    """End the whole job: MPI would wait for ever for the end of a rank that is hung."""
    sys.stdout.flush()
    sys.stderr.flush()
    mpi().COMM_WORLD.Abort(code)


def strand(workers: set[int]) -> None:
    """Note workers that did not leave when they were told."""
    _stranded.update(workers)


def abandon(code: int) -> None:
    """End the whole job with an exit code, if a worker did not leave when it was told.

    For rank 0, after everything is saved.
    """
    if _stranded:
        end(code)


# Signals and errors on a worker's rank ----------------------------------------------------------


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


# Before a run -----------------------------------------------------------------------------------


@contextmanager
def agreement() -> Iterator[None]:
    """Do on every rank what a run needs beforehand, and go on only if all of them could.

    Raises
    ------
    Exception
        On rank 0, what went wrong there.
    InputError
        On rank 0, if something went wrong on others only, or nothing is heard of them.
    SystemExit
        On the others, if something went wrong anywhere: they leave without a word.
    """
    leads, error = world()[0] == 0, None
    try:
        yield
    except Exception as caught:
        error = caught
    except BaseException as left:  # Ctrl-C, or somebody's sys.exit: nobody is to wait for this rank
        if leads:
            _tell(go_on=False)
        else:
            _say(left)
        raise
    if leads:
        _settle(error)
    else:
        _say(error)
        _obey()


def _settle(error: Exception | None) -> None:
    """Hear the others, tell them whether it goes on, and raise what is in the way."""
    try:
        refusal = _hear()
        wrong = refusal if error is None else error
        if wrong is not None:
            raise wrong
    except BaseException:
        _tell(go_on=False)
        raise
    _tell(go_on=True)


def _hear() -> InputError | None:
    """Wait until every rank has said whether it can take part; return the first refusal."""
    comm, patience, until = mpi().COMM_WORLD, Patience(), time.monotonic() + _LIMIT
    silent = list(range(1, comm.size))
    said: dict[int, tuple[Fault, ...]] = {}
    while silent and time.monotonic() < until:
        here = [rank for rank in silent if comm.iprobe(rank, _TAG)]
        for rank in here:
            silent.remove(rank)
            said[rank] = comm.recv(None, rank, _TAG)
        if not here:
            patience.pause()
    if silent:
        atexit.register(end, BAD_INPUT)
        found = f"mpi, but nothing was heard of rank {silent[0]} for {_LIMIT:g} s"
        return unfit("--on", found, "asked for by every rank, once in a job")
    for rank, faults in sorted(said.items()):
        if faults:
            return InputError(replace(f, found=f"{f.found}, on rank {rank}") for f in faults)
    return None


def _tell(*, go_on: bool) -> None:
    comm = mpi().COMM_WORLD
    for rank in range(1, comm.size):
        comm.send(go_on, rank, _TAG)


def _say(error: BaseException | None) -> None:
    """Tell rank 0 what went wrong here; nothing did without an error."""
    faults: tuple[Fault, ...] = ()
    if isinstance(error, InputError):
        faults = error.faults
    elif error is not None:
        text = next(iter(f"{type(error).__name__}: {error}".splitlines()))
        faults = (Fault("problem", text, "should be one that every rank can build"),)
    mpi().COMM_WORLD.send(faults, 0, _TAG)


def _obey() -> None:
    """Wait until rank 0 has said whether it goes on, and leave if it does not."""
    comm, patience = mpi().COMM_WORLD, Patience()
    while not comm.iprobe(0, _TAG):
        patience.pause()
    if not comm.recv(None, 0, _TAG):
        raise SystemExit(BAD_INPUT)
