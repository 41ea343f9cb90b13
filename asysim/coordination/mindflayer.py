"""MindFlayer SGD: trials of limited time.

Maranjyan, Omar & Richtárik, "MindFlayer SGD: efficient parallel SGD in the presence of
heterogeneous and random worker compute times", 2024.

All read the same x. Worker i makes B_i trials, one after the other, to compute a gradient within
t_i, and gives up what takes longer. When all trials are over, what came of them makes an update; if
nothing did, they try again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asysim.coordination.base import Coordination, Desk
from asysim.coordination.flight import Flight


class MindFlayer(Coordination):
    """Rounds of trials of limited time.

    Parameters
    ----------
    desk
        What it acts on.
    trials
        B_i; (p,).
    limits
        t_i in ticks; (p,).
    """

    def __init__(self, desk: Desk, *, trials: Sequence[int], limits: Sequence[int]) -> None:
        super().__init__(desk)
        self._trials, self._limits = trials, limits
        self._made: dict[int, int] = {}
        self._holds: dict[int, int] = {}  # the version that each worker has in hand

    def ask(self, worker: int) -> None:
        desk = self.desk
        if self._made.setdefault(worker, 0) == self._trials[worker]:
            self.waiting[worker] = None
            return
        in_hand = self._holds.get(worker) == desk.update
        self._holds[worker] = desk.update
        desk.grant(worker, limit=self._limits[worker], in_hand=in_hand)

    def arrive(self, flight: Flight) -> None:
        self.desk.fold(flight)
        self._made[flight.worker] += 1
        if not self._end_round(also=flight.worker):
            self.desk.free(flight.worker)

    def dropped(self, flight: Flight) -> None:
        self._made[flight.worker] += 1
        self._end_round()

    def withdraw(self, worker: int) -> None:
        super().withdraw(worker)
        self._holds.pop(worker, None)

    def leave(self, worker: int) -> None:
        self._made.pop(worker, None)
        self._end_round()

    def awaited(self, worker: int) -> Iterable[int]:  # noqa: ARG002
        return [w for w in self.desk.members if self._made.get(w, 0) < self._trials[w]]

    def _end_round(self, also: int | None = None) -> bool:
        """Make the update if all trials are over, and begin the next round."""
        desk = self.desk
        if not desk.members or any(
            self._made.get(worker, 0) < self._trials[worker] for worker in desk.members
        ):
            return False
        if desk.gathered:
            desk.make_update()
        self._made = dict.fromkeys(desk.members, 0)
        released = set(self.waiting) | ({also} if also is not None else set())
        self.waiting.clear()
        for worker in sorted(released):
            desk.free(worker)
        return True
