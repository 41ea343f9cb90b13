"""Who makes the runs of a study: options that all commands of many runs have."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from asysim.cli.ranks import is_rank, launch
from asysim.errors import unfit
from asysim.ground.exit_codes import OK


@Parameter(name="*")
@dataclass(frozen=True)
class Makers:
    """Who makes runs.

    Attributes
    ----------
    jobs
        Simulations at once; by default as many as there are cores.
    dask
        Address of a Dask scheduler whose workers make the runs.
    mpi
        MPI ranks make the runs: mpiexec -n 9 asysim … --mpi.
    """

    jobs: int | None = None
    dask: str | None = None
    mpi: Annotated[bool, Parameter(negative="")] = False

    @property
    def elsewhere(self) -> bool:
        """Whether others than processes of this machine do."""
        return self.mpi or self.dask is not None

    @contextmanager
    def executor(self) -> Iterator[futures.Executor | None]:
        """Yield what makes runs; None: processes of this machine.

        Raises
        ------
        InputError
            If it can't be had.
        SystemExit
            If it was not a rank, and has had them started; or is one that made runs, and is done.
        """
        from asysim.sweeps.pool import check_processes

        check_processes(self.jobs)
        if self.mpi and self.dask is not None:
            raise unfit("--mpi", f"--dask={self.dask}", "given without --dask", "command line")
        if self.mpi:
            from asysim.ground.machine import usable_cores
            from asysim.sweeps.mpi import ranks

            if not is_rank():
                raise SystemExit(launch(1 + (self.jobs or len(usable_cores())), "--mpi"))
            with ranks() as pool:
                if pool is not None:
                    yield pool
                    return
            raise SystemExit(OK)
        elif self.dask is not None:
            from asysim.sweeps.dask import cluster

            with cluster(self.dask) as pool:
                yield pool
        else:
            yield None


ALONE = Makers()
