"""Blind calibration: clusters told from their traces alone, and predicted four times as big.

    python benchmarks/blind.py [--only "reads;shards"] [--seed 1] [--vary 3] [--gradients 40000]

Each cluster is simulated with a few workers. Its trace is calibrated without its network, server,
faults, memory, speeds and power told. The scenario that comes out is simulated with four times
as many workers, and so is the true one. A prediction is right within 2 %; where it is not, the
calibration has to have warned. `--vary N` draws every time of the clusters anew, from half to twice
as long, with a number of workers from 2 to 8: clusters that nothing was tuned on.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from rich.table import Table

from asysim.calibration import Calibration, calibrate
from asysim.scenario import Scenario, parse, to_document
from asysim.scenario.load import from_document
from asysim.schedule import simulate
from asysim.show.summary import rate
from asysim.studies.task import with_workers
from asysim.trace import Trace
from asysim.trace.stream import limited, trace_of

LARGER, WITHIN = 4, 0.02
DIMENSION = 1000
_TOLD = ("seed", "name", "problem", "algorithm", "coordination", "run")

BASE = """
[problem]
kind = "quadratic"
[algorithm]
name = "asysg-con"
step = 0.01
[workers]
count = 4
compute = {law = "gamma", mean = 1e-3, cv = 0.5}
[network]
pull = {law = "exponential", mean = 1e-4}
push = {law = "gamma", mean = 1.5e-4, cv = 0.6}
[server]
service = 2e-5
"""
MEMORY = """
[problem]
kind = "quadratic"
[algorithm]
name = "asysg-incon"
step = 0.01
[workers]
count = 4
compute = {law = "gamma", mean = 1e-3, cv = 0.5}
[memory]
read = {law = "gamma", mean = 4e-5, cv = 0.2}
write = {law = "gamma", mean = 8e-5, cv = 0.3}
contention = 0.2
"""
_CONSTANT = "network={pull=1e-4, push=1.5e-4, "
_RANDOM = "network={pull={law='exponential', mean=1e-4}, push={law='gamma', mean=1.5e-4, cv=0.6}, "
_SLOW = "workers.power={kind='profile', times=[0, 0.12], powers=[1, 0.25], period=0.16}"
_SPELLS = "workers.power={kind='spells', normal=0.05, slow=0.02, power=0.2}"
_BARRIER = "coordination.kind=synchronous"
_TIMES = (
    ("workers", "compute"), ("network", "pull"), ("network", "push"),
    ("network", "server_bandwidth"), ("server", "service"), ("server", "read"),
    ("memory", "read"), ("memory", "write"),
)  # fmt: skip
_LONG = 4  # times as many gradients

CLUSTERS: dict[str, tuple[str, tuple[str, ...], int]] = {
    # Nothing is shared but the server's queue.
    "plain": (BASE, (), 1),
    "busy server": (BASE, ("server.service={law='exponential', mean=8e-5}",), 1),
    "groups": (BASE, ("workers.groups=[{count=2}, {count=2, speed=0.5}]", "workers.count="), 1),
    "one beside the server": (
        BASE,
        ("workers.groups=[{count=1, pull=0, push=0}, {count=3}]", "workers.count="),
        1,
    ),
    "heavy tail": (BASE, ("workers.compute={law='pareto', mean=1e-3, alpha=1.6}",), 1),
    "losses": (BASE, ("faults={loss=0.02, timeout=1e-3}",), 1),
    "barrier": (BASE, (_BARRIER,), 1),
    "bound": (BASE, ("algorithm.staleness_bound=6",), 1),
    "memory": (MEMORY, (), 1),
    # The server.
    "long pauses": (BASE, ("server.pauses=[{start=0.5, seconds=1, every=4}]",), _LONG),
    "short pauses": (BASE, ("server.pauses=[{start=0.05, seconds=0.02, every=0.25}]",), 1),
    "pauses, barrier": (
        BASE,
        (_BARRIER, "server.pauses=[{start=0.05, seconds=0.05, every=0.5}]"),
        1,
    ),
    "reads": (BASE, ("server={service=4e-5, read=3e-5}",), 1),
    "random reads": (
        BASE,
        ("server={service={law='gamma', mean=4e-5, cv=0.5}, read={law='exponential', mean=3e-5}}",),
        1,
    ),
    "shards": (BASE, ("server={service={law='exponential', mean=4e-5}, shards=4}",), 1),
    # The interface.
    "interface": (BASE, (_RANDOM + "server_bandwidth=1.2e8}",), 1),
    "interface, constant": (BASE, (_CONSTANT + "server_bandwidth=1.2e8}",), 1),
    "fair interface": (BASE, (_CONSTANT + "server_bandwidth=1.2e8, sharing='fair'}",), 1),
    "half duplex": (BASE, (_CONSTANT + "server_bandwidth=2.4e8, duplex='half'}",), 1),
    "fair half duplex": (
        BASE,
        (_RANDOM + "server_bandwidth=2.4e8, sharing='fair', duplex='half'}",),
        1,
    ),
    "interface, barrier": (BASE, (_BARRIER, _RANDOM + "server_bandwidth=1.2e8}"), 1),
    "half duplex, random": (BASE, (_RANDOM + "server_bandwidth=2.4e8, duplex='half'}",), 1),
    "compressed": (BASE, (_RANDOM + "server_bandwidth=1.2e8, push_compression=2}",), 1),
    "compressed, barrier": (
        BASE,
        (_BARRIER, _RANDOM + "server_bandwidth=1.2e8, push_compression=4}"),
        1,
    ),
    # Several at once.
    "interface, pauses": (
        BASE,
        (
            _RANDOM + "server_bandwidth=1.2e8}",
            "server.pauses=[{start=0.05, seconds=0.02, every=0.25}]",
        ),
        1,
    ),
    "interface, reads": (
        BASE,
        (_RANDOM + "server_bandwidth=1.2e8}", "server={service=2e-5, read=3e-5}"),
        1,
    ),
    "interface, groups": (
        BASE,
        (
            _RANDOM + "server_bandwidth=1.2e8}",
            "workers.groups=[{count=2}, {count=2, speed=0.5, push=4e-4}]",
            "workers.count=",
        ),
        1,
    ),
    "ahead, pauses": (
        BASE,
        (
            "coordination={kind='ssp', slack=2}",
            "server.pauses=[{start=0.05, seconds=0.02, every=0.25}]",
        ),
        1,
    ),
    "in turn, interface": (
        BASE,
        ("coordination.kind=round-robin", _RANDOM + "server_bandwidth=1.2e8}"),
        1,
    ),
    # Workers whose power changes.
    "spells": (BASE, (_SPELLS,), 1),
    "spells, barrier": (BASE, (_BARRIER, _SPELLS), 1),
    "slowness": (BASE, (_SLOW, "server.service=6e-5"), 1),
    "slowness, barrier": (BASE, (_BARRIER, _SLOW), 1),
    "trend": (BASE, ("workers.power={kind='trend', power=0.5, seconds=8}",), 1),
}


@dataclass(frozen=True)
class Verdict:
    """How a blind prediction went.

    Attributes
    ----------
    name, workers
        The cluster, and with how many workers it was recorded.
    found
        What was calibrated.
    predicted, true
        Updates per second with four times as many workers.
    seconds
        That calibrating took.
    """

    name: str
    workers: int
    found: Calibration
    predicted: float
    true: float
    seconds: float

    @property
    def off(self) -> float:
        """By what part of the truth the prediction is off."""
        return self.predicted / self.true - 1

    @property
    def right(self) -> bool:
        """Whether the prediction is within 2 %."""
        return abs(self.off) <= WITHIN

    @property
    def warned(self) -> bool:
        """Whether the calibration said that it can't be relied on."""
        return bool(self.found.doubts)

    @property
    def word(self) -> str:
        """What came of both."""
        if self.right:
            return "false warning" if self.warned else "right"
        return "told" if self.warned else "MISSED"


