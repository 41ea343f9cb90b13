"""Which of the two engines plays a scenario's schedule: SimPy, or the compiled twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from asysim.errors import unfit

if TYPE_CHECKING:
    from asysim.scenario import Scenario


class Engine(NamedTuple):
    """What plays a schedule.

    Attributes
    ----------
    name
        ``compiled`` or ``simpy``.
    lacks
        The scenario's key for which SimPy had to be taken; None if nothing had.
    """

    name: str
    lacks: str | None


def engine_of(scenario: Scenario, dimension: int) -> Engine:
    """Return which engine plays a scenario whose x has so many coordinates.

    Raises
    ------
    InputError
        If the scenario insists on the compiled one, which does not know something that it asks for.
    """
    if scenario.engine == "simpy":
        return Engine("simpy", None)
    lacks = _lacks(scenario, dimension)
    if lacks is None:
        return Engine("compiled", None)
    if scenario.engine == "compiled":
        raise unfit("engine", '"compiled"', f'"auto" or "simpy": it does not know this {lacks}')
    return Engine("simpy", lacks)


def _lacks(scenario: Scenario, dimension: int) -> str | None:
    """Return a key that the compiled engine does not know, if the scenario has one."""
    if scenario.algorithm.name == "asysg-incon":
        from asysim.schedule.compiled import inconsistent

        return inconsistent.covers(scenario)
    from asysim.schedule.plain import plain_rule

    if plain_rule(scenario) is not None:
        return None
    from asysim.schedule.building import cluster
    from asysim.schedule.compiled.cluster import covers

    return covers(scenario, cluster(scenario, dimension))
