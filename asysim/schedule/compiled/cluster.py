"""The twin of `asysim.schedule.reference.cluster`: any rule, network and misfortune."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from asysim.coordination import (
    Asynchronous,
    Barrier,
    Dropping,
    MindFlayer,
    Rennala,
    RoundRobin,
    StaleSynchronous,
    Waiting,
)
from asysim.ground.arrays import Ints
from asysim.random.streams import Purpose
from asysim.schedule.compiled import names, staging, turns
from asysim.schedule.compiled.agenda import MOST_BITS
from asysim.schedule.compiled.draws import Draws
from asysim.schedule.compiled.lives import begin, certain
from asysim.schedule.compiled.memory import (
    held_versions,
    new_memory,
    rows_of,
    with_room,
    workers_of,
)
from asysim.schedule.compiled.power import Segments, pause_table
from asysim.schedule.compiled.stuck import explained
from asysim.schedule.coordination_rule import rule_of
from asysim.schedule.reference.cluster import Cluster
from asysim.schedule.reference.deadlock import patient
from asysim.schedule.reference.power import endless_pauses, most_work, of_worker
from asysim.schedule.timing import LONGEST, ClusterTiming
from asysim.trace.gradient import NANOSECOND
from asysim.trace.info import TraceInfo
from asysim.trace.row_table import BLOCK_SIZE, past_the_clock
from asysim.trace.stream import Block, Stream
from asysim.trace.trace import Trace

if TYPE_CHECKING:
    from asysim.scenario import Scenario

_FACTS, _TIMES = [0, 1, 2, 7], [3, 4, 5, 6, 8]
_LARGEST = 2**62
_SHARED_AT_ONCE = 1024  # messages of each worker, at most, that share an interface
_CODES: dict[Any, int] = {
    Asynchronous: names.ASYNCHRONOUS,
    Waiting: names.BOUNDED,
    Dropping: names.DROPPING,
    StaleSynchronous: names.SSP,
    Barrier: names.BARRIER,
    RoundRobin: names.ROUND_ROBIN,
    Rennala: names.RENNALA,
    MindFlayer: names.MINDFLAYER,
}


def covers(scenario: Scenario, cluster: Cluster) -> str | None:
    """Return the key of a scenario that takes the SimPy schedule; None: there is none.

    Only numbers are too large, not features: whole numbers have 64 bits here.

    Parameters
    ----------
    scenario, cluster
        As for `CompiledCluster`.
    """
    wiring, fates, workers = cluster.wiring, cluster.fates, scenario.workers.count
    crashes = [second for crash in fates.crashes for second in (crash.at, crash.downtime or 0.0)]
    pauses = [s for p in wiring.pauses for s in (p.start, p.seconds, p.every or 0.0)]
    trials = getattr(scenario.coordination, "seconds", 0.0)
    most = LONGEST * NANOSECOND
    transfer = max(wiring.send_ticks, wiring.receive_ticks) * workers * _SHARED_AT_ONCE
    beyond = {
        "workers.count": max(workers, cluster.timing.shards).bit_length() > MOST_BITS,
        "workers.groups": max(*fates.joins, *(tick or 0 for tick in fates.leaves), 0) > LONGEST,
        "faults.crashes": max(crashes, default=0.0) > most,
        "faults.timeout": (wiring.timeout or 0) > LONGEST,
        "server.pauses": max(pauses, default=0.0) > most,
        "coordination.seconds": max(trials if isinstance(trials, list) else [trials]) > most,
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
        wiring = cluster.wiring
        pauses, half = pause_table(wiring.pauses), wiring.half_duplex
        self._memory = m = new_memory(
            workers, timing.shards, pauses, half_duplex=half, random_sizes=timing.random_sizes
        )
        self._certain = certain(cluster.fates)
        _set_up_network(m, cluster)
        _set_up_rule(m, scenario)
        self._draws, self._lanes = _lanes(cluster, workers)
        powered = np.array([power is not None for power in cluster.powers])
        workers_of(m)[:, names.POWERED] = powered
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
            first, deadlock = int(self._memory[names.UPDATE]), None
            if self._advance() == turns.STUCK:
                deadlock = explained(self._memory)
            m = self._memory
            if m[names.ROWS]:
                yield self._block(first)
                m[names.ROWS] = 0
            if deadlock is not None:
                raise deadlock

    def _begin(self) -> None:
        m, workers = self._memory, self._info.workers
        for stream in self._draws:
            staged = int(m[names.STAGE] + m[names.TO_STAGE])
            m[staged : staged + workers] = np.arange(workers) * 8 + stream
            m[names.TO_STAGE] += workers
        while not staging.stage(m, self._lanes):
            self._refill(int(m[names.LACKING]))
        self._memory = with_room(m, len(self._certain.crashes) + 3 * workers)
        begin(self._memory, self._certain)

    def _advance(self) -> int:
        """Go on until a block is full, or nothing will ever happen again."""
        segments, crashes = self._segments, self._certain.crashes
        while True:
            m = self._memory
            powers = segments.ticks, segments.powers
            status = turns.go_on(m, self._lanes, *powers, crashes, self._size)
            if status in (turns.FULL, turns.STUCK):
                return status
            if status == turns.OUT_OF_DRAWS:
                self._refill(int(m[names.LACKING]))
            elif status == turns.OUT_OF_POWER:
                segments.draw_more(workers_of(m), int(m[names.LACKING]))
            elif status == turns.OUT_OF_ROOM:
                self._memory = with_room(m, 0)
            elif status == turns.OUT_OF_TIME:
                raise past_the_clock()
            else:
                raise endless_pauses()

    def _refill(self, stream: int) -> None:
        crowd = workers_of(self._memory)
        for draws in self._draws[stream]:
            draws.refill(crowd[:, names.USED + stream])
        made = np.min([draws.made for draws in self._draws[stream]], axis=0)
        crowd[:, names.DRAWN + stream] = made

    def _block(self, updates_at_start: int) -> Block:
        m = self._memory
        table = rows_of(m).T
        rows = Trace(table[_FACTS], table[_TIMES], self._info, None, updates_at_start)
        nothing = np.zeros(0, dtype=np.int64)
        return Block(rows, np.unique(held_versions(m)), nothing, int(m[names.UPDATE]))


def _set_up_network(m: Ints, cluster: Cluster) -> None:
    timing, wiring = cluster.timing, cluster.wiring
    interfaces = wiring.has_interfaces(timing)
    reads_take_time = timing.read.takes_time or bool(wiring.pauses)
    unreliable = timing.loss > 0 or wiring.timeout is not None
    m[names.INTERFACES], m[names.READS_TAKE_TIME] = interfaces, reads_take_time
    m[names.UNRELIABLE] = unreliable
    m[names.READS_LATER] = wiring.reads_later(timing)
    m[names.EASY_PULL] = not (interfaces or reads_take_time or unreliable)
    m[names.SEND_TICKS], m[names.RECEIVE_TICKS] = wiring.send_ticks, wiring.receive_ticks
    m[names.FAIR] = wiring.sharing == "fair"
    m[names.PAUSED], m[names.MOST_WORK] = bool(wiring.pauses), most_work(wiring.pauses)
    m[names.TIMEOUT] = wiring.timeout or 0
    m[names.RETRIES] = names.NEVER if wiring.retries is None else min(wiring.retries, _LARGEST)
    m[names.UPTIMES] = cluster.fates.uptime is not None
    m[names.DOWNTIMES] = cluster.fates.downtime is not None


def _set_up_rule(m: Ints, scenario: Scenario) -> None:
    rule = rule_of(scenario)
    kind, told = (rule.func, rule.keywords) if isinstance(rule, partial) else (rule, {})
    m[names.RULE] = _CODES[kind]
    per_update = told.get("per_update", told.get("batch", 1))
    if kind is Barrier:
        per_update = told.get("needed") or names.EVERYBODY
    m[names.PER_UPDATE] = min(per_update, _LARGEST)
    m[names.BOUND] = min(told.get("bound", 0), _LARGEST)
    m[names.STOPS] = told.get("stop", kind is Barrier)
    m[names.SLACK] = min(told.get("slack", 0), _LARGEST)
    if kind is MindFlayer:
        workers_of(m)[:, names.TRIALS] = np.minimum(told["trials"], _LARGEST)
        workers_of(m)[:, names.TRIAL_TICKS] = told["limits"]


def _lanes(cluster: Cluster, workers: int) -> tuple[dict[int, list[Draws]], staging.Lanes]:
    """Return the makers of each stream's draws, and their tables."""
    timing, fates = cluster.timing, cluster.fates
    parts = Draws(timing.seed, workers, parts=timing.shards)
    whole = parts if timing.shards == 1 else Draws(timing.seed, workers)
    draws = {names.GRADIENT: [parts] if parts is whole else [parts, whole]}
    own, none = timing.workers, np.zeros((1, 1, 1), np.int64)
    lanes = staging.Lanes(
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
        draws[names.UPTIME] = [Draws(timing.seed, workers)]
        uptime = draws[names.UPTIME][0].ticks([fates.uptime] * workers)
        lanes = lanes._replace(uptime=uptime)
    if fates.downtime is not None:
        draws[names.DOWNTIME] = [Draws(timing.seed, workers)]
        downtime = draws[names.DOWNTIME][0].ticks([fates.downtime] * workers)
        lanes = lanes._replace(downtime=downtime)
    return draws, lanes


def _computing(whole: Draws, timing: ClusterTiming) -> Ints:
    """Return the lane of computing, with what random sizes make of messages beside it, if any."""
    own = timing.workers
    steps, speeds = [worker.compute for worker in own], [worker.speed for worker in own]
    if not timing.random_sizes:
        return whole.ticks(steps, speeds)
    sizes = {
        names.OUTBOUND: [worker.outbound for worker in own],
        names.INBOUND: [worker.inbound for worker in own],
        names.SEND: [timing.send] * len(own),
        names.RECEIVE: [timing.receive] * len(own),
    }
    lane = whole.lane(1 + len(sizes))
    whole.ticks(steps, speeds, out=lane[:, :, :1])
    for which, messages in sizes.items():
        whole.ticks(messages, out=lane[:, :, 1 + which : 2 + which])
    return lane


def _again(
    timing: ClusterTiming, workers: int, draws: dict[int, list[Draws]], lanes: staging.Lanes
) -> staging.Lanes:
    """Add what is sent again: see `asysim.schedule.reference.resends`."""
    pull, push, lost = (Draws(timing.seed, workers) for _ in range(3))
    draws |= {names.AGAIN_PULL: [pull], names.AGAIN_PUSH: [push], names.AGAIN_LOST: [lost]}
    own = timing.workers
    return lanes._replace(
        again_pull=pull.ticks([replace(w.pull, purpose=Purpose.AGAIN_PULL) for w in own]),
        again_push=push.ticks([replace(w.push, purpose=Purpose.AGAIN_PUSH) for w in own]),
        again_lost=lost.losses(Purpose.LOST_AGAIN, timing.loss),
    )
