"""Real runs over MPI: rank 0 is the parameter server, ranks 1 … p are the workers.

AsySG-con runs as a star of messages (`star`), AsySG-incon as one-sided reads and additions (`rma`).
Nothing here imports mpi4py before it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from asysim.backends.assignment import Assignment, of_a_file, prepared, refuse
from asysim.backends.mpi.job import abandon, agreement, guard, under_orders
from asysim.backends.mpi.lead import expect
from asysim.backends.mpi.messages import FAILED, HEAD, Endpoint, Pool
from asysim.backends.mpi.topology import single_threaded, world
from asysim.backends.mpi.worker import Dismissed, WorkerRank
from asysim.backends.session import Asked, Session, nobody
from asysim.errors import Fault, InputError, first_line
from asysim.ground.exit_codes import BAD_INPUT, OK
from asysim.laws.simple import NO_TIME
from asysim.problems.base import Problem
from asysim.replay.gradients import MiniBatchGradient, Sampler
from asysim.scenario import Scenario

__all__ = [
    "DIES_WHOLE",
    "abandon",
    "check_size",
    "open_session",
    "prepare",
    "serve",
    "unsupported",
    "world",
]

DIES_WHOLE = True  # the launcher ends all ranks if one dies
_NO_STOPPING = "over MPI a gradient under way can't be stopped: or simulate it (no --on)"
_NOT_EMULATED = "should be left out where backend.emulate = true: or simulate it (no --on)"


def prepare(scenario: Scenario, build: Callable[[bool], Problem]) -> tuple[Assignment, Problem]:
    """Return what is to be done, on rank 0; on every other one be a worker, and then leave.

    Nobody begins unless every rank can. If one can't, rank 0 raises, and the others leave at once.
    """
    rank, size = world()
    if size != scenario.workers.count + 1:
        check_size(scenario)  # says so, on rank 0
        raise SystemExit(BAD_INPUT)
    with agreement():
        refuse(unsupported(scenario))
        problem = build(rank == 0)
        done = prepared(scenario, problem) if rank == 0 else None
    if done is None:
        serve(scenario, problem)
        raise SystemExit(OK)
    expect()
    return done


def open_session(assignment: Assignment, asked: Asked = nobody) -> Session:
    """Return the run that an assignment describes, to be entered as a context; on rank 0 only."""
    if assignment.info.algorithm == "asysg-incon":
        from asysim.backends.mpi.rma import MemorySession

        return MemorySession(assignment, asked)
    from asysim.backends.mpi.star import StarSession

    return StarSession(assignment, asked=asked)


def serve(scenario: Scenario, problem: Problem) -> None:
    """Be a worker until rank 0 says that the run is over; on every rank but 0.

    Ctrl-C is ignored meanwhile, and SIGTERM too if rank 0 says soon that it is over: rank 0 hears
    of both. What goes wrong in a gradient is told to rank 0, and nothing is raised.
    """
    with under_orders(), single_threaded():
        pool = Pool(problem.dimension, scenario.workers.count)
        rank = WorkerRank(Endpoint(pool, [0]))
        dismissed = False
        try:
            _work(scenario, problem, rank, world()[0] - 1)
        except Dismissed:
            dismissed = True
        except Exception as error:
            message = pool.take()
            kind = type(error).__name__
            message.text = kind if first_line(error) == kind else f"{kind}: {first_line(error)}"
            length = HEAD + -(-int(message.head[0]) // message.whole.itemsize)
            rank.endpoint.drop(0, FAILED, message, length)
        rank.leave(dismissed=dismissed)


def _work(scenario: Scenario, problem: Problem, rank: WorkerRank, number: int) -> None:
    sampler = Sampler(problem, seed=scenario.seed, batch_size=scenario.algorithm.batch_size)
    computation = MiniBatchGradient(problem, sampler)
    # Once for nothing, which compiles what has to be, before the clock runs.
    computation(problem.start(), number, 0, np.empty(problem.dimension))
    if scenario.algorithm.name == "asysg-incon":
        from asysim.backends.mpi.rma import MemoryWorker

        MemoryWorker(scenario, problem, computation, rank, number).run()
        return
    from asysim.backends.mpi.star import compute

    compute(scenario, problem, computation, rank, number)


def check_size(scenario: Scenario) -> bool:
    """Return whether there are as many ranks as a scenario needs: one for the server, p others.

    If not, rank 0 raises, so that a person is told once, and the others return False: they are to
    leave quietly, with the exit code that rank 0 leaves with.

    Raises
    ------
    InputError
        On rank 0 only.
    """
    rank, size = world()
    workers = scenario.workers.count
    if size == workers + 1:
        if rank == 0:
            expect()
        else:
            guard()
        return True
    if rank != 0:
        return False
    expected = f"should go with `mpiexec -n {workers + 1} asysim run … --on mpi`"
    if size == 1:
        found = f"{workers}, but MPI has started one process only"
        expected += ", and mpiexec be that of the MPI library which mpi4py has found"
    else:
        found = f"{workers}, but there are {size} MPI ranks"
        expected += f", or be {size - 1}: one rank is the server"
    raise InputError(Fault("workers.count", found, expected))


def unsupported(scenario: Scenario) -> list[Fault]:
    """Return what of a scenario can't be run over MPI; nothing if all can.

    Failures, power, shards, pauses, an interface that is shared, and workers that come and go are
    hardware, which a real run has its own of: they are passed over, unless it is to be emulated.
    """
    lock_free = scenario.algorithm.name == "asysg-incon"
    faults = [*of_a_file(scenario), *(_lock_free if lock_free else _coordinated)(scenario)]
    if scenario.backend is not None and scenario.backend.emulate:
        keys = _real_only(scenario, lock_free=lock_free)
        faults += [Fault(key, found, _NOT_EMULATED) for key, found in keys]
    return faults


def _coordinated(scenario: Scenario) -> Iterator[Fault]:
    stopping = scenario.played.stopping()
    if stopping is not None:
        yield Fault(stopping.key, stopping.found, f"{stopping.instead}: {_NO_STOPPING}")


def _lock_free(scenario: Scenario) -> Iterator[Fault]:
    update, backend = scenario.update, scenario.backend
    if update is not None and update != type(update)():
        yield Fault(
            "update", "an update rule", "should be left out without a server: or simulate it"
        )
    if backend is not None and backend.write not in ("auto", "atomic"):
        expected = 'should be "auto" or "atomic" over MPI, whose additions lose nothing'
        yield Fault("backend.write", f'"{backend.write}"', expected)


def _real_only(scenario: Scenario, *, lock_free: bool) -> Iterator[tuple[str, str]]:
    """Yield the keys that can't be emulated, and what stands there.

    Of AsySG-con it is what `asysim.schedule.engine.plain_rule` knows no single event for.
    """
    workers, network, server = scenario.workers, scenario.network, scenario.server
    if workers.power is not None:
        yield "workers.power", "power that changes"
    for place, group in enumerate(workers.groups):
        if group.power is not None:
            yield f"workers.groups.{place}.power", "power that changes"
    if lock_free:
        return
    if scenario.faults is not None:
        yield "faults", "failures"
    for place, group in enumerate(workers.groups):
        if group.joins > 0:
            yield f"workers.groups.{place}.joins", f"{group.joins:g}"
        if group.leaves is not None:
            yield f"workers.groups.{place}.leaves", f"{group.leaves:g}"
    if network is not None and network.server_bandwidth is not None:
        yield "network.server_bandwidth", f"{network.server_bandwidth:g}"
    if server is None:
        return
    if server.shards > 1:
        yield "server.shards", str(server.shards)
    if server.pauses:
        yield "server.pauses", f"{len(server.pauses)} pauses"
    if server.read != NO_TIME:
        yield "server.read", "a time"
