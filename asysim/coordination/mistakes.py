"""What a rule of one's own may ask of the server that can't be, told wherever it is played."""

from __future__ import annotations

from collections.abc import Mapping

from asysim.coordination.flight import Flight
from asysim.errors import Fault, UnplayableError


def mistaken(what: str, instead: str) -> UnplayableError:
    """Return the error that a rule asked for what can't be.

    Parameters
    ----------
    what
        What it does: "lets worker 3 read …".
    instead
        What it should do.
    """
    return UnplayableError(Fault("coordination.kind", f"a rule that {what}", f"should {instead}"))


def check_read(flights: Mapping[int, Flight], worker: int) -> None:
    """Raise UnplayableError if a worker is to read whose gradient is not disposed of."""
    if worker in flights:
        what = f"lets worker {worker} read while its gradient is under way"
        raise mistaken(what, "let it once that is folded or discarded")


def check_disposal(flights: Mapping[int, Flight], flight: Flight, *, to: str) -> None:
    """Raise UnplayableError unless a gradient is there to be folded or discarded: `to` do that."""
    if flights.get(flight.worker) is not flight:
        what = f"{to} a gradient of worker {flight.worker} that is not there"
        raise mistaken(what, "do with each gradient one thing, once")
