"""Feeds damaged files to the commands that read them, and counts what becomes of them.

    python -m tests.mutated_files --cases 1000 --seed 1

A command may work, or refuse a file with a short message and exit code 2. Tracebacks, hangs,
deaths and messages that nobody would read are faults of asysim.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.spent import IDLE, Spent

WORKS, REFUSED = "works", "refused"
TRACEBACK, HANG, DEATH, LONG, CODE = "traceback", "hang", "death", "long message", "exit code 1"
GOOD = (WORKS, REFUSED)

_ROOT = Path(__file__).parents[1]
_MEMORY = 6 * 2**30
_MOST_WORDS = 6000  # characters of all that is said of a file


class Result(NamedTuple):
    """What became of one case: its number, the class, and what was said."""

    case: int
    kind: str
    words: str
    what: str


class _TooLong(BaseException):
    pass


def _stop(*_: object) -> None:
    raise _TooLong


def _end_after(limit: int) -> None:
    """Stop what is done after so many seconds of the processor, or many more by the clock."""
    signal.setitimer(signal.ITIMER_PROF, limit)
    signal.setitimer(signal.ITIMER_REAL, IDLE * limit)


def judge(case: int, seed: int, specimens: Path, limit: int) -> Result:
    """Damage one file, and have it read by every command that reads it; in this process."""
    from tests.damage import damaged
    from tests.specimens import kept
    from tests.support import command

    rng = np_rng(seed, case)
    listed = kept(specimens)
    specimen = listed[int(rng.integers(len(listed)))]
    with tempfile.TemporaryDirectory(prefix="asysim-damaged-") as folder:
        here = Path(folder) / Path(specimen.folder).name
        shutil.copytree(specimens / specimen.folder, here)
        how = damaged(here / specimen.file, rng, specimens)
        what = f"{specimen.name}: {how}"
        kind, words = WORKS, ""
        for clock in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(clock, _stop)
        for one in specimen.commands:
            _end_after(limit)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("default")
                    said = command(*(word.replace("HERE", str(here)) for word in one))
            except _TooLong:
                kind, words = HANG, " ".join(one)
            except MemoryError:
                kind, words = DEATH, f"{' '.join(one)}: MemoryError"
            except BaseException:
                kind, words = TRACEBACK, f"{' '.join(one)}\n{traceback.format_exc()}"
            else:
                if len(said.err) > _MOST_WORDS:
                    kind, words = LONG, said.err[:2000]
                elif "Traceback" in said.err or (said.code == 1):
                    kind, words = CODE, f"{' '.join(one)}\n{said.err[:2000]}"
                elif said.code == 2:
                    kind, words = REFUSED, said.err
            finally:
                _end_after(0)
            if kind not in GOOD:
                break
        for place, folders, files in os.walk(here):  # what can't be entered can't be removed
            for name in (*folders, *files):
                path = Path(place, name)
                if not path.is_symlink():
                    path.chmod(0o700)
    return Result(case, kind, words.replace(str(folder), "")[-2000:], what)


def np_rng(seed: int, case: int) -> Any:
    """Return the draws of one case."""
    import numpy as np

    return np.random.default_rng([seed, case])


def _serve(seed: int, specimens: Path, limit: int) -> None:
    """Judge the cases whose numbers come in, one a line."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(judge(int(line), seed, specimens, limit)), file=out, flush=True)


class _Judge:
    """A process that judges one case after the other; a new one takes the place of a dead one."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutated_files", "--serve", *self._words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=_ROOT,
        )  # fmt: skip

    def ask(self, case: int, limit: float) -> Result:
        """Have one case judged; what does not answer in time hangs where no alarm is heard."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{case}\n".encode())
        self.process.stdin.flush()
        spent = Spent(self.process.pid)
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not (answers := selector.select(timeout=1.0)) and not spent.more_than(limit):
                pass
        line = self.process.stdout.readline() if answers else b""
        if line:
            return Result(*json.loads(line))
        self.process.kill()
        code = self.process.wait()
        self._start()
        return Result(case, DEATH if answers else HANG, f"exit code {code}", "")

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


def judged(seed: int, cases: range, specimens: Path, *, limit: int = 300) -> Iterator[Result]:
    """Judge damaged files in a process of bounded memory, each command in bounded time.

    Parameters
    ----------
    limit
        Seconds of the processor for one command, after which it counts as a hang.
    """
    words = ["--seed", str(seed), "--specimens", str(specimens), "--limit", str(limit)]
    one = _Judge(words)
    try:
        for case in cases:
            yield one.ask(case, 6.0 * limit)
    finally:
        one.close()


def main() -> None:
    """Judge many, print a table of what became of them, and the first offenders."""
    from tests.specimens import kept

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=300, help="processor seconds for one command")
    parser.add_argument("--shown", type=int, default=5, help="offenders of each kind")
    parser.add_argument("--specimens", type=Path, help="where valid files are kept; made anew")
    parser.add_argument("--all", action="store_true", help="print what is said of every file")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.serve:
        _serve(told.seed, told.specimens, told.limit)
        return
    with tempfile.TemporaryDirectory(prefix="asysim-specimens-") as folder:
        specimens = told.specimens or Path(folder) / "kept"
        kept(specimens)
        counts: Counter[str] = Counter()
        began = time.monotonic()
        cases = range(told.first, told.first + told.cases)
        for result in judged(told.seed, cases, specimens, limit=told.limit):
            counts[result.kind] += 1
            bad = result.kind not in GOOD and counts[result.kind] <= told.shown
            if bad or told.all:
                print(f"--- {result.kind}: --seed {told.seed} --first {result.case} --cases 1: "
                      f"{result.what}\n{result.words}", flush=True)  # fmt: skip
    print(f"{told.cases} damaged files, seed {told.seed}, {time.monotonic() - began:.0f} s")
    for kind in (WORKS, REFUSED, TRACEBACK, HANG, DEATH, LONG, CODE):
        print(f"{counts[kind]:7,}  {kind}")
    sys.exit(any(counts[kind] for kind in counts if kind not in GOOD))


if __name__ == "__main__":
    main()
