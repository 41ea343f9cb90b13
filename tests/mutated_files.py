"""Feeds damaged files to the commands that read them, and counts what becomes of them.

    python -m tests.mutated_files --cases 1000 --seed 1

A command may work, or refuse a file with a short message and exit code 2. Tracebacks, hangs,
deaths and messages that nobody would read are faults of asysim.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from tests import judges
from tests.damage import damaged
from tests.judges import (
    CODE,
    DEATH,
    GOOD,
    HANG,
    LONG,
    MOST_WORDS,
    REFUSED,
    TRACEBACK,
    WORKS,
    Verdict,
)
from tests.specimens import kept
from tests.spent import IDLE
from tests.support import command

_MOST_COMMANDS = 6  # that read one specimen


class _TooLong(BaseException):
    pass


def _stop(*_: object) -> None:
    raise _TooLong


def _end_after(limit: float) -> None:
    """Stop what is done after so many seconds of the processor, or many more by the clock."""
    signal.setitimer(signal.ITIMER_PROF, limit)
    signal.setitimer(signal.ITIMER_REAL, IDLE * limit)


def judge(case: int, seed: int, specimens: Path, limit: float) -> Verdict:
    """Damage one file, and have it read by every command that reads it; in this process.

    Parameters
    ----------
    limit
        Seconds of the processor for one command, after which it counts as a hang.
    """
    rng = np.random.default_rng([seed, case])
    listed = kept(specimens)
    specimen = listed[int(rng.integers(len(listed)))]
    with tempfile.TemporaryDirectory(prefix="asysim-damaged-") as folder:
        here = Path(folder) / Path(specimen.folder).name
        shutil.copytree(specimens / specimen.folder, here)
        how = damaged(here / specimen.file, rng, specimens)
        found = Verdict(WORKS)
        for clock in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(clock, _stop)
        for one in specimen.commands:
            said = _said([word.replace("HERE", str(here)) for word in one], limit)
            if said.kind != WORKS:
                found = said._replace(words=f"{' '.join(one)}\n{said.words}")
            if said.kind not in GOOD:
                break
        for place, folders, files in os.walk(here):  # what can't be entered can't be removed
            for name in (*folders, *files):
                path = Path(place, name)
                if not path.is_symlink():
                    path.chmod(0o700)
    words = found.words.replace(str(folder), "")[-2000:]
    return Verdict(found.kind, words, f"{specimen.name}: {how}")


def _said(words: list[str], limit: float) -> Verdict:
    """Run a command within a time."""
    _end_after(limit)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            said = command(*words)
    except _TooLong:
        return Verdict(HANG)
    except MemoryError:
        return Verdict(DEATH, "MemoryError")
    except BaseException:
        return Verdict(TRACEBACK, traceback.format_exc())
    finally:
        _end_after(0)
    if len(said.err) > MOST_WORDS:
        return Verdict(LONG, said.err[:2000])
    if "Traceback" in said.err or said.code == 1:
        return Verdict(CODE, said.err[:2000])
    return Verdict(REFUSED if said.code == 2 else WORKS, said.err)


def main() -> None:
    """Judge many, print a table of what became of them, and the first offenders."""
    parser = judges.options(main.__doc__, cases=1000)
    parser.add_argument("--specimens", type=Path, help="where valid files are kept; made anew")
    told = parser.parse_args()
    if told.serve:
        one = partial(judge, seed=told.seed, specimens=told.specimens, limit=told.limit)
        judges.serve(lambda: one, told.memory)
        return
    with tempfile.TemporaryDirectory(prefix="asysim-specimens-") as folder:
        specimens = told.specimens or Path(folder) / "kept"
        kept(specimens)
        words = ["--seed", told.seed, "--specimens", specimens, "--limit", told.limit]
        results = judges.judged(
            "tests.mutated_files", words, judges.range_of(told), processes=told.processes,
            limit=_MOST_COMMANDS * told.limit, memory=told.memory,
        )  # fmt: skip
        code = judges.report(results, told)
    sys.exit(code)


if __name__ == "__main__":
    main()
