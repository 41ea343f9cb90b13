"""How notebooks show what asysim returns: through IPython's own registration of types."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_SHOWN = {
    ("asysim.trace.trace", "Trace"): ("asysim.show.report", "trace_html"),
    ("asysim.runs.outcome", "Run"): ("asysim.show.report", "run_html"),
    ("asysim.studies.speedup", "SpeedupStudy"): ("asysim.show.speedup_table", "table"),
    ("asysim.studies.escape", "EscapeStudy"): ("asysim.show.escape_table", "table"),
    ("asysim.studies.returns", "ReturnsStudy"): ("asysim.show.returns_table", "table"),
    ("asysim.studies.limits", "LimitStudy"): ("asysim.show.limits_table", "table"),
    ("asysim.theory.assessment", "Assessment"): ("asysim.show.theory_tables", "as_html"),
    ("asysim.delays.study", "StalenessStudy"): ("asysim.show.staleness_table", "as_html"),
    ("asysim.sweeps.sweep", "SweepStudy"): ("asysim.show.sweep_table", "table"),
    ("asysim.sweeps.compared", "Comparison"): ("asysim.show.compare_table", "table"),
    ("asysim.advice.advice", "Advice"): ("asysim.show.advice_table", "table"),
    ("asysim.studies.plan", "Plan"): ("asysim.show.plan_table", "table"),
}
"""By where a type is defined and its name: where what shows it is, imported when it is needed.

It returns HTML, or a table that can be written so.
"""


def html(shown: Any) -> str:
    """Return a trace, a run, a study, a plan or an assessment as a notebook shows it.

    Raises
    ------
    KeyError
        If notebooks are not told how to show it.
    """
    kind = type(shown)
    module, function = _SHOWN[kind.__module__, kind.__qualname__]
    made = getattr(import_module(module), function)(shown)
    text: str = made if isinstance(made, str) else made.html()
    return text


def register() -> None:
    """Tell the IPython that runs here, if one does, how to show them."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None or shell.display_formatter is None:
        return
    formatter = shell.display_formatter.formatters["text/html"]
    for module, name in _SHOWN:
        formatter.for_type_by_name(module, name, html)
