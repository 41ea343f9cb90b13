"""What the update rule demands of the rest of a scenario; called by `asysim.scenario.clashes`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asysim.errors import Clash
from asysim.ground.outside import table_of
from asysim.updates.base import StepRule
from asysim.updates.settings import SERVER_ONLY, STEPS

_CON = 'or go with algorithm.name = "asysg-con"'
_HARMLESS = {
    "average": (False, "false"),
    "momentum": (0, "0"),
    "correction": (None, "left out"),
    "perturbation": (None, "left out"),
}


def update_clashes(document: dict[str, Any]) -> Iterator[Clash]:
    """Find what does not go with the update rule; wrong types are somebody else's to report."""
    algorithm, update, run = (
        table if isinstance(table, dict) else {}
        for table in (document.get("algorithm"), document.get("update"), document.get("run"))
    )
    step = table_of(algorithm.get("step"), StepRule, STEPS)
    if algorithm.get("name") == "asysg-incon":
        for key, why in SERVER_ONLY.items():
            harmless, right = _HARMLESS[key]
            if update.get(key, harmless) != harmless:
                yield Clash(f"update.{key}", f"should be {right}, {_CON}: without locks {why}")
        if step is not None and step.server_only:
            yield Clash("algorithm.step", f"should be of another kind, {_CON}: {step.server_only}")
    endless = run.get("updates") is None and run.get("seconds") is not None
    if step is not None and step.needs_updates and endless:
        kind = algorithm["step"]["kind"]
        yield Clash(
            "run.updates", f'is required with step.kind = "{kind}": it is {step.needs_updates}'
        )
