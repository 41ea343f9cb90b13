"""Real runs over MPI: rank 0 is the parameter server, ranks 1 … p are the workers.

AsySG-con runs as a star of messages (`star`), AsySG-incon as one-sided reads and additions (`rma`).
Nothing here imports mpi4py before it is needed.
"""

from __future__ import annotations

from asysim.backends.mpi.crew import abandon
from asysim.backends.mpi.refusals import check_size, unsupported
from asysim.backends.mpi.world import world
from asysim.backends.plan import Plan
from asysim.backends.session import Asked, Session, nobody
from asysim.problems.base import Problem
from asysim.scenario import Scenario

__all__ = ["abandon", "check_size", "open_session", "serve", "unsupported", "world"]


def open_session(plan: Plan, asked: Asked = nobody) -> Session:
    """Return the run that a plan describes, to be entered as a context; on rank 0 only.

    Entering it waits until all workers have reported, and starts them. If one does not, the session
    is over before its first update, and `finish` says why; so it is if somebody asks for the end.
    """
    if plan.info.algorithm == "asysg-incon":
        from asysim.backends.mpi.rma import MemorySession

        return MemorySession(plan, asked)
    from asysim.backends.mpi.star import StarSession

    return StarSession(plan, asked=asked)


def serve(scenario: Scenario, problem: Problem) -> None:
    """Be a worker until rank 0 says that the run is over; on every rank but 0.

    Ctrl-C is ignored meanwhile, and SIGTERM too if rank 0 says soon that it is over: rank 0 hears
    of both. What goes wrong in a gradient is told to rank 0, and nothing is raised.
    """
    from asysim.backends.mpi.worker import serve as work

    work(scenario, problem)
