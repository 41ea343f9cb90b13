"""`asysim escape`: how long runs take to leave a saddle, against staleness."""

from __future__ import annotations

from pathlib import Path

from asysim.cli.terminal import Count, counting, interrupted, located
from asysim.ground.console import console, say
from asysim.ground.exit_codes import OK, TARGET_MISSED


def escape(
    scenario: Path,
    /,
    *changes: str,
    out: Path | None = None,
    jobs: int | None = None,
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
    out
        The folder of the study; by default runs/NAME-HASH-escape, the same for any number of seeds
        and of workers. An interrupted study goes on, and a finished one takes more of them.
    jobs
        Processes that simulate at once; by default as many as there are cores.
    json
        Print one line of JSON instead of tables.
    pictures
        Draw the picture into the folder.
    """
    import asysim
    from asysim.show.escape_table import table
    from asysim.studies.escape import decides, settle
    from asysim.studies.store import default_folder, write_texts

    loaded = asysim.load(scenario, *changes)
    with located(str(scenario)):
        settled, _ = settle(loaded)
        folder = out or default_folder(settled, "escape", decides=decides(settled))
        counts = Count()
        try:
            with counting(f"{settled.name}: runs", counts, quiet=json) as watch:
                study = asysim.escape(settled, folder=folder, processes=jobs, progress=watch)
        except KeyboardInterrupt:
            return interrupted(counts, folder)
        shown = table(study)
        texts = {
            "table.md": shown.markdown(), "table.tex": shown.latex(), "table.csv": shown.csv(),
        }  # fmt: skip
        write_texts(texts, folder, on=None, cores=study.cores)
        drawn = []
        if pictures:
            from asysim.show.escape_picture import picture
            from asysim.show.picture import save_picture

            drawn = [save_picture(picture(study), folder / "escape.png")]
    if json:
        print(shown.json())
    else:
        screen = console()
        shown.terminal(screen)
        say(screen, f"kept in {folder}")
        if drawn:
            say(screen, f"picture: {drawn[0]}")
    return OK if all(row.all_escaped for row in study.rows) else TARGET_MISSED
