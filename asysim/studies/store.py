"""The folder of a study: its scenario, and a file for each run that is over.

A file is there whole or not at all, so a study that was interrupted goes on where it stopped. What
decides a run is the scenario with so many workers and that seed, and not which others it is
compared with: a study that asks for more seeds, or more numbers of workers, takes what is there.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from asysim.errors import DamagedWarning, InputError, reason, unfit
from asysim.ground.lock import LOCK, Lock
from asysim.ground.outputs import write_whole
from asysim.ground.reading import text
from asysim.runs.folder import default_folder as run_folder
from asysim.runs.manifest import surroundings
from asysim.scenario import Scenario, load, to_toml, vary
from asysim.scenario.models import STUDIES
from asysim.studies.attempt import Attempt
from asysim.studies.record import Job, Record
from asysim.studies.task import with_workers

SCENARIO, ATTEMPTS = "scenario.toml", "attempts"
_FEWEST = 4  # keys that a file of any kind has at least
_NAME = re.compile(r"p(\d+)-seed(\d+)\.json")


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Kind(Generic[R]):
    """A kind of study, as far as its folder is concerned.

    Attributes
    ----------
    read
        Makes a record of its text; raises ValueError for text that is something else.
    decides
        KEY=VALUE of what the study's own table says of each run. The rest of such tables says only
        which runs are compared.
    mark
        A key that each of its files has, and none of another kind's.
    """

    read: Callable[[str], R]
    decides: Callable[[Scenario], Sequence[str]]
    mark: str


ATTEMPT = Kind(Attempt.from_json, lambda _: (), "crossing")


def default_folder(
    scenario: Scenario, kind: str, on: str | None = None, *, root: str | Path = "runs",
    decides: Sequence[str] = (),
) -> Path:  # fmt: skip
    """Return ROOT/NAME-HASH-KIND, and the backend if real: the same study goes on in it.

    The hash is of what all runs of the study share: neither how many there are of them, nor how
    many workers. A folder that an older asysim named by the whole scenario is found as well.
    """
    named = [run_folder(one, root) for one in (scenario, _shared(scenario, decides))]
    old, new = (run.with_name("-".join(filter(None, (run.name, kind, on)))) for run in named)
    return old if old.exists() and not new.exists() else new


def _shared(scenario: Scenario, decides: Sequence[str]) -> Scenario:
    workers = scenario.workers
    if workers.groups or isinstance(workers.speed, list | tuple):  # they say whose runs these are
        return vary(scenario.model_copy(update=dict.fromkeys(STUDIES)), *decides)
    return with_workers(scenario, 1, *decides)


@dataclass(frozen=True)
class Store(Generic[R]):
    """Where the runs of a study are kept.

    Parameters
    ----------
    folder
        The study's folder.
    kind
        What is kept of each run, and what decides it.
    """

    folder: Path
    kind: Kind[R]

    @classmethod
    def open(cls, folder: Path, scenario: Scenario, on: str | None, kind: Kind[R]) -> Store[R]:
        """Make the folder, or find the one that holds runs which this scenario would make too.

        Raises
        ------
        InputError
            If it can't be made or holds something else.
        """
        known, store = folder / SCENARIO, cls(folder, kind)
        try:
            if folder.exists() and (not folder.is_dir() or _in(folder)):
                same = known.is_file() and (folder / ATTEMPTS).is_dir()
                other = store._other(scenario, on) if same else "something else"
                if other is not None:
                    wanted = (
                        "a new or empty folder, or one that a study of this scenario left, perhaps "
                        "of fewer seeds; --out names another"
                    )
                    raise unfit("study folder", other, wanted, str(folder))
            (folder / ATTEMPTS).mkdir(parents=True, exist_ok=True)
            write_whole(known, to_toml(scenario))
        except OSError as error:
            raise unwritten(folder, error) from None
        return store

    def jobs(self) -> list[Job]:
        """Return which files are there; some may be damaged."""
        names = [_NAME.fullmatch(path.name) for path in (self.folder / ATTEMPTS).iterdir()]
        return sorted((int(name[1]), int(name[2])) for name in names if name)

    def find(self, workers: int, seed: int) -> R | None:
        """Return a run that is over, if it is; a damaged file counts as none, and is told."""
        attempt, why = self._look(workers, seed)
        if why:
            place = self._place(workers, seed)
            warnings.warn(f"{place}: damaged ({why}); that run counts as none, and is made again",
                          DamagedWarning, stacklevel=2)  # fmt: skip
        return attempt

    def _look(self, workers: int, seed: int) -> tuple[R | None, str]:
        """Return a run if it is there, and what is damaged otherwise; empty if nothing is there."""
        try:
            attempt = self.kind.read(text(self._place(workers, seed)))
        except FileNotFoundError:
            return None, ""
        except (OSError, ValueError) as error:
            return None, reason(error)
        if attempt.job == (workers, seed):
            return attempt, ""
        return None, "it is of {} workers and seed {}".format(*attempt.job)

    def _other(self, scenario: Scenario, on: str | None) -> str | None:
        """Return what the folder holds if this scenario would not make the same runs, else None."""
        jobs = self.jobs()
        ours = [attempt for attempt in (self._look(*job)[0] for job in jobs) if attempt]
        for attempt in ours:
            backend = attempt.backend
            if backend != on:
                return f"a study of runs on {backend}" if backend else "a study of simulated runs"
        if not ours and any(self._is_foreign(*job) for job in jobs):
            return "a study of another kind"
        try:
            before = load(self.folder / SCENARIO, read_files=False)
            for p in {p for p, _ in jobs}:
                if self._deciding(before, scenario, p) != self._deciding(scenario, scenario, p):
                    return "a study of another scenario"
        except InputError:
            return "a study of another scenario"
        return None

    def _is_foreign(self, workers: int, seed: int) -> bool:
        """Whether a file is a whole one of another kind of study, rather than a damaged one."""
        try:
            found = json.loads(text(self._place(workers, seed)))
        except (OSError, ValueError, RecursionError):
            return False
        return (
            isinstance(found, dict)
            and len(found) >= _FEWEST
            and found.get("workers") == workers
            and self.kind.mark not in found
        )

    def _deciding(self, scenario: Scenario, now: Scenario, workers: int) -> str:
        """Return what decides a run: not what it is called, nor what it is compared with."""
        changes = self.kind.decides(scenario)
        one = with_workers(scenario, workers, f"seed={now.seed}", *changes)
        return to_toml(one.model_copy(update={"name": "run", "description": ""}))

    def keep(self, attempt: R) -> None:
        """Keep a run that is over.

        Raises
        ------
        InputError
            If it can't be written.
        """
        place = self._place(*attempt.job)
        try:
            if place.is_dir() and not place.is_symlink():
                place.rename(place.with_suffix(".damaged"))
            elif place.is_symlink() or not place.is_file():
                place.unlink(missing_ok=True)  # or it would be written to what it leads to
            write_whole(place, attempt.to_json() + "\n")
        except OSError as error:
            raise unwritten(self.folder, error) from None

    def _place(self, workers: int, seed: int) -> Path:
        return self.folder / ATTEMPTS / f"p{workers}-seed{seed}.json"


@contextmanager
def stored(
    folder: str | Path | None, scenario: Scenario, kind: Kind[R], on: str | None = None
) -> Iterator[Store[R] | None]:
    """Yield the store of a study, which no other process writes to meanwhile; None without folder.

    Raises
    ------
    InputError
        If another process does, and as `Store.open`.
    """
    if folder is None:
        yield None
        return
    folder = Path(folder)
    try:
        with suppress(FileExistsError):  # a folder, perhaps made just now; or something else
            folder.mkdir(parents=True)
        lock = Lock(folder / LOCK, "study folder") if folder.is_dir() else None
    except OSError as error:
        raise unwritten(folder, error) from None
    with lock or nullcontext():
        yield Store.open(folder, scenario, on, kind)


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
    for name, words in {**texts, "study.json": json.dumps(about, indent=2) + "\n"}.items():
        written.append(folder / name)
        try:
            write_whole(written[-1], words)
        except OSError as error:
            raise unwritten(folder, error) from None
    return written


def unwritten(folder: Path, error: OSError) -> InputError:
    """Return the error that something could not be written into a study's folder."""
    wanted = (
        "a place that can be written to, with room for the study: runs that are over are kept, and "
        "the same command goes on; --out names another"
    )
    return unfit("study folder", reason(error), wanted, str(folder))


def _in(folder: Path) -> bool:
    """Whether there is anything in a folder but a lock, and room for runs that are not there."""
    names = {path.name for path in folder.iterdir()} - {LOCK}
    return bool(names - {ATTEMPTS}) or (ATTEMPTS in names and any((folder / ATTEMPTS).iterdir()))
