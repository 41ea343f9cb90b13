"""Draws what networks and waiting cost: python docs/cluster_pictures.py [nic ssp backup …].

nic.png is of scenarios/saturated_nic.toml, ssp.png of ssp.toml, backup.png of backup.toml. Medians
over three seeds, to the loss `TARGET`.
"""

from __future__ import annotations

import sys
from itertools import product

from matplotlib.axes import Axes
from measuring import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PICTURES,
    TARGET,
    Job,
    Result,
    measure_all,
    median,
    panels,
)

from asysim.theory.network import asymptotic_bounds, closed_network, saturation
from asysim.theory.rounds import order_statistic_mean

SEEDS = (1, 2, 3)


def sweep(file: str, every: int, *points: tuple[str, ...]) -> list[list[Result]]:
    """Run a scenario to the target with several sets of changes and return the results of each."""
    jobs = [
        [
            Job(
                file,
                (*p, f"seed={s}", f"run.target_loss={TARGET}", f"run.evaluate_every={every}"),
            )
            for s in SEEDS
        ]
        for p in points
    ]
    found = measure_all(job for of_point in jobs for job in of_point)
    return [[found[job] for job in of_point] for of_point in jobs]


def seconds(results: list[Result]) -> float:
    """Return the median seconds to the target, or infinity unless every seed gets there."""
    return median(results, lambda r: r.seconds) if all(r.reached for r in results) else float("inf")


def rate(results: list[Result]) -> float:
    """Return the median of updates per second."""
    return median(results, lambda r: r.rate)


def nic() -> None:
    """Throughput and time to the target against workers, with a saturated network interface."""
    workers = (1, 2, 4, 8, 12, 16, 24, 32, 48)
    kinds = {
        "FIFO": ("network.sharing=fifo",),
        "fair": ("network.sharing=fair",),
        "FIFO, five shards": ("server.shards=5",),
    }
    found = sweep(
        "saturated_nic.toml",
        25,
        *((*kind, f"workers.count={p}") for kind, p in product(kinds.values(), workers)),
    )
    by_kind = {
        kind: found[i * len(workers) : (i + 1) * len(workers)] for i, kind in enumerate(kinds)
    }
    scenario = Job("saturated_nic.toml", ()).load()
    away = scenario.workers.compute.mean
    each = scenario.problem.build().dimension * 4 / scenario.network.server_bandwidth
    figure, (left, right) = panels(2)
    every = range(1, workers[-1] + 1)
    bound = [asymptotic_bounds(p, away, [each, each]).upper for p in every]
    exact = [closed_network(p, away, [each, each]).throughput for p in every]
    left.plot(
        every, bound, "--", color="black", lw=1.2, label=r"bound $\min(p/(Z+D),\,1/D_{\max})$"
    )
    left.plot(every, exact, color=ORANGE, lw=1.2, label="exact for fair sharing (MVA)")
    markers = {"FIFO": ("o", BLUE), "fair": ("s", ORANGE)}
    for kind, (marker, color) in markers.items():
        rates = [rate(results) for results in by_kind[kind]]
        left.plot(workers, rates, marker, color=color, ms=6, label=f"simulated, {kind}")
    knee = saturation(away, [each, each])
    left.axvline(knee, color=GREY, lw=1, ls=":")
    left.text(knee + 0.6, 900, f"$N^* = {knee:.1f}$", color="#5c636b")
    left.set(xlabel="workers $p$", ylabel="updates per second", ylim=(0, None))
    left.yaxis.set_major_formatter("{x:,.0f}")
    left.set_title("Throughput: one 1 Gbit/s interface")
    left.legend(loc="lower right", bbox_to_anchor=(1.0, 0.12))
    for kind, color in (("FIFO", BLUE), ("fair", ORANGE), ("FIFO, five shards", GREEN)):
        times = [seconds(results) for results in by_kind[kind]]
        right.plot(workers, times, "o-", color=color, label=kind)
        print(
            kind,
            *(
                f"p={p}: {rate(r):,.0f}/s {t:.3f}s"
                for p, r, t in zip(workers, by_kind[kind], times, strict=True)
            ),
            sep="\n  ",
        )
    right.set(xlabel="workers $p$", ylabel="seconds (simulated clock)", yscale="log", xscale="log")
    right.set_title(f"Seconds to loss {TARGET}, at one step")
    right.set_xticks(workers, [str(p) for p in workers])
    ticks = (0.05, 0.1, 0.2, 0.5, 1, 2)
    right.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    right.minorticks_off()
    right.annotate(
        "48 workers: not within\n5,000 updates",
        (33, 0.25),
        (27, 0.62),
        ha="center",
        arrowprops={"arrowstyle": "-", "color": GREY},
        color="#5c636b",
    )
    right.legend(loc="lower left")
    figure.savefig(PICTURES / "nic.png")
    print(f"D = {each * 1e6:.1f} µs, N* = {knee:.2f}")