def simulated(scenario: Scenario, gradients: int) -> Trace:
    """Simulate a schedule up to so many updates, or up to so many gradients."""
    updates = gradients
    if getattr(scenario.coordination, "kind", "") == "synchronous":
        updates = -(-gradients // scenario.workers.count)
    stream = limited(simulate(scenario, DIMENSION, block_size=8192), updates=updates)
    return trace_of(stream)


def throughput(scenario: Scenario, gradients: int) -> float:
    """Return a long run's updates per second."""
    trace = simulated(scenario, gradients)
    return trace.updates / trace.duration


def blind(trace: Trace) -> Trace:
    """Return a trace whose scenario tells of nothing but the algorithm and p."""
    whole = trace.info.scenario
    document = {key: whole[key] for key in _TOLD if key in whole}
    document["workers"] = {"count": trace.info.workers, "compute": 1.0}
    return replace(trace, info=replace(trace.info, scenario=document))


def judged(name: str, true: Scenario, gradients: int, long: int = 200_000) -> Verdict:
    """Record, calibrate and predict one cluster."""
    workers = true.workers.count
    trace = blind(simulated(true, gradients))
    begun = time.perf_counter()
    found = calibrate([trace])
    fitted = found.scenario()
    _ = found.warnings
    took = time.perf_counter() - begun
    p = LARGER * workers
    predicted, truth = (throughput(with_workers(each, p), long) for each in (fitted, true))
    return Verdict(name, workers, found, predicted, truth, took)


def cluster(name: str, *changes: str) -> Scenario:
    """Return a cluster of the list, changed."""
    text, own, _ = CLUSTERS[name]
    return parse(text, *own, *changes)


def varied(scenario: Scenario, generator: np.random.Generator) -> Scenario:
    """Return a cluster with other times and another number of workers."""
    document = to_document(scenario)

    def scale() -> float:
        return float(2 ** generator.uniform(-1, 1))

    def scaled(value: object, factor: float) -> object:
        if isinstance(value, dict):
            bare = ("law", "cv", "alpha", "shape")
            return {k: v if k in bare else scaled(v, factor) for k, v in value.items()}
        return factor * value if isinstance(value, float) else value

    for table, key in _TIMES:
        if document.get(table, {}).get(key) is not None:
            document[table][key] = scaled(document[table][key], scale())
    for pause in document.get("server", {}).get("pauses", ()):
        factor = scale()
        pause |= {key: factor * pause[key] for key in ("start", "seconds", "every")}
    p = int(generator.integers(2, 9))
    return with_workers(from_document(document), p)


def print_table(verdicts: list[Verdict], screen: Console) -> None:
    table = Table(header_style="bold")
    for heading in ("cluster", "p", "predicted at 4p", "true", "off by", "warned", "", "s"):
        table.add_column(heading, justify="left" if heading in ("cluster", "warned") else "right")
    for v in verdicts:
        table.add_row(v.name, str(v.workers), rate(v.predicted), rate(v.true), f"{v.off:+.1%}",
                      "yes" if v.warned else "", v.word, f"{v.seconds:.1f}")  # fmt: skip
    screen.print(table)
    words = Counter(v.word for v in verdicts)
    screen.print(f"{words['right']} right, {words['told']} told, {words['false warning']} false "
                 f"warnings, {words['MISSED']} missed", highlight=False)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vary", type=int, default=0)
    parser.add_argument("--gradients", type=int, default=40_000)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    generator = np.random.default_rng(options.vary)
    screen, verdicts = Console(), []
    for name, (_, _, length) in CLUSTERS.items():
        true = cluster(name, f"seed={options.seed}")
        if options.vary:
            true = varied(true, generator)
        if options.only and name not in options.only.split(";"):
            continue
        verdicts.append(judged(name, true, options.gradients * length))
        if options.verbose:
            screen.print(f"{name}: {verdicts[-1].off:+.1%}", style="bold")
            for said in verdicts[-1].found.warnings:
                screen.print(f"  - {said}", highlight=False, soft_wrap=True)
    print_table(verdicts, screen)


if __name__ == "__main__":
    main()
