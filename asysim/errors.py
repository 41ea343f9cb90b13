"""What a person is told when something they gave can't be used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Fault:
    """One thing wrong in one place: which file, which key, what stood there, what would be right.

    Parameters
    ----------
    key
        Where in the file, in the file's own terms: ``workers.count``, ``line 12``, ``column worker``.
    found
        What stands there now, as the person wrote it.
    expected
        What would be right.
    source
        The file, or ``command line``; empty until somebody who knows it fills it in.
    """

    key: str
    found: str
    expected: str
    source: str = ""

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.source, self.key) if part)
        return f"{place}: found {self.found}; {self.expected}"


class AsysimError(Exception):
    """Base of every error that asysim raises on purpose."""


class InputError(AsysimError):
    """A scenario, a data file, a trace or an argument can't be used; `faults` says why, all at once."""

    def __init__(self, faults: Iterable[Fault] | Fault) -> None:
        self.faults = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def located(self, source: str) -> InputError:
        """Return the same error with `source` as the file of every fault that names none yet."""
        return InputError(
            fault if fault.source else replace(fault, source=source) for fault in self.faults
        )
