"""Coordination rules: who reads when, and which gradients go into which update.

They see times and versions, never x.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from asysim.ground.ranges import Count, KeptCount, SomeSeconds, WholeNumber
from asysim.ground.table import Table


class Asynchronous(Table):
    """Each gradient is an update, and its worker reads again at once (Lian et al. 2015)."""

    kind: Literal["asynchronous"] = "asynchronous"


class StaleSynchronous(Table):
    """SSP: no worker is more than `slack` gradients ahead of the slowest (Ho et al. 2013)."""

    kind: Literal["ssp"]
    slack: WholeNumber
    """s: a worker at clock c waits while c − slowest > s"""


class Synchronous(Table):
    """A barrier: one gradient of every worker makes an update, then all read."""

    kind: Literal["synchronous"]


class Backup(Table):
    """A barrier that waits for the first c of p gradients (Chen et al. 2016; Dutta et al. 2018)."""

    kind: Literal["backup"]
    needed: Count
    """c, gradients in an update; p − c workers are there as a backup"""
    late: Literal["stop", "finish"] = "stop"
    """the others are stopped and read anew, or finish and are ignored"""


class SoftSync(Table):
    """c gradients make an update, whoever computed them; nobody waits (Zhang et al. 2016).

    Also known as K-batch-async (Dutta et al. 2018), and as FedBuff's buffer (Nguyen et al. 2022).
    """

    kind: Literal["softsync"]
    gradients: KeptCount
    """c, gradients in an update"""


class RoundRobin(Table):
    """Gradients are applied in turn, 0 … p − 1; who is early waits (Langford et al. 2009)."""

    kind: Literal["round-robin"]


class Rennala(Table):
    """S gradients at the current x make an update; others are dropped (Tyurin & Richtárik 2023)."""

    kind: Literal["rennala"]
    batch: KeptCount
    """S, gradients in an update"""


class Ringmaster(Table):
    """A gradient whose delay reaches R is dropped (Maranjyan, Tyurin & Richtárik 2025)."""

    kind: Literal["ringmaster"]
    delay: Count
    """R: only delays 0 … R − 1 are applied"""
    late: Literal["ignore", "stop"] = "ignore"
    """dropped when it arrives, or stopped as soon as the delay reaches R, and begun anew at x"""


class MindFlayer(Table):
    """Trials of limited time, all at one x, make an update (Maranjyan, Omar & Richtárik 2024)."""

    kind: Literal["mindflayer"]
    trials: KeptCount | list[KeptCount]
    """B_i, trials of each worker in an update: a number or a list"""
    seconds: SomeSeconds | list[SomeSeconds]
    """t_i, when a trial of worker i is given up, counted from x in hand: a number or a list"""


Coordination = Annotated[
    Asynchronous
    | StaleSynchronous
    | Synchronous
    | Backup
    | SoftSync
    | RoundRobin
    | Rennala
    | Ringmaster
    | MindFlayer,
    Field(discriminator="kind"),
]
