"""`asysim limits`: where linear speedup ends, and how that grows with K and M."""

from __future__ import annotations

from pathlib import Path

from asysim.cli.makers import ALONE, Makers
from asysim.cli.terminal import Count, counting, interrupted, located
from asysim.errors import unfit
from asysim.ground.console import console, say
from asysim.ground.exit_codes import OK


def limits(
    *words: str,
    out: Path | None = None,
    makers: Makers = ALONE,
    json: bool = False,
    pictures: bool = True,
) -> int:
    """Find the most workers with linear speedup for each K and M, and the exponents of its growth.

    Parameters
    ----------
    words
        One or more TOML files whose step is the theorem's, and KEY=VALUE in TOML syntax for all of
        them, such as limits.updates=[1000,10000,100000] or limits.seeds=64.
    out
        The folder of the study, with a folder for each scenario if there are several; by default
        runs/NAME-HASH-limits. An interrupted study goes on, and a finished one takes more seeds,
        other K, M and p.
    json
        Print a line of JSON for each scenario, and one of the exponents, instead of tables.
    pictures
        Draw the pictures into the folders.
    """
    import asysim
    from asysim.replay.room import problem_of
    from asysim.show.limits_table import exponents_table, table
    from asysim.studies.limit_layout import Layout
    from asysim.studies.limits import settle
    from asysim.studies.store import default_folder, write_texts

    files = [Path(word) for word in words if "=" not in word]
    changes = [word for word in words if "=" in word]
    if not files:
        raise unfit("SCENARIO", "none", "one or more TOML files")
    several, screen = len(files) > 1, console()
    settled, studies, drawn = [], [], []
    with makers.executor() as executor:
        for file in files:
            with located(str(file)):
                settled.append(settle(asysim.load(file, *changes)))
                Layout.of(settled[-1], problem_of(settled[-1]))  # none is computed if one can't be
        for file, scenario in zip(files, settled, strict=True):
            own = scenario.model_copy(update={"limits": None})
            folder = (
                out / scenario.name if out and several else out or default_folder(own, "limits")
            )
            counts = Count()
            with located(str(file)):
                try:
                    with counting(f"{scenario.name}: runs", counts, quiet=json) as watch:
                        study = asysim.limits(
                            scenario, folder=folder, processes=makers.jobs, executor=executor,
                            progress=watch,
                        )  # fmt: skip
                except KeyboardInterrupt:
                    return interrupted(counts, folder)
                studies.append(study)
                shown = table(study)
                write_texts(shown.texts(), folder, on=None, cores=study.cores)
                if pictures:
                    from asysim.show.limits_picture import save

                    drawn.append(save(study, folder))
            if json:
                print(shown.json())
            else:
                shown.terminal(screen)
                say(screen, f"kept in {folder}")
    growths = exponents_table(studies)
    if json:
        print(growths.json())
    else:
        growths.terminal(screen)
        if drawn:
            say(screen, f"pictures: {' '.join(map(str, drawn))}")
    return OK
