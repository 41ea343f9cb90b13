"""Real runs with few workers predict real runs with more: calibration held against the clock.

    python benchmarks/predict.py [--updates 600] [--on threads]

Emulated runs (scenarios/emulated.toml) with 1 and 2 workers are calibrated together; the scenario
that comes out is simulated with 4 and 8; and real runs with 4 and 8 say how far off that was. A
band holds 90 % of the simulations of scenarios drawn from what the calibration leaves open.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import asysim
from asysim.calibration import Calibration, calibrate
from asysim.scenario import Scenario
from asysim.schedule import simulate
from asysim.show.summary import rate
from asysim.stream import limited
from asysim.trace import Trace

SCENARIO = Path(__file__).parent.parent / "scenarios" / "emulated.toml"
KNOWN, PREDICTED = (1, 2), (4, 8)
DRAWS = 40


def with_workers(scenario: Scenario, p: int) -> Scenario:
    """Return a calibrated scenario with p workers, which are alike here."""
    if scenario.workers.groups:
        raise SystemExit("the workers were found to differ: more of them are not defined")
    return asysim.vary(scenario, f"workers.count={p}")


def throughput(scenario: Scenario, dimension: int, updates: int) -> float:
    """Simulate a schedule, and return its updates per second."""
    blocks = [block.rows for block in limited(simulate(scenario, dimension), updates=updates)]
    trace = Trace.joined(blocks, blocks[0].info)
    return trace.updates / trace.duration


def prediction(found: Calibration, p: int, dimension: int, updates: int) -> tuple[float, ...]:
    """Return the throughput of a long simulation, and the ends of a band of ones like a run."""
    best = throughput(with_workers(found.scenario(), p), dimension, 50 * updates)
    drawn = [
        throughput(
            asysim.vary(with_workers(found.scenario(sample=i), p), f"seed={i}"), dimension, updates
        )
        for i in range(DRAWS)
    ]
    return best, *np.quantile(drawn, [0.05, 0.95]).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=600)
    parser.add_argument("--on", default="threads")
    options = parser.parse_args()

    def real(p: int) -> Trace:
        changes = (f"workers.count={p}", f"run.updates={options.updates}")
        return asysim.run(asysim.load(SCENARIO, *changes), on=options.on).trace

    traces = [real(p) for p in KNOWN]
    found = calibrate(traces, sources=[f"p = {p}" for p in KNOWN])
    screen = Console()
    for warning in found.warnings:
        screen.print(f"- {warning}", highlight=False, soft_wrap=True)
    table = Table(header_style="bold")
    for heading in ("workers", "predicted", "90 % band", "real", "off by"):
        table.add_column(heading, justify="right")
    for p in PREDICTED:
        best, low, high = prediction(found, p, traces[0].info.dimension, options.updates)
        trace = real(p)
        measured = trace.updates / trace.duration
        band, off = f"{rate(low)} … {rate(high)}", f"{best / measured - 1:+.2%}"
        table.add_row(str(p), rate(best), band, rate(measured), off)
    screen.print(table)


if __name__ == "__main__":
    main()
