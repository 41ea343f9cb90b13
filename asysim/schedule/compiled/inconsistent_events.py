"""The events of AsySG-incon, one after the other, in one compiled loop.

What `asysim.schedule.reference.inconsistent` keeps in queues is found here by number. Updates are
numbered as their writes begin, so the writes are a ring in which update u has place
u & (places − 1); and of them a read need only look at those from the first one on that was in
progress when it began.
"""

from __future__ import annotations

import numpy as np

from asysim.coordination import bound as deadlines
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule import timing
from asysim.schedule.compiled.heap import pop, push, replace
from asysim.schedule.compiled.inconsistent_state import (
    BEGIN,
    BLOCK,
    COMPUTE,
    COMPUTED,
    COMPUTING,
    COUNT,
    DONE,
    DRAW,
    END,
    FIRST_PIECE,
    FIRST_READER,
    HI,
    LEAST,
    LEAST_VERSION,
    LO,
    LONGEST,
    MORE_PIECES,
    MORE_SEEN,
    MORE_WRITES,
    NEITHER,
    NO_BOUND,
    NOW,
    OUT_OF_DRAWS,
    OVER,
    PACE,
    PARKED,
    PAST_THE_CLOCK,
    PIECES,
    PLACES,
    READ,
    READ_PACE,
    READERS,
    READING,
    READY,
    ROWS,
    SEEN,
    SETTLING,
    STATE,
    TAIL,
    UNDER_WAY,
    UPDATE,
    VERSION,
    WENT_INTO,
    WRITE_PACE,
    WRITING,
    Crowd,
    Out,
    Rules,
    Way,
)
from asysim.schedule.compiled.inconsistent_sweeps import WITHIN, quotient, seen_slice, write_time
from asysim.trace.gradient import LOST

_WRITE, _WRITTEN, _READY, _READ, _NOTHING = range(5)  # the first three are events, in their order
_LATEST = 2**63 - 1 - 4 * timing.LONGEST  # what begins by then is over within 64 bits, and so
_SLOWEST = 2 * timing.LONGEST  # is a write at this pace


