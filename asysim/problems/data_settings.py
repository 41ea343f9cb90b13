"""The `[problem.data]` table of a scenario file: which data set, and what it is made from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from asysim.ground.ranges import Magnification, NotNegative, Share, Size
from asysim.ground.table import FilePath

if TYPE_CHECKING:
    from asysim.problems.data import DataSet


Layers: TypeAlias = Annotated[
    tuple[Size, ...],
    Field(min_length=2, description="numbers of units, the inputs first, the outputs last"),
]

ActivationName: TypeAlias = Literal["relu", "tanh", "sigmoid"]


_FLOAT, _INDEX = 8, 8  # bytes


class TableSize(NamedTuple):
    """The size of a data set: samples, features, outputs; and the bytes it takes to make it."""

    samples: float
    features: float
    outputs: float
    making: float = 0.0


def parameters(layers: tuple[int, ...]) -> float:
    """Return how many weights and biases a network has."""
    return float(sum((a + 1) * b for a, b in pairwise(layers)))


class DataModel(BaseModel, ABC):
    """A description of a data set that can make it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def size(self) -> TableSize | None:
        """Return how large it will be; None if only its file says."""
        return None

    @abstractmethod
    def build(self, *, seed: int = 0) -> DataSet:
        """Make or read the data set; `seed` names the draw of a synthetic one.

        Raises
        ------
        InputError
            If a file can't be used.
        """


class DigitsData(DataModel):
    """scikit-learn's 1,797 handwritten digits, 64 pixels in [0, 1], ten classes."""

    kind: Literal["digits"] = "digits"

    def build(self, *, seed: int = 0) -> DataSet:  # noqa: ARG002
        from asysim.problems.data import digits

        return digits()

    def size(self) -> TableSize:
        return TableSize(1797, 64, 10)


class BreastCancerData(DataModel):
    """scikit-learn's 569 tumours, 30 standardised measures, two classes."""

    kind: Literal["breast_cancer"] = "breast_cancer"

    def build(self, *, seed: int = 0) -> DataSet:  # noqa: ARG002
        from asysim.problems.data import breast_cancer

        return breast_cancer()

    def size(self) -> TableSize:
        return TableSize(569, 30, 2)


class RegressionData(DataModel):
    """Synthetic: Gaussian features, a random linear function of them, Gaussian noise."""

    kind: Literal["regression"] = "regression"
    samples: Size = Field(default=1000, description="number of examples")
    features: Size = Field(default=20, description="number of features")
    condition: Magnification = Field(default=10.0, description="of the features' covariance")
    noise: NotNegative = Field(default=0.1, description="standard deviation added to a target")

    def build(self, *, seed: int = 0) -> DataSet:
        from asysim.problems.data import regression

        return regression(**self.model_dump(exclude={"kind"}), seed=seed)

    def size(self) -> TableSize:
        making = 2 * _FLOAT * self.samples * self.features
        return TableSize(self.samples, self.features, 1, making)


class ClassificationData(DataModel):
    """Synthetic: Gaussian features, dense or sparse, labels ±1 from a random logistic model."""

    kind: Literal["classification"] = "classification"
    samples: Size = Field(default=1000, description="number of examples")
    features: Size = Field(default=20, description="number of features")
    density: Share = Field(default=1.0, description="share of non-zeros; < 1: sparse")
    signal: NotNegative = Field(default=3.0, description="standard deviation of the log-odds")

    def build(self, *, seed: int = 0) -> DataSet:
        from asysim.problems.data import classification

        return classification(**self.model_dump(exclude={"kind"}), seed=seed)

    def size(self) -> TableSize:
        entries = self.samples * self.features * self.density
        making = (_FLOAT if self.density == 1 else 3 * _INDEX) * entries + 3 * _FLOAT * self.samples
        return TableSize(self.samples, self.features, 2, making + _FLOAT * self.features)


class TeacherData(DataModel):
    """Synthetic: Gaussian inputs, outputs of a random network plus noise (Lian et al. 2015)."""

    kind: Literal["teacher"] = "teacher"
    samples: Size = Field(default=10_000, description="number of examples")
    layers: Layers = (400, 100, 50, 20, 10)
    activation: ActivationName = Field(default="relu", description="after each hidden layer")
    noise: NotNegative = Field(default=0.1, description="standard deviation added to an output")

    def build(self, *, seed: int = 0) -> DataSet:
        from asysim.problems.data import teacher

        return teacher(**self.model_dump(exclude={"kind"}), seed=seed)

    def size(self) -> TableSize:
        layers = self.layers
        values = layers[0] + max(a + b for a, b in pairwise(layers))
        making = _FLOAT * (self.samples * values + parameters(layers))
        return TableSize(self.samples, layers[0], layers[-1], making)


class LibsvmData(DataModel):
    """A file in LIBSVM's text form, plain, .gz or .bz2."""

    kind: Literal["libsvm"] = "libsvm"
    path: FilePath = Field(description="the file, relative to the scenario's folder")
    targets: Literal["auto", "classes", "values"] = Field(
        default="auto", description="what labels are; auto: classes if every one is an integer"
    )

    def build(self, *, seed: int = 0) -> DataSet:  # noqa: ARG002
        from asysim.problems.files import libsvm

        return libsvm(self.path, targets=self.targets)


class MnistData(DataModel):
    """A pair of idx files of MNIST or its like, plain or gzipped."""

    kind: Literal["mnist"] = "mnist"
    images: FilePath = Field(description="idx file of images, relative to the scenario's folder")
    labels: FilePath = Field(description="idx file of labels, relative to the scenario's folder")

    def build(self, *, seed: int = 0) -> DataSet:  # noqa: ARG002
        from asysim.problems.files import mnist

        return mnist(self.images, self.labels)


class Cifar10Data(DataModel):
    """Batches of CIFAR-10's binary version."""

    kind: Literal["cifar10"] = "cifar10"
    paths: tuple[FilePath, ...] = Field(
        min_length=1, description="the .bin files, relative to the scenario's folder"
    )

    def build(self, *, seed: int = 0) -> DataSet:  # noqa: ARG002
        from asysim.problems.files import cifar10

        return cifar10(self.paths)


DataSettings: TypeAlias = Annotated[
    DigitsData
    | BreastCancerData
    | RegressionData
    | ClassificationData
    | TeacherData
    | LibsvmData
    | MnistData
    | Cifar10Data,
    Field(discriminator="kind"),
]
