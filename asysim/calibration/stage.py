"""One fitted stage of a gradient's way: a law for each class of workers, and draws of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from asysim.calibration.alike import alike, level
from asysim.calibration.fit import Estimate, Fit, fit_law
from asysim.calibration.rates import Rate
from asysim.calibration.speeds import known_to, one_shape, scaled_law, speeds_of
from asysim.calibration.times import Times
from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import NANOSECOND

Way = Literal["plus", "times"]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Laws of a stage, as tables of a scenario file.

    Attributes
    ----------
    laws
        One for each class.
    speeds
        A factor for each class; empty unless all have one law.
    rate
        The number that the times depend on, if they depend on one.
    """

    laws: list[dict[str, Any]]
    speeds: list[float]
    rate: float | None


@dataclass(frozen=True, eq=False)
class Stage:
    """A fitted stage.

    Attributes
    ----------
    name
        Which.
    times
        What it was fitted to.
    classes
        The class of each worker; (p,).
    fits
        One for each class; or one for all, if they differ in speed alone.
    speeds
        Each class's speed; empty unless classes differ in speed alone.
    spreads
        And how well the logarithm of each class's typical time is known: standard deviations.
    rate, depends, way
        A number b or c with standard error; what it goes with, (n,); and how: a time is
        t + b·bytes ("plus") or t·(1 + c·others) ("times").
    """

    name: str
    times: Times
    classes: list[int]
    fits: list[Fit]
    speeds: list[Estimate]
    spreads: list[float] = field(default_factory=list)
    rate: Rate | None = None
    depends: Ints | Floats | None = None
    way: Way = "plus"

    @property
    def many(self) -> bool:
        """Whether workers differ."""
        return max(self.classes) > 0

    def drawn(self, generator: np.random.Generator | None) -> Drawn:
        """Return the laws that fit best; or, with a generator, ones that fit as well as any."""
        values = [speed.value for speed in self.speeds]
        if generator is None:
            rate = None if self.rate is None else self.rate.value
            return Drawn([fit.law or {} for fit in self.fits], values, rate)
        if self.rate is not None:
            return self.drawn_at(generator, self.rate.redrawn(generator))
        laws = [fit.redrawn(generator) for fit in self.fits]
        if not self.speeds:
            return Drawn(laws, [], None)
        # The law's scale is the first class's, whose times alone tell it.
        moved = generator.standard_normal(len(values)) * np.array(self.spreads)
        scale = float(np.exp(moved[0]))
        factors = np.exp(moved[0] - moved).tolist()
        speeds = [value * factor for value, factor in zip(values, factors, strict=True)]
        return Drawn([scaled_law(laws[0], scale)], speeds, None)

    def drawn_at(self, generator: np.random.Generator, rate: float | None) -> Drawn:
        """Return laws drawn from what the times leave open, if they depend on this number."""
        assert rate is not None
        net = _net(self.times, self.depends, rate, self.way)
        laws = [
            fit.redrawn(generator, net.of_workers(_members(self.classes, number)).seconds)
            for number, fit in enumerate(self.fits)
        ]
        return Drawn(laws, [], rate)


def fit_stage(
    times: Times,
    workers: int,
    generator: np.random.Generator,
    *,
    samples: int,
    immaterial: float = 0.0,
    negligible: float = 0.0,
    apart: bool = True,
    scaling: bool = False,
    classes: list[int] | None = None,
    rate: Rate | None = None,
    depends: Ints | Floats | None = None,
    way: Way = "plus",
) -> Stage:
    """Fit a stage's times.

    Parameters
    ----------
    times
        All of them.
    workers
        P.
    generator
        Makes all random choices.
    samples
        For the test whether laws fit; 0: none.
    immaterial
        Seconds by which real times may vary and still be a constant.
    negligible
        Seconds by which typical times may differ and still be alike.
    apart
        Whether workers may differ.
    scaling
        Whether those who do may have one law with a speed each.
    classes
        The class of each worker, where that is known.
    rate, depends, way
        As in `Stage`.
    """
    net = times if rate is None else _net(times, depends, rate.value, way)
    if classes is None:
        classes = alike(net, workers, negligible) if apart else [0] * workers
    parts = [net.of_workers(_members(classes, number)) for number in range(max(classes) + 1)]

    def fitted(name: str, part: Times) -> Fit:
        return fit_law(name, part.seconds, generator, samples=samples, immaterial=immaterial)

    if scaling and len(parts) > 1 and one_shape(parts):
        speeds = speeds_of(parts)
        scaled = [p.seconds * s.value for p, s in zip(parts, speeds, strict=True)]
        whole = replace(net, seconds=np.concatenate(scaled))
        spreads = [float(np.sqrt(level(part).variance)) for part in parts]
        fit = known_to(fitted(times.name, whole), spreads[0])
        return Stage(times.name, times, classes, [fit], speeds, spreads)
    names = [times.name] if len(parts) == 1 else [_named(times.name, classes, n)
                                                  for n in range(len(parts))]  # fmt: skip
    fits = [fitted(name, part) for name, part in zip(names, parts, strict=True)]
    if rate is not None and rate.error > 0:
        ends = [
            _net(times, depends, max(0.0, rate.value + sign * rate.error), way) for sign in (-1, 1)
        ]
        fits = [
            _widened(fit, *(end.of_workers(_members(classes, n)).seconds for end in ends))
            for n, fit in enumerate(fits)
        ]
    return Stage(times.name, times, classes, fits, [], [], rate, depends, way)


def _net(times: Times, depends: Ints | Floats | None, rate: float, way: Way) -> Times:
    """Return times without what depends on something else."""
    assert depends is not None
    if way == "plus":
        return replace(times, seconds=np.maximum(times.seconds - rate * depends, 0.0))
    return replace(times, seconds=times.seconds / (1 + rate * depends))


def _members(classes: list[int], number: int) -> list[int]:
    return [worker for worker, mine in enumerate(classes) if mine == number]


def _named(name: str, classes: list[int], number: int) -> str:
    return f"{name}, {numbered(_members(classes, number))}"


def numbered(workers: Sequence[int]) -> str:
    """Name workers by their numbers: ``workers 0–3, 7``."""
    runs: list[list[int]] = []
    for worker in workers:
        if runs and worker == runs[-1][1] + 1:
            runs[-1][1] = worker
        else:
            runs.append([worker, worker])
    text = ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in runs)
    return f"worker{'s' if len(workers) > 1 else ''} {text}"


def _widened(fit: Fit, less: Floats, more: Floats) -> Fit:
    """Return a fit whose intervals also have what the rate's uncertainty moves."""
    if fit.family is not None:
        family = fit.family
        ends = [family.estimate(np.maximum(x, 0.5 * NANOSECOND)) for x in (less, more)]
        moved = np.abs(ends[1] - ends[0]) / 2 * 1.96
    else:
        moved = np.full(len(fit.estimates), abs(more.mean() - less.mean()) / 2 * 1.96)
    estimates = {}
    for (key, old), by in zip(fit.estimates.items(), moved.tolist(), strict=True):
        low = old.value - np.hypot(old.value - old.low, by)
        high = old.value + np.hypot(old.high - old.value, by)
        estimates[key] = Estimate(old.value, max(0.0, float(low)), float(high))
    return replace(fit, estimates=estimates)
