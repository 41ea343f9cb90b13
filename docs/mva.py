"""Writes docs/mva.md, mean value analysis beside simulation: python docs/mva.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.progress import track

from asysim.scenario.load import from_document
from asysim.schedule import simulate
from asysim.theory.network import closed_network
from asysim.trace import Trace
from asysim.trace.stream import limited, trace_of

PATH = Path(__file__).parent / "mva.md"
GRADIENTS, FEWER, DIMENSION = 300_000, 100_000, 10
SERVICE = 0.04  # seconds of the server, where messages have random sizes
WORKERS = (1, 2, 4, 8, 16, 32, 64)
LAWS = {
    "exponential": {"law": "exponential", "mean": 1.0},
    "constant": 1.0,
    "gamma, cv 0.5": {"law": "gamma", "mean": 1.0, "cv": 0.5},
    "hyperexponential, cv 2": {"law": "hyperexponential", "mean": 1.0, "cv": 2.0},
}
HEAD = f"""\
# Mean value analysis beside simulation

Gradients per second, seed 1, {GRADIENTS:,} simulated gradients for each entry of the first table
and {FEWER:,} for the others; in brackets the difference from the law. Computing takes 1 s on
average. Written by `python docs/mva.py`.

The law (`asysim.theory`): with k = 1 … p customers, R_i = D_i (1 + Q_i), X = k / (Z + Σ R_i),
Q_i = X R_i (Reiser & Lavenberg 1980). It is exact, and the law of computing matters by its mean
alone. With one worker nothing queues, and what differs is the sampling error of the mean: its
standard error is cv / √gradients: for cv = 1 and 2, 0.18 % and 0.37 % in the first table, 0.32 %
and 0.63 % in the others.
`tests/test_expectations.py` takes that error out, by holding a run against the law for the means
that were drawn, and asks for 0.5 % in all of the first table.
"""
SIZES = {
    "all of 1,000 bytes": 1000,
    "exponential": {"law": "exponential", "mean": 1000.0},
    "gamma, cv 0.5": {"law": "gamma", "mean": 1000.0, "cv": 0.5},
    "hyperexponential, cv 2": {"law": "hyperexponential", "mean": 1000.0, "cv": 2.0},
}
STATIONS = {
    "fair": ({"sharing": "fair"}, [0.05, 0.05]),
    "fair, half duplex": ({"sharing": "fair", "duplex": "half"}, [0.1]),
    "order of arrival": ({}, [0.05, 0.05]),
    "order of arrival, half duplex": ({"duplex": "half"}, [0.1]),
}
RANDOM_SIZES = f"""\
## Messages of random size

An interface that a message of mean size takes 0.05 s, each way, and a server with exponential
service of {SERVICE} s. Computing is exponential, {FEWER:,} gradients for each entry. In equal parts
a size counts by its mean alone; in order of arrival the law is about exponential sizes. In brackets
the difference, where the law is exact; with 1 worker nothing queues.
"""
SENT = """\
## Staleness where x is read when it is sent

