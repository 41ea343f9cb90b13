"""Where a torch module comes from: a function in a file or a package, and a seed for its start."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator, ValidationInfo

from asysim.errors import Fault, InputError, first_line, reason, unfit
from asysim.ground.paths import resolved
from asysim.ground.reading import content as bytes_of

if TYPE_CHECKING:
    import torch

_FORM = 'should be "path/to/file.py:name" or "package.module:name"'


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


def _resolved(text: str, info: ValidationInfo) -> str:
    place, _, name = text.rpartition(":")
    if place.endswith(".py"):
        place = str(resolved(Path(place), info))
    elif not all(part.isidentifier() for part in place.split(".")):
        raise ValueError(_FORM)
    if not name.isidentifier():
        raise ValueError(_FORM)
    return f"{place}:{name}"


SourceText: TypeAlias = Annotated[str, AfterValidator(_resolved)]
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
            found = f"no function {name} in {place}"
            raise unfit("module", found, _names(namespace) or "the name of one that is there")
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            try:
                made = function()
            except Exception as error:
                raise self._failure(f"{name}()", error, "one that needs no argument") from error
        if not isinstance(made, torch.nn.Module):
            found = f"{name}() to return {type(made).__name__}"
            raise unfit("module", found, "a function that returns a torch.nn.Module")
        return made

    def load(self) -> ModuleType:
        """Return the Python module that the function is in, imported once.

        Also what has to be done before an object of a class that is defined there is unpickled.
        """
        place = self.text.rpartition(":")[0]
        path = Path(place)
        if path.suffix != ".py":
            try:
                return import_module(place)
            except Exception as error:
                raise self._failure(f"{place}", error, "a module to be imported") from error
        try:
            content = bytes_of(path)
        except FileNotFoundError as error:
            raise unfit("module", f"no file {path}", "the path of a Python file") from error
        except OSError as error:
            found = f"{path}: {reason(error)}"
            raise unfit("module", found, "the path of a file that can be read") from error
        # Named by its content: an edited file is another module, and pickles find the right one.
        key = f"asysim_module_{sha256(str(path).encode() + b':' + content).hexdigest()[:16]}"
        if key not in sys.modules:
            module = sys.modules[key] = ModuleType(key)
            module.__file__ = str(path)
            try:
                exec(compile(content, path, "exec", dont_inherit=True), vars(module))
            except Exception as error:
                del sys.modules[key]
                raise self._failure(f"{path}", error, "a Python file that runs") from error
        return sys.modules[key]

    def _failure(self, what: str, error: Exception, wanted: str) -> InputError:
        """Say what failed, and in which of the file's lines it did."""
        place = self.text.rpartition(":")[0]
        calls = traceback.extract_tb(error.__traceback__)
        lines = [call.lineno for call in calls if call.filename == place]
        where = f" (line {lines[-1]})" if lines else ""
        found = f"{what} to fail{where} with {type(error).__name__}: {first_line(error)}"
        return unfit("module", found, wanted)


def _names(namespace: ModuleType) -> str:
    """List what a Python module defines that could be meant."""
    own = [
        name
        for name, value in vars(namespace).items()
        if callable(value) and getattr(value, "__module__", None) == namespace.__name__
    ]
    return " or ".join(own)
