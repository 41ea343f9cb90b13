"""What a real run measured of the hardware, in a few lines for people."""

from __future__ import annotations

from typing import Any

from asysim.show.summary import seconds


def lines(measured: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (what, how much), one pair a line; nothing for a simulation."""
    if not measured:
        return []
    told = [("ran on", str(measured["backend"]))]
    latency = measured.get("core_to_core_ns")
    if latency is not None:
        told.append(("a word, core to core", seconds(latency * 1e-9)))
    if "write" in measured:
        sweep = ", read anew in the same sweep" if measured.get("one_sweep") else ""
        told.append(("x is written", f"{measured['write']}{sweep}"))
    if "lost_estimate" in measured:
        told.append(("component updates lost", _lost(measured)))
    if measured.get("left_behind"):
        told.append(("workers left behind", ", ".join(map(str, measured["left_behind"]))))
    if measured.get("half_written"):
        told.append(("updates half written", ", ".join(map(str, measured["half_written"]))))
    if measured.get("clock_every", 1) > 1:
        told.append(("instants", f"measured of one gradient in {measured['clock_every']}"))
    if "emulation" in measured:
        told += _emulation(measured["emulation"])
    return told


def _lost(measured: dict[str, Any]) -> str:
    if measured["write"] == "atomic":
        return "none: additions are atomic"
    lost, tries = measured["lost_of_tries"]
    return f"about {measured['lost_estimate']:.2g} ({lost:,} of {tries:,} canaries)"


def _emulation(told: dict[str, Any]) -> list[tuple[str, str]]:
    half, most = (seconds(told[f"overshoot_{which}_us"] * 1e-6) for which in ("median", "99"))
    return [
        ("emulated waits too long by", f"{half} (median), {most} (99 %)"),
        (
            "gradients late",
            f"{told['late_gradients']:,}, by {seconds(told['slip_seconds'])} in all",
        ),
    ]
