"""What a finished study leaves in its folder: tables, pictures, and what it was made with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from asysim.ground.whole_file import write_whole
from asysim.runs.manifest import surroundings
from asysim.studies.store import unwritten

if TYPE_CHECKING:
    from asysim.studies.speedup import SpeedupStudy


def write_speedup(study: SpeedupStudy, folder: Path, *, pictures: bool = True) -> list[Path]:
    """Write a speedup study's tables, its pictures and its manifest, and return the paths."""
    from asysim.show import speedup_table

    texts = {
        "table.md": speedup_table.markdown(study),
        "table.tex": speedup_table.latex(study),
        "table.csv": speedup_table.csv(study),
    }
    written = write_texts(texts, folder, on=study.on, cores=study.cores)
    if pictures:
        from asysim.show.speedup_picture import save_all

        written += save_all(study, folder)
    return written


def write_texts(
    texts: Mapping[str, str], folder: Path, *, on: str | None, cores: int
) -> list[Path]:
    """Write texts by their file names, and study.json, which says what they were made with.

    Raises
    ------
    InputError
        If they can't be written.
    """
    about = {"on": on, "usable_cores": cores} | surroundings()
    written = []
    for name, text in {**texts, "study.json": json.dumps(about, indent=2) + "\n"}.items():
        written.append(folder / name)
        try:
            write_whole(written[-1], text)
        except OSError as error:
            raise unwritten(folder, error) from None
    return written
