"""`asysim staleness`: how stale gradients are, whatever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json import dumps
from pathlib import Path

from asysim.cli.terminal import writable
from asysim.ground.console import console, say
from asysim.ground.exit_codes import OK


def staleness(
    *words: str,
    column: str | None = None,
    workers: int | None = None,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Tell how stale gradients are: how it is spread, over time, by worker and by duration.

    Parameters
    ----------
    words
        One source or more: run folders, trace.parquet files, scenario files, whose schedules are
        simulated without gradients, or files of delays that others measured (a line for each
        update: one delay, or the age of each worker's gradient; CSV or Parquet). And KEY=VALUE in
        TOML syntax for all scenarios, such as workers.count=16.
    column
        Of a file of delays, the one that has them, by its name or its number from 1.
    workers
        How many there were, for a file with one column of delays: it is held against them.
    out
        A folder for tables, numbers in full and pictures; by default none are written.
    json
        Print one line of JSON for each source, and of two one that compares them.
    """
    import asysim
    from asysim.delays.study import told_apart
    from asysim.errors import unfit
    from asysim.show.staleness_document import comparison_document, study_document
    from asysim.show.staleness_files import check_places, write
    from asysim.show.staleness_summary import summary_table
    from asysim.show.staleness_table import tables
    from asysim.show.staleness_words import comparison_words

    sources = [word for word in words if not _is_change(word)]
    changes = [word for word in words if _is_change(word)]
    if not sources:
        raise unfit("SOURCE", "none", "a run, a trace, a scenario or a file of delays")
    folders = check_places(out, sources)
    scenarios = [source for source in sources if source.endswith(".toml")]
    studies = []
    for source in sources:
        own = changes if source in (scenarios or sources) else ()  # where there is none, it says
        with _watched(source) as watch:
            studies.append(
                asysim.staleness(source, *own, column=column, workers=workers, progress=watch)
            )
    studies = told_apart(studies)
    compared = studies[0].compared(studies[1]) if len(studies) == 2 else None
    screen = console()
    if json:
        for study in studies:
            print(dumps(study_document(study)))
        if len(studies) == 2:
            print(dumps(comparison_document(studies[0], studies[1], compared)))
    else:
        summary_table(studies).terminal(screen)
        if len(studies) == 2:
            for line in comparison_words(studies[0], studies[1], compared):
                say(screen, line, markup=False)
        if len(studies) == 1:
            for table in tables(studies[0])[1:]:
                screen.print()
                table.terminal(screen)
    for study, folder in zip(studies, folders, strict=True):
        if folder is not None:
            with writable(folder, "--out"):
                written = write(study, folder)
            if not json:
                say(screen, f"wrote {' '.join(map(str, written))}")
    return OK


@contextmanager
def _watched(source: str) -> Iterator[Callable[[int], None] | None]:
    """Show how many gradients were gone through, if a person watches; yields what to call."""
    screen = console(errors=True)
    if not screen.is_terminal:
        yield None
        return
    with screen.status(source) as status:
        yield lambda gradients: status.update(f"{source}: {gradients:,} gradients")


def _is_change(word: str) -> bool:
    return "=" in word and not Path(word).exists()
