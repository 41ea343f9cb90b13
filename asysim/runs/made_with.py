"""What the bits of a result depend on besides the scenario: versions, the machine, code outside."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from asysim.ground.outside import OpenTable
from asysim.jit.sources import PACKAGE, stamp
from asysim.replay.probe import Probe
from asysim.runs.manifest import surroundings
from asysim.scenario import Scenario


@cache
def made_with() -> dict[str, Any]:
    """Return what the bits of a result depend on."""
    found = surroundings()
    return {
        "versions": found["versions"],
        "commit": found["commit"],
        "processor": found["machine"]["processor"],
    }


def own_code(scenario: Scenario) -> str:
    """Return what is another if a rule of the user's own is, or anything that it imports."""
    update = scenario.update
    rules: list[object] = [scenario.coordination, scenario.algorithm.step]
    rules += [] if update is None else [update.weight, update.correction]
    found = {_outside(rule) for rule in rules if isinstance(rule, OpenTable)}
    return " ".join(sorted(found - {""}))


def probes_code(probes: Iterable[Probe]) -> str:
    """Return what is another if a probe is: its columns, how often it measures, or its code."""
    return "\n".join(
        " ".join([type(probe).__qualname__, *probe.names, str(probe.every), _outside(probe)])
        for probe in probes
    )


def _outside(thing: object) -> str:
    """Return the module of an object's class, and a stamp of it; nothing if it is asysim's own."""
    module = type(thing).__module__
    file = getattr(sys.modules.get(module), "__file__", None)  # a notebook has none
    if not file or Path(file).is_relative_to(PACKAGE):
        return ""
    return f"{module} {stamp(Path(file)).hex()}"
