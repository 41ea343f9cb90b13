"""A picture in the house's style, that no window system needs, and how it is saved."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from asysim.errors import Fault, InputError, reason
from asysim.ground.outputs import PICTURE_MARK
from asysim.ground.whole_file import write_whole

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
_MARKS = {".png": "Software", ".svg": "Creator", ".pdf": "Creator", ".ps": "Creator"}
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


def write_picture(picture: Picture, path: Path) -> None:
    """Write a picture of the kind that its name ends in, marked as ours where that can be."""
    mark, buffer = _MARKS.get(path.suffix), BytesIO()
    kind = path.suffix[1:] or None
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
        raise InputError(
            Fault(
                key="picture",
                found=reason(error),
                expected="should be a place that can be written to; --out names another",
                source=str(path),
            )
        ) from None
    return path
