"""All coordination rules that have a name of their own: what `[coordination]` may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from asysim.coordination.asynchronous import Asynchronous, SoftSync
from asysim.coordination.barrier import Backup, Synchronous
from asysim.coordination.base import Settings
from asysim.coordination.mindflayer import MindFlayer
from asysim.coordination.rennala import Rennala
from asysim.coordination.ringmaster import Ringmaster
from asysim.coordination.round_robin import RoundRobin
from asysim.coordination.ssp import StaleSynchronous
from asysim.ground.outside import kind_of, known, one_of

RULES: tuple[type[Settings], ...] = (
    Asynchronous, StaleSynchronous, Synchronous, Backup, SoftSync, RoundRobin, Rennala, Ringmaster,
    MindFlayer,
)  # fmt: skip

if TYPE_CHECKING:
    AnyRule: TypeAlias = Settings
else:
    AnyRule = one_of(Settings, RULES)

_BY_KIND = {kind_of(rule): rule for rule in RULES}


def by_kind(kind: object) -> type[Settings]:
    """Return the class of a kind in a document; that of all rules if nobody knows it."""
    found = _BY_KIND.get(kind) or known.get(kind) if isinstance(kind, str) else None
    return found if found is not None and issubclass(found, Settings) else Settings
