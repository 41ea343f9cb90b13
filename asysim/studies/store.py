"""The folder of a study: its scenario, and a file for each run that is over.

A file is there whole or not at all, so a study that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asysim.errors import Fault, InputError, reason
from asysim.folder import default_folder as run_folder
from asysim.scenario import Scenario, to_toml
from asysim.studies.attempt import Attempt

SCENARIO, ATTEMPTS = "scenario.toml", "attempts"


def default_folder(
    scenario: Scenario, kind: str, on: str | None = None, *, root: str | Path = "runs"
) -> Path:
    """Return ROOT/NAME-HASH-KIND, and the backend if real: the same study goes on in it."""
    run = run_folder(scenario, root)
    return run.with_name("-".join(filter(None, (run.name, kind, on))))


@dataclass(frozen=True)
class Store:
    """Where the runs of a study are kept.

    Parameters
    ----------
    folder
        The study's folder.
    """

    folder: Path

    @classmethod
    def open(cls, folder: Path, scenario: Scenario) -> Store:
        """Make the folder, or find the one that holds runs of the very same scenario.

        Raises
        ------
        InputError
            If it can't be made or holds something else.
        """
        text = to_toml(scenario)
        known = folder / SCENARIO
        try:
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                same = known.is_file() and (folder / ATTEMPTS).is_dir()
                if not same or known.read_text(encoding="utf-8") != text:
                    raise InputError(
                        Fault(
                            key="study folder",
                            found="a study of another scenario" if same else "something else",
                            expected="should be a new or empty folder, or one that a study of this "
                            "scenario left; --out names another",
                            source=str(folder),
                        )
                    )
            (folder / ATTEMPTS).mkdir(parents=True, exist_ok=True)
            known.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(
                Fault(
                    key="study folder",
                    found=reason(error),
                    expected="should be a place that can be written to; --out names another",
                    source=str(folder),
                )
            ) from None
        return cls(folder)

    def find(self, workers: int, seed: int) -> Attempt | None:
        """Return a run that is over, if it is; a damaged file counts as none."""
        try:
            attempt = Attempt.from_json(self._place(workers, seed).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return attempt if (attempt.workers, attempt.seed) == (workers, seed) else None

    def keep(self, attempt: Attempt) -> None:
        """Keep a run that is over."""
        place = self._place(attempt.workers, attempt.seed)
        partial = place.with_suffix(".partial")
        partial.write_text(attempt.to_json() + "\n", encoding="utf-8")
        partial.replace(place)

    def _place(self, workers: int, seed: int) -> Path:
        return self.folder / ATTEMPTS / f"p{workers}-seed{seed}.json"
