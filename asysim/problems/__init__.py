"""What asynchronous SGD minimises: objectives, data sets, and their tables in a scenario file."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from asysim.ground.arrays import Vector
from asysim.problems.base import Constants, CriticalPoint, FiniteSum, Problem
from asysim.problems.data_settings import DataSettings
from asysim.problems.settings import KINDS, ProblemSettings

if TYPE_CHECKING:
    from asysim.problems.data import DataSet
    from asysim.problems.factorization import MatrixFactorization
    from asysim.problems.least_squares import LeastSquares
    from asysim.problems.logistic import Logistic
    from asysim.problems.matrix_sensing import MatrixSensing
    from asysim.problems.mlp import MultilayerPerceptron
    from asysim.problems.phase_expectation import StreamingPhaseRetrieval
    from asysim.problems.phase_retrieval import PhaseRetrieval
    from asysim.problems.quadratic import Quadratic
    from asysim.problems.saddle_chain import SaddleChain
    from asysim.problems.streaming_pca import StreamingPca
    from asysim.problems.symmetric_factorization import SymmetricFactorization
    from asysim.problems.torch_module import TorchProblem

__all__ = [
    "Constants",
    "CriticalPoint",
    "DataSet",
    "DataSettings",
    "FiniteSum",
    "LeastSquares",
    "Logistic",
    "MatrixFactorization",
    "MatrixSensing",
    "MultilayerPerceptron",
    "PhaseRetrieval",
    "Problem",
    "ProblemSettings",
    "Quadratic",
    "SaddleChain",
    "StreamingPca",
    "StreamingPhaseRetrieval",
    "SymmetricFactorization",
    "TorchProblem",
    "Vector",
]

# Not in the file of a table, and slow to import.
_LATER = {"DataSet": "data", "TorchProblem": "torch_module"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    for model in KINDS:  # an objective stands in the file of its table
        if name in vars(found := import_module(model.__module__)) and not name.startswith("_"):
            return getattr(found, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