`network.version = "sent"`, the same cluster, exponential sizes in order of arrival. An update finds
the network as it is without its own worker (Lavenberg & Reiser 1980, as recalled), so τ is p − 1
less the reads that wait in the interface's queue: Q − U of p − 1 customers, half of it with
half duplex, where pushes wait among them.
"""


def table(
    title: str, demands: list[float], gradients: int = FEWER, **tables: object
) -> Iterator[str]:
    """Yield the lines of one table: a row for each number of workers, a column for each law."""
    yield f"## {title}\n"
    yield "| workers | law says | " + " | ".join(LAWS) + " |"
    yield "|--:|--:|" + "--:|" * len(LAWS)
    for workers in track(
        WORKERS if gradients == GRADIENTS else WORKERS[::2], description=title, transient=True
    ):
        law = closed_network(workers, 1.0, demands).throughput
        cells = []
        for compute in LAWS.values():
            measured = throughput(simulated(workers, compute, gradients, **tables))
            cells.append(f"{measured:.4f} ({measured / law - 1:+.2%})")
        yield f"| {workers} | {law:.4f} | " + " | ".join(cells) + " |"
    yield ""


def size_tables() -> Iterator[str]:
    """Yield the lines of the tables of random sizes, and of what is read when it is sent."""
    yield RANDOM_SIZES
    yield "| interface | workers | law says | " + " | ".join(SIZES) + " |"
    yield "|---|--:|--:|" + "--:|" * len(SIZES)
    for title, (keys, demands) in STATIONS.items():
        for workers in track(WORKERS[::2], description=title, transient=True):
            law = closed_network(workers, 1.0, [*demands, SERVICE]).throughput
            cells = []
            for name, size in SIZES.items():
                exact = "sharing" in keys or name == "exponential" or workers == 1
                measured = throughput(with_sizes(workers, keys, size))
                beside = f" ({measured / law - 1:+.2%})" if exact else ""
                cells.append(f"{measured:.4f}{beside}")
            yield f"| {title} | {workers} | {law:.4f} | " + " | ".join(cells) + " |"
    yield ""
    yield SENT
    yield "| interface | workers | granted: p − 1 | sent, law says | sent, simulated |"
    yield "|---|--:|--:|--:|--:|"
    for title, (keys, demands) in STATIONS.items():
        if "sharing" in keys:
            continue
        for workers in WORKERS[1::2]:
            others = closed_network(workers - 1, 1.0, [*demands, SERVICE])
            share = 0.5 if "duplex" in keys else 1.0
            law = workers - 1 - share * (others.in_queue[0] - others.utilisation[0])
            trace = with_sizes(workers, keys | {"version": "sent"}, SIZES["exponential"])
            mean = trace.staleness.mean()
            cells = f"{workers - 1} | {law:.4f} | {mean:.4f} ({mean / law - 1:+.2%})"
            yield f"| {title} | {workers} | {cells} |"
    yield ""


def simulated(workers: int, compute: object, gradients: int, **tables: object) -> Trace:
    """Return the trace of a cluster."""
    scenario = from_document(
        {
            "problem": {"kind": "quadratic", "dimension": DIMENSION},
            "algorithm": {"name": "asysg-con", "step": 0.1},
            "workers": {"count": workers, "compute": compute},
        }
        | tables
    )
    return trace_of(limited(simulate(scenario, DIMENSION), updates=gradients))


def with_sizes(workers: int, keys: dict[str, object], size: object) -> Trace:
    """Return the trace of a cluster with an interface and messages of such sizes."""
    network = {"server_bandwidth": 20_000.0, "message_bytes": size} | keys
    server = {"service": {"law": "exponential", "mean": SERVICE}}
    return simulated(workers, LAWS["exponential"], FEWER, network=network, server=server)


def throughput(trace: Trace) -> float:
    """Return the gradients per second of a trace."""
    return trace.updates / trace.duration


def main() -> None:
    """Write the page."""
    server = {"service": {"law": "exponential", "mean": 0.1}}
    interface = {"server_bandwidth": 8 * DIMENSION / 0.05, "sharing": "fair"}
    lines = [
        HEAD,
        *table("One server, exponential service of 0.1 s", [0.1], GRADIENTS, server=server),
        *table(
            "A shared interface, 0.05 s each way alone, in equal parts", [0.05, 0.05],
            network=interface,
        ),
        "Where nothing is random (*constant*), all workers stay in step for ever and share the\n"
        "interface at the same time. The law is about clusters that forget how they began, and\n"
        "does not apply; `asysim show` then prints the bound instead.\n",
        *table(
            "Both", [0.05, 0.05, 0.1], network=interface, server=server,
        ),
        *size_tables(),
    ]  # fmt: skip
    PATH.write_text("\n".join(lines), encoding="utf-8")
    print("wrote", PATH)


if __name__ == "__main__":
    main()
