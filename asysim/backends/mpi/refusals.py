"""What can't run over MPI, and what to change then."""

from __future__ import annotations

from collections.abc import Iterator

from asysim.backends.mpi.crew import expect
from asysim.backends.mpi.guard import guard
from asysim.backends.mpi.world import world
from asysim.coordination.settings import Backup, MindFlayer, Ringmaster
from asysim.errors import Fault, InputError
from asysim.laws import Constant
from asysim.scenario import Scenario

_NO_STOPPING = "over MPI a gradient under way can't be stopped: or simulate it (no --on)"
_NOT_EMULATED = "should be left out where backend.emulate = true: or simulate it (no --on)"


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
    faults = list(_lock_free(scenario) if lock_free else _coordinated(scenario))
    if scenario.backend is not None and scenario.backend.emulate:
        faults += _powers(scenario)
        if not lock_free:
            faults += _emulated(scenario)
    return faults


def _coordinated(scenario: Scenario) -> Iterator[Fault]:
    algorithm, rule = scenario.algorithm, scenario.coordination
    if algorithm.beyond_bound == "restart" and algorithm.staleness_bound is not None:
        expected = f'should be "wait" or "discard": {_NO_STOPPING}'
        yield Fault("algorithm.beyond_bound", '"restart"', expected)
    if isinstance(rule, Backup) and rule.late == "stop":
        yield Fault("coordination.late", '"stop"', f'should be "finish": {_NO_STOPPING}')
    if isinstance(rule, Ringmaster) and rule.late == "stop":
        yield Fault("coordination.late", '"stop"', f'should be "ignore": {_NO_STOPPING}')
    if isinstance(rule, MindFlayer):
        yield Fault("coordination.kind", '"mindflayer"', f"should be another: {_NO_STOPPING}")


def _lock_free(scenario: Scenario) -> Iterator[Fault]:
    update, backend = scenario.update, scenario.backend
    if update is not None and update != type(update)():
        yield Fault(
            "update", "an update rule", "should be left out without a server: or simulate it"
        )
    if backend is not None and backend.write not in ("auto", "atomic"):
        expected = 'should be "auto" or "atomic" over MPI, whose additions lose nothing'
        yield Fault("backend.write", f'"{backend.write}"', expected)


def _powers(scenario: Scenario) -> Iterator[Fault]:
    workers = scenario.workers
    if workers.power is not None:
        yield Fault("workers.power", "power that changes", _NOT_EMULATED)
    for place, group in enumerate(workers.groups):
        if group.power is not None:
            yield Fault(f"workers.groups.{place}.power", "power that changes", _NOT_EMULATED)


def _emulated(scenario: Scenario) -> Iterator[Fault]:
    """Find what `asysim.schedule.plain_rule` knows no single event for: it can't be padded."""
    network, server = scenario.network, scenario.server
    if scenario.faults is not None:
        yield Fault("faults", "failures", _NOT_EMULATED)
    for place, group in enumerate(scenario.workers.groups):
        key = f"workers.groups.{place}"
        if group.joins > 0:
            yield Fault(f"{key}.joins", f"{group.joins:g}", _NOT_EMULATED)
        if group.leaves is not None:
            yield Fault(f"{key}.leaves", f"{group.leaves:g}", _NOT_EMULATED)
    if network is not None and network.server_bandwidth is not None:
        found = f"{network.server_bandwidth:g}"
        yield Fault("network.server_bandwidth", found, _NOT_EMULATED)
    if server is None:
        return
    if server.shards > 1:
        yield Fault("server.shards", str(server.shards), _NOT_EMULATED)
    if server.pauses:
        yield Fault("server.pauses", f"{len(server.pauses)} pauses", _NOT_EMULATED)
    if server.read != Constant(value=0.0):
        yield Fault("server.read", "a time", _NOT_EMULATED)
