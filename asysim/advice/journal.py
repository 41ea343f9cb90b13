"""The folder of a search: its scenario, and a line for each run that is over."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from asysim.advice.trial import Key, Trial
from asysim.errors import DamagedWarning, InputError, unfit
from asysim.ground.lock import LOCK, Lock
from asysim.ground.outputs import write_whole
from asysim.ground.reading import text
from asysim.studies.store import SCENARIO, unwritten

RUNS = "runs.jsonl"


class Journal:
    """Runs that are over, by what tells them apart; with a file, also there.

    A search asks for the same runs in the same order whenever it is made again, so one that was
    interrupted goes on by finding its runs here.

    Parameters
    ----------
    folder
        Where the file is; None: nowhere.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._trials: dict[Key, Trial] = {}
        self._file: IO[str] | None = None
        if folder is not None:
            self._read(folder / RUNS)

    def __len__(self) -> int:
        return len(self._trials)

    def find(self, key: Key) -> Trial | None:
        """Return a run that is over, if it is."""
        return self._trials.get(key)

    def keep(self, trial: Trial) -> None:
        """Keep a run.

        Raises
        ------
        InputError
            If it can't be written.
        """
        self._trials[trial.key] = trial
        if self.folder is None:
            return
        try:
            if self._file is None:
                self._file = (self.folder / RUNS).open("a", encoding="utf-8")
            self._file.write(trial.model_dump_json() + "\n")
            self._file.flush()
        except OSError as error:
            raise unwritten(self.folder, error) from None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):  # all lines were flushed
                self._file.close()

    def _read(self, place: Path) -> None:
        """Take up all whole lines; write the file anew if there are others."""
        try:
            lines = text(place).splitlines() if place.exists() else []
        except (OSError, ValueError) as error:
            raise unfit(RUNS, str(error), "a file that this search wrote", str(place)) from None
        whole = []
        for line in lines:
            with suppress(ValueError):
                trial = Trial.from_json(line)
                self._trials[trial.key] = trial
                whole.append(line)
        if len(whole) < len(lines):
            lost = len(lines) - len(whole)
            warnings.warn(f"{place}: {lost} damaged line{'s' if lost > 1 else ''}; made again",
                          DamagedWarning, stacklevel=2)  # fmt: skip
            try:
                write_whole(place, "".join(f"{line}\n" for line in whole))
            except OSError as error:
                raise unwritten(place.parent, error) from None


@contextmanager
def kept(folder: str | Path | None, scenario: str) -> Iterator[Journal]:
    """Yield the runs of a search, which no other process adds to meanwhile.

    Parameters
    ----------
    folder
        Where they are kept; None: nowhere.
    scenario
        What is searched, as TOML.

    Raises
    ------
    InputError
        If it can't be written to, holds something else, or another process is at it.
    """
    if folder is None:
        yield Journal()
        return
    folder = Path(folder)
    try:
        with suppress(FileExistsError):  # a folder, perhaps made just now; or something else
            folder.mkdir(parents=True)
        if not folder.is_dir():
            raise _other(folder)
        lock = Lock(folder / LOCK, "search folder")
    except OSError as error:
        raise unwritten(folder, error) from None
    with lock:
        journal = _begun(folder, scenario)
        try:
            yield journal
        finally:
            journal.close()


def _begun(folder: Path, scenario: str) -> Journal:
    known = folder / SCENARIO
    try:
        there = {path.name for path in folder.iterdir()} - {LOCK}
        if there and not (known.is_file() and text(known) == scenario):
            raise _other(folder)
        write_whole(known, scenario)
    except OSError as error:
        raise unwritten(folder, error) from None
    return Journal(folder)


def _other(folder: Path) -> InputError:
    wanted = "a new or empty folder, or one of a search for the same scenario; --out names another"
    return unfit("search folder", "something else", wanted, str(folder))
