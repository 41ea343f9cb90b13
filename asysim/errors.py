"""What a person is told when something they gave can't be used."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace


def clipped(text: str, most: int) -> str:
    """Return a text, or its beginning and its end if it is longer than `most` characters."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-(most - half - 1) :]}"


def found_as(value: object) -> str:
    """Return how a value that should be another is shown: as it is written, shortened, or by name.

    What has a shape is shown with that; an object that does not say what it is, by its class.
    """
    shape = getattr(value, "shape", None)
    if shape:  # not a number in the disguise of an array
        return f"{type(value).__name__} of shape {tuple(shape)}"
    if type(value).__repr__ is object.__repr__:
        return f"an object {type(value).__name__}"
    return clipped(" ".join(repr(value).split()), 80)


@dataclass(frozen=True)
class Fault:
    """One thing wrong in one place: which file, which key, what stood there, what would be right.

    Parameters
    ----------
    key
        Where in the file, in the file's own terms: ``workers.count``, ``line 12``, ``column a``.
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

    def __post_init__(self) -> None:
        # What a program wrote can be of any length; nobody reads thousands of characters.
        for name, most in (("key", 120), ("found", 300), ("expected", 600)):
            object.__setattr__(self, name, clipped(getattr(self, name), most))

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.source, self.key) if part)
        return f"{place}: found {self.found}; {self.expected}"


class AsysimError(Exception):
    """Base of every error that asysim raises on purpose."""


class DamagedWarning(UserWarning):
    """A file that asysim kept is damaged, and what was in it is computed again."""


class InputError(AsysimError):
    """A scenario, file, trace or argument can't be used; `faults` says why, all at once."""

    def __init__(self, faults: Iterable[Fault] | Fault) -> None:
        self.faults = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Fault, ...]]]:
        return InputError, (self.faults,)  # what it was made from, not its text

    def located(self, source: str) -> InputError:
        """Return the same error with `source` as the file of every fault that names none yet."""
        return InputError(
            fault if fault.source else replace(fault, source=source) for fault in self.faults
        )


class UnplayableError(InputError):
    """The schedule of a scenario can't go on, which may be told in the middle of a run."""


def unfit(key: str, found: str, wanted: str, source: str = "") -> InputError:
    """Return the error that something is not what it should be: one fault, "should be `wanted`"."""
    return InputError(Fault(key, found, f"should be {wanted}", source))


class Clash(ValueError):  # noqa: N818  (raised by validators, and never gets out of them)
    """A key that can't stand beside another: a ValueError, as a validator raises, with its place.

    Parameters
    ----------
    key
        Dotted name of the key, seen from the table that is being validated.
    expected
        What would be right.
    found
        What is there, if it is something else than what stands there.
    """

    def __init__(self, key: str, expected: str, found: str = "") -> None:
        self.key, self.expected, self.found = key, expected, found
        super().__init__(f"{key} {expected}")


def check_alone(table: object, key: str, *others: str) -> None:
    """Raise Clash if a table has a key, and another besides that would say the same thing."""
    if getattr(table, key) is not None and any(getattr(table, o) is not None for o in others):
        *first, last = others
        named = f"{', '.join(first)} or {last}" if first else last
        raise Clash(key, f"should not stand beside {named}")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its name if it has none."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def reason(error: Exception) -> str:
    """Say why something failed, without the path that the fault names anyway."""
    # pyarrow's errors carry a number but bury the system's own words.
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if number else first_line(error)
