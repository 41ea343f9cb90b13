"""What a time law is like: its numbers beside those of named draws from it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from asysim.errors import unfit
from asysim.ground.console import say
from asysim.laws.base import Array, TimeLaw, about, in_full
from asysim.laws.distribution import quantiles
from asysim.laws.parts import deviation
from asysim.laws.union import Batch, ComputeLaw, for_batch
from asysim.random.streams import Purpose, WordSource, uniforms
from asysim.show.summary import seconds
from asysim.show.table import finite

Quantity: TypeAlias = tuple[str, float, float]
"""What, and in seconds how much by the law and by the draws."""

SHARES = {"median": 0.5, "90 %": 0.9, "99 %": 0.99, "99.9 %": 0.999}

_MOST_DRAWS = 10_000_000  # 80 MB of them

_NO_MEAN = (
    "The mean is infinite: the mean of draws is made by the largest of them, and grows without "
    "end as there are more."
)
_NO_DEVIATION = (
    "The standard deviation is infinite: a mean of draws settles slowly, and so does any "
    "throughput; that of these draws says little."
)


@dataclass(frozen=True)
class LawSheet:
    """A law beside draws from it.

    Parameters
    ----------
    given
        The law as a scenario has it.
    batch_size
        M, which the time of a `Batch` law depends on.
    count
        How many draws: those of worker 0, from its first.
    seed
        Names them.

    Raises
    ------
    InputError
        If one of the numbers is out of its range.
    """

    given: ComputeLaw
    batch_size: int = 1
    count: int = 100_000
    seed: int = 1

    def __post_init__(self) -> None:
        for key, value, least, most in (
            ("--batch-size", self.batch_size, 1, 2**53),
            ("--draws", self.count, 1, _MOST_DRAWS),
            ("--seed", self.seed, 0, 2**63 - 1),
        ):
            if not least <= value <= most:
                raise unfit(key, str(value), f"from {least} to {most}", "command line")

    @cached_property
    def law(self) -> TimeLaw:
        """The law of one gradient's time, M being known."""
        return for_batch(self.given, self.batch_size)

    @cached_property
    def draws(self) -> Array:
        """The draws in seconds, in their own order; shape (count,)."""
        words = WordSource(self.seed).words(Purpose.COMPUTE, 0, 0, self.count)
        return self.law.quantile(uniforms(words))

    @cached_property
    def deviation(self) -> float:
        """The law's standard deviation in seconds."""
        return deviation(self.law)

    @cached_property
    def mean_of_draws(self) -> float:
        """The mean of the draws in seconds."""
        return float(self.draws[0] + (self.draws - self.draws[0]).mean())

    @cached_property
    def rows(self) -> list[Quantity]:
        """The numbers: mean, standard deviation, quantiles."""
        shares = np.array(list(SHARES.values()))
        by_law = quantiles(self.law, shares)
        by_draws = np.quantile(self.draws, shares, method="inverted_cdf")
        # That of draws from a law that has none would be a number without a meaning.
        spread = math.nan
        if math.isfinite(self.deviation):
            spread = float((self.draws - self.draws[0]).std())  # 0 exactly if all are equal
        rows = [("mean", self.law.mean, self.mean_of_draws)]
        rows += [("standard deviation", self.deviation, spread)]
        rows += zip(SHARES, by_law.tolist(), by_draws.tolist(), strict=True)
        return rows

    @property
    def title(self) -> str:
        """The law as a scenario file has it, and M if that matters."""
        size = f", M = {self.batch_size}" if isinstance(self.given, Batch) else ""
        return in_full(self.given) + size

    @property
    def warning(self) -> str:
        """What a mean of draws is worth where tails are heavy; empty where it is worth a lot."""
        if math.isinf(self.law.mean):
            return _NO_MEAN
        return _NO_DEVIATION if math.isinf(self.deviation) else ""


def print_law(sheet: LawSheet, console: Console) -> None:
    """Print the law, then its numbers beside those of the draws."""
    say(console, f"[bold]{escape(sheet.title)}[/]")
    say(console, escape(about(sheet.given)))
    table = Table(header_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("law", justify="right")
    table.add_column(f"{sheet.count:,} draws", justify="right")
    for what, by_law, by_draws in sheet.rows:
        error = _error(sheet) if what == "mean" else ""
        table.add_row(what, _shown(by_law), _shown(by_draws) + error)
    console.print(table, highlight=False)
    if sheet.warning:
        say(console, f"[yellow]{sheet.warning}[/]")


def _error(sheet: LawSheet) -> str:
    if not math.isfinite(sheet.deviation) or sheet.deviation == 0:
        return ""
    return f" ± {seconds(sheet.deviation / math.sqrt(sheet.count))}"


def _shown(value: float) -> str:
    if math.isnan(value):
        return "—"
    return "infinite" if math.isinf(value) else seconds(value)


def law_as_json(sheet: LawSheet, picture: str) -> str:
    """Return the numbers as one line of JSON, for scripts; null: infinite."""
    by_law = {_name(what): finite(said) for what, said, _ in sheet.rows}
    by_draws = {_name(what): finite(said) for what, _, said in sheet.rows}
    document: dict[str, Any] = {
        "law": sheet.given.model_dump(mode="json", exclude_none=True),
        "batch_size": sheet.batch_size,
        "seconds": by_law,
        "draws": sheet.count,
        "seed": sheet.seed,
        "seconds_of_draws": by_draws,
        "warning": sheet.warning,
        "picture": picture,
    }
    return json.dumps(document)


def _name(what: str) -> str:
    return what.replace(" %", "%").replace(" ", "_")
