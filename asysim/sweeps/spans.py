"""Runs in a row, first, …, end − 1: which of them there are, and which are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """Numbers first, …, end − 1."""

    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first


def union(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order that don't touch, of all numbers that are in some of these."""
    found: list[Span] = []
    for first, end in sorted(spans):
        if found and first <= found[-1].end:
            found[-1] = Span(found[-1].first, max(end, found[-1].end))
        elif first < end:
            found.append(Span(first, end))
    return found


def gaps(spans: Iterable[Span], within: Span) -> Iterator[Span]:
    """Yield what a span has besides these."""
    at = within.first
    for first, end in union(spans):
        if first >= within.end:
            break
        if first > at:
            yield Span(at, first)
        at = max(at, end)
    if at < within.end:
        yield Span(at, within.end)
