"""The server's interface, which all messages share: found from what it leaves in arrivals.

Messages that pass an interface one after the other never arrive closer together than one takes, and
those that waited arrive just so far apart. Where latencies are constant, every arrival is explained
to a tick; where they are random, that of a message that did not wait is what is left of its time.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asysim.calibration.reads import fifo, pull_ticks, reading_order, shared
from asysim.calibration.recorded import RecordedRun
from asysim.calibration.times import of_each_worker
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


def find_interface(run: RecordedRun) -> Interface | None:
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
        _, _, behind_pulls = _in_turn_both_ways(run, half)
        if behind_pulls >= _LEAST:
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


def _explains(run: RecordedRun, found: Interface) -> bool:
    """Whether gradients were done at other distances than they arrived: else nothing queued."""
    _, _, done, arrived, _ = run.trace.ticks
    order = np.argsort(arrived, kind="stable")
    closer = np.append(False, np.abs(np.diff(done[order])) != np.diff(arrived[order]))
    return int((_behind_another(arrived[order], found.push) & closer).sum()) >= _LEAST


# What a known interface did -------------------------------------------------------------------


def passed(run: RecordedRun, known: Interface) -> tuple[Ints, Ints]:
    """Return when each pull left an interface, and when each push came to it, in ticks; (rows,)."""
    if known.sharing == "fair":
        return _passed_together(run, known)
    pushes = np.argsort(run.trace.ticks[3], kind="stable")
    if known.duplex == "half":
        sent, waited, _ = _in_turn_both_ways(run, known)
    else:
        sent, pulls = run.sent.copy(), reading_order(run)
        sent[pulls] = fifo(run.sent[pulls], known.pull)
        waited = _behind_another(run.trace.ticks[3][pushes], known.push)
    return sent, _came(run, known, pushes, waited)


def _behind_another(arrived: Ints, push: int) -> NDArray[np.bool_]:
    """Return which pushes, in order of arrival, began as the one before had passed."""
    return np.concatenate([[False], np.diff(arrived) <= push + 1])


def _in_turn_both_ways(run: RecordedRun, known: Interface) -> tuple[Ints, NDArray[np.bool_], int]:
    """Return when each pull left, which pushes waited, and how many of these for a pull.

    When pushes passed is known, so pulls passed in between: as soon as there was time for a whole
    one. The first is of shape (rows,), the second in order of arrival.
    """
    pulls = reading_order(run)
    reads = run.sent[pulls].tolist()
    leaves: list[int] = []
    waited: list[bool] = []
    behind_pulls = 0
    free, place, last_was_pull = np.iinfo(np.int64).min // 2, 0, False
    for end in np.sort(run.trace.ticks[3]).tolist():
        begin = end - known.push
        while place < len(reads) and max(reads[place], free) + known.pull <= begin + 1:
            free = max(reads[place], free) + known.pull
            leaves.append(free)
            place, last_was_pull = place + 1, True
        waited.append(begin <= free + 1)
        behind_pulls += waited[-1] and last_was_pull and abs(begin - free) <= 1
        free, last_was_pull = end, False
    for read in reads[place:]:
        free = max(read, free) + known.pull
        leaves.append(free)
    sent = np.empty(len(pulls), dtype=np.int64)
    sent[pulls] = leaves
    return sent, np.array(waited), behind_pulls


def _came(run: RecordedRun, known: Interface, pushes: Ints, waited: NDArray[np.bool_]) -> Ints:
    """Return when pushes came to the interface, as far as that can be told; (rows,).

    If those that did not wait had one latency, so had all; otherwise those that waited came at any
    time between the one before and the end of its turn.
    """
    _, _, done, arrived, _ = run.trace.ticks
    done, begin, worker = done[pushes], arrived[pushes] - known.push, run.trace.worker[pushes]
    alone = np.flatnonzero(~waited)
    usual = np.zeros(run.workers, dtype=np.int64)
    constant = len(alone) > 0
    for places in of_each_worker(worker[alone]):
        latency = (begin - done)[alone[places]]
        median = int(np.median(latency))
        constant = constant and (np.abs(latency - median) <= _TICKS).mean() >= _ALIKE
        usual[worker[alone[places[0]]]] = max(0, median)
    if constant:
        comes = done + usual[worker]
    else:
        comes = begin.copy()
        part = np.random.default_rng(len(pushes)).random(len(pushes))  # the same each time
        for i in np.flatnonzero(waited).tolist():
            low = max(int(done[i]), int(comes[i - 1]) if i else 0)
            comes[i] = max(low, low + round(part[i] * (int(begin[i]) - low)))
    came = np.empty(len(pushes), dtype=np.int64)
    came[pushes] = comes
    return came


def _passed_together(run: RecordedRun, known: Interface) -> tuple[Ints, Ints]:
    _, _, done, arrived, _ = run.trace.ticks
    came = done + _least_of_workers(run, arrived - done) - known.push
    if known.duplex == "half":
        sent, _ = _both(run, came, known)
    else:
        sent = _together(run.sent, known.pull)
    return np.rint(sent).astype(np.int64), came


def _least_of_workers(run: RecordedRun, ticks: Ints) -> Ints:
    """Return for each row the least that its worker has; (rows,)."""
    least = np.full(run.workers, np.iinfo(np.int64).max)
    np.minimum.at(least, run.trace.worker, ticks)
    result: Ints = least[run.trace.worker]
    return result


def _together(comes: Ints, ticks: int) -> Floats:
    """Return when messages that take so long alone left, if they shared in equal parts; (rows,)."""
    return shared(comes.astype(np.float64), np.full(len(comes), float(ticks)))


def _both(run: RecordedRun, came: Ints, known: Interface) -> tuple[Floats, Floats]:
    """Return when pulls and pushes left an interface that both share in equal parts; (rows,)."""
    comes = np.concatenate([run.sent, came]).astype(np.float64)
    leaves = shared(comes, np.repeat([float(known.pull), float(known.push)], len(came)))
    return leaves[: len(came)], leaves[len(came) :]


# An interface in equal parts ------------------------------------------------------------------


def _fair(run: RecordedRun, pull_per_push: float) -> Interface | None:
    """Return the fair interface that explains each arrival, where latencies are constant."""
    few = run.first(_MOST)
    _, _, done, arrived, _ = few.trace.ticks
    time = arrived - done
    least = _least_of_workers(few, time)
    more = time - least
    # What is under way at the end is not in the rows, but shares.
    settled = arrived < done.max() - 2 * time.max()
    waited = int((more > 5 * _TICKS).sum())
    if (more <= _TICKS).mean() < _AT_ONCE or waited < _LEAST or not settled.any():
        return None
    ways: tuple[Literal["full", "half"], ...] = ("full", "half")
    each = (_best(few, least, settled, pull_per_push, duplex) for duplex in ways)
    return next(filter(None, each), None)


def _best(
    run: RecordedRun,
    least: Ints,
    settled: NDArray[np.bool_],
    pull_per_push: float,
    duplex: Literal["full", "half"],
) -> Interface | None:
    """Return the interface with which all settled pushes leave when they arrived; None if none."""
    _, _, done, arrived, _ = run.trace.ticks

    def known(push: int) -> Interface:
        return Interface(round(push * pull_per_push), push, "fair", duplex)

    def late(push: int) -> Floats:
        came = done + least - push
        leaves = _together(came, push) if duplex == "full" else _both(run, came, known(push))[1]
        off: Floats = (leaves - arrived)[settled]
        return off

    near = 1 + bisect_left(range(1, int(least.min())), 0.0, key=lambda push: late(push).sum())
    for push in range(max(1, near - 2), near + 3):
        if (np.abs(late(push)) <= 3 * _TICKS).mean() >= _EXACT:
            return known(push)
    return None
