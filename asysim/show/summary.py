"""The few numbers that say what a trace was like, and what a real run measured beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asysim.trace.kept_trace import Recorded


@dataclass(frozen=True)
class Summary:
    """What a trace was like.

    Attributes
    ----------
    updates, gradients, discarded
        How many updates were made, gradients disposed of, and those of them not applied.
    seconds, clock
        From the start to the last disposal, and whose seconds: simulated or real.
    throughput
        Updates per second; inf if no time passed.
    mean_staleness, staleness_quantiles, max_staleness
        Of the gradients applied; the quantiles are 50 %, 90 % and 99 %.
    least_share, most_share
        Of all gradients, the part by the least and by the most busy worker.
    """

    updates: int
    gradients: int
    discarded: int
    seconds: float
    clock: str
    throughput: float
    mean_staleness: float
    staleness_quantiles: tuple[int, int, int]
    max_staleness: int
    least_share: float
    most_share: float

    @classmethod
    def of(cls, trace: Recorded) -> Summary:
        """Summarise a trace."""
        counts = trace.counts
        shares = counts.disposed / max(1, counts.gradients)
        middle, most, nearly_all = (counts.staleness_quantile(q) for q in (0.5, 0.9, 0.99))
        return cls(
            updates=counts.updates,
            gradients=counts.gradients,
            discarded=counts.gradients - int(counts.times.sum()),
            seconds=counts.seconds,
            clock=trace.info.clock,
            throughput=counts.updates / counts.seconds if counts.seconds else float("inf"),
            mean_staleness=counts.mean_staleness,
            staleness_quantiles=(middle, most, nearly_all),
            max_staleness=counts.max_staleness,
            least_share=float(shares.min()),
            most_share=float(shares.max()),
        )

    def lines(self) -> list[tuple[str, str]]:
        """Return (what, how much) for people, one pair a line."""
        middle, most, nearly_all = self.staleness_quantiles
        lines = [
            ("updates", f"{self.updates:,}"),
            ("gradients", f"{self.gradients:,}"),
            ("time", f"{seconds(self.seconds)} ({self.clock} clock)"),
            ("throughput", self._throughput),
            ("staleness, mean", f"{self.mean_staleness:.3f}"),
            ("staleness, 50/90/99 %", f"{middle} / {most} / {nearly_all}"),
            ("staleness, largest", f"{self.max_staleness}"),
            ("work per worker", f"{self.least_share:.2%} … {self.most_share:.2%}"),
        ]
        if self.discarded:
            lines.insert(2, ("discarded", f"{self.discarded / self.gradients:.2%} of gradients"))
        return lines

    @property
    def _throughput(self) -> str:
        if self.seconds == 0:
            return "all at one instant" if self.updates else "no updates"
        return f"{rate(self.throughput)} updates/s"


def rate(value: float) -> str:
    """Write a number of things per second with four digits or all before the point."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def seconds(value: float) -> str:
    """Write a duration with a unit that fits it."""
    if value == 0:
        return "0 s"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.4g} {unit}"
    return f"{value / 1e-9:.4g} ns"


def measured_lines(measured: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (what, how much), one pair a line; nothing for a simulation."""
    if not measured:
        return []
    told = [("ran on", str(measured["backend"]))]
    latency = measured.get("core_to_core_ns")
    if latency is not None:
        told.append(("a word, core to core", seconds(latency * 1e-9)))
    if "write" in measured:
        sweep = ", read anew in the same sweep" if measured.get("one_sweep") else ""
        told.append(("x is written", f"{measured['write']}{sweep}"))
    if "lost_estimate" in measured:
        told.append(("component updates lost", _lost(measured)))
    if measured.get("left_behind"):
        told.append(("workers left behind", ", ".join(map(str, measured["left_behind"]))))
    if measured.get("half_written"):
        told.append(("updates half written", ", ".join(map(str, measured["half_written"]))))
    if measured.get("clock_every", 1) > 1:
        told.append(("instants", f"measured of one gradient in {measured['clock_every']}"))
    if "emulation" in measured:
        told += _emulation(measured["emulation"])
    return told


def _lost(measured: dict[str, Any]) -> str:
    if measured["write"] == "atomic":
        return "none: additions are atomic"
    lost, tries = measured["lost_of_tries"]
    return f"about {measured['lost_estimate']:.2g} ({lost:,} of {tries:,} canaries)"


def _emulation(told: dict[str, Any]) -> list[tuple[str, str]]:
    half, most = (seconds(told[f"overshoot_{which}_us"] * 1e-6) for which in ("median", "99"))
    return [
        ("emulated waits too long by", f"{half} (median), {most} (99 %)"),
        (
            "gradients late",
            f"{told['late_gradients']:,}, by {seconds(told['slip_seconds'])} in all",
        ),
    ]
