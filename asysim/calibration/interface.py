"""The server's interface, which all messages share: found from what it leaves in arrivals.

Messages that pass an interface one after the other never arrive closer together than one takes, and
those that waited arrive just so far apart. Where latencies are constant, every arrival is explained
to a tick; where they are random, that of a message that did not wait is what is left of its time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asysim.calibration.reads import pull_ticks, reading_order
from asysim.calibration.recorded import Recorded
from asysim.calibration.stations import fifo, shared
from asysim.ground.arrays import Floats, Ints

_LEAST = 10  # messages that have to have waited
_ATOM = 10.0  # times as many as chance has at one distance
_NEAR = 50  # ticks in which chance's number of arrivals is counted
_TICKS = 2
_EXACT = 0.999  # of all messages that are to be explained
_AT_ONCE = 0.1  # of all messages that are to have met nobody, where latency is constant
_ALIKE = 0.99  # of the latencies of one worker, if they are constant
_MOST = 3000  # messages that a fair interface is looked for in


@dataclass(frozen=True)
class Interface:
    """What all messages pass.

    Attributes
    ----------
    pull, push
        Ticks that a message of each kind takes alone, in the run it was found in.
    sharing
        One after the other, or all at once in equal parts.
    duplex
        Whether both ways are one.
    """

    pull: int
    push: int
    sharing: Literal["fifo", "fair"] = "fifo"
    duplex: Literal["full", "half"] = "full"

    def of_sizes(self, pull: float, push: float) -> Interface:
        """Return the same for messages so many times as large."""
        return replace(self, pull=round(self.pull * pull), push=round(self.push * push))


@dataclass(frozen=True, eq=False)
class Passed:
    """When messages were through the interface, or came to it, in ticks.

    Attributes
    ----------
    sent
        When each pull left it; (rows,).
    came
        When each push came to it; (rows,).
    waited
        Whether a push waited there; (rows,).
    behind_pull
        How many pushes waited for a pull, to the tick.
    """

    sent: Ints
    came: Ints
    waited: NDArray[np.bool_]
    behind_pull: int = 0


def find_interface(run: Recorded) -> Interface | None:
    """Return the interface that a run's messages passed; None if there is no sign of one."""
    rows = ~run.ended_early
    _, _, done, arrived, _ = run.trace.ticks
    if int(rows.sum()) < 10 * _LEAST or not np.ptp((arrived - done)[rows]):
        return None
    pull_size, push_size = run.message_bytes
    push = _atom(arrived[rows])
    if push:
        found = Interface(round(push * pull_size / push_size), push)
        half = replace(found, duplex="half")
        if _passed_in_turn(run, half).behind_pull >= _LEAST:
            return half
        if _explains(run, found):
            return replace(found, pull=pull_ticks(run, found.pull))
    return _fair(run, pull_size / push_size)


def _atom(arrived: Ints) -> int:
    """Return the least distance between arrivals, if more have it than chance allows; else 0."""
    apart = np.diff(np.sort(arrived))
    least = int(apart.min()) if len(apart) else 0
    if least <= _TICKS:
        return 0
    # A rounded transfer may be followed by one a tick longer.
    there = int((apart <= least + 1).sum())
    near = float(((apart > least + 1) & (apart <= least + 1 + _NEAR)).sum()) * 2 / _NEAR
    return least if there >= max(_LEAST, _ATOM * near) else 0


def _explains(run: Recorded, found: Interface) -> bool:
    """Whether gradients were done at other distances than they arrived: else nothing queued."""
    _, _, done, arrived, _ = run.trace.ticks
    order = np.argsort(arrived, kind="stable")
    waited = np.concatenate([[False], np.diff(arrived[order]) <= found.push + 1])
    closer = np.concatenate([[False], np.abs(np.diff(done[order])) != np.diff(arrived[order])])
    return int((waited & closer).sum()) >= _LEAST


# What a known interface did -------------------------------------------------------------------


def passed(run: Recorded, known: Interface) -> Passed:
    """Return when a run's messages came to an interface and left it."""
    if known.sharing == "fair":
        return _passed_together(run, known)
    return _passed_in_turn(run, known)


def _passed_in_turn(run: Recorded, known: Interface) -> Passed:
    arrived = run.trace.ticks[3]
    pulls = reading_order(run)
    pushes = np.argsort(arrived, kind="stable")
    sent = run.sent.copy()
    waited = np.zeros(len(arrived), dtype=np.bool_)
    behind = 0
    if known.duplex == "full":
        sent[pulls] = fifo(run.sent[pulls], known.pull)
        begin = arrived[pushes] - known.push
        before = np.concatenate([[np.iinfo(np.int64).min], arrived[pushes][:-1]])
        waited[pushes] = begin <= before + 1
        came = _between(run, pushes, waited, begin)
        return Passed(sent, came, waited, 0)
    reads, there = run.sent[pulls].tolist(), arrived[pushes].tolist()
    leaves: list[int] = []
    stood: list[bool] = []
    free, place, last_was_pull = np.iinfo(np.int64).min // 2, 0, False
    for end in there:
        begin = end - known.push
        while place < len(reads) and max(reads[place], free) + known.pull <= begin + 1:
            free = max(reads[place], free) + known.pull
            leaves.append(free)
            place, last_was_pull = place + 1, True
        stood.append(begin <= free + 1)
        behind += stood[-1] and last_was_pull and abs(begin - free) <= 1
        free, last_was_pull = end, False
    for read in reads[place:]:
        free = max(read, free) + known.pull
        leaves.append(free)
    sent[pulls] = leaves
    waited[pushes] = stood
    came = _between(run, pushes, waited, arrived[pushes] - known.push)
    return Passed(sent, came, waited, behind)


