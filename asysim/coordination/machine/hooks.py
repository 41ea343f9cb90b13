"""How the compiled machine calls a coordination rule: by the addresses of its hooks, in the memory.

So the machine is compiled once, for every rule, of ours or of the user's; a rule is compiled when
it is first played; and what a hook does (free a worker, say) may lead to a hook again, as in
Python. A call costs 2 ns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

from asysim.coordination.machine import names as n
from asysim.errors import unfit
from asysim.ground.arrays import Ints
from asysim.jit.compiler import AS_PYTHON, compiled, instruction
from asysim.jit.instructions import calling

_PLAIN: dict[int, Any] = {}  # functions of Python, where nothing is compiled

Hook = Callable[[Ints, int], None]


class Hooks(NamedTuple):
    """What `asysim.coordination.base.Coordination` does, for the compiled machine.

    Each gets the memory and a worker or a gradient, returns nothing, and must not raise: functions
    that `compiled` has compiled, or plain ones, which it will.

    Attributes
    ----------
    arrive
        Take a gradient that is at the server and served.
    ask
        Hear that a worker would read x; None: it is granted at once.
    dropped
        Hear that a gradient was lost on its way. Its record is used again by the next grant.
    renewed
        Hear that x was read later than granted: the gradient, and the version until now.
    leave, withdraw
        Hear that a worker has gone for good; that one can't read any more.
    awaited
        Not compiled: return the numbers of the workers without whose gradients one can't go on,
        given the memory, its number and those of all members; None: all others.
    """

    arrive: Hook
    ask: Hook | None = None
    dropped: Hook | None = None
    renewed: Callable[[Ints, int, int], None] | None = None
    leave: Hook | None = None
    withdraw: Hook | None = None
    awaited: Callable[[Ints, int, list[int]], Iterable[int]] | None = None


def install(m: Ints, hooks: Hooks) -> None:
    """Have the machine call a rule's hooks.

    Raises
    ------
    InputError
        If one can't be compiled.
    """
    places = {
        "arrive": n.ON_ARRIVE, "ask": n.ON_ASK, "dropped": n.ON_DROPPED,
        "renewed": n.ON_RENEWED, "leave": n.ON_LEAVE, "withdraw": n.ON_WITHDRAW,
    }  # fmt: skip
    for name, place in places.items():
        hook = getattr(hooks, name)
        try:
            m[place] = 0 if hook is None else _address(hook, 2 if name == "renewed" else 1)
        except Exception as error:  # whatever numba makes of somebody's function
            raise unfit(
                "coordination.kind",
                f"a hook `{name}` that numba can't compile: {' '.join(str(error).split())}",
                'a rule whose hooks are compiled, or one without: engine = "simpy" plays any',
            ) from error


@cache
def _address(hook: Any, numbers: int) -> int:
    """Return where the machine code of a hook is, compiled or taken from the disk."""
    if AS_PYTHON:
        _PLAIN[id(hook)] = hook
        return id(hook)
    from numba import types

    from asysim.jit.values import address_of, is_compiled

    function = hook if is_compiled(hook) else compiled(hook)
    return address_of(function, types.int64[::1], *[types.int64] * numbers)


def _plainly(address: int, m: Ints, *numbers: int) -> None:
    """Call the hook whose machine code is at an address, with the memory and a number or two."""
    _PLAIN[int(address)](m, *numbers)


@instruction(_plainly)
def call(_typing: Any, _address: Any, m: Any, _number: Any) -> Any:
    from numba import types

    return types.void(types.int64, m, types.int64), calling


@instruction(_plainly)
def call_with_two(_typing: Any, _address: Any, m: Any, _first: Any, _second: Any) -> Any:
    from numba import types

    return types.void(types.int64, m, types.int64, types.int64), calling
