"""Time laws: how long a computation, a message or a sweep takes, in seconds.

A law maps one uniform number in (0, 1) to one duration, as a rule by its quantile function. So
draw i of a worker is a function of word i of its stream alone, and the same word gives coupled
times under two laws or two means (common random numbers), which makes comparisons sharp.
"""

from asysim.laws.base import Array, TimeLaw, finite_mean
from asysim.laws.empirical import Empirical
from asysim.laws.heavy import LogNormal, Pareto, Weibull
from asysim.laws.parts import Hyperexponential
from asysim.laws.simple import Constant, Erlang, Exponential, Gamma, Uniform
from asysim.laws.union import Batch, ComputeLaw, Law, Mixture, Scaled, Size, for_batch

__all__ = [
    "Array",
    "Batch",
    "ComputeLaw",
    "Constant",
    "Empirical",
    "Erlang",
    "Exponential",
    "Gamma",
    "Hyperexponential",
    "Law",
    "LogNormal",
    "Mixture",
    "Pareto",
    "Scaled",
    "Size",
    "TimeLaw",
    "Uniform",
    "Weibull",
    "finite_mean",
    "for_batch",
]
