"""AsySG-con's schedule with everything: any coordination rule, network and misfortune.

What has no use for that runs as `asysim.schedule.reference.consistent`, which gives the same rows
with one event for each gradient; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import simpy
from simpy.core import EmptySchedule

from asysim.coordination import Coordination, ParameterServer
from asysim.coordination.flight import Flight
from asysim.coordination.mistakes import check_disposal, check_read, mistaken
from asysim.schedule.deadlock import Deadlock, explain, patient
from asysim.schedule.kinds import Kind
from asysim.schedule.reference.events import Agenda
from asysim.schedule.reference.failures import Failures
from asysim.schedule.reference.hardware import Cluster
from asysim.schedule.reference.power import FOREVER
from asysim.schedule.reference.star import Star
from asysim.trace.info import TraceInfo
from asysim.trace.row_table import BLOCK_SIZE, Row, Taken, columns
from asysim.trace.stream import Block, Stream
from asysim.trace.trace import Trace


class ClusterSchedule:
    """Workers, links, servers and a coordination rule, as a SimPy simulation.

    Parameters
    ----------
    cluster
        The hardware.
    info
        Goes into the traces.
    rule
        Makes the coordination rule, given the server that it acts on: this schedule.
    block_size
        Least number of rows in a piece of the stream.

    Attributes
    ----------
    env
        The SimPy environment; its clock counts nanoseconds.
    star
        The network and the servers, with what their queues have seen.
    """

    def __init__(
        self,
        cluster: Cluster,
        info: TraceInfo,
        rule: Callable[[ParameterServer], Coordination],
        *,
        block_size: int = BLOCK_SIZE,
    ) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.update = 0
        self.flights: dict[int, Flight] = {}
        self._info, self._block_size = info, block_size
        self._powers = cluster.powers
        self._agenda = Agenda(self.env, max(info.workers, cluster.timing.shards))
        self.star = Star(
            self._agenda,
            cluster.timing,
            cluster.wiring,
            read=self._read,
            ready=self._compute,
            served=self._serve,
            give_up=self._lose,
        )
        self._failures = Failures(
            self._agenda,
            cluster.fates,
            cluster.timing.source,
            come=self._ask,
            crash=self._crash,
            back=self._ask,
            go=self._leave,
        )
        self._next_parts = [cluster.timing.parts(w).__next__ for w in range(info.workers)]
        self._reads_later = cluster.wiring.reads_later(cluster.timing)
        self._gathered: list[Taken] = []
        self._rows: list[Row] = []
        self._moving = 0  # gradients on their way between a read and the rule
        self._tried: set[int] = set()  # workers that have asked in vain since anything moved
        self._unfreed: set[int] = set()  # whose gradient is disposed of, and that have not asked
        self._leaving: set[int] = set()
        self._left: dict[int, int] = {}
        self._rule = rule(self)

    # What a coordination rule may do ---------------------------------------------------------

    @property
    def members(self) -> set[int]:
        """Workers that have come and not gone for good."""
        return self._failures.members

    @property
    def gathered(self) -> int:
        """Gradients in the update that is being put together."""
        return len(self._gathered)

    def grant(self, worker: int, *, limit: int | None = None, in_hand: bool = False) -> None:
        """Let a worker read x now, or when it is sent."""
        check_read(self.flights, worker)
        flight = Flight(worker, self._next_parts[worker](), self.update, self._agenda.now)
        self.flights[worker] = flight
        self._moving += 1
        self._tried.clear()
        flight.limit = limit
        flight.has_read = in_hand or not self._reads_later
        if in_hand:
            self._compute(flight, flight.read)
        else:
            self.star.pull(flight)

    def fold(self, flight: Flight) -> None:
        """Add a gradient that is at the server to the next update."""
        check_disposal(self.flights, flight, to="folds")
        if not flight.at_server:
            what = f"folds a gradient of worker {flight.worker} that is not at the server"
            raise mistaken(what, "wait for it to arrive")
        self._gathered.append(flight.taken(self._agenda.now))
        self._land(flight)

    def make_update(self) -> None:
        """Make the update of all gradients folded into it."""
        now, update = self._agenda.now, self.update
        self._rows.extend((*taken, update, now) for taken in self._gathered)
        self._gathered.clear()
        self.update += 1

    def discard(self, flight: Flight) -> None:
        """Drop a gradient that is at the server."""
        check_disposal(self.flights, flight, to="discards")
        self._drop(flight)

    def stop(self, worker: int) -> None:
        """Drop a worker's gradient wherever it is."""
        if worker not in self.flights:
            raise mistaken(f"stops worker {worker}, which has none", "stop what is under way")
        self._drop(self.flights[worker])

    def free(self, worker: int) -> None:
        """Tell a worker that its gradient is disposed of: it asks to read again, if it can."""
        if worker in self._leaving:
            self._retire(worker)
        elif worker not in self._failures.down:
            self._ask(worker)

    # The way of a gradient -------------------------------------------------------------------

    def _ask(self, worker: int) -> None:
        if worker in self.members and worker not in self.flights:
            self._tried.add(worker)
            self._unfreed.discard(worker)
            self._rule.ask(worker)

    def _read(self, flight: Flight) -> None:
        """Read x for a gradient whose read was granted some time ago."""
        since = flight.version
        flight.read, flight.version, flight.has_read = self._agenda.now, self.update, True
        if flight.version != since:
            self._rule.renewed(flight, since)

    def _compute(self, flight: Flight, ready: int) -> None:
        flight.ready = ready
        power, worker = self._powers[flight.worker], flight.worker
        done = ready + flight.parts.compute
        if power is not None:
            done = power.finish(self._agenda.now, ready, flight.parts.compute)
        flight.done = done
        if flight.limit is not None and done > ready + flight.limit:
            over = partial(self._lose, flight)
            self._agenda.at(ready + flight.limit, Kind.TRIAL_OVER, worker, over)
        elif done < FOREVER:
            self.star.push(flight)

    def _serve(self, flight: Flight) -> None:
        flight.at_server = True
        self._moving -= 1
        self._rule.arrive(flight)

    def _land(self, flight: Flight) -> None:
        del self.flights[flight.worker]
        self._unfreed.add(flight.worker)

    def _drop(self, flight: Flight) -> None:
        self._rows.append(flight.lost(self._agenda.now, self.update))
        self._land(flight)
        flight.wanted = False
        if not flight.at_server:
            self._moving -= 1

    def _lose(self, flight: Flight) -> None:
        """Give a gradient up: its time is over, or it was sent too often."""
        if flight.wanted:
            self._drop(flight)
            self._rule.dropped(flight)
            self.free(flight.worker)

    # The lives of workers --------------------------------------------------------------------

    def _crash(self, worker: int) -> None:
        self._rule.withdraw(worker)
        flight = self.flights.get(worker)
        # What all servers have is safe; of a message that is under way nothing is.
        if flight is not None and (flight.arrived is None or flight.arrived > self._agenda.now):
            self._drop(flight)
            self._rule.dropped(flight)
        if worker in self._leaving and worker not in self.flights:
            self._retire(worker)

    def _leave(self, worker: int) -> None:
        """Let a worker go once it has nothing under way."""
        self._leaving.add(worker)
        if worker not in self.flights:
            self._rule.withdraw(worker)
            self._retire(worker)

    def _retire(self, worker: int) -> None:
        self._leaving.discard(worker)
        self._left[worker] = self._agenda.now
        self.members.discard(worker)
        self._rule.leave(worker)

    # The stream ------------------------------------------------------------------------------

    def __iter__(self) -> Stream:
        return patient(self._blocks(), len(self._powers))

    def _blocks(self) -> Stream:
        for worker in self._failures.begin():
            self._ask(worker)
        size = max(self._block_size, len(self._powers))
        step, rows = self.env.step, self._rows
        while True:
            first = self.update
            over: BaseException | None = None
            try:
                while len(rows) < size:
                    if not self._moving:
                        self._check_for_deadlock()
                    step()
            except EmptySchedule:
                over = self._deadlock()
            except (Exception, SystemExit) as found:  # a deadlock, or a rule's own
                over = found
            if rows:
                yield self._block(first)
                rows.clear()
            if over is not None:
                raise over

    def _check_for_deadlock(self) -> None:
        """Raise if all who could ask to read have asked, in vain, and nothing is on its way."""
        if self._failures.to_come:
            return
        hopeful = (
            worker
            for worker in self.members
            if worker not in self._tried
            and worker not in self._rule.waiting
            and worker not in self.flights
            and (worker not in self._failures.down or worker in self._failures.back_at)
        )
        if next(hopeful, None) is None:
            raise self._deadlock()

    def _deadlock(self) -> Deadlock:
        waiting = {
            worker: list(self._rule.awaited(worker))
            for worker in sorted(self.members - self._failures.down.keys())
        }
        unfreed = self._unfreed - self.flights.keys()
        return explain(self._agenda.now, waiting, self._failures.down, self._left, unfreed)

    def _block(self, updates_at_start: int) -> Block:
        facts, ticks = columns(self._rows)
        rows = Trace(facts, ticks, self._info, None, updates_at_start)
        held = {taken[2] for taken in self._gathered}
        held |= {flight.version for flight in self.flights.values() if flight.has_read}
        nothing = np.zeros(0, dtype=np.int64)
        return Block(rows, np.array(sorted(held), dtype=np.int64), nothing, self.update)
