"""Whether the theorem whose step a run took says anything of it: numbers, and a verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from asysim.runs.outcome import DIVERGED, Run
from asysim.theory.verdict import not_in_theorem
from asysim.updates.theorem import Corollary


@dataclass(frozen=True)
class RunVerdict:
    """Corollary 2 of Lian et al. 2015 for AsySG-con, held against a run.

    Attributes
    ----------
    corollary
        With its constants.
    bound
        T, as the scenario enforces it; None: nothing does.
    largest
        The largest staleness of the run. Where nothing enforces a T, it is one for this run: the
        schedule knows nothing of x, and so the theorem holds for each schedule by itself.
    made
        Updates that the run made, of the K that γ is for.
    besides
        Keys of the scenario that make the update another one than the theorem's.
    diverged
        Whether the run did, so that its constants need not hold where it went.
    """

    corollary: Corollary
    bound: int | None
    largest: int
    made: int
    besides: tuple[str, ...]
    diverged: bool = False

    @classmethod
    def of(cls, run: Run) -> Self | None:
        """Return the verdict on a run; None if its step is its own."""
        if run.outcome.theorem is None:
            return None
        return cls(
            corollary=run.outcome.theorem,
            bound=run.scenario.algorithm.staleness_bound,
            largest=run.recorded.counts.max_staleness,
            made=run.outcome.updates,
            besides=not_in_theorem(run.scenario),
            diverged=run.status == DIVERGED,
        )

    @property
    def staleness(self) -> int:
        """T, or the largest staleness in its place."""
        return self.largest if self.bound is None else self.bound

    @property
    def is_long_enough(self) -> bool:
        """Whether K is at least 4MLΔ(T + 1)²/σ²."""
        return self.corollary.updates >= self.corollary.least_updates(self.staleness)

    @property
    def is_short_enough(self) -> bool:
        """Whether γ is: LMγ + 2(LMTγ)² ≤ 1, of Theorem 1."""
        return self.corollary.condition(self.staleness) <= 1

    @property
    def holds(self) -> bool:
        """Whether the corollary says something of the run."""
        return self.is_long_enough and not self.besides and not self.diverged

    @property
    def sentence(self) -> str:
        """The number, the condition and the verdict."""
        c, t = self.corollary, self.staleness
        said = (
            f"theorem: γ = sqrt(Δ/(MLKσ²)) = {c.step:.4g} with Δ = {c.gap:.4g}, L = "
            f"{c.smoothness:.4g}, σ² = {c.variance:.4g}, M = {c.batch_size}, K = {c.updates:,}; "
        )
        if self.besides:
            return said + f"but it knows no {' and no '.join(self.besides)}: it says nothing here"
        if self.bound is None:
            said += (
                "it needs a bound T, and algorithm.staleness_bound is absent: the largest "
                f"staleness of this run, {t}, in its place, "
            )
        said += (
            f"K ≥ 4MLΔ(T+1)²/σ² = {c.least_updates(t):,.0f} with T = {t} "
            f"{_verb(self.is_long_enough)}, "
            f"LMγ + 2(LMTγ)² = {c.condition(t):.3g} ≤ 1 {_verb(self.is_short_enough)}: "
        )
        if self.diverged and (self.is_long_enough or self.is_short_enough):
            return said + "but constants need not hold where a run diverges: it says nothing here"
        if self.is_long_enough:
            short = "" if self.made >= c.updates else f" (of which {self.made:,} were made)"
            return said + (
                f"the mean of E‖∇f‖² over K updates{short} is at most 4σ sqrt(ΔL/(MK)) = "
                f"{c.bound:.3g}"
            )
        if self.is_short_enough:
            return said + (
                "the corollary says nothing here, but Theorem 1 that the mean of E‖∇f‖² is at "
                f"most {c.first_bound(t):.3g}"
            )
        return said + "it says nothing of this run"

    def to_document(self) -> dict[str, Any]:
        """Return it for JSON."""
        c, t = self.corollary, self.staleness
        return {"step": c.step} | asdict(c) | {
            "staleness_bound": self.bound,
            "largest_staleness": self.largest,
            "least_updates": c.least_updates(t),
            "condition": c.condition(t),
            "not_in_it": list(self.besides),
            "holds": self.holds,
            "bound": c.bound if self.holds else None,
        }  # fmt: skip


def step(run: Run) -> str:
    """Write the step length of a run: the number, also where the theorem says it; or the rule."""
    theorem = run.outcome.theorem
    return f"{run.scenario.algorithm.step:g}" if theorem is None else f"{theorem.step:.4g}"


def _verb(holds: bool) -> str:
    return "holds" if holds else "fails"
