"""What both papers say of a scenario: its constants, its step, its workers, its methods' times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Floats, Vector
from asysim.ground.one_line import OneLine
from asysim.scenario import Scenario
from asysim.theory.complexity import Complexity, complexity
from asysim.theory.compute_times import ComputeTimes
from asysim.theory.consistent import Consistent
from asysim.theory.estimates import Estimate
from asysim.theory.staleness_bound import Staleness
from asysim.theory.verdict import Theorem, Verdict, not_in_theorem

_DECADES = 5  # accuracies that complexities are told for


class RunFacts(NamedTuple):
    """What a run shows of itself.

    Attributes
    ----------
    updates
        K, that it made.
    staleness
        The largest τ of it.
    points
        x_1 and other points of it.
    least
        The least loss of its curve.
    diverged
        Whether it ended so.
    """

    updates: int
    staleness: int
    points: Sequence[Vector]
    least: float
    diverged: bool = False


def symbols_of(scenario: Scenario) -> tuple[str, ...]:
    """Return the constants that the theorem of a scenario's algorithm is made of."""
    free = scenario.algorithm.name == "asysg-incon"
    return ("Δ", "L_max", "L_T", "σ²") if free else ("Δ", "L", "σ²")


@dataclass(frozen=True, repr=False)
class Assessment(OneLine):
    """What is known, and what follows.

    Attributes
    ----------
    scenario, dimension
        What it is of, and n.
    constants
        Δ, L, L_max, L_T, ρ and σ², by these symbols.
    updates, staleness
        K, and T.
    step
        γ, or γ_k, shape (K,); None where it can't be had.
    start_norm2
        ‖∇f(x_1)‖².
    theorem
        That of the scenario's algorithm with its constants; None if one can't be had.
    verdict
        On the scenario's step.
    times
        Of computing a gradient.
    outside
        Why the constants need not hold for the run; empty if nothing shows that.
    """

    scenario: Scenario
    dimension: int
    constants: Mapping[str, Estimate]
    updates: int
    staleness: Staleness
    step: float | Floats | None
    start_norm2: float
    theorem: Theorem | None
    verdict: Verdict
    times: ComputeTimes
    outside: str = ""

    @property
    def line(self) -> str:
        """Its name, and the verdict in words."""
        return f"{self.scenario.name}: {self.sentence}"

    @property
    def sentence(self) -> str:
        """The verdict, and why."""
        return f"Condition: {self.verdict.word}. {' '.join(self.verdict.sentences)}"

    @property
    def is_silent(self) -> bool:
        """Whether the theorem is of another update, or of constants that need not hold."""
        return bool(self.outside or not_in_theorem(self.scenario))

    @property
    def may_be_larger(self) -> tuple[str, ...]:
        """Constants of the theorem that were estimated at some points, and there only."""
        symbols = symbols_of(self.scenario)
        return tuple(one for one in symbols if self.constants[one].may_be_larger)

    @property
    def batch_size(self) -> int:
        """M."""
        return self.scenario.algorithm.batch_size

    @property
    def largest_staleness(self) -> tuple[int | None, int | None, int | None]:
        """The largest T with linear speedup: as reckoned, and with all constants at either end.

        −1 where not even T = 0 will do; None where constants allow no number, or the corollary is
        of something else.
        """
        if self.is_silent:
            return None, None, None
        ends = (self.theorem, self._at_the_end(worst=True), self._at_the_end(worst=False))
        value, low, high = (None if end is None else _reckoned(end, self.updates) for end in ends)
        return value, low, high

    @property
    def corollary_step(self) -> tuple[float, float] | None:
        """The corollary's γ for K, and its bound; None if there is none, or of something else."""
        found = self.theorem
        if found is None or self.is_silent or found.gap == 0 or found.variance == 0:
            return None
        if isinstance(found, Consistent):
            corollary = found.corollary(self.updates)
            return corollary.step, corollary.bound
        return found.corollary_step(self.updates), found.corollary_bound(self.updates)

    def complexities(self) -> list[Complexity]:
        """Return what methods take to E‖∇f‖² ≤ ε, for powers of ten ε below ‖∇f(x_1)‖².

        Nothing if L or Δ is 0, a constant is missing or need not hold, or a mean time is 0 or
        infinite.
        """
        gap, smooth, noise = (self.constants[symbol].value for symbol in ("Δ", "L", "σ²"))
        known = gap and smooth and noise is not None and not self.outside
        if not (known and self.start_norm2 > 0 and self.times.all_known):
            return []
        assert gap is not None
        assert smooth is not None
        assert noise is not None
        top = 10.0 ** np.floor(np.log10(self.start_norm2))
        top = top if top < self.start_norm2 else top / 10
        return [
            complexity(
                self.times.means, smoothness=smooth, gap=gap, variance=noise / self.batch_size,
                accuracy=float(top / 10**decade), round_time=self.times.round_time,
            )
            for decade in range(_DECADES)
        ]  # fmt: skip

    def bounds(self, at: Sequence[int]) -> Floats:
        """Return the theorem's bound over the first k updates for each of some k ≥ 1.

        Raises
        ------
        ValueError
            If there is no theorem that holds.
        """
        if self.theorem is None or self.step is None or self.verdict.bound is None:
            raise ValueError("needs a theorem whose condition is met")
        if isinstance(self.step, np.ndarray):
            found: Floats = self.theorem.bounds(self.step)[np.asarray(at) - 1]
            return found
        return np.array([self.theorem.bound(self.step, k) for k in at])

    def _at_the_end(self, *, worst: bool) -> Theorem | None:
        if self.theorem is None:
            return None

        def end(symbol: str, *, large: bool) -> float:
            return self.constants[symbol].high if large else self.constants[symbol].low

        changes = {"gap": end("Δ", large=worst), "variance": end("σ²", large=not worst)}
        if isinstance(self.theorem, Consistent):
            changes["smoothness"] = end("L", large=worst)
        else:
            changes["coordinate_smoothness"] = end("L_max", large=worst)
            changes["delay_smoothness"] = end("L_T", large=worst)
        try:
            return replace(self.theorem, **changes)  # type: ignore[arg-type]
        except ValueError:  # an end that is 0 or infinite
            return None


def _reckoned(theorem: Theorem, updates: int) -> int | None:
    """Return the largest T with linear speedup, −1 if not even T = 0; None: can't be reckoned."""
    try:
        found = theorem.largest_staleness(updates)
    except (ValueError, OverflowError):
        return None
    return -1 if found is None else found
