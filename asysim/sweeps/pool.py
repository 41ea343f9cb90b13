"""Processes that make runs: how many, and a pool of them that ends at once when it has to."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import Any

from asysim.errors import AsysimError, unfit
from asysim.ground.machine import usable_cores
from asysim.ground.process import (
    UNGUARDED,
    exit_codes,
    heeded,
    leave_if_coming_up,
    may_have_children,
    unguarded,
)
from asysim.problems.base import Problem


def check_processes(processes: int | None) -> None:
    """Raise InputError unless so many processes can simulate; None: as many as there are cores."""
    if processes is not None and processes < 1:
        wanted = "at least 1, or not given: then it is one for each core"
        raise unfit("--jobs", str(processes), wanted, "command line")


def helpers(processes: int | None, problem: Problem | None) -> int:
    """Return how many processes simulate the runs of a study: 1 is this one, without others.

    By default there is one for each core. Where no process may be started, in a helper of a
    `multiprocessing.Pool`, this one does it all, with the same results.

    Raises
    ------
    InputError
        If they are fewer than 1.
    """
    check_processes(processes)
    if processes is None:
        processes = 1 if problem is not None else len(usable_cores())
    if processes == 1 or not may_have_children():
        return 1
    leave_if_coming_up()
    return processes


@contextmanager
def pool_of(processes: int) -> Iterator[futures.Executor]:
    """Yield an executor of so many processes; if anything is raised, they are ended at once."""
    with heeded():  # or SIGTERM would end this process at once, and leave semaphores behind
        pool = _Pool(processes, mp_context=get_context("spawn"), initializer=_attend)
        try:
            yield pool
        except BaseException:
            workers = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:  # a long run would be waited for at exit
                worker.terminate()
            raise
        pool.shutdown()


@contextmanager
def watched(
    pool: futures.Executor, waiting: Iterable[futures.Future[Any]]
) -> Iterator[Callable[[], None]]:
    """Tell in words why a pool is broken; however this ends, what has not begun is cancelled.

    Yields what is to be called whenever work was handed to the pool.

    Raises
    ------
    InputError
        If the processes ran the script that started them, for want of a main guard.
    AsysimError
        If one of the processes is killed.
    """
    started: list[BaseProcess] = []

    def handed() -> None:
        # For their exit codes, which a broken pool has no public way to tell; absent elsewhere.
        started[:] = list((getattr(pool, "_processes", None) or {}).values())

    try:
        yield handed
    except BrokenProcessPool:
        if UNGUARDED in exit_codes(started):
            raise unguarded("processes") from None
        raise AsysimError(
            "a process that made runs was killed, perhaps for want of memory; runs that are over "
            "are kept in their folder: the same command goes on, --jobs=1 needs least"
        ) from None
    finally:
        # A pool of ours cancels them as it ends; its thread fails over what others have cancelled.
        if not isinstance(pool, _Pool):
            for future in waiting:
                future.cancel()


class _Pool(futures.ProcessPoolExecutor):
    """Starts its processes with Ctrl-C held back: until they can ignore it, it would end them."""

    def submit(self, *arguments: Any, **more: Any) -> futures.Future[Any]:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*arguments, **more)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _attend() -> None:
    """Let the process that owns the pool see to Ctrl-C, and end when it is no more.

    Nobody else would end this one: it waits for work at a pipe whose other end it holds, too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent_process(),), daemon=True).start()


def _end_with(parent: BaseProcess | None) -> None:
    if parent is not None:
        parent.join()
        os._exit(1)
