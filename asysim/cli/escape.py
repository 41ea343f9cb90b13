"""`asysim escape`: how long runs take to leave a saddle, against staleness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from asysim.cli.makers import ALONE, Makers
from asysim.cli.terminal import Count, counting, interrupted, located
from asysim.ground.console import console, say
from asysim.ground.exit_codes import OK, TARGET_MISSED

if TYPE_CHECKING:
    from asysim.scenario import Scenario
    from asysim.show.picture import Picture
    from asysim.show.table import Table


def escape(
    scenario: Path,
    /,
    *changes: str,
    returns: bool = False,
    out: Path | None = None,
    makers: Makers = ALONE,
    json: bool = False,
    pictures: bool = True,
) -> int:
    """Measure how many updates runs take to leave a saddle, beside the law where there is one.

    Parameters
    ----------
    scenario
        A TOML file whose problem knows a saddle; its table `escape` says with which numbers of
        workers, how many seeds, from which saddle and how far.
    changes
        KEY=VALUE in TOML syntax, such as escape.seeds=10000 or escape.radius=0.5; with more seeds
        or workers than before, only what is new is computed.
    returns
        Instead, map how often a run comes back after it escaped, over γλ_max, γδ and the delay.
    out
        The folder of the study; by default runs/NAME-HASH-escape (or -returns), the same for any
        number of seeds and of workers. An interrupted study goes on, and a finished one takes more
        of them.
    json
        Print one line of JSON instead of tables.
    pictures
        Draw the picture into the folder.
    """
    import asysim
    from asysim.show.picture import save_picture
    from asysim.studies.escape import settle
    from asysim.studies.store import default_folder, write_texts

    kind = "returns" if returns else "escape"
    with makers.executor() as executor, located(str(scenario)):
        settled, _ = settle(asysim.load(scenario, *changes))
        made = _returns() if returns else _escapes()
        folder = out or default_folder(settled, kind, decides=made.decides(settled))
        counts = Count()
        try:
            with counting(f"{settled.name}: {made.counted}", counts, quiet=json) as watch:
                study = made.study(
                    settled, folder=folder, processes=makers.jobs, executor=executor,
                    progress=watch,
                )  # fmt: skip
        except KeyboardInterrupt:
            return interrupted(counts, folder)
        shown = made.table(study)
        write_texts(shown.texts(), folder, on=None, cores=study.cores)
        drawn = save_picture(made.picture(study), folder / f"{kind}.png") if pictures else None
    if json:
        print(shown.json())
    else:
        screen = console()
        shown.terminal(screen)
        say(screen, f"kept in {folder}")
        if drawn is not None:
            say(screen, f"picture: {drawn}")
    all_escaped = returns or all(row.all_escaped for row in study.rows)
    return OK if all_escaped else TARGET_MISSED


class _Made(NamedTuple):
    """One of the two studies: what it is made, shown and drawn by, and what is counted."""

    study: Callable[..., Any]
    decides: Callable[[Scenario], Sequence[str]]
    table: Callable[[Any], Table]
    picture: Callable[[Any], Picture]
    counted: str


def _escapes() -> _Made:
    from asysim.show import escape_picture, escape_table
    from asysim.studies import escape as study

    return _Made(study.escape, study.decides, escape_table.table, escape_picture.picture, "runs")


def _returns() -> _Made:
    from asysim.show import returns_picture, returns_table
    from asysim.studies import returns as study

    return _Made(
        study.returns, study.decides, returns_table.table, returns_picture.picture, "rows of cells"
    )
