"""Gradients of one torch module at several x in one pass, by ``torch.func.vmap``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from asysim.ground.arrays import Vector

if TYPE_CHECKING:
    import torch


class Together:
    """A module's parameters stacked: a gradient for each row, as if it were computed alone.

    Parameters
    ----------
    torch
        The package.
    module
        Whose trainable parameters are x, one after the other. It is copied.
    charge
        Turns outputs and targets into the loss, summed over the samples.
    """

    def __init__(self, torch: Any, module: torch.nn.Module, charge: Callable[..., Any]) -> None:
        self._torch, module = torch, copy.deepcopy(module)
        self._pieces: list[tuple[str, slice, tuple[int, ...]]] = []
        first: dict[Any, str] = {}  # of several names of a parameter
        end = 0
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                begin, end = end, end + parameter.numel()
                self._pieces.append((name, slice(begin, end), tuple(parameter.shape)))
                self._like, first[parameter] = parameter, name
        # torch would find a parameter's other names by itself, but puts a layer that is used twice
        # back together wrongly.
        names = {
            f"{path}.{name}" if path else name: first[parameter]
            for path, layer in module.named_modules()
            for name, parameter in layer.named_parameters(recurse=False, remove_duplicate=False)
            if parameter in first
        }

        def loss(parameters: dict[str, Any], features: Any, targets: Any) -> Any:
            all_names = {name: parameters[known] for name, known in names.items()}
            output = torch.func.functional_call(module, all_names, (features,), tie_weights=False)
            return charge(output, targets)

        self._differentiate = torch.func.vmap(torch.func.grad(loss))
        self._stack = torch.empty((0, end), dtype=self._like.dtype)

    def gradients(
        self, xs: Sequence[Vector], features: Any, targets: Any, outs: Sequence[Vector]
    ) -> None:
        """Write a gradient for each x, whose mini-batches are rows of features and targets."""
        count = len(xs)
        if len(self._stack) < count:
            self._stack = self._torch.empty((count, self._stack.shape[1]), dtype=self._like.dtype)
        stack = self._stack[:count]
        np.stack(xs, out=stack.numpy(), casting="same_kind")
        there = stack.to(self._like.device)
        parameters = {
            name: there[:, part].view(count, *shape) for name, part, shape in self._pieces
        }
        with self._torch.enable_grad():
            found = self._differentiate(parameters, features, targets)
        for name, part, _ in self._pieces:
            stack[:, part] = found[name].detach().reshape(count, -1)
        for row, out in zip(stack.numpy(), outs, strict=True):
            np.copyto(out, row)
