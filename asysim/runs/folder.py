"""The run folder: scenario.toml, trace.parquet, curve.parquet, x.npy, x_ergodic.npy, manifest.json.

Nothing in it depends on when or how fast it was made: the same scenario, on the same machine with
the same versions, gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from asysim.errors import Fault, InputError, reason, unfit
from asysim.ground.lock import LOCK, Lock
from asysim.ground.outside import raised_in
from asysim.ground.reading import text
from asysim.replay import curve_file
from asysim.runs.checkpoint import CHECKPOINT, NEW_CHECKPOINT
from asysim.runs.kept_manifest import read_manifest
from asysim.runs.leavings import TRACE, WAITING, Leavings
from asysim.runs.manifest import MANIFEST, describe
from asysim.runs.outcome import INTERRUPTED, Outcome, Run
from asysim.scenario import Scenario, to_toml
from asysim.trace.info import TraceInfo
from asysim.trace.kept_trace import KeptTrace
from asysim.trace.parquet import TraceWriter, Unwritten

SCENARIO, CURVE = "scenario.toml", "curve.parquet"
LAST, ERGODIC = "x.npy", "x_ergodic.npy"
LEFT = "rows.spool"
"""The rows of a real run while it lasts."""

PARTIAL = ".partial"
"""Behind the name of a folder in the making."""

_NEW = "a new or empty folder; --out names another"
_ELSEWHERE = "should be a place that can be written to; --out names another"
_PICTURES = ("convergence.png", "staleness.png", "timeline.png")
FILES = {MANIFEST, SCENARIO, TRACE, WAITING, f"{WAITING}.new", CURVE, LAST, ERGODIC, LOCK,
         CHECKPOINT, NEW_CHECKPOINT, *_PICTURES}  # fmt: skip
"""All that a run, or one that did not come to its end, may have in its folder."""


def default_folder(scenario: Scenario, root: str | Path = "runs", *, on: str | None = None) -> Path:
    """Return ROOT/NAME-HASH, the hash being of the whole scenario: the same one lands on itself.

    A real run can't be made again, so with `on` it is ROOT/NAME-HASH-ON-NUMBER, and always new.
    """
    digest = hashlib.sha256(to_toml(scenario).encode()).hexdigest()
    place = Path(root) / f"{scenario.name}-{digest[:8]}"
    if on is None:
        return place
    for number in count(1):
        new = place.with_name(f"{place.name}-{on}-{number}")
        if not (new.exists() or partial_of(new).exists()):
            return new
    raise AssertionError  # there is always another number


@dataclass
class Recording:
    """A run folder in the making, beside its final place."""

    target: Path
    partial: Path
    scenario: Scenario
    trace: TraceWriter
    lock: Lock
    goes_on: Path | None = None

    @property
    def checkpoint(self) -> Path:
        """The file for what the run could be gone on with."""
        return self.partial / CHECKPOINT

    def finish(self, outcome: Outcome) -> Run:
        """Write everything and move the folder into place.

        An interrupted run never takes the place of one that was there: it gets a name of its own.
        """
        self.trace.status = outcome.status
        self.trace.close()
        curve_file.save(outcome.points, self.partial / CURVE)
        np.save(self.partial / LAST, outcome.x)
        np.save(self.partial / ERGODIC, outcome.x_ergodic)
        manifest = describe(self.scenario, outcome)
        (self.partial / MANIFEST).write_text(
            json.dumps(manifest, indent=2) + "\n", encoding="utf-8"
        )
        if outcome.status != INTERRUPTED:
            self.checkpoint.unlink(missing_ok=True)
        target = self._place(outcome)
        if target.exists():
            shutil.rmtree(target)
        self.partial.rename(target)
        self.lock.moved(target / LOCK)
        return Run(self.scenario, KeptTrace.open(target / TRACE), outcome, target)

    def _place(self, outcome: Outcome) -> Path:
        ours = not self.target.exists() or self.target == self.goes_on
        if outcome.status != INTERRUPTED or ours:
            return self.target
        return interrupted_place(self.target)


def partial_of(target: Path) -> Path:
    """Return where a run folder is while it is made."""
    return target.with_name(f"{target.name}{PARTIAL}")


def interrupted_place(target: Path) -> Path:
    """Return a place that nothing is at, for a run that was interrupted."""
    return free_place(target.with_name(f"{target.name}-interrupted"))


def free_place(target: Path) -> Path:
    """Return a place that nothing is at: the target, or else TARGET-2, or -3, and so on."""
    number, place = 1, target
    while place.exists():
        number += 1
        place = target.with_name(f"{target.name}-{number}")
    return place


def settled(target: Path) -> Path:
    """Return the folder that a path means: one that is a link, or that ends in dots, is followed.

    A link can't be moved out of the way, nor can what is beside it become what it leads to.
    """
    if not target.is_symlink() and target.name not in ("", ".."):
        return target
    try:
        return target.resolve()
    except (OSError, RuntimeError):
        raise unfit("run folder", "a link to itself", _NEW, str(target)) from None


@contextmanager
def recording(
    target: Path, scenario: Scenario, info: TraceInfo, *, goes_on: Path | None = None
) -> Iterator[Recording]:
    """Make a run folder; on an error what was recorded so far stays in TARGET.partial.

    Parameters
    ----------
    target
        The folder.
    scenario, info
        Of the run.
    goes_on
        The folder of the run that this one goes on with, whose place it may take.

    Raises
    ------
    InputError
        If the folder can't be made, or holds something that a run must not replace.
    """
    target = settled(target)
    check_free(target, scenario, real=info.clock == "real")
    partial = partial_of(target)
    try:
        with _claimed(partial) as lock:
            # Once more: until now somebody else may have written there.
            check_free(target, scenario, real=info.clock == "real")
            _clear(partial)
            (partial / SCENARIO).write_text(to_toml(scenario), encoding="utf-8")
            waiting = partial / WAITING if info.clock == "simulated" else None
            with TraceWriter(partial / TRACE, info, waiting=waiting) as writer:
                yield Recording(target, partial, scenario, writer, lock, goes_on)
    except (Exception, SystemExit) as error:
        # A rule of the user's own may raise anything, also what a disk raises.
        if isinstance(error, OSError | Unwritten) and raised_in(error) is None:
            raise _unwritten(target, partial, error) from None
        _note_what_is_left(error, partial)
        raise


def _note_what_is_left(error: BaseException, partial: Path) -> None:
    with suppress(InputError, OSError):
        left = Leavings.find(partial)
        if left is not None:
            error.add_note(
                f"the first {left.rows:,} of its rows are in {partial}: `asysim run --resume "
                f"{partial}` goes on with it, and `asysim recover {partial}` makes a run of them"
            )


def _unwritten(target: Path, partial: Path, error: OSError | Unwritten) -> InputError:
    """Return the error that a run could not be kept, which says what there is of it."""
    found = reason(error) if isinstance(error, OSError) else error.faults[0].found
    if isinstance(error, FileExistsError):
        return InputError(Fault("run folder", found, _ELSEWHERE, str(partial)))
    real = (partial / LEFT).exists()
    try:
        left = Leavings.find(partial)
    except InputError as unreadable:
        return InputError((Fault("run folder", found, _ELSEWHERE, str(target)), *unreadable.faults))
    if not real and left is None:
        return InputError(Fault("run folder", found, _ELSEWHERE, str(target)))
    rows = f"the first {left.rows:,} of its rows" if left is not None else "its rows so far"
    expected = (
        f"should have room for the run; {rows} are in it, and `asysim recover {partial}` makes a "
        "run of them"
    )
    return InputError(Fault("run folder", found, expected, str(partial)))


def _claimed(partial: Path) -> Lock:
    """Return the lock of a folder in the making, which is made if it is not there.

    Raises
    ------
    InputError
        If another run is writing to it.
    OSError
        If it can't be made, or is something else.
    """
    while True:
        ours = partial.is_dir() and FILES.issuperset(path.name for path in partial.iterdir())
        left = (partial / LEFT).exists()
        partial.mkdir(parents=True, exist_ok=ours or left)
        with suppress(FileNotFoundError):  # it was renamed meanwhile: its run is over
            return Lock(partial / LOCK, "run folder")


def _clear(partial: Path) -> None:
    """Remove what an earlier attempt left, unless there is a row in it.

    Raises
    ------
    InputError
        If there is.
    """
    real, left = (partial / LEFT).exists(), Leavings.find(partial)
    if real or left is not None:
        rows = f"{left.rows:,} rows of a run" if left is not None else "what a real run left"
        raise InputError(
            Fault(
                key="run folder",
                found=f"{rows} that was killed" if real else f"{rows} that did not come to its end",
                expected=("" if real else f"`asysim run --resume {partial}` goes on with it; ")
                + f"`asysim recover {partial}` makes a run of it; or remove it, or --out "
                "names another",
                source=str(partial),
            )
        )
    for path in partial.iterdir():
        if path.name != LOCK:
            path.unlink()


def check_free(target: Path, scenario: Scenario, *, real: bool = False) -> None:
    """Raise InputError unless `target` is absent, empty, or a simulation of the same scenario.

    A real run takes nothing's place.
    """
    if target.is_mount():  # a container's volume, say: it can't be replaced
        wanted = f"a folder in it, such as {target / 'run'}"
        raise unfit("run folder", "a place where something is mounted", wanted, str(target))
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if (target / MANIFEST).is_file() and (target / SCENARIO).is_file():
        if read_manifest(target).measured:
            found = "a real run, which can't be made again"
        elif real:
            found = "a run"
        elif is_of(target, scenario):
            return
        else:
            found = "a run of another scenario"
    else:
        found = "something that is not a run"
    raise unfit("run folder", found, _NEW, str(target))


def is_of(folder: Path, scenario: Scenario) -> bool:
    """Whether a folder says that what is in it is of a scenario."""
    try:
        return text(folder / SCENARIO) == to_toml(scenario)
    except (OSError, ValueError):
        return False
