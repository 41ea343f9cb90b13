"""Barriers: synchronous SGD, and synchronous SGD with backup workers.

Chen, Pan, Monga, Bengio & Jozefowicz, "Revisiting distributed synchronous SGD", 2016; K-sync SGD
of Dutta et al. 2018. An update is made of the first c gradients at its x, one of a worker. The
other workers are stopped at once (K-sync), or finish what they do, which is then dropped.
"""

from __future__ import annotations

from collections.abc import Iterable

from asysim.coordination.base import Coordination, Desk
from asysim.coordination.flight import Flight


class Barrier(Coordination):
    """Rounds in which nobody contributes twice.

    Parameters
    ----------
    desk
        What it acts on.
    needed
        c, gradients in an update; None: one of every member.
    stop
        Whether the others are stopped once there are enough.
    """

    def __init__(self, desk: Desk, *, needed: int | None = None, stop: bool = True) -> None:
        super().__init__(desk)
        self._needed, self._stop = needed, stop
        self._contributed: set[int] = set()

    def ask(self, worker: int) -> None:
        if worker in self._contributed:
            self.waiting[worker] = None
        else:
            self.desk.grant(worker)

    def arrive(self, flight: Flight) -> None:
        desk = self.desk
        if flight.version < desk.update:
            desk.discard(flight)
            desk.free(flight.worker)
            return
        desk.fold(flight)
        self._contributed.add(flight.worker)
        if not self._end_round(also=flight.worker):
            desk.free(flight.worker)

    def leave(self, worker: int) -> None:  # noqa: ARG002
        self._end_round()

    def awaited(self, worker: int) -> Iterable[int]:  # noqa: ARG002
        return self.desk.members - self._contributed

    def _end_round(self, also: int | None = None) -> bool:
        """Make the update if enough have contributed, and begin the next round."""
        desk = self.desk
        enough = (
            bool(self._contributed) and desk.members <= self._contributed
            if self._needed is None
            else desk.gathered >= self._needed
        )
        if not enough:
            return False
        desk.make_update()
        self._contributed.clear()
        # Who is yet to be sent x will be sent the new one.
        late = [w for w, flight in desk.flights.items() if self._stop and flight.has_read]
        for worker in late:
            desk.stop(worker)
        released = {*late, *self.waiting}
        self.waiting.clear()
        if also is not None:
            released.add(also)
        for worker in sorted(released):
            desk.free(worker)
        return True
