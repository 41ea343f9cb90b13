"""Coordination rules from outside that tests name, good ones and bad ones."""

from __future__ import annotations

from asysim.coordination import Coordination, Hooks, Settings
from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import fold, free, grant, make_update, stop
from asysim.coordination.ssp import StaleSynchronous


class Patient(StaleSynchronous):
    """SSP under another name: it has hooks of every kind but two."""

    kind: str = ""


class Nearly(Settings):
    """A rule without hooks: each gradient is an update."""

    def rule(self, server, workers):  # noqa: ARG002
        return Plain(server)


class Plain(Coordination):
    def arrive(self, flight):
        self.server.fold(flight)
        self.server.make_update()
        self.server.free(flight.worker)


class Again(Nearly):
    """A rule that folds each gradient twice."""

    def rule(self, server, workers):  # noqa: ARG002
        return FoldingAgain(server)

    def hooks(self):
        return Hooks(fold_again)


class FoldingAgain(Coordination):
    def arrive(self, flight):
        self.server.fold(flight)
        self.server.fold(flight)


def fold_again(m, flight):
    fold(m, flight)
    fold(m, flight)


class Early(Nearly):
    """A rule that lets a worker read before its gradient is disposed of, every third time."""

    def rule(self, server, workers):  # noqa: ARG002
        return ReadingEarly(server)

    def hooks(self):
        return Hooks(read_early)


class ReadingEarly(Coordination):
    def arrive(self, flight):
        if self.server.update == 2:
            self.server.grant(flight.worker)
        self.server.fold(flight)
        self.server.make_update()
        self.server.free(flight.worker)


def read_early(m, flight):
    worker = m[flight + n.WORKER]
    if m[n.UPDATE] == 2:
        grant(m, worker)
    fold(m, flight)
    make_update(m)
    free(m, worker)


class Keeping(Nearly):
    """A rule that frees nobody: each gradient is an update, and then its worker has no more."""

    def rule(self, server, workers):  # noqa: ARG002
        return FreeingNobody(server)

    def hooks(self):
        return Hooks(free_nobody)


class FreeingNobody(Coordination):
    def arrive(self, flight):
        self.server.fold(flight)
        self.server.make_update()


def free_nobody(m, flight):
    fold(m, flight)
    make_update(m)


class Hasty(Nearly):
    """A rule that lets a worker read twice at one instant."""

    def hooks(self):
        return Hooks(hasten)


def hasten(m, flight):
    worker = m[flight + n.WORKER]
    stop(m, worker)
    grant(m, worker)
    stop(m, worker)
    free(m, worker)


class Wrong(Nearly):
    """A rule whose hook is no machine code."""

    def hooks(self):
        return Hooks(lambda m, flight: undefined(m, flight))  # noqa: F821
