"""What holds much and is shown in one line."""

from __future__ import annotations

from abc import ABC, abstractmethod


class OneLine(ABC):
    """Something whose `repr` is its kind and what it comes to."""

    @property
    @abstractmethod
    def line(self) -> str:
        """What it comes to: its name, and numbers that matter."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.line})"
