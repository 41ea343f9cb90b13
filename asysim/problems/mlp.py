"""The multilayer perceptron as an objective: squared error or cross-entropy over a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.problems.base import Constants, FiniteSum, Problem
from asysim.problems.compiled.generics import shared
from asysim.problems.compiled.perceptron import KERNEL_ACTIVATIONS, PerceptronModel
from asysim.problems.data_settings import DataSettings, DigitsData, Layers, TableSize, parameters
from asysim.problems.losses import classes, cross_entropy, cross_entropy_along, numbers, squared
from asysim.problems.model import Loss, LossName, ProblemModel, Seed, Sizes, goal
from asysim.problems.network import ActivationName, Matrix, Network, Workspace, along, chunks
from asysim.random.streams import Purpose, generator

_CACHE = 2**15  # numbers in networks whose gradients are computed together
_LEAST, _MOST = 4, 32  # of those: fewer are not worth copying their weights
_HIDDEN = 32  # units of the one hidden layer of a network whose layers are not given


class MlpSettings(ProblemModel):
    """A multilayer perceptron: softmax classifier or regression."""

    compiled_by = (
        'layers = [5, 4, 3]\ndata = {kind = "teacher", layers = [5, 4, 3], samples = 40}',
    )
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

    def needs(self, table: TableSize | None) -> Sizes:
        layers = self.layers
        if layers is None and table is not None:
            layers = (int(table.features), _HIDDEN, int(table.outputs))
        if layers is None:
            return Sizes()
        key = "data" if self.layers is None else "layers"
        return Sizes(parameters(layers), of_a_sample=2.0 * sum(layers), key=key)


class MultilayerPerceptron(FiniteSum):
    """f(x) = (1/N) Σ_i loss(network(a_i; x), b_i), all weights and biases in one vector x.

    Parameters
    ----------
    features
        Inputs a_i, shape (N, layers[0]).
    targets
        For ``squared`` numbers b_i, shape (N, layers[-1]), or (N,) for one output; for
        ``cross_entropy`` class numbers 0 … layers[-1] − 1, integers, shape (N,).
    layers
        Numbers of units, the input first and the output last. Without a hidden layer this is
        linear or softmax regression.
    activation
        ``relu``, ``tanh`` or ``sigmoid`` after every hidden layer.
    loss
        ``squared``: ½‖output − target‖² per sample; ``cross_entropy``: of the softmax of the
        outputs.
    seed
        Names the starting point (see `Network.draw`).

    Raises
    ------
    InputError
        If data and layers do not fit.

    Notes
    -----
    One object serves one thread: it keeps the arrays that it computes in.
    """

    def __init__(
        self,
        features: Matrix,
        targets: ArrayLike,
        *,
        layers: Sequence[int],
        activation: ActivationName = "relu",
        loss: LossName = "squared",
        seed: int = 0,
    ) -> None:
        self.network = Network(tuple(layers), activation)
        self.features = np.ascontiguousarray(features, dtype=np.float64)
        if self.features.ndim != 2 or not len(self.features):
            raise unfit("features", f"shape {self.features.shape}", "a matrix of one row or more")
        if self.features.shape[1] != layers[0]:
            raise unfit("layers", f"{layers[0]} inputs", f"{self.features.shape[1]}, the features")
        super().__init__(len(self.features))
        self.loss = loss
        self.seed = seed
        self.targets: NDArray[Any]
        self._charge: Callable[[Matrix, NDArray[Any]], float]
        if loss == "squared":
            self.targets = numbers(targets, self.samples, layers[-1])
            self._charge = squared
        elif loss == "cross_entropy":
            self.targets = classes(targets, self.samples, layers[-1])
            self._charge = cross_entropy
        else:
            raise unfit("loss", repr(loss), "squared or cross_entropy")
        self._workspaces: dict[int, list[Workspace]] = {}
        self._stacks: dict[tuple[int, ...], tuple[Matrix, Workspace]] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Whoever gets it computes in arrays of its own.
        return self.__dict__ | {"_workspaces": {}, "_stacks": {}}

    @property
    def dimension(self) -> int:
        return self.network.dimension

    def start(self) -> Vector:
        return self.network.draw(generator(self.seed, Purpose.START))

    def gradient(self, x: Vector, batch: NDArray[np.int64], out: Vector) -> None:
        self.finish_gradient(self.begin_gradient(x, batch), out)

    def defers(self, batch_size: int) -> bool:
        """Whether what `begin_gradient` returns is smaller than a gradient."""
        work = self._borrow(batch_size)
        self._give_back(work)
        return work.size < self.dimension

    def begin_gradient(self, x: Vector, batch: NDArray[np.int64]) -> Workspace:
        """Do both passes; what is left are products that don't need x."""
        weights = self.network.matrices(x)
        work = self._borrow(len(batch))
        work.inputs[...] = self.features.take(batch, axis=0)
        work.forward(weights)
        self._charge(work.output, self.targets.take(batch, axis=0))
        work.backward(weights)
        return work

    def finish_gradient(self, begun: Workspace, out: Vector) -> None:
        begun.gradient(self.network.matrices(out))
        self._give_back(begun)

    @property
    def together(self) -> int:
        """How many gradients at once are best: many of a small network, one of a large one."""
        fitting = _CACHE // self.dimension
        return min(_MOST, fitting) if fitting >= _LEAST else 1

    def gradients(
        self, xs: Sequence[Vector], batches: Sequence[NDArray[np.int64]], outs: Sequence[Vector]
    ) -> None:
        """Write several gradients, each the SUM over its mini-batch; all of these are as large."""
        most = max(_LEAST, self.together)
        for first in range(0, len(xs), most):
            part = slice(first, first + most)
            self._gradients(xs[part], np.array(batches[part]), outs[part])

    def _gradients(
        self, xs: Sequence[Vector], batches: NDArray[np.int64], outs: Sequence[Vector]
    ) -> None:
        shape = batches.shape
        if shape not in self._stacks:
            stack = np.empty((len(xs), self.dimension))
            self._stacks[shape] = stack, Workspace(self.network, *shape)
        stack, work = self._stacks[shape]
        np.stack(xs, out=stack)
        weights = self.network.matrices(stack)
        work.inputs[...] = self.features.take(batches, axis=0)
        work.forward(weights)
        targets = self.targets.take(batches.ravel(), axis=0)
        self._charge(work.output.reshape(batches.size, -1), targets)
        work.backward(weights)
        work.gradient(weights)  # in the place of the weights
        for row, out in zip(stack, outs, strict=True):
            np.copyto(out, row)

    def value(self, x: Vector) -> float:
        weights = self.network.matrices(x)
        total = 0.0
        for rows in chunks(self.samples):
            loss, work = self._pass(weights, rows)
            self._give_back(work)
            total += loss
        return total / self.samples

    def full_gradient(self, x: Vector, out: Vector) -> float:
        weights = self.network.matrices(x)
        part = np.empty_like(out)
        gradients = self.network.matrices(part)
        total = 0.0
        out.fill(0.0)
        for rows in chunks(self.samples):
            loss, work = self._pass(weights, rows)
            work.backward(weights)
            work.gradient(gradients)
            self._give_back(work)
            total += loss
            out += part
        out /= self.samples
        return total / self.samples

    def hvp(self, x: Vector, direction: Vector) -> Vector:
        """Return ∇²f(x)·v, shape (n,); where a relu bends, that is not counted."""
        weights, moved = self.network.matrices(x), self.network.matrices(direction)
        total, part = np.zeros(self.dimension), np.empty(self.dimension)
        for rows in chunks(self.samples):
            _, work = self._pass(weights, rows)
            work.backward(weights)
            # With the squared error ∂loss/∂output changes as the output does.
            exact = self.loss == "squared"
            charge = None if exact else partial(cross_entropy_along, self.targets[rows])
            along(self.network, weights, moved, work, charge, self.network.matrices(part))
            self._give_back(work)
            total += part
        return total / self.samples

    def part(self, rows: NDArray[np.int64]) -> MultilayerPerceptron:
        """Return the mean of those terms alone."""
        return MultilayerPerceptron(
            self.features[rows],
            self.targets[rows],
            layers=self.network.layers,
            activation=self.network.activation,
            loss=self.loss,
            seed=self.seed,
        )

    def constants(self) -> Constants:
        """Return None for all three.

        The gradient of a product of layers is not Lipschitz on all of space, its variance has no
        bound there, and the least value of a non-convex f is not to be had.
        """
        return Constants()

    def kernel_model(self) -> PerceptronModel:
        labels = self.loss == "cross_entropy"
        return PerceptronModel(
            features=shared(self.features),
            targets=shared(np.empty((0, 0)) if labels else self.targets),
            classes=shared(self.targets if labels else np.empty(0, dtype=np.int64)),
            layers=shared(np.array(self.network.layers, dtype=np.int64)),
            activation=KERNEL_ACTIVATIONS[self.network.activation],
            cross_entropy=labels,
            samples=self.samples,
        )

    def _pass(self, weights: Sequence[Matrix], rows: slice) -> tuple[float, Workspace]:
        work = self._borrow(rows.stop - rows.start)
        work.inputs[...] = self.features[rows]
        work.forward(weights)
        return self._charge(work.output, self.targets[rows]), work

    def _borrow(self, count: int) -> Workspace:
        spare = self._workspaces.setdefault(count, [])
        return spare.pop() if spare else Workspace(self.network, count)

    def _give_back(self, work: Workspace) -> None:
        self._workspaces[len(work.output)].append(work)
