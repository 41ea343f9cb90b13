"""Feeds mutated scenario files to asysim, and counts what becomes of them.

    python -m tests.mutated_scenarios --cases 5000 --seed 1

A file may run, or be refused with a short message. Tracebacks, hangs, deaths and messages that
nobody would read are faults of asysim. A long run that shows progress is stopped, and has run.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import StringIO

from rich.console import Console

import asysim
from asysim.errors import InputError
from asysim.scenario import parse
from asysim.scenario.papers import cite
from asysim.show.laws import LawSheet, law_as_json
from asysim.show.report import as_json, print_run
from asysim.show.theory_tables import as_json as theory_as_json
from tests import judges
from tests.judges import LONG, MOST_WORDS, REFUSED, WORKS, Judged, Verdict
from tests.mutations import FOLDER, LOCK_FREE, PLAIN, mutated

_MOST_UPDATES = 200
_ENOUGH = 0.3  # seconds after which a run that shows progress is stopped
_LONGEST_FAULT = 700  # characters of what is said of one mistake


class _Enough(Exception):  # noqa: N818  (not an error)
    pass


def judge(text: str, engine: str = "auto") -> Verdict:
    """Read a scenario file, run it for a short time, and ask what laws say; in this process."""
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
        if longest > _LONGEST_FAULT or len(str(error)) > MOST_WORDS:
            return Verdict(LONG, str(error)[:2000])
        return Verdict(REFUSED, str(error))
    except _Enough:
        return Verdict(WORKS, "stopped")
    return Verdict(WORKS)


def _ask(scenario: asysim.Scenario) -> None:
    """Do what `asysim run`, `show`, `laws`, `cite` and `theory` do, without files."""
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
    theory_as_json(asysim.assess(run, samples=8), None)


def _prepare(seed: int, engine: str) -> Callable[[int], Verdict]:
    warnings.simplefilter("error")
    for text in (PLAIN, LOCK_FREE):  # compiles, or reads from disk, what takes long at first
        judge(text, engine)
    return lambda case: judge(mutated(seed, case), engine)


def judged(
    seed: int, cases: Iterable[int], *, engine: str = "auto", **bounds: float
) -> Iterator[Judged]:
    """Judge mutated scenarios in processes with the bounds of `judges.judged`."""
    words = ["--seed", seed, "--engine", engine]
    return judges.judged("tests.mutated_scenarios", words, cases, **bounds)


def main() -> None:
    """Judge many, print a table of what became of them, and the first offenders."""
    parser = judges.options(main.__doc__, cases=5000)
    parser.add_argument("--engine", choices=("auto", "simpy", "compiled"), default="auto")
    parser.add_argument("--print", type=int, metavar="CASE", help="print a mutated file")
    told = parser.parse_args()
    if told.serve:
        judges.serve(partial(_prepare, told.seed, told.engine), told.memory)
    elif told.print is not None:
        print(mutated(told.seed, told.print))
    else:
        results = judged(
            told.seed, judges.range_of(told), engine=told.engine, processes=told.processes,
            limit=told.limit, memory=told.memory,
        )  # fmt: skip
        sys.exit(judges.report(results, told))


if __name__ == "__main__":
    main()
