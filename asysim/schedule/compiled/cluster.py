"""The twin of `asysim.schedule.reference.cluster`: any rule, network and misfortune."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from asysim.coordination.machine import names as n
from asysim.coordination.machine.hooks import Hooks, install
from asysim.coordination.machine.records import workers_of
from asysim.coordination.mistakes import mistaken
from asysim.errors import AsysimError, UnplayableError
from asysim.ground.arrays import Ints
from asysim.random.streams import Purpose
from asysim.schedule.compiled import event_loop as loop
from asysim.schedule.compiled import events_at_once
from asysim.schedule.compiled.draw_buffers import Lanes, stage
from asysim.schedule.compiled.draws import Draws
from asysim.schedule.compiled.failures import begin, certain
from asysim.schedule.compiled.heap import holds
from asysim.schedule.compiled.memory import held_versions, new_memory, rows_of, with_room
from asysim.schedule.compiled.power import Segments, pause_table
from asysim.schedule.deadlock import Deadlock, explain, patient
from asysim.schedule.reference.hardware import Cluster
from asysim.schedule.reference.power import endless_pauses, most_work, of_worker
from asysim.schedule.timing import LONGEST, ClusterTiming
from asysim.trace.gradient import NANOSECOND
from asysim.trace.info import TraceInfo
from asysim.trace.row_table import BLOCK_SIZE, FACT_COLUMNS, TIME_COLUMNS, past_the_clock
from asysim.trace.stream import Block, Stream
from asysim.trace.trace import Trace

if TYPE_CHECKING:
    from asysim.scenario import Scenario

_LARGEST = 2**62
_SHARED_AT_ONCE = 1024  # messages of each worker, at most, that share an interface


def covers(scenario: Scenario, cluster: Cluster) -> str | None:
    """Return the key of a scenario that takes the SimPy schedule; None: there is none.

    Numbers may be too large, as whole numbers have 64 bits here, and a rule may not be compiled.

    Parameters
    ----------
    scenario, cluster
        As for `CompiledCluster`.
    """
    wiring, fates, workers = cluster.wiring, cluster.fates, scenario.workers.count
    crashes = [second for crash in fates.crashes for second in (crash.at, crash.downtime or 0.0)]
    pauses = [s for p in wiring.pauses for s in (p.start, p.seconds, p.every or 0.0)]
    rule = scenario.played
    limits = [own.limit for own in rule.trials_of(workers)]
    most = LONGEST * NANOSECOND
    transfer = max(wiring.send_ticks, wiring.receive_ticks) * workers * _SHARED_AT_ONCE
    beyond = {
        "workers.count": not holds(workers, cluster.timing.shards),
        "workers.groups": max(*fates.joins, *(tick or 0 for tick in fates.leaves), 0) > LONGEST,
        "faults.crashes": max(crashes, default=0.0) > most,
        "faults.timeout": (wiring.timeout or 0) > LONGEST,
        "server.pauses": max(pauses, default=0.0) > most,
        "coordination.kind": rule.hooks() is None,
        "coordination.seconds": max(limits, default=0) > LONGEST,
        "network.server_bandwidth": transfer > LONGEST,
    }
    return next((key for key, is_beyond in beyond.items() if is_beyond), None)


class CompiledCluster:
    """What `ClusterSchedule` yields, without SimPy.

    Parameters
    ----------
    cluster, info, block_size
        As for `asysim.schedule.reference.cluster.ClusterSchedule`.
    scenario
        Says which coordination rule, and how power changes with time.
    """

    def __init__(
        self,
        cluster: Cluster,
        info: TraceInfo,
        scenario: Scenario,
        *,
        block_size: int = BLOCK_SIZE,
    ) -> None:
        timing, workers = cluster.timing, info.workers
        self._info, self._size = info, max(block_size, workers)
        self._turns = events_at_once(workers)
        wiring = cluster.wiring
        pauses, half = pause_table(wiring.pauses), wiring.half_duplex
        self._memory = m = new_memory(
            workers, timing.shards, pauses, half_duplex=half, random_sizes=timing.random_sizes
        )
        self._certain = certain(cluster.fates)
        _set_up_network(m, cluster)
        hooks = scenario.played.hooks()
        assert hooks is not None, "`covers` says so"
        self._hooks = hooks
        install(m, self._hooks)
        scenario.played.set_up(m)
        self._draws, self._lanes = _lanes(cluster, workers)
        powered = np.array([power is not None for power in cluster.powers])
        workers_of(m)[:, n.POWERED] = powered
        groups = scenario.workers.group_of
        powers = [(group and group.power) or scenario.workers.power for group in groups]
        self._segments = Segments(
            [
                None if power is None else of_worker(power, timing.source, worker)
                for worker, power in enumerate(powers)
            ]
        )

    def __iter__(self) -> Stream:
        return patient(self._blocks(), self._info.workers)

    def _blocks(self) -> Stream:
        self._begin()
        while True:
            first = int(self._memory[n.UPDATE])
            over: AsysimError | None = None
            try:
                if self._advance() == loop.STUCK:
                    over = _deadlock(self._memory, self._hooks)
            except AsysimError as found:  # rows before it are rows
                over = found
            m = self._memory
            if m[n.ROWS]:
                yield self._block(first)
                m[n.ROWS] = 0
            if over is not None:
                raise over

    def _begin(self) -> None:
        m, workers = self._memory, self._info.workers
        for stream in self._draws:
            staged = int(m[n.STAGE] + m[n.TO_STAGE])
            m[staged : staged + workers] = np.arange(workers) * 8 + stream
            m[n.TO_STAGE] += workers
        while not stage(m, self._lanes):
            self._refill(int(m[n.LACKING]))
        self._memory = with_room(m, len(self._certain.crashes) + 3 * workers)
        begin(self._memory, self._certain)

    def _advance(self) -> int:
        """Go on until a block is full, or nothing will ever happen again."""
        segments, crashes = self._segments, self._certain.crashes
        while True:
            m = self._memory
            powers = segments.ticks, segments.powers
            status = loop.go_on(m, self._lanes, *powers, crashes, self._size, self._turns)
            if status in (loop.FULL, loop.STUCK):
                return status
            if status == loop.OUT_OF_DRAWS:
                self._refill(int(m[n.LACKING]))
            elif status == loop.OUT_OF_POWER:
                segments.draw_more(workers_of(m), int(m[n.LACKING]))
            elif status == loop.OUT_OF_ROOM:
                self._memory = with_room(m, 0)
            elif status == loop.NOT_YET:
                continue  # Python has heard of signals meanwhile
            elif status == loop.OUT_OF_TIME:
                raise past_the_clock()
            elif status == loop.MISTAKEN:
                raise _mistaken(int(m[n.MISTAKE]))
            else:
                raise endless_pauses()

    def _refill(self, stream: int) -> None:
        crowd = workers_of(self._memory)
        for draws in self._draws[stream]:
            draws.refill(crowd[:, n.USED + stream])
        made = np.min([draws.made for draws in self._draws[stream]], axis=0)
        crowd[:, n.DRAWN + stream] = made

    def _block(self, updates_at_start: int) -> Block:
        m = self._memory
        table = rows_of(m).T
        rows = Trace(table[FACT_COLUMNS], table[TIME_COLUMNS], self._info, None, updates_at_start)
        nothing = np.zeros(0, dtype=np.int64)
        return Block(rows, np.unique(held_versions(m)), nothing, int(m[n.UPDATE]))


def _deadlock(m: Ints, hooks: Hooks) -> Deadlock:
    """Say who waits for whom, as `ClusterSchedule` does."""
    crowd = workers_of(m)
    members = np.flatnonzero(crowd[:, n.MEMBER]).tolist()
    down, left = _since(crowd, n.DOWN, n.DOWN_ORDER), _since(crowd, n.LEFT, n.LEFT_ORDER)
    waiting = {}
    for worker in members:
        if worker not in down:
            others = [w for w in members if w != worker]
            awaited = others if hooks.awaited is None else hooks.awaited(m, worker, members)
            waiting[worker] = list(awaited)
    unfreed = np.flatnonzero((crowd[:, n.TRIED] == 0) & (crowd[:, n.FLIGHT] == n.NOBODY))
    return explain(int(m[n.NOW]), waiting, down, left, set(unfreed.tolist()))


def _since(crowd: Ints, since: int, order: int) -> dict[int, int]:
    """Return when something came over workers, the first one first."""
    workers = np.flatnonzero(crowd[:, since] >= 0)
    workers = workers[np.argsort(crowd[workers, order])]
    return {int(w): int(crowd[w, since]) for w in workers}


def _mistaken(which: int) -> UnplayableError:
    """Return what is said of a rule that asks for what can't be."""
    what = "lets a worker read while its gradient is under way, or twice at one instant"
    if which == n.NOT_THERE:
        what = "folds, discards or stops a gradient that is not there"
    return mistaken(what, 'do so once; engine = "simpy" says which')


