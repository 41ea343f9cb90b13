"""A picture in the house's style, that no window system needs, and how it is saved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from asysim.errors import reason, unfit
from asysim.ground.outputs import OUT, PICTURE_MARK, check_new_file, write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, GREY, RED = "#2563a8", "#e07b39", "#4c9a6a", "#9aa0a8", "#c23b3b"
_STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "font.size": 10,
    "axes.titlesize": 11,
}
_DOTS_PER_INCH = 120
_MARKS = {"png": "Software", "svg": "Creator", "pdf": "Creator", "ps": "Creator"}
"""What each kind of file calls the one who made it."""


class Picture(Figure):
    """A matplotlib figure that a notebook shows, whether or not pyplot was ever imported."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def new_picture(rows: int, columns: int, size: tuple[float, float]) -> tuple[Picture, list[Axes]]:
    """Return an empty picture of that size in inches, and its panels row by row."""
    # Not pyplot: nothing global, nothing to close, and no window system needed.
    with mpl.rc_context(_STYLE):
        figure = Picture(figsize=size, layout="constrained", dpi=_DOTS_PER_INCH)
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def check_picture(path: Path) -> None:
    """Raise InputError unless a picture can be drawn there, of a kind that there is.

    The kind is what the name ends in; a name without an end, such as a device's, has PNG.
    """
    kinds = Picture().canvas.get_supported_filetypes()
    if _kind(path) not in kinds:
        wanted = f"a name that ends in .png, .svg or .pdf ({', '.join(sorted(kinds))})"
        raise unfit(OUT, str(path), wanted, "command line")
    check_new_file(path, picture=True)


def _kind(path: Path) -> str:
    return path.suffix.removeprefix(".").lower() or "png"


def write_picture(picture: Picture, path: Path) -> None:
    """Write a picture of the kind that its name ends in, marked as ours where that can be."""
    kind, buffer = _kind(path), BytesIO()
    mark = _MARKS.get(kind)
    picture.savefig(buffer, format=kind, metadata=None if mark is None else {mark: PICTURE_MARK})
    write_whole(path, buffer.getvalue())


def save_picture(picture: Picture, path: Path) -> Path:
    """Write a picture as PNG and return its path.

    Raises
    ------
    InputError
        If it can't be written.
    """
    try:
        write_picture(picture, path)
    except OSError as error:
        wanted = "a place that can be written to; --out names another"
        raise unfit("picture", reason(error), wanted, str(path)) from None
    return path


def time_unit(seconds: float) -> tuple[str, float]:
    """Return a unit that suits a duration, and its length in seconds."""
    for name, size in (("seconds", 1.0), ("milliseconds", 1e-3), ("microseconds", 1e-6)):
        if seconds >= size:
            return name, size
    return "nanoseconds", 1e-9


def whole_numbers(axes: Axes, *, vertical: bool = False) -> None:
    """Put ticks at whole numbers alone."""
    (axes.yaxis if vertical else axes.xaxis).set_major_locator(MaxNLocator(integer=True))


_LETTERS = 40  # along the axis of workers, with some room between


def plain_logarithms(axes: Axes) -> None:
    """Write the ticks of a logarithmic vertical axis without powers of ten, and not too many."""
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 5)))
    axes.yaxis.set_major_formatter(plain_numbers())
    axes.yaxis.set_minor_formatter(plain_numbers())


def along_workers(axes: Axes, counts: Sequence[int], *, logarithmic: bool) -> None:
    """Put ticks at the numbers of workers, as far as there is room for them."""
    if logarithmic:
        axes.set_xscale("log", base=2)
    axes.set_xlabel("workers $p$")
    axes.set_xlim(*_ends(counts, logarithmic=logarithmic))
    axes.xaxis.set_major_locator(FixedLocator(_spaced(counts, logarithmic=logarithmic)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(plain_numbers())


def _ends(counts: Sequence[int], *, logarithmic: bool) -> tuple[float, float]:
    low, high = counts[0], counts[-1]
    if logarithmic:
        return low / 1.3, high * 1.3
    room = max(0.5, 0.05 * (high - low))
    return low - room, high + room


def _spaced(counts: Sequence[int], *, logarithmic: bool) -> list[int]:
    """Leave out what would stand on its neighbour; the last is kept."""
    place = [math.log2(p) if logarithmic else p for p in counts]
    span = place[-1] - place[0]
    kept: list[int] = []
    next_ = math.inf
    for p, at in zip(reversed(counts), reversed(place), strict=True):
        if next_ - at >= span * max(1 / 16, len(str(p)) / _LETTERS):
            kept.insert(0, p)
            next_ = at
    return kept


def plain_numbers() -> FuncFormatter:
    """Return what writes ticks without powers of ten."""
    return FuncFormatter(lambda value, _: f"{value:g}")
