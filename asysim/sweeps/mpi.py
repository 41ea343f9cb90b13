"""MPI ranks as what makes a sweep's runs: rank 0 hands out chunks, the others make them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from asysim.backends.mpi.topology import mpi, world
from asysim.errors import unfit


@contextmanager
def ranks() -> Iterator[futures.Executor | None]:
    """Yield an executor of all ranks but this one; on the others None.

    There this makes chunks as long as rank 0 has any, and then yields.

    Raises
    ------
    InputError
        If there is no MPI, or this is its only rank.
    """
    with suppress(ImportError, RuntimeError):  # what is missing is told by the next line
        import_module("mpi4py.MPI")  # with threads, which a run's own ranks spare themselves
    mpi("--mpi")
    _, size = world()
    if size < 2:
        raise unfit("--mpi", "one rank", "at least two: mpiexec -n 5 asysim sweep … --mpi")
    from mpi4py.futures import MPICommExecutor

    given: Any = MPICommExecutor()
    with given as executor:
        yield executor
