"""Clusters drawn at random from everything that a scenario of AsySG-con can say."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies import CONTINUOUS, LAWS, SIZES

COUNT = st.integers(1, 6)
SOME_TIME = st.one_of(CONTINUOUS, st.builds(lambda ticks: ticks * 1e-9, st.integers(1, 5)))
POWERS = st.one_of(
    st.builds(
        lambda normal, slow, power: {
            "kind": "spells", "normal": normal, "slow": slow, "power": power,
        },
        st.sampled_from([3e-4, 3e-3]),
        st.sampled_from([3e-4, 3e-3]),
        st.sampled_from([0.0, 0.1, 2.0]),
    ),
    st.just({"kind": "trend", "power": 0.3, "seconds": 5e-3, "start": 1e-3}),
    st.just({"kind": "profile", "times": [0, 1e-3, 2e-3], "powers": [1, 0, 0.5], "period": 3e-3}),
)  # fmt: skip


@st.composite
def rules(draw: st.DrawFn, count: int) -> dict[str, Any]:
    """A coordination rule for so many workers: tables `coordination` and parts of `algorithm`."""
    kind = draw(
        st.sampled_from(
            ["asynchronous", "bound", "ssp", "synchronous", "backup", "softsync", "round-robin",
             "rennala", "ringmaster", "mindflayer"]
        )
    )  # fmt: skip
    late = draw(st.booleans())
    size = draw(st.integers(1, 5))
    if kind == "asynchronous":
        return {"algorithm": {"gradients_per_update": size}}
    if kind == "bound":
        beyond = draw(st.sampled_from(["wait", "discard", "restart"]))
        bound = draw(st.integers(0, 8))
        return {
            "algorithm": {
                "staleness_bound": bound, "beyond_bound": beyond,
                "gradients_per_update": draw(st.integers(1, 3)),
            }
        }  # fmt: skip
    table: dict[str, Any] = {"kind": kind}
    if kind == "ssp":
        table["slack"] = draw(st.integers(0, 4))
    elif kind == "backup":
        table |= {"needed": draw(st.integers(1, count)), "late": "stop" if late else "finish"}
    elif kind == "softsync":
        table["gradients"] = size
    elif kind == "rennala":
        table["batch"] = size
    elif kind == "ringmaster":
        table |= {"delay": size, "late": "stop" if late else "ignore"}
    elif kind == "mindflayer":
        table["seconds"] = draw(st.sampled_from([3e-4, 1e-3, 3e-3]))
        trials = st.integers(1, 3)
        table["trials"] = draw(trials | st.lists(trials, min_size=count, max_size=count))
    return {"coordination": table}


@st.composite
def failures(draw: st.DrawFn, count: int) -> dict[str, Any]:
    """Crashes, restarts, lost messages."""
    table: dict[str, Any] = {}
    if draw(st.booleans()):
        table["uptime"] = {"law": "exponential", "mean": draw(st.sampled_from([2e-3, 2e-2]))}
        if draw(st.booleans()):
            table["downtime"] = draw(SOME_TIME)
    crashes = draw(st.lists(st.integers(0, count - 1), max_size=2))
    if crashes:
        table["crashes"] = [
            {"worker": worker, "at": draw(st.sampled_from([0.0, 5e-4, 2e-3]))}
            | draw(st.sampled_from([{}, {"downtime": 1e-3}]))
            for worker in crashes
        ]
    if draw(st.booleans()):
        table |= {"loss": draw(st.sampled_from([0.0, 0.1, 0.5])), "timeout": 2e-3}
        table |= draw(st.sampled_from([{}, {"retries": 0}, {"retries": 2}]))
    return table


def star_tables(
    draw: st.DrawFn,
    times: st.SearchStrategy[Any],
    *,
    bandwidths: list[float],
    links: list[float],
    compressions: list[float],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw a network of these times, and a server without pauses."""
    network: dict[str, Any] = {"pull": draw(times), "push": draw(times)}
    if draw(st.booleans()):
        network |= {
            "server_bandwidth": draw(st.sampled_from(bandwidths)),
            "sharing": draw(st.sampled_from(["fifo", "fair"])),
            "duplex": draw(st.sampled_from(["full", "half"])),
            "push_compression": draw(st.sampled_from(compressions)),
        }
    if draw(st.booleans()):
        network["bandwidth"] = draw(st.sampled_from(links))
    if draw(st.booleans()):
        network["message_bytes"] = draw(SIZES)
    server: dict[str, Any] = {"service": draw(times), "shards": draw(st.sampled_from([1, 1, 2, 3]))}
    if server["shards"] == 1 and draw(st.booleans()):
        network["version"] = "sent"
    if draw(st.booleans()):
        server["read"] = draw(times)
    return network, server


@st.composite
def cluster_documents(draw: st.DrawFn, *, reliable: bool = False) -> dict[str, Any]:
    """Any coordination rule on any cluster; `reliable`: nobody comes, goes or gets lost."""
    count = draw(COUNT)
    network, server = star_tables(
        draw, LAWS, bandwidths=[5e4, 1e6], links=[5e4, 1e6], compressions=[1.0, 4.0]
    )
    if draw(st.booleans()):
        server["pauses"] = [{"start": 1e-3, "seconds": 5e-4, "every": 2e-3}]
    workers: dict[str, Any] = {"count": count, "compute": draw(SOME_TIME)}
    if draw(st.booleans()):
        workers["power"] = draw(POWERS)
    document: dict[str, Any] = {
        "seed": draw(st.integers(0, 2**40)),
        "problem": {"kind": "quadratic", "dimension": 6, "noise": 0.5},
        "algorithm": {"name": "asysg-con", "step": 0.01},
        "workers": workers,
        "network": network,
        "server": server,
    }
    rule = draw(rules(count))
    document["algorithm"] |= rule.pop("algorithm", {})
    document |= rule
    if not reliable:
        if draw(st.booleans()):
            document["faults"] = draw(failures(count))
        if draw(st.booleans()):
            del workers["count"]
            workers["groups"] = draw(groups(count))
    return document


@st.composite
def groups(draw: st.DrawFn, count: int) -> list[dict[str, Any]]:
    """Groups of so many workers together, some of which come late or leave."""
    left, table = count, []
    while left:
        size = draw(st.integers(1, left))
        left -= size
        group: dict[str, Any] = {"count": size, "speed": draw(st.sampled_from([0.5, 1.0, 4.0]))}
        if draw(st.booleans()):
            group["joins"] = draw(st.sampled_from([0.0, 1e-3]))
        if draw(st.booleans()):
            group["leaves"] = draw(st.sampled_from([2e-3, 2e-2]))
        if draw(st.booleans()):
            group["push"] = draw(LAWS)
        table.append(group)
    return table
