"""A PyTorch module as an objective: its parameters in one vector, gradients by autograd."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asysim.errors import first_line, unfit
from asysim.ground.arrays import Ints, Vector
from asysim.problems.base import Constants, FiniteSum
from asysim.problems.model import LossName
from asysim.problems.network import chunks
from asysim.problems.torch_batched import Together
from asysim.problems.torch_checks import classes, copied, numbers, shaped, trial
from asysim.problems.torch_hessian import add_product
from asysim.problems.torch_source import ModuleSource, torch_or_fault

if TYPE_CHECKING:
    import torch

_STACK = 2**22  # numbers in modules whose gradients are computed together
_MOST = 256

DtypeName: TypeAlias = Literal["float32", "float64"]


class TorchProblem(FiniteSum):
    """f(x) = (1/N) Σ_i loss(module(a_i; x), b_i), x being the module's trainable parameters.

    Parameters
    ----------
    module
        A ``torch.nn.Module`` that turns inputs, shape (M, …), into outputs, shape (M, outputs),
        sample by sample. It is copied. Parameters that need no gradient stay as they are.
    features
        Inputs a_i, shape (N, …).
    targets
        For ``squared`` numbers b_i, shape (N, outputs), or (N,) for one output; for
        ``cross_entropy`` class numbers from 0, integers, shape (N,).
    loss
        ``squared``: ½‖output − target‖² per sample; ``cross_entropy``: of the softmax of the
        outputs.
    dtype
        What torch computes in, ``float32`` or ``float64``. x is float64, and rounded on its way in.
    input_shape
        What each sample is shaped to, such as (3, 32, 32); by default it is left alone.
    source
        Where the module's classes were loaded from, if another process can't import them.
    device
        Where torch computes: ``cpu``, or ``cuda``, which pays for large modules, and for many
        gradients together.

    Raises
    ------
    InputError
        If torch is missing, if module and data do not fit, or if an output depends on more than x
        and its sample: a layer that draws random numbers, keeps a history, or normalises over the
        mini-batch.

    Notes
    -----
    One object serves one thread. The same x and mini-batch give the same bits, also in another
    process with the same number of torch's threads, which is the caller's to choose.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        features: ArrayLike,
        targets: ArrayLike,
        *,
        loss: LossName = "squared",
        dtype: DtypeName = "float32",
        input_shape: Sequence[int] | None = None,
        source: ModuleSource | None = None,
        device: str = "cpu",
    ) -> None:
        self._torch = torch = torch_or_fault()
        if loss not in ("squared", "cross_entropy"):
            raise unfit("loss", repr(loss), "squared or cross_entropy")
        if dtype not in ("float32", "float64"):
            raise unfit("dtype", repr(dtype), "float32 or float64")
        table = shaped(np.asarray(features), input_shape)
        super().__init__(len(table))
        self.loss, self.dtype, self.source = loss, dtype, source
        kind = getattr(torch, dtype)
        # Copied, as where memory begins can change the last bit of a product: torch aligns its own.
        self._features = torch.tensor(table, dtype=kind)
        self.module = copied(torch, module).to("cpu", kind)
        parameters = [one for one in self.module.parameters() if one.requires_grad]
        if not parameters:
            raise unfit("module", "no parameter that needs a gradient", "a module to be trained")
        self._x = torch.cat([parameter.detach().flatten() for parameter in parameters])
        self._sum = torch.zeros_like(self._x)
        self._parameters = parameters
        self._alias()
        self._start: Vector = self._x.numpy().astype(np.float64)
        outputs = trial(torch, self.module, self._features)
        check = numbers if loss == "squared" else classes
        self._targets = torch.tensor(check(np.asarray(targets), self.samples, outputs))
        if loss == "squared":
            self._targets = self._targets.to(kind)
        self._here = device == "cpu"
        self.device = device
        if not self._here:
            self._move()
        self._can_stack = True
        self._stacked: Together | None = None

    @property
    def dimension(self) -> int:
        return len(self._start)

    def start(self) -> Vector:
        return self._start.copy()

    def gradient(self, x: Vector, batch: NDArray[np.int64], out: Vector) -> None:
        self._put(x)
        rows = self._torch.tensor(batch, device=self._x.device)
        self._differentiate(
            self._features.index_select(0, rows), self._targets.index_select(0, rows)
        )
        out[...] = self._sum.cpu().numpy()

    @property
    def together(self) -> int:
        """How many gradients at once are best; 1 if the module can't be computed so."""
        return max(1, min(_MOST, _STACK // self.dimension)) if self._can_stack else 1

    def gradients(
        self, xs: Sequence[Vector], batches: Sequence[NDArray[np.int64]], outs: Sequence[Vector]
    ) -> None:
        """Write several gradients, each the SUM over its mini-batch; all of these are as large.

        Warns, once, if ``torch.func.vmap`` can't do the module; they are then computed one by one.
        """
        if self._can_stack:
            if self._stacked is None:
                self._stacked = Together(self._torch, self.module, self._loss)
            rows = self._torch.tensor(np.array(batches), device=self._x.device)
            try:
                self._stacked.gradients(xs, self._features[rows], self._targets[rows], outs)
            except Exception as error:
                self._can_stack = False
                why = f"{type(error).__name__}: {first_line(error)}"
                text = f"gradients of this module are computed one by one; torch.func.vmap: {why}"
                warnings.warn(text, RuntimeWarning, stacklevel=2)
            else:
                return
        for x, batch, out in zip(xs, batches, outs, strict=True):
            self.gradient(x, batch, out)

    def value(self, x: Vector) -> float:
        self._put(x)
        total = 0.0
        with self._torch.no_grad():
            for rows in chunks(self.samples):
                total += self._charge(self._features[rows], self._targets[rows]).item()
        return total / self.samples

    def full_gradient(self, x: Vector, out: Vector) -> float:
        self._put(x)
        total = 0.0
        out.fill(0.0)
        for rows in chunks(self.samples):
            total += self._differentiate(self._features[rows], self._targets[rows]).item()
            out += self._sum.cpu().numpy()
        out /= self.samples
        return total / self.samples

    def hvp(self, x: Vector, direction: Vector) -> Vector:
        """Return ∇²f(x)·v, shape (n,), as exact as `dtype` is; where a relu bends is not counted.

        Raises
        ------
        InputError
            If torch can't differentiate the module twice.
        """
        self._put(x)
        along = self._torch.tensor(direction, dtype=self._x.dtype, device=self._x.device)
        total = np.zeros(self.dimension)
        for rows in chunks(self.samples):
            self._sum.zero_()
            charge = partial(self._charge, self._features[rows], self._targets[rows])
            add_product(self._torch, charge, self._parameters, along)
            total += self._sum.cpu().numpy()
        return total / self.samples

    def part(self, rows: Ints) -> TorchProblem:
        """Return the mean of those terms alone."""
        features, targets = (data.cpu().numpy()[rows] for data in (self._features, self._targets))
        return TorchProblem(
            self.module_at(self._start).cpu(), features, targets, loss=self.loss, dtype=self.dtype,
            source=self.source, device=self.device,
        )  # fmt: skip

    def constants(self) -> Constants:
        """Return None for all three: nothing is known of a module."""
        return Constants()

    def module_at(self, x: Vector) -> torch.nn.Module:
        """Return a copy of the module with the parameters x, shape (n,)."""
        self._put(x)
        return copy.deepcopy(self.module)

    def _charge(self, features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss, summed over the samples."""
        return self._loss(self.module(features), targets)

    def _loss(self, output: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if self.loss == "squared":
            return 0.5 * (output - targets).square().sum()
        return self._torch.nn.functional.cross_entropy(output, targets, reduction="sum")

    def _differentiate(self, features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Leave the gradient, summed over the samples, in `_sum`, and return the loss."""
        self._sum.zero_()
        with self._torch.enable_grad():
            loss = self._charge(features, targets)
            loss.backward()  # adds to each parameter's gradient, in place
        return loss.detach()

    def _alias(self) -> None:
        """Make each parameter and its gradient a part of `_x` and `_sum`."""
        end = 0
        for parameter in self._parameters:
            begin, end = end, end + parameter.numel()
            parameter.data = self._x[begin:end].view(parameter.shape)
            parameter.grad = self._sum[begin:end].view(parameter.shape)

    def _put(self, x: Vector) -> None:
        """Make x the module's parameters."""
        if self._here:
            self._x.numpy()[...] = x
        else:
            self._x.copy_(self._torch.tensor(x))

    def _move(self) -> None:
        """Move all to another device."""
        try:
            self.module.to(self.device)
            moved = [tensor.to(self.device) for tensor in (self._x, self._features, self._targets)]
        except Exception as error:
            found = f"{self.device!r}, where torch fails with {first_line(error)}"
            raise unfit("device", found, "a device that torch has") from error
        self._x, self._features, self._targets = moved
        self._sum = self._torch.zeros_like(self._x)
        self._alias()

    def __reduce__(self) -> tuple[Any, ...]:
        # The module by itself: what multiprocessing pickles of torch's tensors shares their memory.
        try:
            module = pickle.dumps(self.module_at(self._start).cpu())
        except Exception as error:
            found = f"one that can't be pickled ({first_line(error)})"
            wanted = "of classes and functions that stand at the top of a file"
            raise unfit("module", found, wanted) from error
        data = self._features.cpu().numpy(), self._targets.cpu().numpy()
        return _unpickled, (self.source, module, *data, self.loss, self.dtype, self.device)


def _unpickled(
    source: ModuleSource | None, module: bytes, features: Any, targets: Any, loss: Any, dtype: Any,
    device: str,
) -> TorchProblem:  # fmt: skip
    if source is not None:
        source.load()
    made = pickle.loads(module)
    return TorchProblem(
        made, features, targets, loss=loss, dtype=dtype, source=source, device=device
    )
