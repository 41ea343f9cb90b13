"""How often tests of staleness are wrong, how often right: tables of docs/staleness_tests.md.

    python benchmarks/staleness_tests.py                # 1000 series a row: minutes
    python benchmarks/staleness_tests.py --series 200

Each row draws so many series, each with a seed of its own, and says which part of them a test at
5 % rejects: that should be 5 % where the law is true, and 100 % where it is not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.signal import lfilter
from scipy.stats import chisquare, geom, norm

from asysim.delays.block_counts import BlockCounts
from asysim.delays.count_laws import CountLaw, Geometric, NegativeBinomial, Poisson
from asysim.delays.fits import fitted
from asysim.delays.given_laws import Known, Tabled
from asysim.delays.goodness import goodness
from asysim.delays.mixture import started
from asysim.delays.two_samples import compare
from asysim.ground.arrays import Ints
from asysim.scenario import parse
from asysim.schedule import simulate
from asysim.theory.staleness import exponential_staleness

Draw = Callable[[int], Ints]
LEVEL = 0.05
CLUSTER = """
problem = {kind = "quadratic", dimension = 2}
algorithm = {name = "asysg-con", step = 0.1}
workers = {compute = {law = "exponential", mean = 1e-3}}
run = {updates = 1}
"""


def trace(workers: int, length: int, *changes: str) -> Draw:
    """Return how to draw the τ of a simulated run, without its beginning."""

    def draw(seed: int) -> Ints:
        scenario = parse(CLUSTER, f"workers.count={workers}", f"seed={seed}", *changes)
        beginning, found, have = 40 * workers, [], 0
        for block in simulate(scenario, 2):
            rows = block.rows
            found.append((rows.update - rows.version)[rows.was_applied])
            have += len(found[-1])
            if have >= length + beginning:
                break
        return np.concatenate(found)[beginning : beginning + length]

    return draw


def independent(length: int, mean: float) -> Draw:
    """Return how to draw independent geometric numbers."""
    return lambda seed: np.random.default_rng(seed).geometric(1 / (1 + mean), length) - 1


def autoregressive(length: int, mean: float, correlation: float) -> Draw:
    """Return how to draw geometric numbers with the dependence of an AR(1) process."""

    def draw(seed: int) -> Ints:
        normal = np.random.default_rng(seed).standard_normal(length + 1000)
        z = lfilter([1.0], [1.0, -correlation], normal)[1000:] * np.sqrt(1 - correlation**2)
        return geom.ppf(norm.cdf(z), 1 / (1 + mean)).astype(np.int64) - 1

    return draw


GAMMA = "workers.compute={law='gamma',mean=1e-3,cv=0.5}"
UNEQUAL = "workers.speed=[4.0,4.0,1.0,1.0,1.0,1.0,1.0,1.0]"
KINDS: dict[str, Callable[[BlockCounts], CountLaw]] = {
    "geometric": lambda blocks: Geometric(blocks.mean),
    "Poisson": lambda blocks: Poisson(blocks.mean),
    "negative binomial": lambda blocks: NegativeBinomial(
        blocks.mean, blocks.mean**2 / max(blocks.variance - blocks.mean, 1e-3)
    ),
    "2 geometric": lambda blocks: started(Geometric, 2, blocks),
}


def main() -> None:
    """Print a table of tests of one series, and one of tests of two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--series", type=int, default=1000)
    series = parser.parse_args().series
    console = Console(width=120)
    console.print(of_one(series))
    console.print(of_two(series))


def of_one(series: int) -> Table:
    """Goodness of fit, of laws that are given and laws that are fitted."""
    table = Table("τ of", "length", "law", "rejected at 5 %", "Pearson's χ² rejects")
    for words, draw, law in goodness_rows():
        drawn = [draw(seed) for seed in range(series)]
        values = [p_value(law, tau) for tau in drawn]
        share, textbook = rejected(values), rejected([pearson(law, tau) for tau in drawn])
        name = law if isinstance(law, str) else law.name
        table.add_row(words, f"{len(drawn[0]):,}", name, share, textbook)
    return table


