"""Names that users import: those listed here for good, and what a page or notebook shows."""

from __future__ import annotations

import ast
import json
import re
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path

import pytest

import asysim

ROOT = Path(__file__).parents[1]
PUBLIC = {
    "asysim": "Advice AsysimError Assessment EscapeStudy Gradient InputError LimitStudy Run "
    "Scenario SpeedupStudy StalenessStudy SweepStudy Trace __version__ advise assess calibrate "
    "compare escape limits load load_run plan plots rerun resume run speedup staleness sweep vary",
    "asysim.calibration": "Calibration calibrate",
    "asysim.coordination": "Coordination",
    "asysim.laws": "Constant Empirical Erlang Exponential Gamma Hyperexponential Law LogNormal "
    "Mixture Pareto TimeLaw Uniform Weibull",
    "asysim.plots": "convergence escape limits second_order speedup staleness "
    "staleness_by_duration staleness_distribution staleness_memory staleness_over_time "
    "staleness_tail sweep_lines sweep_map theory timeline",
    "asysim.problems": "Constants DataSet FiniteSum LeastSquares Logistic MatrixFactorization "
    "MultilayerPerceptron Problem Quadratic TorchProblem",
    "asysim.scenario": "Scenario json_schema load parse to_document to_toml vary",
    "asysim.schedule": "simulate",
    "asysim.trace": "Gradient Trace TraceInfo",
    "asysim.trace.stream": "as_stream limited",
    "asysim.updates": "AdaptiveDelayCompensation Constant CorrectionRule Decaying "
    "DelayCompensation GapAware Given HeavyBall Hinge Inverse KernelCorrection Koloskova "
    "Mishchenko Noise Polynomial UpdateRule WatchesSteps WeightRule theorem_condition theorem_step",
}
"""Add, never take away."""


@pytest.mark.parametrize("module", PUBLIC)
def test_names_for_good(module):
    home = asysim.plots if module == "asysim.plots" else import_module(module)
    missing = [name for name in PUBLIC[module].split() if not hasattr(home, name)]
    assert not missing


def test_all_that_asysim_says_it_has():
    assert set(asysim.__all__) == set(dir(asysim)) >= set(PUBLIC["asysim"].split())


def shown():
    """Return the Python that a reader is shown, with where it stands."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for block in re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.M | re.S):
            yield path.name, block
    for path in sorted((ROOT / "docs").glob("*.py")):
        yield path.name, path.read_text("utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            lines = [line for line in cell["source"] if not line.startswith("%")]
            if cell["cell_type"] == "code":
                yield path.name, "".join(lines)


def imported(code):
    """Return the modules and names under asysim that some Python imports or mentions."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "asysim":
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            if re.fullmatch(r"asysim(\.\w+)+", dotted):
                yield "asysim", dotted.removeprefix("asysim.")


def test_what_a_reader_is_shown_can_be_imported():
    places = {pair: place for place, code in shown() for pair in imported(code)}
    assert {("asysim", "plots.convergence"), ("asysim.updates", "CorrectionRule")} <= places.keys()
    for (module, name), place in places.items():
        try:
            attrgetter(name)(import_module(module))
        except AttributeError:
            found = find_spec(f"{module}.{name}")
            assert found is not None, f"{place} shows {module}.{name}"