@compiled
def go_on(
    crowd: Crowd, way: Way, out: Out, at: Ints, rules: Rules, writes: Ints, pieces: Ints
) -> int:
    """Let events happen until there are so many rows, or something is amiss.

    What one event leads to is a chain of steps: a write, its end, the next read, its end. A step
    is taken only if there is room for all that it may bring, so the loop can stop between any two.
    Before each event every worker has at least one draw left, and none takes two in one event: a
    gradient that is done waits its turn even if computing it took no time.

    Everything is in local variables, and arrays are never cut: the loop would take three times
    as long.

    Parameters
    ----------
    at
        Where the loop is: `ROWS`, …, `NOW` of `asysim.schedule.compiled.inconsistent_state`.
    writes
        The ring of writes that a read in progress may not have seen entirely; (places, 6).
    pieces
        What the gradients on their way have seen: update, first, last; (slices, 3).
    """
    draws, made, sweep = crowd.draw, crowd.made, crowd.sweep
    instants, ranks, readers = crowd.instants, crowd.ranks, crowd.readers
    parked, versions = crowd.parked, crowd.versions
    reads, computes, paces, blocks = way.read, way.compute, way.write, way.block
    facts, ticks, spans, offsets, seen = out.facts, out.ticks, out.spans, out.offsets, out.seen
    size, dimension, parts = rules.size, rules.dimension, rules.blocks
    contention, bound, waits = rules.contention, rules.bound, rules.waits
    rows, update, least, tail = at[ROWS], at[UPDATE], at[LEAST], at[TAIL]
    writing, top, shown, longest = at[WRITING], at[PIECES], at[SEEN], at[LONGEST]
    waiting, front, standing = at[READERS], at[FIRST_READER], at[PARKED]
    under_way, places, settling, now = at[UNDER_WAY], at[PLACES], at[SETTLING] != 0, at[NOW]
    workers, ring = draws.size, writes.shape[0] - 1
    short = WITHIN // dimension  # so many ticks times coordinates fit into 64 bits, twice
    stopped = DONE
    while rows < size or settling:
        if update - tail > ring:
            tail = least
            for other in range(workers):
                if sweep[other, STATE] == READING:
                    tail = min(tail, sweep[other, LEAST_VERSION])
            if 2 * (update - tail) > ring:
                stopped = MORE_WRITES
                break
        if top + update - tail >= pieces.shape[0]:
            stopped = MORE_PIECES
            break
        if shown + longest > seen.shape[1]:
            stopped = MORE_SEEN
            break
        # What comes next -------------------------------------------------------------------
        step, first_place_free = _NOTHING, False
        worker = 0
        if settling:
            # Let workers go on as far as T allows: readers first, each group in order of asking.
            if waiting > 0 and (
                not waits or deadlines.admits_read(versions, under_way, least, update, 0, bound, 1)
            ):
                worker = readers[front]
                front = front + 1 if front + 1 < workers else 0
                waiting -= 1
                step = _READ
            else:
                for place in range(standing):
                    version = sweep[parked[place], VERSION]
                    if deadlines.admits_update(versions, under_way, version, update, 0, bound, 1):
                        worker = parked[place]
                        standing -= 1
                        for i in range(place, standing):
                            parked[i] = parked[i + 1]
                        under_way = deadlines.remove(versions, under_way, version)
                        step = _WRITE
                        break
            if step == _NOTHING:
                settling = False
                continue
        else:
            if instants[0] > _LATEST:
                stopped = PAST_THE_CLOCK
                break
            now, worker, step = instants[0], ranks[0], _WRITE
            if worker >= 2 * workers:
                worker -= 2 * workers
                step = _READY
            elif worker >= workers:
                worker -= workers
                step = _WRITTEN
            if waits and step != _READY:
                places = pop(instants, ranks, places)
                if step == _WRITE:
                    parked[standing] = worker
                    standing += 1
                    settling = True
                    continue
            else:
                first_place_free = True
        instant, rank = now, worker
        # The gradient is written, or discarded ------------------------------------------------
        if step == _WRITE:
            version = sweep[worker, VERSION]
            facts[0, rows], facts[1, rows] = worker, sweep[worker, DRAW]
            facts[2, rows], facts[3, rows] = version, LOST
            ticks[0, rows], ticks[1, rows] = sweep[worker, READ], sweep[worker, READY]
            ticks[2, rows], ticks[3, rows] = sweep[worker, COMPUTED], now
            ticks[4, rows] = now
            spans[0, rows], spans[1, rows] = 0, 0
            first = sweep[worker, FIRST_PIECE]
            for i in range(first, first + sweep[worker, COUNT]):
                seen[0, shown], seen[1, shown] = pieces[i, 0], pieces[i, 1]
                seen[2, shown] = pieces[i, 2]
                shown += 1
            sweep[worker, STATE], sweep[worker, COUNT] = NEITHER, 0
            if waits or bound == NO_BOUND or update - version <= bound:
                pace = sweep[worker, WRITE_PACE]
                if contention > 0:
                    # Set when it begins: a sweep at an even pace is what makes "seen" an interval.
                    slowed = np.rint(pace * (1 + contention * writing))
                    if not slowed <= _SLOWEST:
                        stopped = PAST_THE_CLOCK
                        break
                    pace = int(slowed)
                lo, hi, lasts = 0, dimension, pace
                if parts > 1:
                    lo = quotient(sweep[worker, BLOCK], dimension, parts)
                    hi = quotient(sweep[worker, BLOCK] + 1, dimension, parts)
                    lasts = write_time(hi - lo, pace, dimension)
                facts[3, rows] = update
                ticks[4, rows] = now + lasts
                spans[0, rows], spans[1, rows] = lo, hi
                place = update & ring
                writes[place, BEGIN], writes[place, PACE] = now, pace
                writes[place, END], writes[place, OVER] = now + lasts, 0
                writes[place, LO], writes[place, HI] = lo, hi
                sweep[worker, WENT_INTO] = update
                update += 1
                writing += 1
                instant, rank = now + lasts, workers + worker
                if lasts == 0:
                    step = _WRITTEN
            else:
                step = _READ
            rows += 1
            offsets[rows] = shown
        if step == _WRITTEN:
            writes[sweep[worker, WENT_INTO] & ring, OVER] = 1
            writing -= 1
            while least < update and writes[least & ring, OVER] != 0:
                least += 1
            if waits:
                place = front + waiting
                readers[place if place < workers else place - workers] = worker
                waiting += 1
                settling = True
                continue
            step = _READ
        # The worker reads ---------------------------------------------------------------------
        spent = False
        if step == _READ:
            draw = draws[worker]
            draws[worker] = draw + 1
            spent = draw + 1 >= made[worker]
            pace = reads[worker, draw & (reads.shape[1] - 1), 0]
            sweep[worker, DRAW], sweep[worker, READ], sweep[worker, READ_PACE] = draw, now, pace
            sweep[worker, COMPUTE] = computes[worker, draw & (computes.shape[1] - 1), 0]
            sweep[worker, WRITE_PACE] = paces[worker, draw & (paces.shape[1] - 1), 0]
            sweep[worker, BLOCK] = blocks[worker, draw & (blocks.shape[1] - 1), 0]
            sweep[worker, STATE], sweep[worker, LEAST_VERSION] = READING, least
            if waits:
                under_way = deadlines.add(versions, under_way, least)
            instant, rank = now + pace, 2 * workers + worker
            if pace == 0:
                step = _READY
        # It finds out what it has seen, now that every write it could have met has begun ------
        if step == _READY:
            began, pace = sweep[worker, READ], sweep[worker, READ_PACE]
            version, first = update, top
            for other in range(sweep[worker, LEAST_VERSION], update):
                place = other & ring
                lo, hi = writes[place, LO], writes[place, HI]
                a, b = lo, hi
                if writes[place, END] > began:
                    lead, write_pace = began - writes[place, BEGIN], writes[place, PACE]
                    if write_pace < short and pace < short:  # and so is |lead|: the two overlap
                        slower = write_pace - pace
                        passed = dimension * lead + lo * write_pace
                        # The write was not later where i · slower ≤ passed.
                        if slower > 0:
                            b = min(hi, max(lo, passed // slower + 1))
                        elif slower < 0:
                            a = max(lo, min(hi, -(passed // -slower)))
                        elif passed < 0:
                            b = lo
                    else:
                        a, b = seen_slice(lo, hi, write_pace, lead, pace, dimension)
                if version == update:
                    if a == lo and b == hi:
                        continue
                    version = other
                if a < b:
                    pieces[top, 0], pieces[top, 1], pieces[top, 2] = other, a, b
                    top += 1
            done = now + sweep[worker, COMPUTE]
            sweep[worker, VERSION], sweep[worker, READY] = version, now
            sweep[worker, COMPUTED], sweep[worker, STATE] = done, COMPUTING
            sweep[worker, FIRST_PIECE], sweep[worker, COUNT] = first, top - first
            longest = max(longest, top - first)
            if waits and version != sweep[worker, LEAST_VERSION]:
                under_way = deadlines.remove(versions, under_way, sweep[worker, LEAST_VERSION])
                under_way = deadlines.add(versions, under_way, version)
                settling = True
            instant, rank = done, worker
        if first_place_free:
            replace(instants, ranks, places, instant, rank)
        else:
            places = push(instants, ranks, places, instant, rank)
        if spent:
            stopped = OUT_OF_DRAWS
            break
    at[ROWS], at[UPDATE], at[LEAST], at[TAIL] = rows, update, least, tail
    at[WRITING], at[PIECES], at[SEEN], at[LONGEST] = writing, top, shown, longest
    at[READERS], at[FIRST_READER], at[PARKED] = waiting, front, standing
    at[UNDER_WAY], at[PLACES], at[SETTLING], at[NOW] = under_way, places, settling, now
    return stopped
