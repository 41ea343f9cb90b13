"""One value, a table with what is said of it, in six forms.

A terminal, Markdown, LaTeX and a notebook show people columns of cells; CSV and JSON hand programs
every number in full. Whoever has a study to show fills in a `Table`, and has all six.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from csv import DictWriter
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

NOTHING = "—"


@dataclass(frozen=True)
class Shown:
    """A cell of a table for people: a number, and beside it an interval or a deviation."""

    text: str
    aside: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.aside})" if self.aside else self.text


@dataclass(frozen=True)
class Column:
    """A column for people.

    Attributes
    ----------
    heading
        Two lines, of which the second may be empty.
    cells
        One for each number of workers.
    part
        What it belongs to; columns of one part stay beside each other on a narrow terminal.
    left
        Whether it holds words, which begin at the left, and not numbers, which end at the right.
    """

    heading: tuple[str, str]
    cells: tuple[Shown, ...]
    part: str
    left: bool = False

    @property
    def words(self) -> str:
        """The heading on one line."""
        return " ".join(self.heading).strip()


@dataclass(frozen=True)
class Table:
    """A table, and what is said of it.

    Attributes
    ----------
    title
        What it is of.
    columns
        For people.
    notes
        What a reader of the numbers has to know, a sentence or two each.
    sentence
        What all of it comes to.
    about
        What JSON says of the whole.
    records
        A line for each line of the table, with every number in full; in CSV an entry that is a
        list or a table is written as words.
    answers
        Whether the sentence is what was asked for: pages begin with it, in place of the title.
    """

    title: str
    columns: Sequence[Column]
    notes: Sequence[str]
    sentence: str
    about: dict[str, Any]
    records: Sequence[dict[str, Any]]
    answers: bool = False

    def terminal(self, console: Console) -> None:
        """Print the title, the columns, the notes and the sentence.

        Columns stand in several pieces below each other where the terminal is narrow.
        """
        console.print(Text(self.title, style="bold"))
        for piece in _pieces(self.columns, console):
            console.print(_grid(piece), highlight=False)
            console.print()
        for note in self.notes:
            console.print(Text(note, style="dim"))
        if self.sentence:
            console.print(Text(self.sentence))

    def markdown(self) -> str:
        """Return it in Markdown."""
        edges = [":---" if one.left else "---:" for one in self.columns]
        lines = [[_in_markdown(one.words) for one in self.columns], edges]
        lines += [[str(cell) for cell in cells] for cells in _lines(self.columns)]
        grid = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        below = "\n".join(f"- {_in_markdown(note)}" for note in self.notes)
        said = _in_markdown(self.sentence)
        if self.answers:
            return f"{said}\n\n{grid}\n\n{below}\n"
        parts = [f"**{_in_markdown(self.title)}**", grid, below, said]
        return "\n\n".join(part for part in parts if part) + "\n"

    def latex(self) -> str:
        """Return it for a paper, with the notes below; it takes the package booktabs."""
        below = " ".join(_in_latex(said) for said in (f"{self.title}.", *self.notes))
        edges = "".join("l" if one.left else "r" for one in self.columns)
        return "\n".join(
            [
                r"% \usepackage{booktabs}",
                rf"\begin{{tabular}}{{{edges}}}",
                r"\toprule",
                *(_row(_in_latex(one.heading[i]) for one in self.columns) for i in (0, 1)),
                r"\midrule",
                *(_row(_cell_in_latex(cell) for cell in cells) for cells in _lines(self.columns)),
                r"\bottomrule",
                r"\end{tabular}",
                rf"\par\smallskip{{\footnotesize {below}\par}}",
                "",
            ]
        )

    def html(self) -> str:
        """Return it for a notebook."""
        edges = [f" style='text-align:{'left' if c.left else 'right'}'" for c in self.columns]
        heads = "".join(
            f"<th{edge}>{escape(first)}<br/>{escape(second)}</th>"
            for edge, (first, second) in zip(edges, (c.heading for c in self.columns), strict=True)
        )
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td{edge}>{_cell_in_html(cell)}</td>"
                for edge, cell in zip(edges, cells, strict=True)
            )
            + "</tr>"
            for cells in _lines(self.columns)
        )
        grid = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        below = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        said = f"<p>{escape(self.sentence)}</p>"
        page = f"{said}{grid}" if self.answers else f"<b>{escape(self.title)}</b>{grid}{said}"
        return f"<div>{page}<small><ul>{below}</ul></small></div>"

    def texts(self) -> dict[str, str]:
        """Return it for its folder: a text for each file's name."""
        return {
            "table.md": self.markdown(), "table.tex": self.latex(), "table.csv": self.csv(),
        }  # fmt: skip

    def csv(self) -> str:
        """Return every number in full, a line for each of the table; empty where there is none."""
        text = StringIO()
        writer = DictWriter(text, list(self.records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _in_csv(v) for k, v in one.items()} for one in self.records)
        return text.getvalue()

    def json(self) -> str:
        """Return every number and all that is said as one line of JSON, for scripts."""
        said = {"rows": self.records, "sentence": self.sentence, "notes": self.notes}
        return json.dumps(self.about | said, allow_nan=False)


