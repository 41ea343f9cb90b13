"""The star network: links, the servers' interfaces and queues, messages that get lost.

A message from a server goes through the server's interface, then over the worker's link; one to a
server the other way round. A message with several servers has a part for each, and is there when
its last part is. What takes no time is passed through at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from asysim.coordination.flight import Flight
from asysim.scenario.cluster import Pause
from asysim.schedule.kinds import Kind
from asysim.schedule.reference.events import Agenda
from asysim.schedule.reference.power import PowerClock, ServerPower
from asysim.schedule.reference.resends import Resends
from asysim.schedule.reference.stations import Fair, Fifo, Job, Station
from asysim.schedule.timing import ClusterTiming


@dataclass(frozen=True)
class Wiring:
    """What the servers' side of the network is made of.

    Parameters
    ----------
    send_ticks, receive_ticks
        How long a part of a pull, or of a push, takes an interface that has nothing else to do;
        what a random size adds to that is the message's own.
    sharing
        How messages share an interface.
    half_duplex
        Whether both directions share it too.
    pauses
        When the servers do nothing.
    timeout
        Ticks after which a part that has not arrived is sent again; None: never.
    retries
        How often, for a gradient; None: until it arrives.
    reads_when_sent
        Whether x is read when its transfer begins, and not when its read is granted.
    """

    send_ticks: int = 0
    receive_ticks: int = 0
    sharing: Literal["fifo", "fair"] = "fifo"
    half_duplex: bool = False
    pauses: tuple[Pause, ...] = ()
    timeout: int | None = None
    retries: int | None = None
    reads_when_sent: bool = False

    def has_interfaces(self, timing: ClusterTiming) -> bool:
        """Whether a message takes time to go through a server's interface."""
        random = timing.send.takes_time or timing.receive.takes_time
        return bool(self.send_ticks or self.receive_ticks or random)

    def reads_take_time(self, timing: ClusterTiming) -> bool:
        """Whether a server may need time to read x: in a pause even what takes none has to wait."""
        return timing.read.takes_time or bool(self.pauses)

    def reads_later(self, timing: ClusterTiming) -> bool:
        """Whether x may be read later than its read is granted."""
        queues = self.reads_take_time(timing) or self.has_interfaces(timing)
        return self.reads_when_sent and queues

    def is_unreliable(self, timing: ClusterTiming) -> bool:
        """Whether messages may be lost, or sent again."""
        return timing.loss > 0 or self.timeout is not None


class Part:
    """One server's part of a message, and how its sending stands.

    Parameters
    ----------
    flight
        The gradient that it is for.
    shard
        Which server's.
    """

    __slots__ = ("attempts", "flight", "reached", "shard")

    def __init__(self, flight: Flight, shard: int) -> None:
        self.flight, self.shard = flight, shard
        self.attempts, self.reached = 0, False

    def is_missing(self) -> bool:
        """Whether it has not reached the other side, and still matters."""
        return self.flight.wanted and not self.reached

    def is_wanted(self) -> bool:
        """Whether it still matters."""
        return self.flight.wanted


