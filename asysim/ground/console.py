"""The console: lines as they are, and in ASCII where a terminal can't show γ or ‖∇f‖²."""

from __future__ import annotations

import codecs
import sys
import unicodedata
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_NAME = "asysim.ground.console"
_SIGNS = {
    "−": "-", "–": "-", "—": "-", "·": "*", "×": "x", "⊙": "(*)", "∘": "o", "±": "+-", "→": "->",
    "↦": "->", "≤": "<=", "≥": ">=", "≈": "~", "≠": "!=", "∝": "~", "∈": "in", "∞": "inf",
    "‖": "||", "∇": "grad ", "∂": "d", "√": "sqrt", "∫": "int ", "⌊": "floor(", "⌋": ")",
    "′": "'", "⁄": "/", "²": "^2", "³": "^3", "•": "*", "“": '"', "”": '"', "‘": "'", "’": "'",
    "⊗": "(x)", "⊥": "_|_", "⌈": "ceil(", "⌉": ")", "⟨": "<", "⟩": ">", "←": "<-",
    "█": "#", "━": "-", "╸": "-", "╺": "-",
}  # fmt: skip


def console(*, errors: bool = False) -> Console:
    """Return standard output, or standard error, as rich sees it."""
    from rich.console import Console

    class Plain(Console):
        """One that can't show all signs, and so lays out what it can."""

        def render_str(self, text: str, **how: Any) -> Text:
            return super().render_str(plain(text), **how)

    found = Console(stderr=errors)
    return Plain(stderr=errors) if found.options.ascii_only else found


def say(screen: Console, line: str, *, markup: bool = True) -> None:
    """Print a line as it is, however long: numbers get no colours, and what reads it no breaks."""
    screen.print(line, markup=markup, highlight=False, soft_wrap=True)


def plain(text: str) -> str:
    """Return a text in ASCII that says the same, as far as that can be done.

    Letters lose their accents, Greek ones are spelled out, signs become what one types for them.
    """
    return "".join(map(_plain_character, text))


def _plain_character(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    if unicodedata.combining(character):
        return ""
    name = unicodedata.name(character, "")
    if name.startswith(("GREEK SMALL LETTER ", "GREEK CAPITAL LETTER ")) or character == "µ":
        letter = "mu" if character == "µ" else name.split()[3].replace("LAMDA", "LAMBDA")
        return letter.capitalize() if "CAPITAL" in name else letter.lower()
    if name.startswith("BOX DRAWINGS"):
        return "|" if "VERTICAL" in name else "-"
    taken_apart = unicodedata.normalize("NFKD", character)
    if taken_apart == character:
        return character if character.isascii() else "?"
    return plain(taken_apart)


def _instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end


def speak_plainly() -> None:
    """Have standard output and error say in ASCII what their encoding lacks, rather than fail."""
    codecs.register_error(_NAME, _instead)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_NAME)
