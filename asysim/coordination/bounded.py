"""The staleness bound T of Lian et al. 2015, enforced in one of three ways.

Dropping a gradient whose delay is beyond T when it arrives, or stopping it as soon as it is, are
also Ringmaster ASGD (Maranjyan, Tyurin & Richtárik 2025), in its two variants, with R = T + 1.
"""

from __future__ import annotations

from asysim.coordination.base import Coordination, Desk
from asysim.coordination.bound import Deadlines
from asysim.coordination.flight import Flight


class Dropping(Coordination):
    """A gradient that is too old is dropped.

    Parameters
    ----------
    desk
        What it acts on.
    bound
        T.
    per_update
        c, gradients in an update.
    stop
        Whether a worker is stopped as soon as its gradient is too old, and reads anew.
    """

    def __init__(self, desk: Desk, *, bound: int, per_update: int = 1, stop: bool = False) -> None:
        super().__init__(desk)
        self._bound, self._per_update, self._stop = bound, per_update, stop

    def ask(self, worker: int) -> None:
        self.desk.grant(worker)

    def arrive(self, flight: Flight) -> None:
        desk = self.desk
        if desk.update - flight.version > self._bound:
            desk.discard(flight)
        else:
            desk.fold(flight)
            if desk.gathered == self._per_update:
                desk.make_update()
                if self._stop:
                    self._stop_old()
        desk.free(flight.worker)

    def _stop_old(self) -> None:
        desk = self.desk
        late = []
        for worker, flight in desk.flights.items():
            if flight.version >= desk.update - self._bound or not flight.has_read:
                break  # the oldest read comes first, and those that are yet to come last
            late.append(worker)
        for worker in late:
            desk.stop(worker)
        for worker in late:
            desk.free(worker)


class Waiting(Coordination):
    """Workers wait, to read or to be applied, so that no gradient comes too late.

    Parameters
    ----------
    desk
        What it acts on.
    bound
        T.
    per_update
        c, gradients in an update.
    """

    def __init__(self, desk: Desk, *, bound: int, per_update: int = 1) -> None:
        super().__init__(desk)
        self._deadlines = Deadlines(bound, per_update)
        self._per_update = per_update
        self._parked: list[Flight] = []
        self._settling = False

    def ask(self, worker: int) -> None:
        self.waiting[worker] = None
        self._settle()

    def arrive(self, flight: Flight) -> None:
        self._parked.append(flight)
        self._settle()

    def dropped(self, flight: Flight) -> None:
        self._deadlines.remove(flight.version)
        self._settle()

    def renewed(self, flight: Flight, since: int) -> None:
        # Until now it was reckoned with the least that its version could be.
        self._deadlines.remove(since)
        self._deadlines.add(flight.version)
        self._settle()

    def _settle(self) -> None:
        """Let workers go on as far as T allows: readers first, each group in order of asking."""
        if self._settling:
            return
        self._settling = going = True
        while going:
            going = False
            while self.waiting and self._deadlines.admits_read(
                self.desk.update, self.desk.update, self.desk.gathered
            ):
                worker = next(iter(self.waiting))
                del self.waiting[worker]
                self._deadlines.add(self.desk.update)
                self.desk.grant(worker)
            going = self._apply_one()
        self._settling = False

    def _apply_one(self) -> bool:
        desk = self.desk
        for flight in self._parked:
            if self._deadlines.admits_update(flight.version, desk.update, desk.gathered):
                self._parked.remove(flight)
                self._deadlines.remove(flight.version)
                desk.fold(flight)
                if desk.gathered == self._per_update:
                    desk.make_update()
                desk.free(flight.worker)
                return True
        return False
