"""The `[problem]` table of a scenario file: which objective, on which data, from which start."""

from __future__ import annotations

from typing import Annotated, TypeAlias, get_args

from pydantic import Field

from asysim.problems.factorization import MatrixFactorizationSettings
from asysim.problems.least_squares import LeastSquaresSettings
from asysim.problems.logistic import LogisticSettings
from asysim.problems.matrix_sensing import MatrixSensingSettings
from asysim.problems.mlp import MlpSettings
from asysim.problems.model import ProblemModel
from asysim.problems.phase_retrieval import PhaseRetrievalSettings
from asysim.problems.quadratic import QuadraticSettings
from asysim.problems.saddle_chain import SaddleChainSettings
from asysim.problems.streaming_pca import StreamingPcaSettings
from asysim.problems.symmetric_factorization import SymmetricFactorizationSettings
from asysim.problems.torch_settings import TorchSettings

ProblemSettings: TypeAlias = Annotated[
    QuadraticSettings
    | LeastSquaresSettings
    | LogisticSettings
    | MlpSettings
    | TorchSettings
    | MatrixFactorizationSettings
    | SaddleChainSettings
    | PhaseRetrievalSettings
    | StreamingPcaSettings
    | SymmetricFactorizationSettings
    | MatrixSensingSettings,
    Field(discriminator="kind"),
]
"""All kinds there are: a new one is a file of its own, and a name here."""
KINDS: tuple[type[ProblemModel], ...] = get_args(get_args(ProblemSettings)[0])