def plain_grid() -> Grid:
    """Return a grid for a terminal, of lines without a heading: what, and how much."""
    return Grid(show_header=False, box=None, padding=(0, 2, 0, 0))


def finite(value: float) -> float | None:
    """Return a number as JSON can have it, which knows no infinity."""
    return value if math.isfinite(value) else None


def digits(value: float) -> str:
    """Write a number with three digits, or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 0.1:
        return f"{value:.{1 if value >= 10 else 2}f}"
    return f"{value:.2g}"


def _lines(made: Sequence[Column]) -> list[tuple[Shown, ...]]:
    return list(zip(*(column.cells for column in made), strict=True))


def _pieces(made: Sequence[Column], console: Console) -> Iterator[Sequence[Column]]:
    """Cut a table where the terminal ends, between parts; each piece begins with p."""
    first = [column for column in made if column.part == "p"]
    piece = list(first)
    for part in dict.fromkeys(column.part for column in made[len(first) :]):
        more = [column for column in made if column.part == part]
        wide = console.options.update(max_width=10_000)
        if len(piece) > len(first) and (
            console.measure(_grid([*piece, *more]), options=wide).maximum > console.width
        ):
            yield piece
            piece = list(first)
        piece += more
    yield piece


def _grid(made: Sequence[Column]) -> Grid:
    table = Grid(box=None, padding=(0, 2, 0, 0), header_style="bold")
    width = [max(len(cell.aside) for cell in column.cells) for column in made]
    lines = 2 if any(column.heading[1] for column in made) else 1
    wraps = any(column.left for column in made)  # then numbers stand beside its first line
    for column in made:
        table.add_column(
            "\n".join(column.heading[:lines]), justify="left" if column.left else "right",
            vertical="top" if wraps else "bottom",
        )  # fmt: skip
    for cells in _lines(made):
        table.add_row(*(_padded(cell, room) for cell, room in zip(cells, width, strict=True)))
    return table


def _padded(cell: Shown, room: int) -> Text:
    """Give every cell of a column the same room beside the number, so that numbers align."""
    aside = f" ({cell.aside})" if cell.aside else ""
    return Text.assemble(cell.text, (aside.ljust(room + 3 if room else 0), "dim"))


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _in_csv(value: Any) -> Any:
    if isinstance(value, dict):
        return "; ".join(f"{what}: {much}" for what, much in value.items())
    return " ".join(value) if isinstance(value, list) else value


def _cell_in_html(cell: Shown) -> str:
    aside = f" <small>({escape(cell.aside)})</small>" if cell.aside else ""
    return escape(cell.text) + aside


def _cell_in_latex(cell: Shown) -> str:
    aside = rf" {{\scriptsize ({_in_latex(cell.aside)})}}" if cell.aside else ""
    return _in_latex(cell.text) + aside


_LATEX = str.maketrans(
    {char: f"\\{char}" for char in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"—": "---", "–": "--", "−": r"\ensuremath{-}", "‖": r"\ensuremath{\|}"}
    | {"≤": r"\ensuremath{\le}", "≥": r"\ensuremath{\ge}", "<": r"\ensuremath{<}"}
    | {">": r"\ensuremath{>}", "|": r"\ensuremath{|}"}
    | {"∇": r"\ensuremath{\nabla}", "²": r"\ensuremath{^2}", "…": r"\ldots{}"}
)
_MARKDOWN = str.maketrans({char: f"\\{char}" for char in "\\`*_<>[]|~$"})


def _in_latex(text: str) -> str:
    """Escape text for LaTeX."""
    return text.translate(_LATEX)


def _in_markdown(text: str) -> str:
    """Escape text for Markdown."""
    return text.translate(_MARKDOWN)
