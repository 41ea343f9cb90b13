"""What a coordination rule hears, by its hooks: see `asysim.coordination.base`. Compiled."""

from __future__ import annotations

from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import discard, free, retire
from asysim.coordination.machine.hooks import call, call_with_two
from asysim.coordination.machine.records import unlink
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled


@compiled
def arrive(m: Ints, flight: int) -> None:
    """Take a gradient that is at the server and served."""
    m[flight + n.IS_SERVED] = 1
    m[n.MOVING] -= 1
    call(m[n.ON_ARRIVE], m, flight)


@compiled
def renew(m: Ints, flight: int) -> None:
    """Let a flight be of the version of now, at which x is read, and not of the grant's."""
    since = m[flight + n.VERSION]
    m[flight + n.VERSION] = m[n.UPDATE]
    if m[n.ON_RENEWED] != 0 and m[flight + n.VERSION] != since:
        call_with_two(m[n.ON_RENEWED], m, flight, since)


@compiled
def lose(m: Ints, flight: int) -> None:
    """Give a gradient up: its time is over, or it was sent too often."""
    if m[flight + n.WANTED]:
        worker = m[flight + n.WORKER]
        _lose(m, flight)
        free(m, worker)


@compiled
def crash(m: Ints, worker: int) -> None:
    """Lose what the servers do not have entirely of a worker's gradient."""
    _withdraw(m, worker)
    flight = m[worker + n.FLIGHT]
    if flight != n.NOBODY and (m[flight + n.ARRIVED] < 0 or m[flight + n.ARRIVED] > m[n.NOW]):
        _lose(m, flight)
    if m[worker + n.LEAVES] and m[worker + n.FLIGHT] == n.NOBODY:
        retire(m, worker)


@compiled
def leave(m: Ints, worker: int) -> None:
    """Let a worker go once it has nothing under way."""
    m[worker + n.LEAVES] = 1
    if m[worker + n.FLIGHT] == n.NOBODY:
        _withdraw(m, worker)
        retire(m, worker)


@compiled
def _lose(m: Ints, flight: int) -> None:
    discard(m, flight)
    if m[n.ON_DROPPED] != 0:
        call(m[n.ON_DROPPED], m, flight)


@compiled
def _withdraw(m: Ints, worker: int) -> None:
    unlink(m, n.WAITING, worker)
    if m[n.ON_WITHDRAW] != 0:
        call(m[n.ON_WITHDRAW], m, worker)
