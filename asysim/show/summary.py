"""The few numbers that say what a trace was like: throughput, staleness, who did the work."""

from __future__ import annotations

from dataclasses import dataclass

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
