"""Going on with a simulated run that was interrupted, or killed: what comes of it is the same.

The schedule is simulated once more, which is cheap, as far as the last checkpoint, and held against
what was recorded; gradients are computed from there on. Without a checkpoint they all are.
"""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asysim.errors import InputError, first_line, unfit
from asysim.ground.lock import LOCK, Lock
from asysim.replay.curve import more_of
from asysim.replay.probe import Probe
from asysim.runs.checkpoint import CHECKPOINT, Checkpoint, Unequal, points_in
from asysim.runs.checkpoints import Checkpoints, StillCatchingUp
from asysim.runs.folder import (
    FILES,
    LEFT,
    PARTIAL,
    SCENARIO,
    check_free,
    interrupted_place,
    is_of,
    partial_of,
    recording,
    settled,
)
from asysim.runs.kept_run import load_run
from asysim.runs.made_with import own_code, probes_code
from asysim.runs.manifest import MANIFEST
from asysim.runs.outcome import CUT_SHORT, INTERRUPTED, Run
from asysim.runs.replayed import Prepared, Progress, prepared_for
from asysim.scenario import Scenario, load
from asysim.trace.kept_trace import Recorded

_WANTED = "a folder that a simulated run left when it was interrupted or killed"


def resume(
    folder: str | Path, *, probes: Sequence[Probe] = (), progress: Progress | None = None
) -> Run:
    """Go on with a simulated run that was interrupted or killed, as if nothing had been.

    All its files come out as they would have, byte for byte. It goes where it was to go: a folder
    NAME-interrupted beside one NAME of the same scenario, or NAME.partial, becomes NAME.

    Parameters
    ----------
    folder
        What the run left.
    probes
        Those that were given to `asysim.run`: a folder does not know them.
    progress
        As for `asysim.run`.

    Raises
    ------
    InputError
        If it is not the folder of such a run, or another process is writing to it; or its schedule
        does not come out as it was recorded.
    StillCatchingUp
        If it is interrupted before it has come to where it was; the folder is as it was then.

    Warns
    -----
    UserWarning
        If there is nothing to go on with, so that all of it is computed again; and why.
    """
    left = Interrupted.find(folder, probes)
    if left.begun is None:
        warnings.warn(left.says, stacklevel=2)
    return left.go_on(progress)


