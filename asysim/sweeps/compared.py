"""Runs beside one another: what differs between their scenarios, and what came of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from asysim.errors import unfit
from asysim.ground.one_line import OneLine
from asysim.runs.outcome import Run
from asysim.scenario import Scenario, to_document
from asysim.scenario.models import STUDIES
from asysim.sweeps.row import Result, result_of

if TYPE_CHECKING:
    import pandas as pd

_FOR_PEOPLE = ("name", "description")


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(OneLine):
    """Runs, and what differs.

    Attributes
    ----------
    names
        What each run is called: its folder, or its scenario's name with a number.
    backends
        On which one each was made for real; None if it was simulated.
    differing
        Keys of scenarios that have not the same value in all of them, each with the value that
        each run has; None where a key is absent.
    results
        What came of each.
    """

    names: tuple[str, ...]
    backends: tuple[str | None, ...]
    differing: dict[str, tuple[Any, ...]]
    results: tuple[Result, ...]

    @property
    def line(self) -> str:
        """How many runs, and in what they differ."""
        return f"{len(self.names)} runs that differ in {', '.join(self.differing) or 'nothing'}"

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each run: its name, the keys that differ, and what came of it."""
        import pandas as pd

        rows = [
            {"run": name, "on": backend, **{k: v[i] for k, v in self.differing.items()},
             **result._asdict()}
            for i, (name, backend, result) in enumerate(
                zip(self.names, self.backends, self.results, strict=True))
        ]  # fmt: skip
        return pd.DataFrame(rows)


def compare(*runs: Run) -> Comparison:
    """Tell what differs between the scenarios of runs, and what came of them.

    Parameters
    ----------
    *runs
        Two or more: of `asysim.run`, or `asysim.load_run`.

    Raises
    ------
    InputError
        If there are fewer.
    """
    if len(runs) < 2:
        raise unfit("runs", f"{len(runs)}", "two or more, to be compared")
    said = [dict(_leaves(_played(run.scenario))) for run in runs]
    keys = dict.fromkeys(key for one in said for key in one)
    values = {key: tuple(one.get(key) for one in said) for key in keys}
    differing = {key: found for key, found in values.items() if any(v != found[0] for v in found)}
    return Comparison(
        _names(runs),
        tuple(run.outcome.measured.get("backend") for run in runs),
        differing,
        tuple(result_of(run.scenario, run.outcome) for run in runs),
    )


def _played(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario without what says nothing of a run."""
    document = to_document(scenario)
    return {k: v for k, v in document.items() if k not in (*_FOR_PEOPLE, *STUDIES)}


def _leaves(document: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all that a document says, by dotted keys; tables in lists are gone into."""
    if isinstance(document, list) and any(isinstance(one, dict) for one in document):
        document = {str(i): one for i, one in enumerate(document)}
    if not isinstance(document, dict):
        yield place, document
        return
    for key, value in document.items():
        yield from _leaves(value, f"{place}.{key}".lstrip("."))


def _names(runs: tuple[Run, ...]) -> tuple[str, ...]:
    return tuple(
        f"{run.scenario.name} {i}" if run.folder is None else str(run.folder)
        for i, run in enumerate(runs, 1)
    )
