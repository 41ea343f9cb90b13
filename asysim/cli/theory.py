"""`asysim theory`: what is proven of a scenario or a run, with its own constants."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from asysim.cli.terminal import located, writable
from asysim.errors import Fault, InputError
from asysim.ground.console import console, say
from asysim.ground.exit_codes import OK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asysim.problems.base import Problem
    from asysim.replay.curve import Point
    from asysim.scenario import Scenario
    from asysim.theory.assessment import RunFacts

PICTURE = "theory.png"


def theory(
    path: Path,
    /,
    *changes: str,
    points: int | None = None,
    samples: int = 256,
    tolerance: float = 1e-4,
    recalled: bool = False,
    out: Path | None = None,
    json: bool = False,
    pictures: bool = True,
) -> int:
    """Tell what is proven of a scenario, or of a run: its step, its workers, its methods' times.

    Parameters
    ----------
    path
        A scenario file, or a run folder, whose curve is then drawn beside the bounds.
    changes
        KEY=VALUE in TOML syntax, as for `asysim run`; of a run nothing can be changed.
    points
        Where there is no run, how many points of a short plain descent the problem's constants are
        estimated at, as far as the problem does not know them itself; by default 3, or 2 where x
        is very long.
    samples
        Gradients at each, for σ².
    tolerance
        Of the largest curvature, relative.
    recalled
        Take Theorem 3, of AsySG-incon, with its constants as recalled; by default as derived.
    out
        The picture to draw; by default theory.png, of a run in its folder. One that asysim drew
        before is drawn anew, another file left alone.
    json
        Print one line of JSON instead of tables.
    pictures
        Draw the picture.
    """
    from asysim.show.theory_tables import as_json, tables
    from asysim.theory.assessing import assess

    place = out or (path / PICTURE if path.is_dir() else Path(PICTURE))
    if pictures:
        from asysim.show.picture import check_picture

        check_picture(place)
    scenario, problem, seen, curve = _given(path, changes)
    watched = console(errors=True)
    told = watched.status("estimating constants") if watched.is_terminal else nullcontext()
    with located(str(path)), told:
        found = assess(
            scenario, problem, seen=seen, points=points, samples=samples, tolerance=tolerance,
            recalled=recalled,
        )  # fmt: skip
    if pictures:
        from asysim.show.theory_picture import save

        with writable(place, "--out"):
            place.parent.mkdir(parents=True, exist_ok=True)
            save(found, place, curve)
    if json:
        print(as_json(found, place if pictures else None))
        return OK
    screen = console()
    for table in tables(found):
        table.terminal(screen)
        screen.print()
    if pictures:
        say(screen, f"picture: {place}")
    return OK


def _given(
    path: Path, changes: tuple[str, ...]
) -> tuple[Scenario, Problem, RunFacts | None, Sequence[Point]]:
    """Return a scenario and its problem, and what its run shows if a run was given."""
    import asysim
    from asysim.replay.room import problem_of
    from asysim.runs.assessed import seen_of

    if not path.is_dir():
        scenario = asysim.load(path, *changes)
        with located(str(path)):
            return scenario, problem_of(scenario), None, ()
    if changes:
        expected = "can't be changed; `asysim replay` computes it again with changes"
        raise InputError(Fault(" ".join(changes), str(path), expected, "command line"))
    run = asysim.load_run(path)
    with located(str(path)):
        problem = problem_of(run.scenario)
    return run.scenario, problem, seen_of(run, problem), run.outcome.points
