"""Where a torch module comes from: a function in a file or a package, and a seed for its start."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator

from asysim.errors import Fault, InputError, unfit
from asysim.ground import outside

if TYPE_CHECKING:
    import torch


def torch_or_fault() -> Any:
    """Return the torch package.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        remedy = "needs it: pip install 'asysim[torch]'"
        raise InputError(Fault("kind", '"torch" without PyTorch installed', remedy)) from error
    return torch


SourceText: TypeAlias = Annotated[str, AfterValidator(outside.resolved_name)]
"""What `ModuleSource` takes; a file's path is relative to the validation context's ``folder``."""


@dataclass(frozen=True)
class ModuleSource:
    """A function that makes a torch module, by name.

    Parameters
    ----------
    text
        ``path/to/file.py:name`` or ``package.module:name``.
    """

    text: str

    def make(self, seed: int) -> torch.nn.Module:
        """Call the function; its draws from torch's own generator are named by the seed.

        Raises
        ------
        InputError
            If torch, the file or the function is missing or fails, or returns something else.
        """
        torch = torch_or_fault()
        namespace, (place, _, name) = self.load(), self.text.rpartition(":")
        function = getattr(namespace, name, None)
        if not callable(function):
            others = outside.named_in(namespace)
            found = f"no function {name} in {place}"
            raise unfit("module", found, others or "the name of one that is there")
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            try:
                made = function()
            except Exception as error:
                wanted = "one that needs no argument"
                failure = outside.failure(f"{name}()", error, wanted, place)
                raise unfit("module", failure.found, wanted) from error
        if not isinstance(made, torch.nn.Module):
            found = f"{name}() to return {type(made).__name__}"
            raise unfit("module", found, "a function that returns a torch.nn.Module")
        return made

    def load(self) -> ModuleType:
        """Return the Python module that the function is in, imported once.

        Also what has to be done before an object of a class that is defined there is unpickled.

        Raises
        ------
        InputError
            If there is none, or it fails.
        """
        try:
            return outside.module_of(self.text)
        except outside.Unusable as error:
            raise unfit("module", error.found, error.wanted) from error