def _set_up_network(m: Ints, cluster: Cluster) -> None:
    timing, wiring = cluster.timing, cluster.wiring
    interfaces, unreliable = wiring.has_interfaces(timing), wiring.is_unreliable(timing)
    reads_take_time = wiring.reads_take_time(timing)
    m[n.INTERFACES], m[n.READS_TAKE_TIME] = interfaces, reads_take_time
    m[n.UNRELIABLE] = unreliable
    m[n.READS_LATER] = wiring.reads_later(timing)
    m[n.EASY_PULL] = not (interfaces or reads_take_time or unreliable)
    m[n.SEND_TICKS], m[n.RECEIVE_TICKS] = wiring.send_ticks, wiring.receive_ticks
    m[n.FAIR] = wiring.sharing == "fair"
    m[n.PAUSED], m[n.MOST_WORK] = bool(wiring.pauses), most_work(wiring.pauses)
    m[n.TIMEOUT] = wiring.timeout or 0
    m[n.RETRIES] = n.NEVER if wiring.retries is None else min(wiring.retries, _LARGEST)
    m[n.UPTIMES] = cluster.fates.uptime is not None
    m[n.DOWNTIMES] = cluster.fates.downtime is not None


def _lanes(cluster: Cluster, workers: int) -> tuple[dict[int, list[Draws]], Lanes]:
    """Return the makers of each stream's draws, and their tables."""
    timing, fates = cluster.timing, cluster.fates
    parts = Draws(timing.seed, workers, parts=timing.shards)
    whole = parts if timing.shards == 1 else Draws(timing.seed, workers)
    draws = {n.GRADIENT: [parts] if parts is whole else [parts, whole]}
    own, none = timing.workers, np.zeros((1, 1, 1), np.int64)
    lanes = Lanes(
        read=parts.ticks([timing.read] * workers),
        pull=parts.ticks([worker.pull for worker in own]),
        push=parts.ticks([worker.push for worker in own]),
        service=parts.ticks([timing.service] * workers),
        pull_lost=parts.losses(Purpose.LOST_PULL, timing.loss),
        push_lost=parts.losses(Purpose.LOST_PUSH, timing.loss),
        compute=_computing(whole, timing),
        again_pull=none, again_push=none, again_lost=none, uptime=none, downtime=none,
    )  # fmt: skip
    if cluster.wiring.timeout is not None:
        lanes = _again(timing, workers, draws, lanes)
    if fates.uptime is not None:
        draws[n.UPTIME] = [Draws(timing.seed, workers)]
        uptime = draws[n.UPTIME][0].ticks([fates.uptime] * workers)
        lanes = lanes._replace(uptime=uptime)
    if fates.downtime is not None:
        draws[n.DOWNTIME] = [Draws(timing.seed, workers)]
        downtime = draws[n.DOWNTIME][0].ticks([fates.downtime] * workers)
        lanes = lanes._replace(downtime=downtime)
    return draws, lanes