def goodness_rows() -> list[tuple[str, Draw, CountLaw | str]]:
    """Return series, and what they are tested for."""
    rows: list[tuple[str, Draw, CountLaw | str]] = []
    for n in (2000, 20_000):
        eight, nine, many = (exact(p) for p in (8, 9, 32))
        rows += [
            ("independent geometric", independent(n, 7.0), Known("exact", Geometric(7.0))),
            ("independent geometric", independent(n, 7.0), "geometric"),
            ("8 exponential workers", trace(8, n), eight),
            ("8 exponential workers", trace(8, n), "geometric"),
            ("8 exponential workers", trace(8, n), "negative binomial"),
            ("32 exponential workers", trace(32, n), many),
            ("AR(1), 0.9, geometric", autoregressive(n, 8.0, 0.9), Known("exact", Geometric(8.0))),
            ("AR(1), 0.9, geometric", autoregressive(n, 8.0, 0.9), "geometric"),
            ("8 exponential workers", trace(8, n), nine),
            ("8 exponential workers", trace(8, n), "Poisson"),
            ("8 gamma workers, cv 0.5", trace(8, n, GAMMA), "geometric"),
            ("8 gamma workers, cv 0.5", trace(8, n, GAMMA), "Poisson"),
            ("8 gamma workers, cv 0.5", trace(8, n, GAMMA), "negative binomial"),
            ("2 fast workers, 6 slow", trace(8, n, UNEQUAL), "geometric"),
            ("2 fast workers, 6 slow", trace(8, n, UNEQUAL), "negative binomial"),
            ("2 fast workers, 6 slow", trace(8, n, UNEQUAL), "2 geometric"),
        ]
    return rows


def exact(workers: int) -> Tabled:
    """Return the law of equal exponential workers."""
    return Tabled(f"of {workers} workers", exponential_staleness([1.0] * workers, 3000))


def p_value(law: CountLaw | str, tau: Ints) -> float:
    """Return the p-value of the test."""
    blocks = BlockCounts.of(tau)
    if isinstance(law, str):
        law = fitted(KINDS[law](blocks), blocks).law
    test = goodness(law, blocks)
    return test.p_value if test else np.nan


def pearson(law: CountLaw | str, tau: Ints) -> float:
    """Return the p-value of the textbook's test, for independent draws."""
    free = 0
    if isinstance(law, str):
        blocks = BlockCounts.of(tau)
        law = fitted(KINDS[law](blocks), blocks).law
        free = len(law.theta)
    cells = np.arange(int(tau.max()) + 1)
    expected = len(tau) * np.exp(law.log_mass(cells, cells))
    expected = np.append(expected, max(len(tau) - expected.sum(), 0.0))
    found = np.bincount(tau, minlength=len(expected)).astype(float)
    # From the left, as many cells together as are needed for ten draws.
    pool = np.minimum(np.cumsum(expected) // 10, (len(tau) - 10) // 10).astype(int)
    due, have = np.bincount(pool, expected), np.bincount(pool, found)
    kept = due > 0
    if kept.sum() < 2 + free:
        return np.nan
    due, have = due[kept], have[kept]
    return float(chisquare(have, due * have.sum() / due.sum(), ddof=free).pvalue)


def of_two(series: int) -> Table:
    """Two series compared: their laws, their means, whether intervals hold the true distance."""
    table = Table(
        "τ of", "and of", "length", "laws differ at 5 %", "means differ at 5 %",
        "TV's interval holds", "Wasserstein's holds",
    )  # fmt: skip
    for first, second, n, one, other, truth in pair_rows():
        found = [
            compare(BlockCounts.of(one(seed)), BlockCounts.of(other(series + seed)))
            for seed in range(series)
        ]
        pairs = [pair for pair in found if pair is not None]
        values = [pair.law.p_value for pair in pairs], [pair.mean_p_value for pair in pairs]
        intervals = [pair.total_variation for pair in pairs], [pair.wasserstein for pair in pairs]
        held = [
            100 * np.mean([interval.low <= true <= interval.high for interval in of])
            for of, true in zip(intervals, truth, strict=True)
        ]
        table.add_row(
            first, second, f"{n:,}", *map(rejected, values), *(f"{part:.1f} %" for part in held)
        )
    return table


def pair_rows() -> list[tuple[str, str, int, Draw, Draw, tuple[float, float]]]:
    """Return pairs of series, with the total variation and Wasserstein's distance of their laws."""
    rows: list[tuple[str, str, int, Draw, Draw, tuple[float, float]]] = []
    for n in (2000, 20_000):
        rows += [
            (f"{p} workers", f"{q} workers", n, trace(p, n), trace(q, n), apart(p - 1, q - 1))
            for p, q in ((8, 8), (32, 32), (4, 5), (8, 9), (32, 33))
        ]
        ar, iid = autoregressive(n, 8.0, 0.9), independent(n, 8.0)
        rows += [("AR(1), 0.9", "AR(1), 0.9", n, ar, ar, (0.0, 0.0)),
                 ("AR(1), 0.9", "independent", n, ar, iid, (0.0, 0.0))]  # fmt: skip
    return rows


def apart(first: float, second: float) -> tuple[float, float]:
    """Return the distances of geometric laws with these means."""
    tau = np.arange(3000)
    one, other = (np.exp(Geometric(mean).log_mass(tau, tau)) for mean in (first, second))
    return float(np.abs(one - other).sum() / 2), abs(first - second)


def rejected(values: list[float]) -> str:
    """Return the part of p-values below the level, of those that there are."""
    known = np.array(values)[~np.isnan(values)]
    return f"{100 * np.mean(known < LEVEL):.1f} %" if len(known) else "—"


if __name__ == "__main__":
    main()
