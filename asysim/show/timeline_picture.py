"""A picture of a run as a timeline: who did what when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.lines import Line2D

from asysim.show.picture import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Picture,
    new_picture,
    time_unit,
    whole_numbers,
)
from asysim.show.rows_seen import between, recorded
from asysim.trace.kept_trace import Recorded

if TYPE_CHECKING:
    from asysim.runs.outcome import Run


def timeline(run: Run | Recorded, *, start: float = 0.0, seconds: float | None = None) -> Picture:
    """Draw what every worker did: reading, computing, pushing and queueing, and each update.

    Before a read a bound on staleness may keep a worker waiting: the bars then leave a gap.

    Parameters
    ----------
    run
        A run or a trace.
    start
        Where the picture begins, in seconds.
    seconds
        How much it shows; by default about six gradients of each worker.
    """
    trace = recorded(run)
    p = trace.info.workers
    if seconds is None:
        seconds = 6 * trace.counts.seconds * p / max(1, len(trace))
    seconds = seconds or 1.0  # nothing took any time
    worker, kept, times = between(trace, start, start + seconds)
    unit, size = time_unit(start + seconds)
    figure, (axes,) = new_picture(1, 1, (12.5, 1.6 + 0.28 * min(p, 40)))
    in_memory = trace.info.algorithm == "asysg-incon"
    phases = [
        ("read", "ready", "reads x" if in_memory else "pull", GREEN),
        ("ready", "done", "computes", BLUE),
        ("done", "arrived", "waits" if in_memory else "push", ORANGE),
        ("arrived", "applied", "writes" if in_memory else "at the server", GREY),
    ]
    for begin, end, label, color in phases:
        left, right = times[begin] / size, times[end] / size
        label = label if (right > left).any() else "_"  # out of the legend
        axes.barh(worker, right - left, left=left, height=0.72, color=color, label=label, lw=0)
    at = times["applied"] / size
    axes.plot(at[kept], worker[kept], "|", color="black", ms=8, mew=1.6, label="applied")
    if not kept.all():
        lost = "discarded or lost"
        axes.plot(at[~kept], worker[~kept], "x", color=RED, ms=7, mew=2, label=lost)
    axes.set(xlim=(start / size, (start + seconds) / size), ylim=(p - 0.4, -0.6))
    axes.set(xlabel=f"{unit} ({trace.info.clock} clock)", ylabel="worker")
    whole_numbers(axes, vertical=True)
    axes.grid(visible=False, axis="y")
    handles, _ = axes.get_legend_handles_labels()
    handles.sort(key=lambda handle: isinstance(handle, Line2D))  # the phases in their order first
    axes.legend(handles=handles, ncols=6, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return figure