def _computing(whole: Draws, timing: ClusterTiming) -> Ints:
    """Return the lane of computing, with what random sizes make of messages beside it, if any."""
    own = timing.workers
    steps, speeds = [worker.compute for worker in own], [worker.speed for worker in own]
    if not timing.random_sizes:
        return whole.ticks(steps, speeds)
    sizes = {
        n.OUTBOUND: [worker.outbound for worker in own],
        n.INBOUND: [worker.inbound for worker in own],
        n.SEND: [timing.send] * len(own),
        n.RECEIVE: [timing.receive] * len(own),
    }
    lane = whole.lane(1 + len(sizes))
    whole.ticks(steps, speeds, out=lane[:, :, :1])
    for which, messages in sizes.items():
        whole.ticks(messages, out=lane[:, :, 1 + which : 2 + which])
    return lane


def _again(
    timing: ClusterTiming, workers: int, draws: dict[int, list[Draws]], lanes: Lanes
) -> Lanes:
    """Add what is sent again: see `asysim.schedule.reference.resends`."""
    pull, push, lost = (Draws(timing.seed, workers) for _ in range(3))
    draws |= {n.AGAIN_PULL: [pull], n.AGAIN_PUSH: [push], n.AGAIN_LOST: [lost]}
    own = timing.workers
    return lanes._replace(
        again_pull=pull.ticks([replace(w.pull, purpose=Purpose.AGAIN_PULL) for w in own]),
        again_push=push.ticks([replace(w.push, purpose=Purpose.AGAIN_PUSH) for w in own]),
        again_lost=lost.losses(Purpose.LOST_AGAIN, timing.loss),
    )
