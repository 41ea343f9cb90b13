"""Makes the README's pictures and table of workers, those of second_order.md and staleness.md.

python docs/pictures.py
"""

from __future__ import annotations

import statistics
from pathlib import Path

import asysim
from asysim.runs.outcome import REACHED

HERE = Path(__file__).parent
SCENARIOS = HERE.parent / "scenarios"
SEEDS = (1, 2, 3, 4, 5)
CHAIN = (
    'problem={kind="chain_of_saddles", dimension=4, noise=0.02, start=0.0}',
    "algorithm.step=0.1",
    "algorithm.batch_size=1",
    "run.updates=2000",
    "run.evaluate_every=10",
    "run.second_order={tolerance=0.05, every=1}",
)
"""As docs/second_order.md has it."""
ROWS = [(p, 0.01) for p in (1, 2, 4, 8, 16, 32)] + [(16, 0.006), (32, 0.004)]


def workers_table() -> str:
    """Return, for numbers of workers and steps, what it takes to bring the digits' loss to 0.1."""
    lines = [
        "| workers | γ | mean staleness | updates/s | updates to loss 0.1 | seconds to loss 0.1 "
        "| speedup |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    alone = 0.0
    for p, step in ROWS:
        runs = [to_target(p, step, seed) for seed in SEEDS]
        staleness = statistics.median(float(run.trace.staleness.mean()) for run in runs)
        rate = statistics.median(run.trace.updates / run.trace.duration for run in runs)
        row = f"| {p} | {step} | {staleness:.2f} | {rate:,.0f} |"
        reached = [run for run in runs if run.status == REACHED]
        if len(reached) < len(runs):
            row += f" {len(reached)} of {len(runs)} seeds get there in 10,000 | – | – |"
        else:
            updates = statistics.median(run.trace.updates for run in runs)
            seconds = statistics.median(run.trace.duration for run in runs)
            alone = alone or seconds
            row += f" {updates:,.0f} | {seconds:.3f} | {alone / seconds:.1f} |"
        lines.append(row)
    return "\n".join(lines)


def to_target(workers: int, step: float, seed: int) -> asysim.Run:
    """Run the digits until their loss is 0.1, or for 10,000 updates."""
    scenario = asysim.load(
        SCENARIOS / "digits.toml",
        f"workers.count={workers}",
        f"algorithm.step={step}",
        f"seed={seed}",
        "run.target_loss=0.1",
        "run.evaluate_every=25",
    )
    return asysim.run(scenario)


def pictures() -> None:
    """Draw into docs/pictures."""
    folder = HERE / "pictures"
    folder.mkdir(exist_ok=True)
    runs = [
        asysim.run(asysim.load(SCENARIOS / "digits.toml", f"workers.count={p}", "run.updates=3000"))
        for p in (1, 4, 16, 64)
    ]
    labels = [f"p = {run.scenario.workers.count}" for run in runs]
    asysim.plots.convergence(*runs, labels=labels).savefig(folder / "workers.png")
    stragglers = asysim.run(asysim.load(SCENARIOS / "stragglers.toml"))
    asysim.plots.staleness(stragglers).savefig(folder / "staleness.png")
    heavy = asysim.staleness(SCENARIOS / "heavy_tails.toml")
    asysim.plots.staleness(heavy).savefig(folder / "staleness_study.png")
    bounded = asysim.run(asysim.load(SCENARIOS / "stragglers.toml", "algorithm.staleness_bound=12"))
    asysim.plots.timeline(bounded, start=0.02, seconds=0.03).savefig(folder / "timeline.png")
    chain = asysim.run(asysim.load(SCENARIOS / "second_order.toml", *CHAIN))
    asysim.plots.second_order(chain).savefig(folder / "second_order.png")


if __name__ == "__main__":
    print(workers_table())
    pictures()
    print("drawn into", HERE / "pictures")
