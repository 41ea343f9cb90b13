"""A Dask cluster as what makes a sweep's runs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

from asysim.errors import AsysimError, Fault, InputError, first_line

_PATIENCE = 10.0  # seconds for a scheduler to answer


@contextmanager
def cluster(address: str) -> Iterator[futures.Executor]:
    """Yield an executor of a cluster.

    Raises
    ------
    InputError
        If there is no Dask, or nobody answers at that address.
    AsysimError
        If the cluster fails meanwhile.
    """
    try:
        import distributed

        connect: Any = distributed.Client
    except ImportError as error:
        found = f"{address}, but {first_line(error)}"
        raise InputError(Fault("--dask", found, "needs it: pip install distributed")) from None
    try:
        client = connect(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        expected = "should be the address of a Dask scheduler that runs, such as tcp://host:8786"
        found = f"{address}, where none answers ({first_line(error)})"
        raise InputError(Fault("--dask", found, expected, "command line")) from None
    with client, client.get_executor(pure=False) as executor:
        try:
            yield executor
        except Exception as error:
            theirs = type(error).__module__.partition(".")[0] == "distributed"
            if not theirs and not isinstance(error, futures.CancelledError):
                raise
            raise AsysimError(
                f"the Dask cluster failed ({type(error).__name__}: {first_line(error)}); runs that "
                "are over are kept: the same command goes on"
            ) from error
