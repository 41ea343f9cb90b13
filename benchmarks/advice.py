"""How good is advice, and what does it cost? Beside the full grid: python benchmarks/advice.py.

    python benchmarks/advice.py [SCENARIO] [KEY=VALUE …] [--target LOSS] [--seeds N] [--out FOLDER]

The search is made; then every candidate of it with N seeds, until the target or for twice as long
as the best with as many workers takes, which a grid that begins without a search can't know. The
best of the grid and what the search advises are then run with further seeds that neither has seen:
the regret is by how much later the advice is there. Runs are kept in the folder, and a benchmark
that was interrupted goes on. By default the scenario is taken without its rule, which happens to
be among the best. On scenarios/heavy_tails.toml some 15 minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import replace
from pathlib import Path

import asysim
from asysim.advice.advice import Advice, advise, aimed
from asysim.advice.candidate import Candidate
from asysim.advice.candidates import candidates_of
from asysim.advice.journal import kept
from asysim.advice.measured import Measured
from asysim.advice.standing import mean_place
from asysim.advice.trial import Trial
from asysim.advice.trials import Trials, over_seeds
from asysim.scenario import to_toml
from asysim.show.advice_picture import advice_regret
from asysim.show.picture import new_picture, save_picture
from asysim.studies.executor import Progress
from asysim.sweeps.maker import making

_GRID, _FRESH = 10_000, 20_000  # seeds, beyond any that the search takes
_HELD, _SEEDS = 12, 32  # how many of the grid's best are run again, and with how many seeds


def main() -> None:
    """Print the regret, and the share of the grid's gradients."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("scenario", nargs="?", default="scenarios/heavy_tails.toml")
    words.add_argument("changes", nargs="*")
    words.add_argument("--target", type=float, default=0.1)
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--out", type=Path, default=Path("runs/advice-benchmark"))
    given = words.parse_args()
    changes = given.changes or ["coordination=", "run.smoothing=4"]
    base = aimed(asysim.load(given.scenario, *changes), given.target)
    found = advise(base, folder=given.out / "search", progress=_told("search"))
    print(f"search: {found.candidates:,} candidates, {found.spent:,} gradients; advises {found}")

    best: dict[int, float] = {}
    for cell in found.cells:
        if cell.seconds is not None and not cell.seconds.bound:
            p = cell.candidate.workers
            best[p] = min(best.get(p, cell.seconds.value), cell.seconds.value)
    text, candidates = to_toml(base), candidates_of(base)
    with making() as maker, kept(given.out / "grid", text) as journal:
        grid = Trials(text, maker, journal, _told("grid"))
        runs: dict[Candidate, list[Trial]] = {one: [] for one in candidates}
        for seed in range(_GRID, _GRID + given.seeds):
            for p, seconds in best.items():
                horizon = _rounded_up(2 * seconds)
                part = grid.of([one for one in candidates if one.workers == p], seed, horizon)
                for one, trial in part.items():
                    runs[one].append(trial)
        whole = grid.spent
        share = found.spent / whole
        print(f"grid: {whole:,} gradients with {given.seeds} seeds; the search {share:.1%}")
        ranked = sorted(candidates, key=lambda one: mean_place(runs[one]))
        known = [stop.choice.candidate for stop in found.stops]
        held = list(dict.fromkeys([*known, *ranked[:_HELD]]))
        limit = 4 * found.winner.trials[0].seconds
        again = over_seeds(grid, held, range(_FRESH, _FRESH + _SEEDS), limit)
    measured = sorted((Measured(one, again[one]) for one in held),
                      key=lambda one: mean_place(one.trials))  # fmt: skip
    for row in measured:
        mark = "*" if row.candidate == found.winner.candidate else " "
        candidate, told = row.candidate, row.seconds
        said = "diverged" if told is None else f"{told.bound} {told.value:.4f} s".strip()
        print(f"{mark} {said}  p = {candidate.workers}, {candidate.setting}, step {candidate.step}")
    advised = next(row for row in measured if row.candidate == found.winner.candidate)
    late = measured[0].sooner_than(advised)
    again_known = {row.candidate: row for row in measured}
    stops = [replace(stop, choice=again_known[stop.choice.candidate]) for stop in found.stops]
    save(replace(found, stops=tuple(stops)), measured[0], whole, given.out)
    if late is None:
        print(f"regret: not known; share of the grid's gradients: {share:.1%}")
        return
    spread = (
        "" if late.low is None else f" (95 %: {late.low - 1:.1%} to {(late.high or 1) - 1:.1%})"
    )
    print(f"regret: {late.value - 1:.1%}{spread}; share of the grid's gradients: {share:.1%}")


def _rounded_up(seconds: float) -> float:
    """Return a number with one digit, at least as large: nearly the same search, the same grid."""
    size = 10.0 ** math.floor(math.log10(seconds))
    return math.ceil(seconds / size) * size


def save(found: Advice, best: Measured, whole: int, folder: Path) -> None:
    """Draw what the search would have advised at any time, beside the grid."""
    figure, (axes,) = new_picture(1, 1, (6.4, 4.2))
    seconds = None if best.seconds is None else best.seconds.value
    advice_regret(found, best=seconds, whole=whole, ax=axes)
    save_picture(figure, folder / "regret.png")


def _told(what: str) -> Progress:
    began = time.perf_counter()

    def tell(over: int, of: int) -> None:
        if over % 100 == 0:
            seconds = time.perf_counter() - began
            print(f"{what}: {over:,} of {of:,} runs, {seconds:.0f} s", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    main()
