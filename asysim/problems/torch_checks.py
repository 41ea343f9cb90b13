"""What a torch module and its data must be, so that each loss depends on its sample and x alone."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asysim.errors import InputError, first_line, unfit

_CLOSE = 1e-3  # relative: a sample's place in a mini-batch may change how it is rounded, but not so


def shaped(table: NDArray[Any], shape: Sequence[int] | None) -> NDArray[Any]:
    """Return the features, each sample of them in its shape."""
    if table.ndim < 2 or not len(table):
        raise unfit("features", f"shape {table.shape}", "one row or more")
    if shape is None:
        return table
    if math.prod(shape) != math.prod(table.shape[1:]):
        found = f"{' × '.join(map(str, shape))} = {math.prod(shape)}"
        raise unfit("input_shape", found, f"{math.prod(table.shape[1:])} features in all")
    return table.reshape(len(table), *shape)


def copied(torch: Any, module: Any) -> Any:
    """Return a copy of a module that is all there."""
    if not isinstance(module, torch.nn.Module):
        raise unfit("module", f"an object of type {type(module).__name__}", "a torch.nn.Module")
    for name, parameter in module.named_parameters():
        if isinstance(parameter, torch.nn.parameter.UninitializedParameter):
            raise unfit("module", f"{name} without a shape", "a module with all sizes given")
        if not parameter.is_floating_point():
            raise unfit("module", f"{name} of {parameter.dtype}", "a module of real parameters")
    try:
        return copy.deepcopy(module)
    except Exception as error:
        found = f"one that can't be copied ({first_line(error)})"
        raise unfit("module", found, "a module that copy.deepcopy can copy") from error


def trial(torch: Any, module: Any, features: Any) -> int:
    """Return how many outputs a module has.

    Parameters
    ----------
    torch
        The package.
    module
        To be tried, in the mode that it is in.
    features
        Of all samples, shape (N, …).

    Raises
    ------
    InputError
        If it fails, or its outputs have another shape than (M, outputs), or depend on chance, on
        what was computed before or on the other samples of the mini-batch, or not on x.
    """
    pair = features[[0, -1]]
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        try:
            with _watched(torch, module):
                together = module(pair)
            again, twice = module(pair), module(features[[0, 0]])
        except InputError:
            raise
        except Exception as error:
            sizes = ", ".join(map(str, features.shape[1:]))
            found = f"one that fails with {type(error).__name__}: {first_line(error)}"
            wanted = f"one that takes inputs of shape (M, {sizes})"
            raise unfit("module", found, wanted) from error
    if not isinstance(together, torch.Tensor) or together.ndim != 2 or len(together) != 2:
        is_tensor = isinstance(together, torch.Tensor)
        found = _shape(together) if is_tensor else f"type {type(together).__name__}"
        wanted = "a tensor of shape (M, outputs)"
        raise unfit("module", f"an output of {found} for two samples", wanted)
    if not together.requires_grad:
        raise unfit("module", "an output without a gradient", "one that depends on the parameters")
    before, now = together.detach().nan_to_num(), again.detach().nan_to_num()
    if not torch.equal(before, now):
        found = "outputs that change from call to call"
        raise unfit("module", found, "one without memory of what it computed before")
    first, same = before[0], twice.detach().nan_to_num()[0]
    if not torch.allclose(first, same, rtol=_CLOSE, atol=_CLOSE * float(same.abs().max())):
        found = "an output that depends on the other samples of the mini-batch"
        raise unfit("module", found, "one that treats them one by one: no batch normalisation")
    return int(together.shape[1])


def numbers(targets: NDArray[Any], samples: int, outputs: int) -> NDArray[np.float64]:
    """Return real targets, shape (samples, outputs)."""
    table = targets[:, np.newaxis] if targets.ndim == 1 else targets
    if table.ndim != 2 or len(table) != samples:
        raise unfit("targets", f"shape {targets.shape}", f"one row for each of {samples} samples")
    if table.shape[1] != outputs:
        raise unfit("module", f"{outputs} outputs", f"{table.shape[1]}, as many as targets")
    return table.astype(np.float64)


def classes(targets: NDArray[Any], samples: int, outputs: int) -> NDArray[np.int64]:
    """Return class numbers, shape (samples,)."""
    if targets.shape != (samples,) or not np.issubdtype(targets.dtype, np.integer):
        found = f"{targets.dtype} of shape {targets.shape}"
        raise unfit("targets", found, f"{samples} integers, the class numbers")
    if targets.min() < 0:
        raise unfit("targets", f"class number {targets.min()}", "class numbers from 0")
    if targets.max() >= outputs:
        wanted = f"{targets.max() + 1} or more, one for each class"
        raise unfit("module", f"{outputs} outputs", wanted)
    return targets.astype(np.int64)


def _shape(tensor: Any) -> str:
    return f"shape {tuple(tensor.shape)}"


@contextmanager
def _watched(torch: Any, module: Any) -> Iterator[None]:
    """Refuse the first layer, the innermost, that draws random numbers or changes its buffers."""
    open_layers: list[Any] = []

    def enter(layer: Any, _inputs: Any) -> None:
        buffers = [(name, value.clone()) for name, value in layer.named_buffers()]
        open_layers.append((torch.random.get_rng_state(), buffers))

    def leave(layer: Any, _inputs: Any, _output: Any) -> None:
        state, buffers = open_layers.pop()
        if not torch.equal(state, torch.random.get_rng_state()):
            raise _refused(names[layer], layer, "draws random numbers")
        now = dict(layer.named_buffers())
        for name, value in buffers:
            if name not in now or not torch.equal(value, now[name]):
                raise _refused(names[layer], layer, f"keeps a history in {name}")

    names = {layer: name for name, layer in module.named_modules()}
    handles = [layer.register_forward_pre_hook(enter) for layer in names]
    handles += [layer.register_forward_hook(leave) for layer in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _refused(name: str, layer: Any, does: str) -> InputError:
    what = f"layer {name} ({type(layer).__name__})" if name else type(layer).__name__
    found = f"{what}, which {does}"
    return unfit("module", found, "without it, or in evaluation mode: make() may call .eval()")
