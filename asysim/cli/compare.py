"""`asysim compare`: what differs between runs, and what came of them."""

from __future__ import annotations

from pathlib import Path

from asysim.cli.terminal import writable
from asysim.ground.console import console, say
from asysim.ground.exit_codes import OK


def compare(*runs: Path, out: Path | None = None, json: bool = False) -> int:
    """Tell what differs between runs, and what came of them.

    Parameters
    ----------
    runs
        Two or more run folders, simulated or real.
    out
        A folder for the table as Markdown, LaTeX and CSV; by default none is written.
    json
        Print one line of JSON instead of a table.
    """
    import asysim
    from asysim.ground.outputs import check_new_file, write_whole
    from asysim.show.compare_table import table

    shown = table(asysim.compare(*map(asysim.load_run, runs)))
    places = {} if out is None else {out / name: text for name, text in shown.texts().items()}
    for place in places:
        check_new_file(place)
    for place, text in places.items():
        with writable(place, "--out"):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_whole(place, text)
    if json:
        print(shown.json())
        return OK
    screen = console()
    shown.terminal(screen)
    if places:
        say(screen, f"tables: {' '.join(map(str, places))}")
    return OK
