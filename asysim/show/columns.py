"""Tables for people: columns of cells, on a terminal, in Markdown, LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

from rich.console import Console
from rich.table import Table
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
    """

    heading: tuple[str, str]
    cells: tuple[Shown, ...]
    part: str

    @property
    def words(self) -> str:
        """The heading on one line."""
        return " ".join(self.heading).strip()


def digits(value: float) -> str:
    """Write a number with three digits, or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 0.1:
        return f"{value:.{1 if value >= 10 else 2}f}"
    return f"{value:.2g}"


def print_table(made: list[Column], console: Console) -> None:
    """Print a table, as several below each other where the terminal is narrow."""
    for piece in _pieces(made, console):
        console.print(_grid(piece), highlight=False)
        console.print()


def markdown_table(made: list[Column]) -> str:
    """Return a table in Markdown."""
    lines = [[in_markdown(column.words) for column in made], ["---:"] * len(made)]
    lines += [[str(cell) for cell in cells] for cells in _lines(made)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def latex_table(made: list[Column]) -> str:
    """Return a table in LaTeX; it takes the package booktabs."""

    def line(cells: Iterable[str]) -> str:
        return " & ".join(cells) + r" \\"

    return "\n".join(
        [
            rf"\begin{{tabular}}{{{'r' * len(made)}}}",
            r"\toprule",
            *(line(in_latex(column.heading[i]) for column in made) for i in (0, 1)),
            r"\midrule",
            *(line(_cell_in_latex(cell) for cell in cells) for cells in _lines(made)),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def html_table(made: list[Column]) -> str:
    """Return a table for a notebook."""
    right = " style='text-align:right'"
    heads = "".join(
        f"<th{right}>{escape(first)}<br/>{escape(second)}</th>"
        for first, second in (column.heading for column in made)
    )
    rows = "".join(
        "<tr>" + "".join(f"<td{right}>{_cell_in_html(cell)}</td>" for cell in cells) + "</tr>"
        for cells in _lines(made)
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _lines(made: list[Column]) -> list[tuple[Shown, ...]]:
    return list(zip(*(column.cells for column in made), strict=True))


def _pieces(made: list[Column], console: Console) -> Iterator[list[Column]]:
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


def _grid(made: list[Column]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    width = [max(len(cell.aside) for cell in column.cells) for column in made]
    for column in made:
        table.add_column("\n".join(column.heading), justify="right", vertical="bottom")
    for cells in _lines(made):
        table.add_row(*(_padded(cell, room) for cell, room in zip(cells, width, strict=True)))
    return table


def _padded(cell: Shown, room: int) -> Text:
    """Give every cell of a column the same room beside the number, so that numbers align."""
    aside = f" ({cell.aside})" if cell.aside else ""
    return Text.assemble(cell.text, (aside.ljust(room + 3 if room else 0), "dim"))


def _cell_in_html(cell: Shown) -> str:
    aside = f" <small>({escape(cell.aside)})</small>" if cell.aside else ""
    return escape(cell.text) + aside


def _cell_in_latex(cell: Shown) -> str:
    aside = rf" {{\scriptsize ({in_latex(cell.aside)})}}" if cell.aside else ""
    return in_latex(cell.text) + aside


_LATEX = str.maketrans(
    {char: f"\\{char}" for char in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"—": "---", "–": "--", "−": r"\ensuremath{-}", "‖": r"\ensuremath{\|}"}
    | {"≤": r"\ensuremath{\le}", "≥": r"\ensuremath{\ge}", "<": r"\ensuremath{<}"}
    | {">": r"\ensuremath{>}", "|": r"\ensuremath{|}"}
    | {"∇": r"\ensuremath{\nabla}", "²": r"\ensuremath{^2}", "…": r"\ldots{}"}
)
_MARKDOWN = str.maketrans({char: f"\\{char}" for char in "\\`*_<>[]|~$"})


def in_latex(text: str) -> str:
    """Escape text for LaTeX."""
    return text.translate(_LATEX)


def in_markdown(text: str) -> str:
    """Escape text for Markdown."""
    return text.translate(_MARKDOWN)
