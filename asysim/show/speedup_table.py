"""A speedup study as a table: on a terminal, in a notebook, in a paper, in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from asysim.show.columns import (
    NOTHING,
    Column,
    Shown,
    digits,
    html_table,
    in_latex,
    in_markdown,
    latex_table,
    markdown_table,
    print_table,
)
from asysim.show.speedup_numbers import as_json, csv
from asysim.show.speedup_text import (
    deviation,
    notes,
    number,
    percent,
    reference_of,
    sentence,
    staleness,
    theirs,
    times,
    title,
)
from asysim.show.summary import rate
from asysim.studies.row import Row

if TYPE_CHECKING:
    from asysim.studies.speedup import SpeedupStudy

__all__ = ["as_json", "csv", "html", "latex", "markdown", "sentence", "terminal"]


def columns(study: SpeedupStudy) -> list[Column]:
    """Return what people are shown of a study, from which every form for them is made."""
    rows = study.rows
    reference = reference_of(study)
    made = [Column(("p", ""), tuple(Shown(str(row.workers)) for row in rows), "p")]
    if any(row.endings for row in rows):
        reached = tuple(Shown(f"{row.reached} of {len(row.attempts)}") for row in rows)
        made.append(Column(("reached", ""), reached, "p"))
    for kind in ("iteration", "time"):
        ours = tuple(times(getattr(row, kind)) for row in rows)
        made.append(Column((kind, "speedup"), ours, kind))
        if getattr(reference, kind, None) is not None:
            other = tuple(_beside(study, row, kind) for row in rows)
            made.append(Column((f"{kind},", "reference"), other, kind))

    def add(heading: tuple[str, str], cells: Iterable[Shown], part: str) -> None:
        made.append(Column(heading, tuple(cells), part))

    add(("updates", "per s"), (number(row.throughput, rate) for row in rows), "hardware")
    add(("hardware", "efficiency"), (percent(row.hardware) for row in rows), "hardware")
    add(("updates", "to target"), (number(row.updates) for row in rows), "statistics")
    add(("statistical", "efficiency"), (percent(row.statistical) for row in rows), "statistics")
    add(("mean", "staleness"), (staleness(row.staleness) for row in rows), "statistics")
    return made


def terminal(study: SpeedupStudy, console: Console) -> None:
    """Print the table, its notes and the sentence."""
    console.print(Text(title(study), style="bold"))
    print_table(columns(study), console)
    for note in notes(study):
        console.print(Text(note, style="dim"))
    console.print(Text(sentence(study)))


def markdown(study: SpeedupStudy) -> str:
    """Return the table in Markdown."""
    below = "\n".join(f"- {in_markdown(note)}" for note in notes(study))
    heading = f"**{in_markdown(title(study))}**"
    table = markdown_table(columns(study))
    return f"{heading}\n\n{table}\n\n{below}\n\n{in_markdown(sentence(study))}\n"


def latex(study: SpeedupStudy) -> str:
    """Return the table for a paper, with the notes below; it takes the package booktabs."""
    below = " ".join(in_latex(said) for said in (title(study) + ".", *notes(study)))
    return (
        f"% \\usepackage{{booktabs}}\n{latex_table(columns(study))}\n"
        rf"\par\smallskip{{\footnotesize {below}\par}}" + "\n"
    )


def html(study: SpeedupStudy) -> str:
    """Return the table for a notebook."""
    below = "".join(f"<li>{escape(note)}</li>" for note in notes(study))
    return (
        f"<div><b>{escape(title(study))}</b>{html_table(columns(study))}"
        f"<p>{escape(sentence(study))}</p><small><ul>{below}</ul></small></div>"
    )


def _beside(study: SpeedupStudy, row: Row, kind: str) -> Shown:
    found, cell = theirs(study, row, kind), study.cell(row, kind)
    if found is None:
        return Shown(NOTHING)
    itself = row.workers == 1 == found  # beside which ours is 1 too, by definition
    return Shown(digits(found), deviation(cell.deviation) if cell and not itself else "")
