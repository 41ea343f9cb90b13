"""Data sets: scikit-learn's bundled ones, and synthetic ones made from a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.random.streams import Purpose, generator

if TYPE_CHECKING:
    from asysim.problems.features import Matrix
    from asysim.problems.network import ActivationName

_DENSE_LIMIT = 2**29  # entries of a sparse matrix written out, 4 GiB: beyond it memory is the fault


@dataclass(frozen=True, eq=False)
class DataSet:
    """N examples.

    Parameters
    ----------
    features
        Shape (N, n), float64: a NumPy array or a SciPy CSR array.
    targets
        Real numbers, float64, shape (N,) or (N, outputs); or class labels, int64, shape (N,).
    classes
        How many classes the labels tell apart, None for real targets. Two classes are labelled
        −1 and +1, more are numbered 0 … classes − 1.
    """

    features: Matrix
    targets: NDArray[Any]
    classes: int | None = None

    @property
    def class_numbers(self) -> NDArray[np.int64]:
        """Labels as 0 … classes − 1, shape (N,), also where there are two."""
        return (self.targets + 1) // 2 if self.classes == 2 else self.targets

    def dense_features(self) -> NDArray[np.float64]:
        """Return the features as an ordinary array, shape (N, n).

        Raises
        ------
        InputError
            If they are sparse and too large to be written out.
        """
        if isinstance(self.features, np.ndarray):
            return self.features
        rows, columns = self.features.shape
        if rows * columns > _DENSE_LIMIT:
            found = f"{rows} × {columns} sparse features"
            raise unfit("data", found, f"at most {_DENSE_LIMIT:,} entries when dense")
        return np.asarray(self.features.toarray(), dtype=np.float64)


def digits() -> DataSet:
    """Return 1,797 images of 8 × 8 pixels in [0, 1], ten classes (UCI, from scikit-learn)."""
    table = _bundled("digits.csv.gz")
    if table is None:
        from sklearn.datasets import load_digits

        table = np.column_stack(load_digits(return_X_y=True))
    return DataSet(table[:, :-1] / 16, table[:, -1].astype(np.int64), classes=10)


def breast_cancer() -> DataSet:
    """Return 569 tumours by 30 standardised measures: −1 malignant, +1 benign (scikit-learn)."""
    table = _bundled("breast_cancer.csv", header=1)
    if table is None:
        from sklearn.datasets import load_breast_cancer

        table = np.column_stack(load_breast_cancer(return_X_y=True))
    measures, labels = table[:, :-1], table[:, -1]
    standard = (measures - measures.mean(axis=0)) / measures.std(axis=0)
    return DataSet(standard, 2 * labels.astype(np.int64) - 1, classes=2)


def _bundled(name: str, *, header: int = 0) -> NDArray[np.float64] | None:
    """Return a table of numbers that scikit-learn ships, labels last; None if it is not there.

    To import scikit-learn takes longer than to compute many a run on its data.
    """
    package = find_spec("sklearn")
    for folder in (package.submodule_search_locations or ()) if package else ():
        path = Path(folder) / "datasets" / "data" / name
        if path.is_file():
            return np.loadtxt(path, delimiter=",", skiprows=header)
    return None


def spectrum(dimension: int, condition: float) -> Vector:
    """Return numbers spaced evenly in their logarithm from 1 down to 1/condition, shape (n,)."""
    return np.geomspace(1.0, 1.0 / condition, dimension)


def regression(
    *, samples: int, features: int, condition: float, noise: float, seed: int
) -> DataSet:
    """Return Gaussian features and a random linear function of them plus Gaussian noise.

    Parameters
    ----------
    samples, features
        N and n.
    condition
        Of the features' covariance, which is diagonal with `spectrum` on it.
    noise
        Standard deviation of what is added to each target.
    seed
        Names the draw.
    """
    random = generator(seed, Purpose.DATA)
    weights = random.standard_normal(features)
    table = random.standard_normal((samples, features)) * np.sqrt(spectrum(features, condition))
    return DataSet(table, table @ weights + noise * random.standard_normal(samples))


def classification(
    *, samples: int, features: int, density: float, signal: float, seed: int
) -> DataSet:
    """Return labels ±1 from a random logistic model: P(+1 | a) = 1/(1 + exp(−aᵀw)).

    Parameters
    ----------
    samples, features
        N and n.
    density
        Chance that a feature is not 0; below 1 the features are sparse. Those present are
        standard Gaussian.
    signal
        Standard deviation of the log-odds aᵀw: at 0 labels are coin flips, large ones are sure.
    seed
        Names the draw.
    """
    from scipy.sparse import csr_array
    from scipy.special import expit

    random = generator(seed, Purpose.DATA)
    weights = random.standard_normal(features) * (signal / math.sqrt(features * density))
    table: Matrix
    if density < 1:
        counts = random.binomial(features, density, size=samples)
        columns = [
            np.sort(random.choice(features, size=count, replace=False, shuffle=False))
            for count in counts
        ]
        pointers = np.concatenate([[0], np.cumsum(counts)])
        entries = random.standard_normal(pointers[-1])
        shape = (samples, features)
        table = csr_array((entries, np.concatenate(columns), pointers), shape=shape)
    else:
        table = random.standard_normal((samples, features))
    chance = expit(np.asarray(table @ weights))
    labels = np.where(random.random(samples) < chance, 1, -1)
    return DataSet(table, labels.astype(np.int64), classes=2)


def teacher(
    *,
    samples: int,
    layers: Sequence[int],
    activation: ActivationName,
    noise: float,
    seed: int,
) -> DataSet:
    """Return Gaussian inputs and the outputs of a random network plus Gaussian noise.

    The synthetic experiment of Lian et al. 2015: there layers were 400, 100, 50, 20, 10 and
    samples 463,800.

    Parameters
    ----------
    samples
        N.
    layers
        Numbers of units of the random network, the inputs first.
    activation
        What follows its hidden layers.
    noise
        Standard deviation of what is added to each output.
    seed
        Names the draw.
    """
    from asysim.problems.network import Network

    random = generator(seed, Purpose.DATA)
    network = Network(tuple(layers), activation)
    truth = network.draw(random)
    inputs = random.standard_normal((samples, layers[0]))
    outputs = network.outputs(truth, inputs)
    return DataSet(inputs, outputs + noise * random.standard_normal(outputs.shape))


def low_rank_matrix(
    rows: int, columns: int, *, rank: int, noise: float = 0.0, seed: int = 0
) -> NDArray[np.float64]:
    """Return a random matrix of the given rank plus Gaussian noise, shape (rows, columns).

    The low-rank part is a product of Gaussian factors, scaled so that its entries have variance
    1; `noise` is the standard deviation of what is added to each.
    """
    random = generator(seed, Purpose.DATA)
    left = random.standard_normal((rows, rank))
    right = random.standard_normal((columns, rank))
    matrix: NDArray[np.float64] = left @ right.T / math.sqrt(rank)
    return matrix + noise * random.standard_normal((rows, columns))


def random_mask(shape: tuple[int, int], fraction: float, *, seed: int = 0) -> NDArray[np.bool_]:
    """Return which entries are observed: `fraction` of them, at least one, without replacement."""
    size = shape[0] * shape[1]
    mask = np.zeros(size, dtype=bool)
    if fraction < 1:
        random = generator(seed, Purpose.DATA, 1)
        mask[random.permutation(size)[: max(1, round(fraction * size))]] = True
    else:
        mask[:] = True
    return mask.reshape(shape)


def random_direction(dimension: int, *, seed: int = 0) -> Vector:
    """Return a unit vector of any direction, shape (n,)."""
    vector = generator(seed, Purpose.DATA).standard_normal(dimension)
    return vector / math.sqrt(math.fsum(vector**2))


def gaussian_table(rows: int, columns: int, *, seed: int = 0) -> NDArray[np.float64]:
    """Return standard Gaussian numbers, shape (rows, columns)."""
    return generator(seed, Purpose.DATA, 1).standard_normal((rows, columns))


def covariance(size: int, eigenvalues: ArrayLike, *, seed: int = 0) -> NDArray[np.float64]:
    """Return a symmetric matrix with these eigenvalues and else 0, shape (size, size).

    Its eigenvectors are random, of any direction.
    """
    given = np.array(eigenvalues, dtype=np.float64)
    table = generator(seed, Purpose.DATA).standard_normal((size, given.size))
    axes = np.linalg.qr(table)[0]
    matrix: NDArray[np.float64] = (axes * given) @ axes.T
    return (matrix + matrix.T) / 2


def symmetric_tables(count: int, size: int, *, seed: int = 0) -> NDArray[np.float64]:
    """Return means of a standard Gaussian table and its transpose, shape (count, size, size)."""
    tables = generator(seed, Purpose.DATA, 1).standard_normal((count, size, size))
    return (tables + tables.transpose(0, 2, 1)) / 2
