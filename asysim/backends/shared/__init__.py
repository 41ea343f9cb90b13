"""Real runs on one machine: threads or processes that share memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from asysim.backends.assignment import of_a_file
from asysim.errors import Fault
from asysim.jit.compiler import AS_PYTHON
from asysim.schedule.engine import plain_rule

if TYPE_CHECKING:
    from asysim.scenario import Scenario


def unsupported(scenario: Scenario, on: str) -> Iterator[Fault]:
    """Yield what of a scenario can't be run on threads, or processes, and what to change then."""
    algorithm, rule = scenario.algorithm, scenario.coordination
    here = f"on {on}"
    yield from of_a_file(scenario)
    if AS_PYTHON:
        expected = f"should not be set {here}: Python has no atomic words of memory"
        yield Fault("NUMBA_DISABLE_JIT", "1", expected, "environment")
    if rule is not None and rule.kind != "asynchronous":
        yield Fault(
            "coordination.kind", f'"{rule.kind}"', f"needs a server, which {here} is none: --on mpi"
        )
    if algorithm.beyond_bound == "restart" and algorithm.staleness_bound is not None:
        yield Fault(
            "algorithm.beyond_bound", '"restart"',
            f'should be "wait" or "discard" {here}: only the simulator stops a gradient half way',
        )  # fmt: skip
    update = scenario.update
    if update is not None and update != type(update)(perturbation=update.perturbation):
        con = algorithm.name == "asysg-con"
        but = ", but for update.perturbation" if con else ""
        other = "--on mpi" if con else "the simulator (no --on)"
        expected = f"should be left out {here}{but}; what can: {other}"
        yield Fault("update", "an update rule", expected)
    if scenario.backend is not None and scenario.backend.emulate:
        yield from _emulated(scenario)


def _emulated(scenario: Scenario) -> Iterator[Fault]:
    if scenario.algorithm.name == "asysg-con" and plain_rule(scenario) is None:
        yield Fault(
            "backend.emulate", "true",
            "should be false here: only latencies, links, one server and constant power can be "
            "emulated; the simulator does the rest",
        )  # fmt: skip
    if scenario.algorithm.name == "asysg-incon" and scenario.workers.power is not None:
        yield Fault("workers.power", "a law", "should be left out where backend.emulate = true")
