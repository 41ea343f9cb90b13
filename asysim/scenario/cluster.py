"""The tables that describe hardware: workers, network, server, shared memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from asysim.errors import Clash
from asysim.ground.ranges import (
    Count,
    Magnification,
    NotNegative,
    Positive,
    Seconds,
    SomeSeconds,
    WorkerCount,
)
from asysim.ground.table import Table
from asysim.laws import ComputeLaw, Law, Size, TimeLaw
from asysim.laws.simple import NO_TIME
from asysim.scenario.power import Power

DTYPE_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}


class Group(Table):
    """Workers that are alike; what is absent is as for all workers."""

    count: WorkerCount
    """how many"""
    speed: Positive = 1.0
    """speed factor; compute times are divided by it"""
    compute: ComputeLaw | None = None
    """time to compute one mini-batch gradient at speed 1, in seconds"""
    power: Power | None = None
    """how their power changes with time"""
    pull: Law | None = None
    """latency from the server's snapshot to the first byte at the worker, in seconds"""
    push: Law | None = None
    """latency from the finished gradient to the first byte at the server, in seconds"""
    bandwidth: Positive | None = None
    """bytes per second of each of their links in each direction"""
    joins: Seconds = 0.0
    """when they come, in seconds"""
    leaves: SomeSeconds | None = None
    """when they go, in seconds: each finishes the gradient in hand; absent: never"""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.leaves is not None and self.leaves <= self.joins:
            raise Clash("leaves", f"should be later than joins = {self.joins:g}")
        return self


class Workers(Table):
    """The workers, and how long each computes a gradient."""

    groups: list[Group] = Field(default_factory=list)
    """workers that differ, in order: "4 fast, 28 slow" """
    count: WorkerCount = Field(
        default_factory=lambda known: sum(group.count for group in known.get("groups", ()))
    )
    """p, the number of workers; with groups it may be left out"""
    compute: ComputeLaw
    """time to compute one mini-batch gradient at speed 1, in seconds: a number or a law"""
    speed: Positive | list[Positive] = 1.0
    """speed factor of all workers, or a list with one factor for each; times are divided by it"""
    speed_law: Law | None = None
    """a law that a further speed factor of each worker is drawn from, once"""
    power: Power | None = None
    """how each worker's power changes with time: slow spells, trends, outages"""

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if self.count < 1:
            raise Clash("count", "is required: p, the number of workers")
        return self

    @property
    def group_of(self) -> list[Group | None]:
        """The group of each worker; None without groups."""
        if not self.groups:
            return [None] * self.count
        return [group for group in self.groups for _ in range(group.count)]

    @property
    def speeds(self) -> list[float]:
        """One factor for each worker, before `speed_law`."""
        if self.groups:
            return [group.speed for group in self.groups for _ in range(group.count)]
        return self.speed if isinstance(self.speed, list) else [self.speed] * self.count


class Network(Table):
    """The star network of asysg-con: what lies between each worker and the server."""

    pull: Law = NO_TIME
    """latency from the server's snapshot to the first byte at the worker, in seconds"""
    push: Law = NO_TIME
    """latency from the finished gradient to the first byte at the server, in seconds"""
    bandwidth: Positive | None = None
    """bytes per second of each link in each direction; absent: unlimited"""
    server_bandwidth: Positive | None = None
    """bytes per second of each server's own interface, which all links share; absent: unlimited"""
    sharing: Literal["fifo", "fair"] = "fifo"
    """how messages share that interface: one after the other, or all at once in equal parts"""
    duplex: Literal["full", "half"] = "full"
    """full: both directions at once; half: they share the interface"""
    version: Literal["granted", "sent"] | None = None
    """which x a worker is sent: as it was when its read was granted, or as it is when its transfer
    begins, after the server's time to read and the queue at its interface; absent: granted"""
    message_bytes: Size | None = None
    """size of x and of a gradient, uncompressed: a number of bytes, or a law with bytes for seconds
    that each message's is drawn from; absent: the length of x times that of its dtype"""
    dtype: Literal["float64", "float32", "float16", "bfloat16", "int8"] = "float64"
    """how numbers travel; it decides the size of messages, not the mathematics"""
    pull_compression: Magnification = 1.0
    """how many times smaller x is on the wire"""
    push_compression: Magnification = 1.0
    """how many times smaller a gradient is on the wire"""

    @model_validator(mode="after")
    def _messages_are_something(self) -> Self:
        if self.random_size is not None and not self.random_size.mean > 0:
            raise Clash("message_bytes", "should be a law of sizes > 0")
        return self

    def message_sizes(self, dimension: int) -> tuple[float, float]:
        """Return the bytes of a pull and of a push: their means, if they are random."""
        size: float = DTYPE_BYTES[self.dtype] * dimension
        if self.message_bytes is not None:
            given = self.message_bytes
            size = given if isinstance(given, int) else given.mean
        return size / self.pull_compression, size / self.push_compression

    @property
    def random_size(self) -> TimeLaw | None:
        """The law of the bytes of a message, uncompressed; None if all are of one size."""
        size = self.message_bytes
        return None if isinstance(size, int) else size


class Pause(Table):
    """A time in which the server does nothing; messages wait."""

    start: Seconds
    """when it begins, in seconds"""
    seconds: SomeSeconds
    """how long it lasts"""
    every: SomeSeconds | None = None
    """seconds from the start of one such pause to the next; absent: once"""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.seconds < 1e-9:
            raise Clash("seconds", "should be a nanosecond at least")
        if self.every is not None and self.every - self.seconds < 1e-9:
            raise Clash("every", f"should be more than seconds = {self.seconds:g}")
        return self


class Server(Table):
    """The parameter server of asysg-con: one queue, first come, first served; or several."""

    service: Law = NO_TIME
    """time a server takes to apply one gradient, or its part of one, in seconds"""
    read: Law = NO_TIME
    """time a server takes to send off x, or its part, in seconds; before gradients that wait"""
    shards: Count = 1
    """servers that hold equal parts of x, each with a queue and an interface of its own"""
    pauses: list[Pause] = Field(default_factory=list)
    """times in which the servers do nothing"""


class Memory(Table):
    """The shared memory of asysg-incon: sweeps over x from its first coordinate to its last."""

    read: Law = NO_TIME
    """time to read all of x, in seconds"""
    write: Law = NO_TIME
    """time to write all of x, in seconds; a block takes its share"""
    per_coordinate: bool = False
    """whether read and write are the times for one coordinate"""
    contention: NotNegative = 0.0
    """by what part of itself each write in progress slows down another one that begins"""


def lists(table: dict[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the tables in a list of tables that may be absent or of a wrong type."""
    entries = table.get(key)
    for place, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield place, entry