def ssp() -> None:
    """Throughput, staleness and time to the target against SSP's slack."""
    slacks = (0, 1, 2, 4, 8, 16, 32, 64)
    changes = [(f"coordination.slack={s}",) for s in slacks]
    found = sweep("ssp.toml", 25, *changes, ("coordination=",))
    names = [*map(str, slacks), "∞"]
    figure, (left, middle, right) = panels(3)
    at = range(len(names))
    left.plot(at, [rate(r) for r in found], "o-", color=BLUE)
    left.set(ylabel="updates per second", title="Throughput", ylim=(0, None))
    left.yaxis.set_major_formatter("{x:,.0f}")
    middle.plot(at, [median(r, lambda one: one.staleness) for r in found], "o-", color=ORANGE)
    middle.set(ylabel=r"mean staleness $\tau$", title="Staleness", ylim=(0, None))
    right.plot(at, [seconds(r) for r in found], "o-", color=GREEN)
    right.set(ylabel="seconds (simulated clock)", title=f"Seconds to loss {TARGET}", ylim=(0, None))
    for axes in (left, middle, right):
        _slacks(axes, names)
    figure.savefig(PICTURES / "ssp.png")
    for name, r in zip(names, found, strict=True):
        print(
            f"s={name}: {rate(r):,.0f}/s τ={median(r, lambda one: one.staleness):.2f} "
            f"{median(r, lambda one: one.updates):,.0f} updates {seconds(r):.3f} s"
        )


def backup() -> None:
    """Seconds of a round, updates and seconds to the target against c, the gradients needed."""
    needed, steps = (2, 4, 6, 8, 10, 12, 14, 15, 16), (0.05, 0.1, 0.2, 0.4, 0.8)
    found = sweep(
        "backup.toml",
        10,
        *(
            (f"coordination.needed={c}", f"algorithm.step={g}", "run.updates=4000")
            for c, g in product(needed, steps)
        ),
    )
    best = []
    for i, c in enumerate(needed):
        mine = found[i * len(steps) : (i + 1) * len(steps)]
        chosen = min(range(len(steps)), key=lambda j: seconds(mine[j]))
        best.append(mine[chosen])
        print(
            f"c={c}: γ={steps[chosen]} {1e3 / rate(best[-1]):.3f} ms/update "
            f"{median(best[-1], lambda r: r.updates):,.0f} updates {seconds(best[-1]):.3f} s"
        )
    law = Job("backup.toml", ()).load().workers.compute
    figure, (left, middle, right) = panels(3)
    theory = [1e3 * order_statistic_mean(law, 16, c) for c in range(1, 17)]
    left.plot(range(1, 17), theory, color="black", lw=1.2, label="mean of the $c$-th of 16 (exact)")
    left.plot(needed, [1e3 / rate(r) for r in best], "o", color=BLUE, label="simulated")
    left.set(ylabel="milliseconds (simulated clock)", title="Time of an update", ylim=(0, None))
    left.legend()
    middle.plot(needed, [median(r, lambda one: one.updates) for r in best], "o-", color=ORANGE)
    middle.set(ylabel="updates", title=f"Updates to loss {TARGET}", ylim=(0, None))
    right.plot(needed, [seconds(r) for r in best], "o-", color=GREEN)
    right.set(ylabel="seconds (simulated clock)", title=f"Seconds to loss {TARGET}", ylim=(0, None))
    middle.yaxis.set_major_formatter("{x:,.0f}")
    for axes in (left, middle, right):
        axes.set_xlabel("gradients $c$, of 16, that an update waits for")
        axes.set_xticks(range(2, 17, 2))
    figure.savefig(PICTURES / "backup.png")


def flaky() -> None:
    """Print the seconds to the target with faults, and without, under three rules."""
    kinds = {
        "asynchronous": (),
        "asynchronous, no faults": ("faults=",),
        "SSP, slack 4": ('coordination={kind="ssp", slack=4}',),
        "synchronous": ('coordination={kind="synchronous"}',),
    }
    for kind, changes in kinds.items():
        every = 2 if kind == "synchronous" else 25
        (found,) = sweep("flaky.toml", every, (*changes, "run.updates=10000"))
        print(f"{kind}: {seconds(found):.3f} s")


def delays() -> None:
    """Print what becomes of 48 workers and five shards by the law of compute times."""
    for law in ('{law="exponential", mean=1e-3}', '{law="gamma", mean=1e-3, cv=0.3}', "1e-3"):
        changes = ("workers.count=48", "server.shards=5", f"workers.compute={law}")
        (found,) = sweep("saturated_nic.toml", 25, changes)
        print(f"{law}: τ={median(found, lambda one: one.staleness):.1f}, {seconds(found):.3f} s")


def _slacks(axes: Axes, names: list[str]) -> None:
    axes.set_xticks(range(len(names)), names)
    axes.set_xlabel("slack $s$")


if __name__ == "__main__":
    for draw in [
        d for d in (nic, ssp, backup, flaky, delays) if d.__name__ in (sys.argv[1:] or d.__name__)
    ]:
        print(draw.__name__)
        draw()
