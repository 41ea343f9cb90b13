"""How much memory a scenario needs, roughly, against how much there is: asked before it is taken.

An estimate counts what can't be done without: tables of data, vectors of x, what is kept of each
worker. It leaves out the rest, so what it refuses would have failed, and what it lets pass may yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from asysim.errors import first_line, unfit
from asysim.ground.machine import free_memory
from asysim.problems.own import checked

if TYPE_CHECKING:
    from asysim.problems.base import Problem
    from asysim.scenario import Scenario

_FLOAT, _INDEX = 8, 8  # bytes
_VECTORS = 5  # x, the ergodic one, the start, a gradient, the curve's
_OF_A_WORKER = {  # bytes, by the engine and whether it plays a whole cluster; measured
    ("compiled", False): 300, ("compiled", True): 2000,
    ("simpy", False): 5000, ("simpy", True): 15_000,
}  # fmt: skip
_OF_A_PART = 300  # of a worker's messages to one server: draws of five kinds, eight of each
_OF_A_ROW = 72
_GIGA = 1e9


class Need(NamedTuple):
    """What takes memory.

    Attributes
    ----------
    key
        The scenario's, that decides how much.
    what
        In words.
    size
        Bytes, roughly.
    """

    key: str
    what: str
    size: float


def problem_of(scenario: Scenario, own: Problem | None = None) -> Problem:
    """Build a scenario's problem, if there is room for what the scenario needs; or take one.

    Parameters
    ----------
    scenario
        Says what is built.
    own
        An objective of the user's own, instead: this is where each that is given is looked at.

    Raises
    ------
    InputError
        If there is no room, or the problem can't be built; or as `asysim.problems.own.checked`.
    """
    if own is not None:
        return checked(own, scenario.seed)
    check_room(scenario)
    with memory_told():
        return scenario.problem.build()


def check_room(scenario: Scenario) -> None:
    """Refuse a scenario that needs more memory than there is.

    Raises
    ------
    InputError
        It says how much is needed, for what, and how much is free.
    """
    there = free_memory()
    needs = list(needs_of(scenario))
    total = sum(need.size for need in needs)
    if total <= there:
        return
    most = max(needs, key=lambda need: need.size)
    raise unfit(
        most.key,
        f"what needs about {_shown(total)} of memory, {_shown(most.size)} of it for {most.what}",
        f"smaller: {_shown(there)} are free",
    )


@contextmanager
def memory_told() -> Iterator[None]:
    """Say in words that memory was not enough after all."""
    try:
        yield
    except MemoryError as error:
        there = _shown(free_memory())
        found = f"no memory left ({first_line(error) if str(error) else 'the system refused more'})"
        raise unfit("memory", found, f"smaller data, fewer workers: {there} are free") from None


def needs_of(scenario: Scenario) -> Iterator[Need]:
    """Yield what a scenario needs memory for, as far as that is known before it is made."""
    settings, algorithm = scenario.problem, scenario.algorithm
    p, batch = scenario.workers.count, algorithm.batch_size
    data = getattr(settings, "data", None)
    table = None if data is None else data.size()
    if table is not None:
        yield Need("problem.data", "the data", table.making)
    sizes = settings.needs(table)
    if sizes.making:
        yield Need(f"problem.{sizes.key}", "the matrix", sizes.making)
    waiting = 1 if scenario.played.is_fresh else p - scenario.idle_workers
    copies = sizes.dimension
    if sizes.of_a_sample:  # the values of the layers wait, or the gradient
        copies = min(copies, sizes.of_a_sample * batch)
    yield Need(f"problem.{sizes.key}", "vectors of x", _FLOAT * sizes.dimension * _VECTORS)
    yield Need(
        "workers.count", "the gradients that workers have in hand", _FLOAT * copies * waiting
    )
    yield Need("algorithm.batch_size", "the samples of a gradient", _INDEX * batch)
    shards = 1 if scenario.server is None else scenario.server.shards
    yield Need("server.shards", "messages to each server", _OF_A_PART * p * (shards - 1.0))
    yield Need("workers.count", "the workers", float(_of_a_worker(scenario) * p))
    yield from _gathered(scenario)


def _of_a_worker(scenario: Scenario) -> int:
    from asysim.schedule.engine import plain_rule, takes_simpy

    whole = scenario.algorithm.name == "asysg-con" and plain_rule(scenario) is None
    by_simpy = takes_simpy(scenario) if whole else scenario.engine == "simpy"
    return _OF_A_WORKER["simpy" if by_simpy else "compiled", whole]


def _gathered(scenario: Scenario) -> Iterator[Need]:
    """Yield what the gradients of one update take until all are there."""
    rule, each = scenario.coordination, scenario.algorithm.gradients_per_update
    key = "algorithm.gradients_per_update"
    if rule is not None and rule.size_key:
        key = f"coordination.{rule.size_key}"
        each = rule.most_in_update(scenario.workers.count) or each
    yield Need(key, "the rows of an update", _OF_A_ROW * each)


def _shown(size: float) -> str:
    return f"{size / _GIGA:,.1f} GB" if size < 1e4 * _GIGA else f"{size / _GIGA:.1e} GB"