def _between(run: Recorded, pushes: Ints, waited: NDArray[np.bool_], begin: Ints) -> Ints:
    """Return when pushes came to the interface, as far as that can be told; (rows,).

    If those that did not wait had one latency, so had all; otherwise those that waited came at any
    time between the one before and the end of its turn.
    """
    done, worker = run.trace.ticks[2], run.trace.worker
    order = pushes
    latency = begin - done[order]
    alone = ~waited[order]
    usual = np.full(run.workers, -1, dtype=np.int64)
    constant = bool(alone.any())
    for w in range(run.workers):
        mine = latency[alone & (worker[order] == w)]
        if len(mine):
            usual[w] = int(np.median(mine))
            constant = constant and (np.abs(mine - usual[w]) <= _TICKS).mean() >= _ALIKE
    came = begin.copy()
    if constant:
        came = done[order] + np.maximum(usual[worker[order]], 0)
    else:
        part = np.random.default_rng(len(order)).random(len(order))
        rows = np.flatnonzero(~alone).tolist()
        for i in rows:
            low = max(int(done[order[i]]), int(came[i - 1]) if i else 0)
            came[i] = max(low, low + round(part[i] * (int(begin[i]) - low)))
    back = np.empty(len(order), dtype=np.int64)
    back[order] = came
    return back


def _passed_together(run: Recorded, known: Interface) -> Passed:
    _, _, done, arrived, _ = run.trace.ticks
    least = _least_of_workers(run, arrived - done)
    came = done + least - known.push
    sent = run.sent.copy()
    pulls = reading_order(run)
    if known.duplex == "full":
        work = np.full(len(pulls), float(known.pull))
        sent[pulls] = np.rint(shared(run.sent[pulls].astype(np.float64), work))
    else:
        sent = np.rint(_both(run, came, known)[0]).astype(np.int64)
    return Passed(sent, came, arrived > came + known.push + _TICKS)


def _least_of_workers(run: Recorded, ticks: Ints) -> Ints:
    """Return for each row the least that its worker has; (rows,)."""
    least = np.full(run.workers, np.iinfo(np.int64).max)
    np.minimum.at(least, run.trace.worker, ticks)
    result: Ints = least[run.trace.worker]
    return result


def _both(run: Recorded, came: Ints, known: Interface) -> tuple[Floats, Floats]:
    """Return when pulls and pushes left an interface that both share in equal parts; (rows,)."""
    comes = np.concatenate([run.sent, came]).astype(np.float64)
    work = np.repeat([float(known.pull), float(known.push)], len(came))
    order = np.argsort(comes, kind="stable")
    leaves = np.empty(len(comes))
    leaves[order] = shared(comes[order], work[order])
    return leaves[: len(came)], leaves[len(came) :]


# An interface in equal parts ------------------------------------------------------------------


def _fair(run: Recorded, pull_per_push: float) -> Interface | None:
    """Return the fair interface that explains each arrival, where latencies are constant."""
    few = replace(run, trace=run.trace[: min(_MOST, len(run.trace))], unshared=None)
    if run.unshared is not None:
        few = replace(few, unshared=run.unshared.first(len(few.trace)))
    _, _, done, arrived, _ = few.trace.ticks
    time = arrived - done
    least = _least_of_workers(few, time)
    more = time - least
    if not (more <= _TICKS).mean() >= _AT_ONCE or int((more > 5 * _TICKS).sum()) < _LEAST:
        return None
    # What is under way at the end is not in the rows, but shares.
    settled = arrived < done.max() - 2 * time.max()
    for duplex in ("full", "half"):
        found = _best(few, least, arrived, settled, pull_per_push, duplex)
        if found is not None:
            return found
    return None


def _best(
    run: Recorded,
    least: Ints,
    arrived: Ints,
    settled: NDArray[np.bool_],
    pull_per_push: float,
    duplex: Literal["full", "half"],
) -> Interface | None:
    done = run.trace.ticks[2]

    def leaves(push: int) -> Floats:
        came = done + least - push
        if duplex == "half":
            known = Interface(round(push * pull_per_push), push, "fair", "half")
            return _both(run, came, known)[1]
        order = np.argsort(came, kind="stable")
        result = np.empty(len(came))
        result[order] = shared(came[order].astype(np.float64), np.full(len(came), float(push)))
        return result

    low, high = 1, int(least.min())
    wanted = float(arrived[settled].sum())
    while low < high:
        middle = (low + high) // 2
        if float(leaves(middle)[settled].sum()) < wanted:
            low = middle + 1
        else:
            high = middle
    for push in range(max(1, low - 2), low + 3):
        off = np.abs(leaves(push) - arrived)[settled]
        if (off <= 3 * _TICKS).mean() >= _EXACT:
            return Interface(round(push * pull_per_push), push, "fair", duplex)
    return None
