"""What a study of staleness leaves in a folder: tables, numbers in full, pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from asysim.delays.study import StalenessStudy
from asysim.ground.outputs import check_folder, check_new_file, write_whole
from asysim.show.staleness_document import study_document
from asysim.show.staleness_picture import save
from asysim.show.staleness_table import tables

_PICTURE, _PAGE, _NUMBERS = "staleness.png", "staleness.md", "staleness.json"


def check_places(out: Path | None, sources: Sequence[str]) -> list[Path | None]:
    """Return the folder of each source: `out`, or one in it for each if there are several.

    Raises
    ------
    InputError
        If files can't be made there, or are there already.
    """
    if out is None:
        return [None] * len(sources)
    names = [Path(source).resolve().name for source in sources]
    folders: list[Path | None] = []
    for place, name in enumerate(names):
        own = name if names.count(name) == 1 else f"{place + 1}-{name}"
        folder = out if len(names) == 1 else out / own
        check_folder(folder)
        for file in (_PAGE, _NUMBERS):
            check_new_file(folder / file)
        check_new_file(folder / _PICTURE, picture=True)
        folders.append(folder)
    return folders


def write(study: StalenessStudy, folder: Path) -> list[Path]:
    """Write a study, and return what was written.

    Raises
    ------
    OSError
        If it can't be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = "\n".join(table.markdown() for table in tables(study))
    write_whole(folder / _PAGE, page)
    write_whole(folder / _NUMBERS, json.dumps(study_document(study), allow_nan=False) + "\n")
    return [folder / _PAGE, folder / _NUMBERS, save(study, folder / _PICTURE)]
