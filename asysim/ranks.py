"""`asysim run --on mpi`: what each rank does, and how ranks are started if nobody did."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from asysim.errors import Fault, InputError
from asysim.terminal import BAD_INPUT, CUT_SHORT, OK, finished, located, progress

_LAUNCHERS = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID", "MPI_LOCALRANKID")
"""Variables of which a launcher sets one for every rank that it starts."""


def run_as_rank(
    path: Path, changes: Sequence[str], *, out: Path | None, json: bool, pictures: bool
) -> int:
    """Be a rank of a real run, or start all of them; return the exit code.

    Raises
    ------
    InputError
        On rank 0 only, with all that is wrong; the others end with the same code, and say nothing.
    """
    if not any(name in os.environ for name in _LAUNCHERS):
        return _launch(path, changes)
    from asysim.backends.mpi import world
    from asysim.backends.mpi.world import mpi

    rank, _ = world()
    try:
        if rank > 0:
            return _work(path, changes)
        comm = mpi().COMM_WORLD
        try:
            folder = _checked(path, changes, out)
        except InputError:
            comm.bcast(BAD_INPUT)
            raise
        comm.bcast(OK)
        return _lead(path, changes, folder, json=json, pictures=pictures)
    except InputError:
        if rank > 0:
            return BAD_INPUT
        raise


def _checked(path: Path, changes: Sequence[str], out: Path | None) -> Path:
    """Return the folder of a run that nothing is wrong with, as far as can be told beforehand."""
    import asysim
    from asysim.backends.mpi import check_size
    from asysim.backends.suited import check_suited
    from asysim.folder import check_free, default_folder

    scenario = asysim.load(path, *changes)
    with located(str(path)):
        check_size(scenario)
        check_suited(scenario, "mpi")
    folder = out or default_folder(scenario, on="mpi")
    check_free(folder, scenario, real=True)
    return folder


def _lead(path: Path, changes: Sequence[str], folder: Path, *, json: bool, pictures: bool) -> int:
    import asysim
    from asysim.backends.mpi import abandon
    from asysim.show.report import print_faults
    from asysim.terminal import console

    scenario = asysim.load(path, *changes)
    try:
        with located(str(path)), progress(scenario, quiet=json) as watch:
            done = asysim.run(scenario, on="mpi", folder=folder, progress=watch)
        code = finished(done, json=json, pictures=pictures)
    except InputError as error:
        print_faults(error, console(errors=True))
        abandon(BAD_INPUT)
        return BAD_INPUT
    if code == CUT_SHORT:
        sys.stdout.flush()
        abandon(code)  # a rank that is hung would never come to its end
    return code


def _work(path: Path, changes: Sequence[str]) -> int:
    import asysim
    from asysim.backends.mpi import serve
    from asysim.backends.mpi.world import mpi

    code: int = mpi().COMM_WORLD.bcast(None)
    if code == OK:
        scenario = asysim.load(path, *changes)
        serve(scenario, scenario.problem.build())
    return code


def _launch(path: Path, changes: Sequence[str]) -> int:
    """Start as many ranks as the scenario needs, with the mpiexec of this environment."""
    import asysim
    from asysim.backends.mpi import unsupported
    from asysim.backends.mpi.world import mpi

    scenario = asysim.load(path, *changes)
    faults = [*unsupported(scenario)]
    if faults:
        with located(str(path)):
            raise InputError(faults)
    mpi()  # or say that it is missing
    launcher = find_mpiexec()
    ranks = scenario.workers.count + 1
    return subprocess.call([launcher, "-n", str(ranks), sys.executable, "-m", "asysim",
                            *sys.argv[1:]])  # fmt: skip


def find_mpiexec() -> str:
    """Return the path of mpiexec: this environment's own, which fits its MPI library, or another.

    Raises
    ------
    InputError
        If there is none.
    """
    own = Path(sys.executable).with_name("mpiexec")
    found = str(own) if own.exists() else shutil.which("mpiexec")
    if found is None:
        raise InputError(
            Fault(
                "--on",
                "mpi, but no mpiexec",
                "needs one: pip install 'asysim[mpi]' brings it, without root; a cluster's own "
                "comes with its MPI library",
                "command line",
            )
        )
    return found
