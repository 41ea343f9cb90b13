"""`asysim plot`: pictures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from asysim.cli.terminal import writable
from asysim.ground.exit_codes import OK


def plot(
    path: Path,
    /,
    *pictures: Literal["convergence", "staleness", "timeline", "second_order"],
    start: float = 0.0,
    seconds: float | None = None,
    out: Path | None = None,
) -> int:
    """Draw pictures of a run.

    Parameters
    ----------
    path
        A run folder.
    pictures
        Which; by default all.
    start
        Where the timeline begins, in seconds.
    seconds
        How much of it is shown; by default about six gradients of each worker.
    out
        The folder to draw into; by default the run's own. What is there that asysim did not draw
        is left alone.
    """
    import asysim
    from asysim.errors import unfit
    from asysim.ground.outputs import check_folder, check_new_file
    from asysim.show.plots import PICTURES, SECOND_ORDER, save_all
    from asysim.show.second_order import has_second_order

    folder = out or path
    done = asysim.load_run(path)
    if SECOND_ORDER in pictures and not has_second_order(done):
        raise unfit(SECOND_ORDER, "a run that looked at no Hessian", "one with run.second_order")
    check_folder(folder)
    if out is not None:
        for name in pictures or PICTURES:
            check_new_file(out / f"{name}.png", picture=True)
    with writable(folder, "--out"):
        folder.mkdir(parents=True, exist_ok=True)
    for picture in save_all(done, folder, pictures, start=start, seconds=seconds):
        print(picture)
    return OK
