"""`asysim run --on mpi`: what each rank does, and how ranks are started if nobody did."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asysim.cli.terminal import finished, located, progress
from asysim.errors import Fault, InputError
from asysim.ground.exit_codes import BAD_INPUT, CUT_SHORT
from asysim.jit.notice import compiling

if TYPE_CHECKING:
    from asysim.scenario import Scenario

_LAUNCHERS = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID", "MPI_LOCALRANKID")
"""Variables of which a launcher sets one for every rank that it starts."""

_OVERSUBSCRIBING = {
    "OMPI_MCA_rmaps_base_oversubscribe": "1",  # Open MPI 4
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",  # Open MPI 5
}
"""Have Open MPI start more ranks than there are cores, as MPICH does without being asked."""


def run_as_rank(
    path: Path, changes: Sequence[str], *, out: Path | None, json: bool, pictures: bool
) -> int:
    """Be a rank of a real run, or start all of them; return the exit code.

    Raises
    ------
    InputError
        On rank 0 only, with all that is wrong.
    SystemExit
        On the others, at the end: with the same code if something was wrong, and without a word.
    """
    if not is_rank():
        return _launch(path, changes)
    import asysim
    from asysim.backends.mpi.job import agreement
    from asysim.backends.mpi.topology import world

    with agreement():
        scenario = asysim.load(path, *changes)
    if world()[0] > 0:
        with compiling.told(_silent, _silent):  # rank 0 speaks
            asysim.run(scenario, on="mpi")  # which never comes back
    return _lead(path, scenario, out, json=json, pictures=pictures)


def _silent() -> None:
    pass


def _lead(path: Path, scenario: Scenario, out: Path | None, *, json: bool, pictures: bool) -> int:
    import asysim
    from asysim.backends.mpi.job import abandon
    from asysim.ground.console import console
    from asysim.runs.folder import default_folder
    from asysim.show.report import print_faults

    folder = out or default_folder(scenario, on="mpi")
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


def _launch(path: Path, changes: Sequence[str]) -> int:
    """Start as many ranks as the scenario needs, with the mpiexec of this environment."""
    import asysim
    from asysim.backends.mpi import unsupported

    scenario = asysim.load(path, *changes)
    faults = [*unsupported(scenario)]
    if faults:
        with located(str(path)):
            raise InputError(faults)
    return launch(scenario.workers.count + 1)


def is_rank() -> bool:
    """Whether a launcher of MPI started this process."""
    return any(name in os.environ for name in _LAUNCHERS)


def launch(ranks: int, key: str = "--on") -> int:
    """Run this very command on so many ranks, with the mpiexec of this environment.

    Raises
    ------
    InputError
        If there is no MPI, or no mpiexec.
    """
    from asysim.backends.mpi.topology import mpi

    mpi(key)  # or say that it is missing
    words = [find_mpiexec(key), "-n", str(ranks), sys.executable, "-m", "asysim", *sys.argv[1:]]
    return subprocess.call(words, env=_OVERSUBSCRIBING | os.environ)


def find_mpiexec(key: str = "--on") -> str:
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
                key,
                "mpi, but no mpiexec",
                "needs one: pip install 'asysim[mpi]' brings it, without root; a cluster's own "
                "comes with its MPI library",
                "command line",
            )
        )
    return found
