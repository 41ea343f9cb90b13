"""Feeds many cases to a process of bounded memory and time, and counts what becomes of them.

A case is good if it works, or is refused in short words. A module that has cases says how one is
judged, and `serve` does so in the processes that `judged` begins.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import selectors
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tests.spent import Spent
from tests.support import ROOT

WORKS, REFUSED = "works", "refused"
TRACEBACK, HANG, DEATH, LONG, CODE = "traceback", "hang", "death", "long message", "exit code 1"
GOOD = (WORKS, REFUSED)
MOST_WORDS = 6000
"""Characters of all that is said of one case; nobody would read more."""

_MEMORY = 6 * 2**30


class Verdict(NamedTuple):
    """What became of a case: the class, what was said, and what the case was."""

    kind: str
    words: str = ""
    what: str = ""


Judged = tuple[int, Verdict]
"""The number of a case, and what became of it."""


def serve(prepare: Callable[[], Callable[[int], Verdict]], memory: int) -> None:
    """Judge the cases whose numbers come in, one a line, by what `prepare` returns."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed
    judge = prepare()
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        try:
            found = judge(int(line))
        except MemoryError:
            found = Verdict(DEATH, "MemoryError")
        except Exception:
            found = Verdict(TRACEBACK, traceback.format_exc())
        print(json.dumps(found), file=out, flush=True)
        gc.collect()  # what a run that was stopped leaves in circles


class _Judge:
    """A process that judges one case at a time, and is replaced when it hangs or dies."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *self._words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT,
        )  # fmt: skip
        self.case: int | None = None
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n", "it could not even begin"

    def give(self, case: int) -> None:
        assert self.process.stdin is not None
        self.case, self.spent = case, Spent(self.process.pid)
        self.process.stdin.write(f"{case}\n".encode())
        self.process.stdin.flush()

    def answer(self) -> Judged:
        """Return what was said of the case in hand; call it when there is something to read."""
        assert self.process.stdout is not None
        assert self.case is not None
        line = self.process.stdout.readline()
        if line:
            case, self.case = self.case, None
            return case, Verdict(*json.loads(line))
        return self._replaced(DEATH, f"exit code {self.process.wait()}")

    def give_up(self) -> Judged:
        """End a case that takes too long where no alarm is heard."""
        return self._replaced(HANG)

    def _replaced(self, kind: str, words: str = "") -> Judged:
        assert self.case is not None
        case = self.case
        self.close()
        self._start()
        return case, Verdict(kind, words)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def judged(
    module: str,
    words: Iterable[object],
    cases: Iterable[int],
    *,
    processes: int,
    limit: float,
    memory: int = _MEMORY,
) -> Iterator[Judged]:
    """Judge cases in processes ``python -m MODULE --serve WORDS…`` of bounded time and memory.

    Parameters
    ----------
    limit
        Seconds of a processor for one case, after which it counts as a hang: see `Spent`.
    memory
        Bytes of address space of one process.
    """
    waiting = iter(cases)
    begin = [module, "--serve", "--memory", str(memory), *map(str, words)]
    judges = [_Judge(begin) for _ in range(processes)]
    try:
        busy = [judge for judge in judges if _next(judge, waiting)]
        while busy:
            with selectors.DefaultSelector() as selector:
                for each in busy:
                    assert each.process.stdout is not None
                    selector.register(each.process.stdout, selectors.EVENT_READ, each)
                ready = [key.data for key, _ in selector.select(timeout=1.0)]
            for each in list(busy):
                if each in ready:
                    yield each.answer()
                elif each.spent.more_than(limit):
                    yield each.give_up()
                else:
                    continue
                if not _next(each, waiting):
                    busy.remove(each)
    finally:
        for each in judges:
            each.close()


def _next(judge: _Judge, waiting: Iterator[int]) -> bool:
    case = next(waiting, None)
    if case is not None:
        judge.give(case)
    return case is not None


def options(description: str | None, *, cases: int) -> argparse.ArgumentParser:
    """Return the options that all who feed cases have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--cases", type=int, default=cases)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=float, default=300.0, help="processor seconds for one")
    parser.add_argument("--memory", type=int, default=_MEMORY, help="bytes for one process")
    parser.add_argument("--shown", type=int, default=5, help="offenders of each kind")
    parser.add_argument("--all", action="store_true", help="print what is said of every case")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser


def range_of(told: argparse.Namespace) -> range:
    """Return the numbers of the cases that were asked for."""
    return range(told.first, told.first + told.cases)


def report(results: Iterable[Judged], told: argparse.Namespace) -> int:
    """Print the first offenders and a table of what became of all; return an exit code."""
    counts: Counter[str] = Counter()
    began = time.monotonic()
    for case, (kind, words, what) in results:
        counts[kind] += 1
        if (kind not in GOOD and counts[kind] <= told.shown) or told.all:
            print(f"--- {kind}: --seed {told.seed} --first {case} --cases 1: {what}\n{words}",
                  flush=True)  # fmt: skip
    print(f"{told.cases} cases, seed {told.seed}, {time.monotonic() - began:.0f} s")
    for kind in (WORKS, REFUSED, TRACEBACK, HANG, DEATH, LONG, CODE):
        print(f"{counts[kind]:7,}  {kind}")
    return int(any(counts[kind] for kind in counts if kind not in GOOD))
