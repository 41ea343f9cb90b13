"""What keys of a scenario demand of one another, looked up in the document as it was written.

The models check each key for itself. What is here also holds for a document with other faults in
it, so that a person hears of everything at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asysim.coordination.rules import by_kind
from asysim.errors import Clash
from asysim.scenario.cluster import lists
from asysim.scenario.schedules import schedule_clashes
from asysim.scenario.update_clashes import update_clashes


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
    shards = _table(document, "server").get("shards", 1)
    if _table(document, "network").get("version") == "sent" and shards not in (None, 1):
        yield Clash(
            "network.version",
            'should be "granted" with server.shards > 1: parts of x that are sent at different '
            "times would be of different versions, and the read not consistent",
        )
    if document.get("workers") is None and document.get("schedule") is None:
        yield Clash("workers", "is required: a table with compute")
    yield from _of_workers(document)
    yield from schedule_clashes(document)
    yield from _of_coordination(document, algorithm)
    yield from update_clashes(document)


def _of_workers(document: dict[str, Any]) -> Iterator[Clash]:
    workers = _table(document, "workers")
    groups, speed, count = workers.get("groups"), workers.get("speed"), workers.get("count")
    if isinstance(document.get("workers"), dict) and not groups and "count" not in workers:
        yield Clash("workers.count", "is required: p, the number of workers")
    if isinstance(groups, list) and groups:
        sizes = [group.get("count") for group in groups if isinstance(group, dict)]
        total = sum(size for size in sizes if type(size) is int)
        if type(count) is int and all(type(size) is int for size in sizes) and count != total:
            yield Clash(
                "workers.count",
                f"should be left out, or {total}, as many as the groups together: "
                "change the count of a group (workers.groups.0.count)",
            )
        if speed not in (None, 1):
            yield Clash("workers.speed", "should be left out: the groups have a speed each")
    elif isinstance(speed, list) and type(count) is int and count >= 1 and len(speed) != count:
        yield Clash(
            "workers.speed", f"should list {count} factors, as workers.count says, not {len(speed)}"
        )
    if type(count) is int:
        for place, crash in lists(_table(document, "faults"), "crashes"):
            worker = crash.get("worker")
            if type(worker) is int and worker >= count:
                key = f"faults.crashes.{place}.worker"
                yield Clash(key, f"should be one of the workers 0 … {count - 1}")
        yield from _of_counts(_table(document, "coordination"), count)


def _of_counts(rule: dict[str, Any], count: int) -> Iterator[Clash]:
    """Find what a coordination rule says of more workers, or fewer, than there are."""
    facts = by_kind(rule.get("kind"))
    for key in facts.at_most_workers:
        if type(rule.get(key)) is int and rule[key] > count:
            yield Clash(f"coordination.{key}", f"should be at most {count}, the number of workers")
    for key in facts.of_each_worker:
        values = rule.get(key)
        if isinstance(values, list) and len(values) != count:
            yield Clash(
                f"coordination.{key}",
                f"should list {count} values, one for each worker, not {len(values)}",
            )


def _of_coordination(document: dict[str, Any], algorithm: dict[str, Any]) -> Iterator[Clash]:
    kind = _table(document, "coordination").get("kind", "asynchronous")
    if algorithm.get("name") == "asysg-incon" or kind == "asynchronous":
        return
    if algorithm.get("staleness_bound") is not None:
        remedy = by_kind(kind).instead_of_bound
        yield Clash(
            "algorithm.staleness_bound",
            f'should be left out with coordination.kind = "{kind}": {remedy}',
        )
    if algorithm.get("gradients_per_update", 1) != 1:
        yield Clash(
            "algorithm.gradients_per_update",
            f'should be left out with coordination.kind = "{kind}", which says it itself',
        )


def _foreign(document: dict[str, Any], algorithm: dict[str, Any], name: str) -> Iterator[Clash]:
    """Find what belongs to the other algorithm."""
    con = name == "asysg-con"
    other = 'algorithm.name = "asysg-incon"' if con else 'algorithm.name = "asysg-con"'
    for table in ("memory",) if con else ("network", "server", "faults"):
        if document.get(table) is not None:
            yield Clash(table, f"should be left out: it belongs to {other}")
    if con and algorithm.get("write", "dense") in ("coordinate", "block"):
        yield Clash("algorithm.write", f'should be "dense", or go with {other}')
    if not con:
        yield from _of_a_cluster(document, algorithm, other)
    if not con and algorithm.get("gradients_per_update", 1) != 1:
        yield Clash(
            "algorithm.gradients_per_update",
            f"should be 1: there is no server to gather more; it belongs to {other}",
        )


def _of_a_cluster(
    document: dict[str, Any], algorithm: dict[str, Any], other: str
) -> Iterator[Clash]:
    """Find what needs a server or a network, in a scenario with neither."""
    if _table(document, "coordination").get("kind", "asynchronous") != "asynchronous":
        yield Clash("coordination.kind", f'should be "asynchronous", or go with {other}')
    if algorithm.get("beyond_bound") == "restart":
        yield Clash("algorithm.beyond_bound", f'should be "wait" or "discard", or go with {other}')
    for place, group in lists(_table(document, "workers"), "groups"):
        for key in ("pull", "push", "bandwidth", "leaves"):
            if group.get(key) is not None:
                yield Clash(
                    f"workers.groups.{place}.{key}", f"should be left out: it belongs to {other}"
                )
        if group.get("joins", 0) != 0:
            yield Clash(
                f"workers.groups.{place}.joins", f"should be left out: it belongs to {other}"
            )


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    table = document.get(key)
    return table if isinstance(table, dict) else {}
