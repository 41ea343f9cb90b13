"""How many workers may work with linear speedup, by the orders of three papers.

An order has no constant: where a theorem's constants are not held, what is printed has constant 1,
and says how p grows, not what it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from asysim.theory.arguments import count


@dataclass(frozen=True, kw_only=True)
class Order:
    """O(K^a M^−b) workers.

    Attributes
    ----------
    source, papers
        Whose it is, and keys of ``papers.bib``.
    updates, batch
        a and b.
    words, origin
        The order, and what is known of it: as stated in a paper at hand, or as recalled.
    reaches
        What is reached with so many.
    """

    source: str
    papers: tuple[str, ...]
    updates: float
    batch: float
    words: str
    origin: str
    reaches: str

    def workers(self, updates: int, batch_size: int) -> float:
        """Return K^a M^−b, with constant 1.

        Raises
        ------
        ValueError
            If K or M is below 1.
        """
        count("updates", updates)
        count("samples in a mini-batch", batch_size)
        return float(updates**self.updates * batch_size**-self.batch)


AGARWAL_DUCHI = Order(
    source="Agarwal & Duchi 2011", papers=("agarwal2011distributed",), updates=1 / 4, batch=3 / 4,
    words="K^(1/4) M^(−3/4)", origin="K^(1/4) as Lian et al. state it; M as recalled",
    reaches="the optimal rate, for convex f",
)  # fmt: skip
LIAN = Order(
    source="Lian et al. 2015", papers=("lian2015asynchronous",), updates=1 / 2, batch=1 / 2,
    words="√(K/M)", origin="√K as stated; M as recalled", reaches="small ‖∇f‖",
)  # fmt: skip
WANG = Order(
    source="Wang, Shen & Zhao, v6", papers=("wang2019second", "wang2022parallelization"),
    updates=1 / 3, batch=1 / 3, words="K^(1/3) M^(−1/3)", origin="as stated; up to logarithms",
    reaches="second-order points",
)  # fmt: skip
ORDERS = (AGARWAL_DUCHI, LIAN, WANG)