@dataclass(frozen=True, eq=False)
class Interrupted:
    """A run that did not come to its end.

    Attributes
    ----------
    folder
        Where it is.
    target
        Where it is to be.
    prepared
        What is computed.
    begun
        Its last checkpoint, if that can be used.
    says
        Where it will begin, for a person.
    recorded
        Its rows, if they are known.
    updates
        How many it had made, as far as that is known.
    unmeasured
        Columns of its curve that no probe measures any more.
    """

    folder: Path
    target: Path
    prepared: Prepared
    begun: Checkpoint | None
    says: str
    recorded: Recorded | None
    updates: int
    unmeasured: tuple[str, ...] = ()

    @classmethod
    def find(cls, folder: str | Path, probes: Sequence[Probe] = ()) -> Interrupted:
        """Return what is in a folder, to go on with, with the same probes.

        Raises
        ------
        InputError
            If it is no such run, or is being written to.
        """
        folder = settled(Path(folder))
        run = _interrupted(folder)
        # Its measured times are needed anew, for they make the schedule.
        scenario = load(folder / SCENARIO)
        prepared = prepared_for(scenario, probes=probes)
        begun, says = None, ""
        try:
            begun = Checkpoint.load(
                folder / CHECKPOINT,
                prepared.problem.dimension,
                own_code(scenario),
                probes_code(prepared.probes),
            )
            says = f"goes on from update {begun.state.updates:,}"
        except FileNotFoundError:
            says = "begins at the start: there is no checkpoint yet"
        except (OSError, ValueError) as error:
            says = f"begins at the start: there is {first_line(error)}"
        target = _target(folder, scenario)
        check_free(target, scenario)
        recorded, updates = (None, 0) if run is None else (run.recorded, run.outcome.updates)
        points = points_in(folder / CHECKPOINT) if run is None else run.outcome.points
        measures = {name for probe in prepared.probes for name in probe.names}
        unmeasured = tuple(name for name in more_of(points) if name not in measures)
        if unmeasured and begun is None:
            says += f"; {' and '.join(unmeasured)}, which it had measured, will be left out"
        return cls(folder, target, prepared, begun, says, recorded, updates, unmeasured)

    def go_on(self, progress: Progress | None = None) -> Run:
        """Compute the rest, and put the run where it is to be.

        Raises
        ------
        InputError, StillCatchingUp
            As `resume` does.
        """
        folder, scenario = self._out_of_the_way(), self.prepared.scenario
        partial = partial_of(self.target)
        try:
            with recording(self.target, scenario, self.prepared.info, goes_on=folder) as record:
                if self.begun is not None:  # should this be killed as well
                    shutil.copy(folder / CHECKPOINT, record.checkpoint)
                kept = Checkpoints(self.begun, record.checkpoint, self.recorded, self.updates)
                run = record.finish(self.prepared.execute(record.trace, progress, kept))
        except Unequal:
            _remove(partial)
            raise unfit(
                "run folder",
                "a run whose schedule or problem does not come out as it was",
                f"run anew, by `asysim run {folder / SCENARIO}`: a file that it reads has changed",
                str(folder),
            ) from None
        except StillCatchingUp:
            _remove(partial)
            raise StillCatchingUp(
                f"interrupted before it had come to where it was; {folder} is as it was"
            ) from None
        except InputError as error:
            if any(Path(fault.source).parent == folder for fault in error.faults):
                _remove(partial)  # what was recorded can't be read: nothing has been added to it
            raise
        if run.folder != folder:
            _remove(folder)
        return run

    def _out_of_the_way(self) -> Path:
        """Return the folder, renamed if the new one is to be made in its place."""
        if not self.folder.name.endswith(PARTIAL):
            return self.folder
        aside = interrupted_place(self.target)
        with Lock(self.folder / LOCK, "run folder") as lock:
            self.folder.rename(aside)
            lock.moved(aside / LOCK)
        return aside


def _interrupted(folder: Path) -> Run | None:
    """Return a run that was interrupted; None if it was killed; or say what a folder is."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if LEFT in names:
        raise unfit(
            "run folder", "what a real run left, whose workers are gone",
            f"{_WANTED}; `asysim recover {folder}` makes a run of what is there", str(folder),
        )  # fmt: skip
    if MANIFEST in names:
        run = load_run(folder)
        if run.outcome.measured or run.info.clock != "simulated":
            raise unfit("run folder", "a real run, whose workers are gone", _WANTED, str(folder))
        if run.status not in (INTERRUPTED, CUT_SHORT):
            raise unfit("run folder", f"a run that is over: {run.status}", _WANTED, str(folder))
        return run
    beside = partial_of(folder)
    if not folder.exists() and beside.is_dir():
        wanted = f"the folder itself: what is there is {beside}"
        raise unfit("run folder", "nothing there", wanted, str(folder))
    if SCENARIO not in names or not names <= FILES:
        found = "something else" if names else "nothing there"
        raise unfit("run folder", found, _WANTED, str(folder))
    with Lock(folder / LOCK, "run folder"):
        return None


def _target(folder: Path, scenario: Scenario) -> Path:
    """Return where a run was to go that is in a folder."""
    if folder.name.endswith(PARTIAL):
        return folder.with_name(folder.name.removesuffix(PARTIAL))
    name = re.fullmatch(r"(.+)-interrupted(-\d+)?", folder.name)
    if name is not None:
        beside = folder.with_name(name[1])
        ours = not (folder / MANIFEST).exists() and not beside.exists()
        if ours or is_of(beside, scenario):
            return beside
    return folder


def _remove(folder: Path) -> None:
    """Remove a folder of a run, unless something else is in it."""
    with suppress(OSError):
        if FILES.issuperset(path.name for path in folder.iterdir()):
            shutil.rmtree(folder)
