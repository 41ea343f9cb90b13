"""The Hessian of a torch module's loss along a direction: the gradient's own gradient.

Pearlmutter, Fast Exact Multiplication by the Hessian, Neural Computation 6(1), 1994; here as a
second backward pass, over the graph of the first: ∇²f·v = ∇(∇f·v).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from asysim.errors import first_line, unfit

if TYPE_CHECKING:
    import torch


def add_product(
    torch: Any,
    charge: Callable[[], torch.Tensor],
    parameters: Sequence[torch.nn.Parameter],
    direction: torch.Tensor,
) -> None:
    """Add the Hessian's product with a direction to the parameters' ``grad``.

    Parameters
    ----------
    torch
        The package.
    charge
        Computes the loss.
    parameters
        What it depends on, in the order in which their numbers stand in x.
    direction
        v, shape (n,).

    Raises
    ------
    InputError
        If torch can't differentiate the loss twice.
    """
    attention = torch.nn.attention
    pieces = direction.split([parameter.numel() for parameter in parameters])
    try:
        # Its fast kernels of attention have one derivative only.
        with torch.enable_grad(), attention.sdpa_kernel(attention.SDPBackend.MATH):
            gradients = torch.autograd.grad(
                charge(), parameters, create_graph=True, allow_unused=True
            )
            along = sum(
                torch.dot(gradient.flatten(), piece)
                for gradient, piece in zip(gradients, pieces, strict=True)
                if gradient is not None and gradient.requires_grad
            )
            if isinstance(along, torch.Tensor):  # else no gradient depends on a parameter
                # Not by `grad`, which looks at ways to the parameters alone, and passes over a
                # function that can be differentiated once as if it were constant.
                along.backward()
    except RuntimeError as error:
        found = f"one that fails when it is differentiated twice: {first_line(error)}"
        raise unfit("module", found, "of functions that torch differentiates twice") from error
