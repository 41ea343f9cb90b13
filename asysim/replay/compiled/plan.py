"""What each row of a block needs and where it lies, before any of it is computed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.replay.compiled.version_memory import (
    ADDEND,
    CURRENT,
    LOST,
    Kept,
    later_uses,
    leave,
    place_of,
    places_for,
    spend,
    take,
)
from asysim.trace.gradient import LOST as NO_UPDATE

WORKER, DRAW, VERSION, UPDATE, SOURCE, TARGET, PASSED, APPLIED = range(8)
"""Columns of a plan, a row for each gradient that is applied: what it is, the row of the pool that
it reads, the one that x lies in afterwards, −1 unless the gradient is the last of its update; how
many were lost since the one before; when it is applied. `TARGET` is never −1 without locks."""

CHANGE, LO, HI, PIECES = range(8, 12)
"""Without locks besides: the row of the pool for the gradient, what is written of it, and where the
pieces begin that the read saw."""

PIECE, FIRST, LAST, OF = range(4)
"""Columns of a table of such pieces: the row of the pool that the change lies in, which coordinates
of it were seen, and the update that it belongs to."""

_FAR = 2**62


class Swept(NamedTuple):
    """What `asysim.trace.Sweeps` has."""

    lo: Ints
    hi: Ints
    offsets: Ints
    update: Ints
    first: Ints
    last: Ints


class Held(NamedTuple):
    """What `asysim.trace.stream.Block` says of later blocks."""

    versions: Ints
    updates: Ints
    floor: int


@compiled
def applied_rows(
    facts: Ints, instants: Ints, book: Ints, columns: int, places: Ints
) -> tuple[Ints, int, int]:
    """Return the plan as far as rows say it, the update after it, and −1, or a row that can't be.

    Written besides: for each row of the plan, its place in the block.
    """
    count = 0
    for i in range(facts.shape[1]):
        if facts[3, i] != NO_UPDATE:
            count += 1
    plan = np.empty((count, columns), np.int64)
    j, end = 0, _FAR
    for i in range(facts.shape[1]):
        version, update = facts[2, i], facts[3, i]
        if update == NO_UPDATE:
            book[LOST] += 1
            continue
        if version < 0 or version > update or (j > 0 and update != end and update != end - 1):
            return plan, end, i
        plan[j, WORKER], plan[j, DRAW] = facts[0, i], facts[1, i]
        plan[j, VERSION], plan[j, UPDATE] = version, update
        plan[j, PASSED], plan[j, APPLIED] = book[LOST], instants[i]
        book[LOST] = 0
        places[j] = i
        j, end = j + 1, update + 1
    return plan, end, -1


@compiled
def plan_consistent(
    facts: Ints, instants: Ints, held: Ints, floor: int, kept: Kept, free: Ints, book: Ints
) -> tuple[Ints, Kept, int]:
    """Return the plan of a block, what is kept after it, and −1, or a row that can't be.

    Parameters
    ----------
    facts, instants
        Of the block's rows, and when each was applied.
    held, floor
        Versions that later blocks may use.
    kept
        Versions that blocks before left behind.
    free, book
        Which rows of the pool are free, and what else is told from block to block.
    """
    places = np.empty(facts.shape[1], np.int64)
    plan, end, wrong = applied_rows(facts, instants, book, 8, places)
    if wrong >= 0:
        return plan, kept, wrong
    count = len(plan)
    start = plan[0, UPDATE] if count > 0 else end
    names = kept.names
    uses = later_uses(names, start, end, held, floor)
    for j in range(count):
        place = place_of(names, start, plan[j, VERSION])
        if place < 0:
            return plan, kept, places[j]
        plan[j, SOURCE] = place
        uses[place] = max(uses[place], j)
    rows = places_for(kept.slots, uses, free, book)
    current = book[CURRENT]
    for j in range(count):
        update = plan[j, UPDATE]
        if plan[j, VERSION] == update:
            plan[j, SOURCE] = current
        else:
            plan[j, SOURCE] = spend(rows, uses, free, book, plan[j, SOURCE], j)
        plan[j, TARGET] = -1
        if j + 1 == count or plan[j + 1, UPDATE] != update:
            place = names.size + update - start
            if uses[place] > j:
                rows[place] = current
                current = take(free, book)
            plan[j, TARGET] = current
    book[CURRENT] = current
    return plan, leave(names, start, rows, uses), -1


@compiled
def plan_inconsistent(
    facts: Ints, instants: Ints, swept: Swept, n: int, held: Held, kept: Kept, changed: Kept,
    free: Ints, book: Ints,
) -> tuple[Ints, Ints, Kept, Kept, int]:  # fmt: skip
    """Return the plan of a block without locks, pieces, what is kept, and −1, or as above.

    Parameters
    ----------
    facts, instants, kept, free, book
        As for `plan_consistent`.
    swept
        What the rows read and wrote.
    n
        The length of x.
    held
        Versions and changes that later blocks may use.
    changed
        Changes that blocks before left behind.
    """
    places = np.empty(facts.shape[1], np.int64)
    plan, end, wrong = applied_rows(facts, instants, book, 12, places)
    pieces = np.empty((swept.update.size, 4), np.int64)
    if wrong >= 0:
        return plan, pieces, kept, changed, wrong
    count, made = len(plan), 0
    start = plan[0, UPDATE] if count > 0 else end
    names, changed_names = kept.names, changed.names
    lo, hi, offsets, of, first, last = swept
    uses = later_uses(names, start, end, held.versions, held.floor)
    change_uses = later_uses(changed_names, start, end, held.updates, held.floor)
    for j in range(count):
        i = places[j]
        place = place_of(names, start, plan[j, VERSION])
        possible = place >= 0
        if possible:
            uses[place] = max(uses[place], j)
        plan[j, SOURCE] = place
        plan[j, LO], plan[j, HI], plan[j, PIECES] = max(lo[i], 0), min(hi[i], n), made
        for k in range(offsets[i], offsets[i + 1]):
            place = place_of(changed_names, start, of[k])
            if place < 0 or of[k] >= plan[j, UPDATE]:
                possible = False
                break
            change_uses[place] = max(change_uses[place], j)
            pieces[made, PIECE], pieces[made, OF] = place, of[k]
            pieces[made, FIRST], pieces[made, LAST] = max(first[k], 0), min(last[k], n)
            made += 1
        if not possible:
            return plan, pieces, kept, changed, i
    rows = places_for(kept.slots, uses, free, book)
    change_rows = places_for(changed.slots, change_uses, free, book)
    current = book[CURRENT]
    for j in range(count):
        update = plan[j, UPDATE]
        opens = j == 0 or plan[j - 1, UPDATE] != update
        place = names.size + update - start
        changed_place = changed_names.size + update - start
        # Where the gradient goes must not be where its read comes from.
        plan[j, CHANGE] = ADDEND
        if change_uses[changed_place] > j:
            change_rows[changed_place] = plan[j, CHANGE] = take(free, book)
        if opens and plan[j, VERSION] == update:
            plan[j, SOURCE] = current
        else:
            plan[j, SOURCE] = spend(rows, uses, free, book, plan[j, SOURCE], j)
        for k in range(plan[j, PIECES], plan[j + 1, PIECES] if j + 1 < count else made):
            pieces[k, PIECE] = spend(change_rows, change_uses, free, book, pieces[k, PIECE], j)
        if opens and uses[place] > j:
            rows[place] = current
            current = take(free, book)
        plan[j, TARGET] = current
    book[CURRENT] = current
    left = leave(names, start, rows, uses)
    return plan, pieces[:made], left, leave(changed_names, start, change_rows, change_uses), -1
