"""Real runs with few workers predict real runs with more: calibration held against the clock.

    python benchmarks/predict.py [--updates 600] [--on threads]
    python benchmarks/predict.py --scenario scenarios/lian2015_incon.toml --known 1 --predicted 1,2
                                 --updates 60000

Real runs (scenarios/emulated.toml) with 1 and 2 workers are calibrated together; the scenario that
comes out is simulated with 4 and 8; and real runs with 4 and 8 say how far off that was. A band
holds 90 % of the simulations of scenarios drawn from what the calibration leaves open.
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
from asysim.studies.task import with_workers
from asysim.trace import Trace
from asysim.trace.stream import limited, trace_of

SCENARIO = Path(__file__).parent.parent / "scenarios" / "emulated.toml"
DRAWS = 40


def throughput(scenario: Scenario, dimension: int, updates: int) -> float:
    """Simulate a schedule, and return its updates per second."""
    trace = trace_of(limited(simulate(scenario, dimension), updates=updates))
    return trace.updates / trace.duration


def prediction(found: Calibration, p: int, dimension: int, updates: int) -> tuple[float, ...]:
    """Return the throughput of a long simulation, and the ends of a band of ones like a run."""
    best = throughput(with_workers(found.scenario(), p), dimension, max(updates, 30_000))
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
    parser.add_argument("--scenario", default=SCENARIO, type=Path)
    parser.add_argument("--known", default="1,2")
    parser.add_argument("--predicted", default="4,8")
    options = parser.parse_args()

    def real(p: int) -> Trace:
        once = f"run.evaluate_every={options.updates}"
        changes = (f"run.updates={options.updates}", once, "run.target_loss=")
        scenario = with_workers(asysim.load(options.scenario, *changes), p)
        return asysim.run(scenario, on=options.on).trace

    known, predicted = ([int(p) for p in text.split(",")]
                        for text in (options.known, options.predicted))  # fmt: skip
    traces = [real(p) for p in known]
    found = calibrate(traces, sources=[f"p = {p}" for p in known])
    screen = Console()
    for warning in found.warnings:
        screen.print(f"- {warning}", highlight=False, soft_wrap=True)
    table = Table(header_style="bold")
    for heading in ("workers", "predicted", "90 % band", "real", "off by"):
        table.add_column(heading, justify="right")
    for p in predicted:
        best, low, high = prediction(found, p, traces[0].info.dimension, options.updates)
        trace = real(p)
        measured = trace.updates / trace.duration
        band, off = f"{rate(low)} … {rate(high)}", f"{best / measured - 1:+.2%}"
        table.add_row(str(p), rate(best), band, rate(measured), off)
    screen.print(table)


if __name__ == "__main__":
    main()
