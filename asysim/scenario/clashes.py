"""What keys of a scenario demand of one another, looked up in the document as it was written.

The models check each key for itself. What is here also holds for a document with other faults in
it, so that a person hears of everything at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asysim.errors import Clash

_TICK = 1e-9  # seconds


def clashes(document: dict[str, Any]) -> Iterator[Clash]:
    """Find what does not go together; values of a wrong type are somebody else's to report."""
    algorithm = _table(document, "algorithm")
    name = algorithm.get("name")
    if name in ("asysg-con", "asysg-incon"):
        yield from _foreign(document, algorithm, name)
    in_blocks = algorithm.get("write") == "block" and name != "asysg-con"
    if in_blocks and algorithm.get("blocks") is None:
        yield Clash("algorithm.blocks", 'is required with write = "block": how many')
    if algorithm.get("blocks") is not None and algorithm.get("write", "dense") != "block":
        yield Clash("algorithm.blocks", 'should be left out, or go with write = "block"')
    discards = (
        algorithm.get("beyond_bound") == "discard" and algorithm.get("staleness_bound") is not None
    )
    if name == "asysg-incon" and discards and _takes_no_time(document):
        yield Clash(
            "workers.compute",
            "should take some time: while another writes, a gradient that takes none would be "
            "discarded and begun again at the same instant, without end",
        )
    workers = _table(document, "workers")
    speed, count = workers.get("speed"), workers.get("count")
    if isinstance(speed, list) and type(count) is int and count >= 1 and len(speed) != count:
        yield Clash(
            "workers.speed", f"should list {count} factors, as workers.count says, not {len(speed)}"
        )


def _foreign(document: dict[str, Any], algorithm: dict[str, Any], name: str) -> Iterator[Clash]:
    """Find what belongs to the other algorithm."""
    con = name == "asysg-con"
    other = 'algorithm.name = "asysg-incon"' if con else 'algorithm.name = "asysg-con"'
    for table in ("memory",) if con else ("network", "server"):
        if document.get(table) is not None:
            yield Clash(table, f"should be left out: it belongs to {other}")
    if con and algorithm.get("write", "dense") in ("coordinate", "block"):
        yield Clash("algorithm.write", f'should be "dense", or go with {other}')
    if not con and algorithm.get("gradients_per_update", 1) != 1:
        yield Clash(
            "algorithm.gradients_per_update",
            f"should be 1: there is no server to gather more; it belongs to {other}",
        )


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    table = document.get(key)
    return table if isinstance(table, dict) else {}


def _takes_no_time(document: dict[str, Any]) -> bool:
    """Whether a lock-free gradient is read and computed at one instant."""
    steps = (_table(document, "workers").get("compute"), _table(document, "memory").get("read", 0))
    return all(isinstance(step, int | float) and step < _TICK for step in steps)
