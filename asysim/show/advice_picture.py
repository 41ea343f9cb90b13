"""Pictures of advice: time to the target against workers, a line a method; what a search cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from asysim.show.picture import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    along_workers,
    new_picture,
    plain_logarithms,
    save_picture,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from asysim.advice.advice import Advice
    from asysim.advice.measured import Measured

_WORKERS, _REGRET = (8.6, 4.8), (6.4, 4.2)  # inches
_BESIDE = 1.02
_SHARE, _NEAR = 0.15, 1.05
_STYLES: list[Any] = [{"color": f"C{i % 10}", "ls": ("-", "--", ":")[i % 3]} for i in range(30)]


def advice_workers(advice: Advice, *, ax: Axes | None = None) -> Axes:
    """Draw the time to the target against workers: the best of each method, a line for each.

    A triangle is a bound: none of its runs, or not all, were there by then.

    Parameters
    ----------
    advice
        From `asysim.advise`.
    ax
        What to draw on; None: a new picture.
    """
    axes = ax or new_picture(1, 1, _WORKERS)[1][0]
    counts = sorted({one.candidate.workers for one in (*advice.cells, advice.winner)})
    order = [one.candidate.method for one in advice.methods]
    for i, method in enumerate(order):
        cells = sorted((c for c in advice.cells if c.candidate.method == method),
                       key=lambda c: c.candidate.workers)  # fmt: skip
        known = [(c.candidate.workers, c.seconds) for c in cells]
        times = [(p, s.value) for p, s in known if s is not None and not s.bound]
        bounds = [(p, s.value) for p, s in known if s is not None and s.bound]
        style = _STYLES[i % len(_STYLES)]
        name = method
        if times:
            axes.plot(*zip(*times, strict=True), marker="o", ms=4, label=name, **style)
            name = "_" + name
        if bounds:
            # Side by side: nobody is waited for longer than others, so many bounds are the same.
            p, least = zip(*bounds, strict=True)
            beside = [count * _BESIDE ** (i - (len(order) - 1) / 2) for count in p]
            axes.plot(beside, least, marker="^", ms=6, mfc="none", lw=0,
                      color=style["color"], label=name, alpha=0.8)  # fmt: skip
    points = ((advice.stands, GREY, "as it stands"), (advice.winner, RED, "advised"))
    for one, color, word in points:
        if one.seconds is not None:
            _point(axes, one, color, word)
    title = f"{advice.scenario.name}: the best of each method"
    axes.set(ylabel="seconds to the target", title=title)
    axes.set_yscale("log")
    along_workers(axes, counts, logarithmic=True)
    plain_logarithms(axes)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return axes


def _point(axes: Axes, one: Measured, color: str, word: str) -> None:
    found = one.seconds
    assert found is not None
    low, high = found.low or found.value, found.high or found.value
    axes.errorbar(
        [one.candidate.workers], [found.value], [[found.value - low], [high - found.value]],
        fmt="^" if found.bound else "o", ms=12, mfc="none", mew=2, color=color, capsize=3,
        label=f"{word}, with its interval",
    )  # fmt: skip


def advice_regret(
    advice: Advice, *, best: float | None = None, whole: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how much later than the best the choice would have been, had the search ended earlier.

    Parameters
    ----------
    advice
        From `asysim.advise`.
    best
        Seconds to the target of the best that is known; by default what is advised.
    whole
        Gradients that the full grid takes, if it was tried.
    ax
        What to draw on; None: a new picture.
    """
    axes = ax or new_picture(1, 1, _REGRET)[1][0]
    winner = advice.winner.seconds
    best = best or (winner.value if winner else 1.0)
    stops = [(s.spent, s.choice.seconds.value / best, s.choice.seconds.bound)
             for s in advice.stops if s.choice.seconds is not None]  # fmt: skip
    if stops:
        spent, late, _ = zip(*stops, strict=True)
        axes.step([*spent, advice.spent], [*late, late[-1]], where="post", color=BLUE)
        axes.plot(spent, late, "o", color=BLUE, ms=4, label="the best that was known by then")
        bounds = [(x, y) for x, y, bound in stops if bound]
        if bounds:
            axes.plot(*zip(*bounds, strict=True), "^", color=BLUE, ms=9, mfc="none",
                      label="at least")  # fmt: skip
    if whole is not None:
        axes.axvline(whole, color="black", ls="--", lw=1, label="the full grid")
        axes.axvline(_SHARE * whole, color=GREY, ls=":", lw=1.2, label="15 % of it")
    axes.axhline(_NEAR, color=ORANGE, ls=":", lw=1.2, label="5 % later than the best")
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain_logarithms(axes)
    axes.set(xlabel="gradients spent", ylabel="time to the target, × the best",
             title="What would have been advised")  # fmt: skip
    axes.legend(fontsize=8.5)
    return axes


def save_all(advice: Advice, folder: Path) -> list[Path]:
    """Write the pictures into a folder as PNG and return their paths."""
    made = []
    for name, draw, size in (
        ("workers", advice_workers, _WORKERS), ("regret", advice_regret, _REGRET),
    ):  # fmt: skip
        figure, (axes,) = new_picture(1, 1, size)
        draw(advice, ax=axes)
        made.append(save_picture(figure, folder / f"{name}.png"))
    return made
