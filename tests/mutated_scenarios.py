"""Feeds mutated scenario files to asysim, and counts what becomes of them.

    python -m tests.mutated_scenarios --cases 5000 --seed 1

A file may run, or be refused with a short message. Tracebacks, hangs, deaths and messages that
nobody would read are faults of asysim. A long run that shows progress is stopped, and has run.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import selectors
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from tests.spent import Spent

RAN, REFUSED = "ran", "refused"
TRACEBACK, HANG, DEATH, LONG = "traceback", "hang", "death", "long message"
GOOD = (RAN, REFUSED)

_ROOT = Path(__file__).parents[1]
_MOST_UPDATES = 200
_ENOUGH = 0.3  # seconds after which a run that shows progress is stopped
_LONGEST_FAULT = 700  # characters of what is said of one mistake
_MOST_FAULTS = 6000  # and of all
_GIB = 2**30


class Result(NamedTuple):
    """What became of one case."""

    case: int
    kind: str
    words: str


class _Enough(Exception):  # noqa: N818  (not an error)
    pass


def judge(text: str, engine: str = "auto") -> tuple[str, str]:
    """Read a scenario file, run it for a short time, and ask what laws say; in this process."""
    import asysim
    from asysim.errors import InputError
    from asysim.scenario import parse
    from tests.mutations import FOLDER

    try:
        scenario = parse(text, source="mutated.toml", folder=FOLDER)
        length = scenario.run
        changes = [] if engine == "auto" else [f"engine={engine}"]
        if length.updates is not None and length.updates > _MOST_UPDATES:
            changes += [f"run.updates={_MOST_UPDATES}", "run.evaluate_every=100"]
        scenario = asysim.vary(scenario, *changes) if changes else scenario
        _ask(scenario)
    except InputError as error:
        longest = max(len(str(fault)) for fault in error.faults)
        if longest > _LONGEST_FAULT or len(str(error)) > _MOST_FAULTS:
            return LONG, str(error)[:2000]
        return REFUSED, str(error)
    except _Enough:
        return RAN, "stopped"
    except MemoryError:
        return DEATH, "MemoryError"
    return RAN, ""


def _ask(scenario: Any) -> None:
    """Do what `asysim run`, `show`, `laws` and `cite` do, without files."""
    from rich.console import Console

    import asysim
    from asysim.scenario.papers import cite
    from asysim.show.laws import LawSheet, law_as_json
    from asysim.show.report import as_json, print_run

    sheet = LawSheet(scenario.workers.compute, scenario.algorithm.batch_size, 1000, 1)
    law_as_json(sheet, "law.png")
    cite(scenario)
    started = time.monotonic()

    def progress(_: object) -> None:
        if time.monotonic() - started > _ENOUGH:
            raise _Enough

    run = asysim.run(scenario, progress=progress)
    as_json(run)
    print_run(run, Console(file=StringIO()))


def serve(seed: int, engine: str, memory: int) -> None:
    """Judge the cases whose numbers come in, one a line."""
    import resource
    import traceback

    from tests.mutations import CON, INCON, mutated

    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("error")
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for text in (CON, INCON):  # compiles, or reads from disk, what takes long at the first time
        judge(text, engine)
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        text = mutated(seed, int(line))
        try:
            found = judge(text, engine)
        except Exception:
            found = TRACEBACK, traceback.format_exc()
        print(json.dumps(found), file=out, flush=True)
        gc.collect()  # what a run that was stopped leaves in circles


class _Judge:
    """A process that judges one case at a time, and is replaced when it hangs or dies."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutated_scenarios", "--serve", *self._words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=_ROOT,
        )  # fmt: skip
        self.case: int | None = None
        assert self.process.stdout is not None
        self.process.stdout.readline()  # that it is ready

    def give(self, case: int) -> None:
        assert self.process.stdin is not None
        self.case, self.spent = case, Spent(self.process.pid)
        self.process.stdin.write(f"{case}\n".encode())
        self.process.stdin.flush()

    def answer(self) -> Result:
        """Return what was said of the case in hand; call it when there is something to read."""
        assert self.process.stdout is not None
        assert self.case is not None
        line = self.process.stdout.readline()
        case, self.case = self.case, None
        if line:
            return Result(case, *json.loads(line))
        code = self.process.wait()
        self._start()
        return Result(case, DEATH, f"exit code {code}")

    def end(self) -> Result:
        """Give up a case that takes too long."""
        assert self.case is not None
        case = self.case
        self.close()
        self._start()
        return Result(case, HANG, "")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def judged(
    seed: int,
    cases: Iterable[int],
    *,
    engine: str = "auto",
    processes: int = 2,
    limit: float = 300.0,
    memory: int = 6 * _GIB,
) -> Iterator[Result]:
    """Judge mutated scenarios in processes with bounded time and memory.

    Parameters
    ----------
    limit
        Seconds of a processor for one case, after which it counts as a hang: see `Spent`.
    memory
        Bytes of address space of one process.
    """
    waiting = iter(cases)
    words = ["--seed", str(seed), "--engine", engine, "--memory", str(memory)]
    judges = [_Judge(words) for _ in range(processes)]
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
                    yield each.end()
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


def main() -> None:
    """Judge many, print a table of what became of them, and the first offenders."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("auto", "simpy", "compiled"), default="auto")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=float, default=300.0, help="processor seconds for one case")
    parser.add_argument("--memory", type=int, default=6 * _GIB, help="bytes for one process")
    parser.add_argument("--shown", type=int, default=5, help="offenders of each kind")
    parser.add_argument("--print", type=int, metavar="CASE", help="print a mutated file")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.serve:
        serve(told.seed, told.engine, told.memory)
        return
    if told.print is not None:
        from tests.mutations import mutated

        print(mutated(told.seed, told.print))
        return
    counts: Counter[str] = Counter()
    began = time.monotonic()
    for result in judged(
        told.seed, range(told.first, told.first + told.cases), engine=told.engine,
        processes=told.processes, limit=told.limit, memory=told.memory,
    ):  # fmt: skip
        counts[result.kind] += 1
        if result.kind not in GOOD and counts[result.kind] <= told.shown:
            print(
                f"--- {result.kind}: --seed {told.seed} --print {result.case}\n{result.words}",
                flush=True,
            )
    print(f"{told.cases} mutated scenarios, seed {told.seed}, engine {told.engine}, "
          f"{time.monotonic() - began:.0f} s")  # fmt: skip
    for kind in (RAN, REFUSED, TRACEBACK, HANG, DEATH, LONG):
        print(f"{counts[kind]:7,}  {kind}")
    sys.exit(any(counts[kind] for kind in counts if kind not in GOOD))


if __name__ == "__main__":
    main()
