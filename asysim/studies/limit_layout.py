"""What a limit study is to compute, looked at before anything is: K, M, their steps and their p."""

from __future__ import annotations

import math
from itertools import product, starmap
from typing import NamedTuple

from asysim.errors import unfit
from asysim.ground.ranges import MOST_WORKERS
from asysim.problems.base import Problem, TwiceDifferentiable
from asysim.problems.own import named
from asysim.replay.least_curvature import WITH_HVP
from asysim.scenario import Scenario, vary
from asysim.scenario.limits import Limits
from asysim.studies.arrived import theorem_of
from asysim.studies.limit_grid import Cell
from asysim.studies.task import with_workers
from asysim.updates.theorem import Corollary


class Layout(NamedTuple):
    """The cells of a study.

    Attributes
    ----------
    bases
        Scenarios with the K and M of each.
    theorems
        With its constants, K and M.
    counts
        Numbers of workers, 1 first.
    """

    bases: dict[Cell, Scenario]
    theorems: dict[Cell, Corollary]
    counts: dict[Cell, tuple[int, ...]]

    @classmethod
    def of(cls, settled: Scenario, problem: Problem) -> Layout:
        """Lay out a study whose `limits` table is filled in.

        Raises
        ------
        InputError
            If one of the theorem's constants is not known, the problem has no Hessian-vector
            products, or a cell would have one worker only, or more than there can be.
        """
        if not isinstance(problem, TwiceDifferentiable):
            found = f"{named(problem, settled.problem.kind)}, which has none"
            raise unfit("problem", found, WITH_HVP)
        asked = settled.limits
        assert asked is not None
        bases = {
            cell: vary(
                settled.model_copy(update={"limits": None, "speedup": None}),
                f"run.updates={cell.updates}",
                f"algorithm.batch_size={cell.batch_size}",
            )
            for cell in starmap(Cell, product(asked.updates, asked.batch_sizes))
        }
        theorems = {cell: theorem_of(base, problem) for cell, base in bases.items()}
        counts = {cell: asked.counts(proven(theorem)) for cell, theorem in theorems.items()}
        for cell, own in counts.items():
            _check(asked, cell, own, proven(theorems[cell]))
        for p in sorted(set().union(*counts.values())):
            with_workers(settled, p)  # says now what can't be, rather than after hours
        return cls(bases, theorems, counts)


def proven(corollary: Corollary) -> float:
    """Return the most workers, T + 1, with K ≥ 4MLΔ(T + 1)²/σ²; below 1: not even one."""
    return math.sqrt(corollary.updates / corollary.least_updates(0))


def _check(asked: Limits, cell: Cell, counts: tuple[int, ...], most: float) -> None:
    if asked.workers is not None:
        if counts == (1,):
            raise unfit("limits.workers", str(list(asked.workers)), "one number at least above 1")
        return
    multiples = asked.multiples or ()
    here = f"K = {cell.updates:,} and M = {cell.batch_size}, of which p = {most:.3g} is proven"
    if counts == (1,):
        wanted = f"such that one p at least is above 1, also with {here}"
        raise unfit("limits.multiples", str(list(multiples)), wanted)
    if counts[-1] > MOST_WORKERS:
        wanted = f"such that no p is above {MOST_WORKERS:,}, also with {here}"
        raise unfit("limits.multiples", f"{max(multiples):g}", wanted)