class Star:
    """The way of messages between workers and servers.

    Parameters
    ----------
    agenda
        Where events go.
    timing
        How long latencies and services last.
    wiring
        The rest.
    read
        Called with a gradient when x is sent to its worker, if it has not been read before.
    ready
        Called with a gradient and the tick, now or later, at which x is at its worker.
    served
        Called with a gradient once it is at the servers and they have served it.
    give_up
        Called with a gradient that was sent as often as it may be.

    Attributes
    ----------
    stations
        Every queue by its name: ``server``, ``send``, ``receive`` (or ``interface``, if they share
        it), with the number of the server if there are several.
    """

    def __init__(
        self,
        agenda: Agenda,
        timing: ClusterTiming,
        wiring: Wiring,
        *,
        read: Callable[[Flight], None],
        ready: Callable[[Flight, int], None],
        served: Callable[[Flight], None],
        give_up: Callable[[Flight], None],
    ) -> None:
        self.stations: dict[str, Station] = {}
        self._agenda, self._timing, self._wiring = agenda, timing, wiring
        self._read, self._ready = read, ready
        self._all_served, self._give_up = served, give_up
        self._has_interfaces = wiring.has_interfaces(timing)
        shards = range(timing.shards)
        self._servers = [self._server(shard) for shard in shards]
        self._senders = [self._interface("send", Kind.SENT, shard) for shard in shards]
        self._receivers = [self._interface("receive", Kind.RECEIVED, shard) for shard in shards]
        self._reads_take_time = wiring.reads_take_time(timing)
        self._unreliable = wiring.is_unreliable(timing)
        self._again = Resends(timing)

    def _server(self, shard: int) -> Fifo:
        pauses = self._wiring.pauses
        clock = PowerClock(ServerPower(pauses)) if pauses else None
        server = Fifo(self._agenda.env, self._agenda.priority(Kind.SERVED, shard), clock)
        self.stations[self._name("server", shard)] = server
        return server

    def _interface(self, name: str, kind: Kind, shard: int) -> Station | None:
        if not self._has_interfaces:
            return None
        if self._wiring.half_duplex:
            name, kind = "interface", Kind.SENT
        key = self._name(name, shard)
        if key not in self.stations:
            make = Fair if self._wiring.sharing == "fair" else Fifo
            self.stations[key] = make(self._agenda.env, self._agenda.priority(kind, shard))
        return self.stations[key]

    def _name(self, name: str, shard: int) -> str:
        return name if self._timing.shards == 1 else f"{name} {shard}"

    # To the worker ---------------------------------------------------------------------------

    def pull(self, flight: Flight) -> None:
        """Send x to a worker."""
        if not self._reads_take_time and not self._unreliable and self._senders[0] is None:
            self._ready(flight, flight.read + max(flight.parts.pull))
            return
        for shard in range(self._timing.shards):
            part = Part(flight, shard)
            if self._reads_take_time:
                read = Job(flight.parts.read[shard], partial(self._send, part), part.is_wanted)
                self._servers[shard].submit(read, urgent=True)
            else:
                self._send(part)

    def _send(self, part: Part) -> None:
        """Let the server send its part of x, the first time or again."""
        if not part.is_missing():
            return
        attempt = part.attempts
        part.attempts += 1
        flight, sender = part.flight, self._senders[part.shard]
        fly = partial(self._fly, part, attempt)
        read = None if flight.has_read else partial(self._read, flight)
        if sender is None:
            fly()
            if read is not None:
                read()
        else:
            work = self._wiring.send_ticks + flight.parts.send
            sender.submit(Job(work, fly, part.is_wanted, read))

    def _fly(self, part: Part, attempt: int) -> None:
        flight = part.flight
        self._await(part, self._send)
        if attempt == 0:
            latency, lost = flight.parts.pull[part.shard], flight.parts.pull_lost[part.shard]
        else:
            latency, lost = self._again.pull(flight.worker)
            latency += flight.parts.outbound
        if not lost:
            there, reach = self._agenda.now + latency, partial(self._reach_worker, part)
            self._agenda.at(there, Kind.AT_WORKER, flight.worker, reach)

    def _reach_worker(self, part: Part) -> None:
        if part.is_missing():
            part.reached = True
            part.flight.missing -= 1
            if part.flight.missing == 0:
                self._ready(part.flight, self._agenda.now)

    # To the servers --------------------------------------------------------------------------

    def push(self, flight: Flight) -> None:
        """Send a gradient, as soon as it is done."""
        assert flight.done is not None
        flight.missing = flight.unserved = self._timing.shards
        for shard in range(self._timing.shards):
            part = Part(flight, shard)
            if self._unreliable:
                post = partial(self._post, part)
                self._agenda.at(flight.done, Kind.AT_WORKER, flight.worker, post)
            else:
                self._travel(part, flight.done + flight.parts.push[shard])

    def _post(self, part: Part) -> None:
        """Let the worker send its gradient's part, the first time or again."""
        if not part.is_missing():
            return
        flight, attempt = part.flight, part.attempts
        if self._wiring.retries is not None and attempt > self._wiring.retries:
            self._give_up(flight)
            return
        part.attempts += 1
        self._await(part, self._post)
        if attempt == 0:
            latency, lost = flight.parts.push[part.shard], flight.parts.push_lost[part.shard]
        else:
            latency, lost = self._again.push(flight.worker)
            latency += flight.parts.inbound
        if not lost:
            self._travel(part, self._agenda.now + latency)

    def _travel(self, part: Part, there: int) -> None:
        """Come to a server at tick `there`, through its interface."""
        kind = Kind.AT_SERVER if self._receivers[part.shard] is None else Kind.AT_INTERFACE
        self._agenda.at(there, kind, part.flight.worker, partial(self._reach_server, part))

    def _reach_server(self, part: Part) -> None:
        # What comes twice, or was given up, is thrown away: nothing is counted twice.
        if not part.is_missing():
            return
        # From here on it is not sent again, or a long queue would become longer and longer.
        part.reached = True
        receiver, receive = self._receivers[part.shard], partial(self._receive, part)
        if receiver is None:
            receive()
        else:
            work = self._wiring.receive_ticks + part.flight.parts.receive
            receiver.submit(Job(work, receive, part.is_wanted))

    def _receive(self, part: Part) -> None:
        flight = part.flight
        if not flight.wanted:
            return
        flight.missing -= 1
        if flight.missing == 0:
            flight.arrived = self._agenda.now
        service = flight.parts.service[part.shard]
        job = Job(service, partial(self._serve, flight), part.is_wanted)
        self._servers[part.shard].submit(job)

    def _serve(self, flight: Flight) -> None:
        flight.unserved -= 1
        if flight.unserved == 0 and flight.wanted:
            self._all_served(flight)

    def _await(self, part: Part, again: Callable[[Part], None]) -> None:
        """Have a part sent again, or given up, if it has not reached anybody by the timeout."""
        if self._wiring.timeout is not None:
            late = self._agenda.now + self._wiring.timeout
            self._agenda.at(late, Kind.TIMEOUT, part.flight.worker, partial(again, part))
