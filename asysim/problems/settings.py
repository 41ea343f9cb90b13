"""The `[problem]` table of a scenario file: which objective, on which data, from which start."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from asysim.errors import Clash, unfit
from asysim.ground.ranges import Magnification, NotNegative, Number, Positive, Share, Size
from asysim.problems.base import Problem
from asysim.problems.data_settings import (
    ActivationName,
    BreastCancerData,
    DataSettings,
    DigitsData,
    Layers,
    RegressionData,
)
from asysim.problems.model import Loss, ProblemModel, Seed, goal
from asysim.problems.torch_settings import TorchSettings

__all__ = ["DataSettings", "ProblemSettings"]

Ridge: TypeAlias = Annotated[NotNegative, Field(description="weight of ½‖x‖²")]

_HIDDEN = 32  # units of the one hidden layer of a network whose layers are not given


class QuadraticSettings(ProblemModel):
    """A quadratic bowl or saddle with Gaussian gradient noise."""

    kind: Literal["quadratic"] = "quadratic"
    dimension: Size | None = Field(
        default=None, description="number of coordinates; 10 if no eigenvalues are given"
    )
    condition: Magnification | None = Field(
        default=None,
        description="eigenvalues spaced evenly in their logarithm from 1 down to 1/condition; "
        "10 if no eigenvalues are given",
    )
    eigenvalues: tuple[Number, ...] | None = Field(
        default=None, min_length=1, description="in place of the two above; negative: a saddle"
    )
    noise: NotNegative = Field(default=1.0, description="σ: root of E‖noise‖² of one sample")
    start: Number | tuple[Number, ...] = Field(
        default=1.0, description="x_1, or each coordinate of it"
    )
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_spectrum(self) -> QuadraticSettings:
        named = self.dimension is not None or self.condition is not None
        if named and self.eigenvalues is not None:
            raise Clash("eigenvalues", "should not stand beside dimension or condition")
        length = len(self.eigenvalues) if self.eigenvalues is not None else self.dimension or 10
        if isinstance(self.start, tuple) and len(self.start) != length:
            raise Clash("start", f"should have {length} numbers, one for each coordinate")
        return self

    def build(self) -> Problem:
        from asysim.problems.data import spectrum
        from asysim.problems.quadratic import Quadratic

        eigenvalues = self.eigenvalues or spectrum(self.dimension or 10, self.condition or 10.0)
        return Quadratic(eigenvalues, noise=self.noise, start=self.start)


class LeastSquaresSettings(ProblemModel):
    """Linear regression by least squares."""

    kind: Literal["least_squares"] = "least_squares"
    data: DataSettings = RegressionData()
    l2: Ridge = 0.0
    seed: Seed = 0

    def build(self) -> Problem:
        from asysim.problems.least_squares import LeastSquares

        data = self.data.build(seed=self.seed)
        if data.targets.ndim != 1:
            found = f"{data.targets.shape[1]} targets per example ({self.data.kind})"
            raise unfit("problem.data", found, "data with one target per example")
        if data.classes is not None and data.classes > 2:
            found = f"{data.classes} classes ({self.data.kind})"
            raise unfit("problem.data", found, "real targets, or two classes, labelled −1 and +1")
        return LeastSquares(data.features, data.targets, l2=self.l2)


class LogisticSettings(ProblemModel):
    """Logistic regression of two classes."""

    kind: Literal["logistic"] = "logistic"
    data: DataSettings = BreastCancerData()
    l2: Ridge = 1e-3
    seed: Seed = 0

    def build(self) -> Problem:
        from asysim.problems.logistic import Logistic

        data = self.data.build(seed=self.seed)
        if data.classes != 2:
            targets = "real targets" if data.classes is None else f"{data.classes} classes"
            raise unfit("problem.data", f"{targets} ({self.data.kind})", "data with two classes")
        return Logistic(data.features, data.targets, l2=self.l2)


class MlpSettings(ProblemModel):
    """A multilayer perceptron: softmax classifier or regression."""

    kind: Literal["mlp"] = "mlp"
    data: DataSettings = DigitsData()
    layers: Layers | None = Field(
        default=None,
        description="numbers of units, the inputs first, the outputs last; if not given, what the "
        f"data ask for around one hidden layer of {_HIDDEN}",
    )
    activation: ActivationName = Field(default="relu", description="after each hidden layer")
    loss: Loss = None
    seed: Seed = 0

    def build(self) -> Problem:
        from asysim.problems.mlp import MultilayerPerceptron

        data = self.data.build(seed=self.seed)
        loss, targets = goal(data, self.loss, self.data.kind)
        width = 1 if data.targets.ndim == 1 else data.targets.shape[1]
        outputs = data.classes or width
        layers = self.layers or (data.features.shape[1], _HIDDEN, outputs)
        if layers[0] != data.features.shape[1]:
            expected = f"{data.features.shape[1]}, the features of {self.data.kind}, to come first"
            raise unfit("problem.layers", f"{layers[0]} inputs", expected)
        if layers[-1] != outputs and not (loss == "cross_entropy" and layers[-1] > outputs):
            what = "targets" if data.classes is None else "classes"
            expected = f"{outputs}, the {what} of {self.data.kind}, to come last"
            raise unfit("problem.layers", f"{layers[-1]} outputs", expected)
        return MultilayerPerceptron(
            data.dense_features(),
            targets,
            layers=layers,
            activation=self.activation,
            loss=loss,
            seed=self.seed,
        )


class MatrixFactorizationSettings(ProblemModel):
    """Low-rank factorisation of a synthetic matrix, or of the features of a data set."""

    kind: Literal["matrix_factorization"] = "matrix_factorization"
    data: DataSettings | None = Field(
        default=None, description="whose features to factorise, in place of a synthetic matrix"
    )
    rows: Size | None = Field(default=None, description="of the synthetic matrix; 50")
    columns: Size | None = Field(default=None, description="of the synthetic matrix; 40")
    true_rank: Size | None = Field(default=None, description="of the synthetic matrix; `rank`")
    noise: NotNegative | None = Field(
        default=None, description="standard deviation added to a synthetic entry; 0"
    )
    rank: Size = Field(default=3, description="of the approximation")
    observed: Share = Field(default=1.0, description="fraction of entries that count")
    start_scale: Positive = Field(default=0.1, description="standard deviation of x_1's entries")
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_matrix(self) -> MatrixFactorizationSettings:
        synthetic = (self.rows, self.columns, self.true_rank, self.noise)
        if self.data is not None and any(value is not None for value in synthetic):
            raise Clash("data", "should not stand beside rows, columns, true_rank or noise")
        return self

    def build(self) -> Problem:
        from asysim.problems.factorization import MatrixFactorization, low_rank_matrix, random_mask

        minimum = None
        if self.data is not None:
            matrix = self.data.build(seed=self.seed).dense_features()
        else:
            rows, columns = self.rows or 50, self.columns or 40
            rank, noise = self.true_rank or self.rank, self.noise or 0.0
            matrix = low_rank_matrix(rows, columns, rank=rank, noise=noise, seed=self.seed)
            minimum = 0.0 if noise == 0 and self.rank >= rank else None
        mask = random_mask(matrix.shape, self.observed, seed=self.seed)
        return MatrixFactorization(
            matrix,
            rank=self.rank,
            observed=mask,
            minimum=minimum,
            start_scale=self.start_scale,
            seed=self.seed,
        )


ProblemSettings: TypeAlias = Annotated[
    QuadraticSettings
    | LeastSquaresSettings
    | LogisticSettings
    | MlpSettings
    | TorchSettings
    | MatrixFactorizationSettings,
    Field(discriminator="kind"),
]
