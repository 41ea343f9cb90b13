"""The command that compiles ahead, for images and classrooms."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from asysim.cli.terminal import located
from asysim.errors import Fault, InputError
from asysim.ground.console import console, say
from asysim.ground.exit_codes import OK

if TYPE_CHECKING:
    from asysim.problems.base import Problem
    from asysim.scenario import Scenario

Backend = Literal["threads", "processes"]

_SHORT = ("run.updates=40", "run.seconds=", "run.target_loss=", "run.target_gradient=")
_ONE_ESCAPE = ("escape.seeds=1", "escape.workers=[2]")
_DOCUMENT = """
[problem]
{problem}
[algorithm]
name = "{algorithm}"
step = 1e-6
batch_size = 2
{tables}
[workers]
count = 2
compute = {{law = "exponential", mean = 1e-4}}
[run]
updates = 40
"""
_SPARSE = "features that are mostly 0"
_QUADRATIC = 'kind = "quadratic"'
_LARGE = 'kind = "quadratic"\ndimension = 5000'  # so large that its replay is NumPy's
_SADDLE = 'kind = "quadratic"\neigenvalues = [1.0, -0.1]\nstart = 0.0'
_ESCAPE = "[escape]\nradius = 1.0"
_SHARDS = "[server]\nshards = 2"  # what one event for each gradient does not play
_TABLES = {
    "a bound T": "staleness_bound = 3",
    "every network": _SHARDS,
    "every network, a bound T": f"staleness_bound = 3\n{_SHARDS}",
    "Rennala": '[coordination]\nkind = "rennala"\nbatch = 2',
    "SSP": '[coordination]\nkind = "ssp"\nslack = 2',
    "a barrier": '[coordination]\nkind = "synchronous"',
    "round robin": '[coordination]\nkind = "round-robin"',
    "Ringmaster": '[coordination]\nkind = "ringmaster"\ndelay = 4\nlate = "stop"',
    "MindFlayer": '[coordination]\nkind = "mindflayer"\ntrials = 2\nseconds = 1e-3',
}
_RULES = {
    "momentum": "momentum = 0.9",
    "delay compensation": 'correction = {kind = "dc-asgd", strength = 0.1}',
    "adaptive delay compensation": 'correction = {kind = "dc-asgd-adaptive", strength = 0.1}',
    "noise": 'perturbation = {kind = "gaussian", scale = 0.1}',
    "gap-aware": 'correction = {kind = "gap-aware"}',
}


class _Work(NamedTuple):
    """A run that has what is to be compiled."""

    what: str
    scenario: Scenario
    problem: Problem | None = None
    backend: Backend | None = None
    is_study: bool = False


def warm(scenario: Path | None = None, /, *changes: str, on: Backend | None = None) -> int:
    """Compile ahead what runs compile when they first need it, and keep it on disk.

    Parameters
    ----------
    scenario
        A TOML file: compile what its runs need. Without one, what any run may need.
    changes
        KEY=VALUE, as for `asysim run`.
    on
        Real runs of the scenario.
    """
    from asysim.ground.caches import code_can_be_kept
    from asysim.jit.compiler import AS_PYTHON
    from asysim.jit.notice import compiling

    if AS_PYTHON:
        raise InputError(Fault("NUMBA_DISABLE_JIT", "1", "should not be set: nothing is compiled"))
    if not code_can_be_kept():
        expected = "should be a folder that can be written to"
        raise InputError(Fault("NUMBA_CACHE_DIR", "nowhere to keep machine code", expected))
    screen = console()
    source = str(scenario) if scenario is not None else "warm"
    with located(source):
        for work in _everything() if scenario is None else _of(scenario, changes, on):
            before, began = compiling.functions, time.perf_counter()
            _run(work)
            count, took = compiling.functions - before, time.perf_counter() - began
            said = f"{count:,} functions compiled in {took:.1f} s" if count else "nothing new"
            if work.backend == "processes":  # which compile for themselves
                said = f"done in {took:.1f} s"
            say(screen, f"{work.what}: {said}")
    say(
        screen,
        f"in all {compiling.functions:,} functions compiled in {compiling.seconds:.1f} s; "
        "runs find them on disk from now on",
    )
    return OK


def _of(path: Path, changes: tuple[str, ...], on: Backend | None) -> Iterator[_Work]:
    """Yield a short run of a scenario."""
    import asysim

    loaded = asysim.load(path, *changes)
    what = loaded.name if on is None else f"{loaded.name} on {on}"
    yield _Work(what, asysim.vary(loaded, *_SHORT), backend=on)


def _everything() -> Iterator[_Work]:
    """Yield short runs that together have all that is ever compiled."""
    for what, tables in _TABLES.items():
        yield _Work(f"AsySG-con, {what}", _scenario("asysg-con", _QUADRATIC, tables))
    for algorithm in ("asysg-con", "asysg-incon"):
        for backend in (None, "threads"):
            for name, table in _problems():
                what = f"{_NAMES[algorithm]}, {name}" + (f", on {backend}" if backend else "")
                problem = _sparse() if name == _SPARSE else None
                yield _Work(what, _scenario(algorithm, table), problem, backend)
        what = f"{_NAMES[algorithm]}, on processes"
        yield _Work(what, _scenario(algorithm, _QUADRATIC), backend="processes")
        yield _Work(f"{_NAMES[algorithm]}, a large problem", _scenario(algorithm, _LARGE))
        yield _Work(f"{_NAMES[algorithm]}, escape", _scenario(algorithm, _SADDLE, _ESCAPE))
    for what, rule in _RULES.items():
        scenario = _scenario("asysg-con", _LARGE, f"[update]\n{rule}")
        yield _Work(f"a large problem, {what}", scenario)
    scenario = _scenario("asysg-con", _QUADRATIC)
    yield _Work("a study of staleness", scenario, is_study=True)


def _problems() -> Iterator[tuple[str, str]]:
    """Yield the problems that have kernels: a name, and a table."""
    from asysim.problems.settings import KINDS

    yield _SPARSE, _QUADRATIC  # which stands for a problem that no file is needed for
    for model in KINDS:
        kind = model.model_fields["kind"].default
        for more in model.compiled_by or ():
            name = f"{kind}, {more.splitlines()[0]}" if more else kind
            yield name, f'kind = "{kind}"\n{more}'


_NAMES = {"asysg-con": "AsySG-con", "asysg-incon": "AsySG-incon"}


def _scenario(algorithm: str, problem: str, tables: str = "") -> Scenario:
    from asysim.scenario import parse

    return parse(_DOCUMENT.format(algorithm=algorithm, problem=problem, tables=tables))


def _sparse() -> Problem:
    from scipy.sparse import csr_array

    from asysim.problems.least_squares import LeastSquares

    return LeastSquares(csr_array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]), [1.0, 2.0])


def _run(work: _Work) -> None:
    """Make a run, and compute its gradients one by one as well, as those of large problems are."""
    import numpy as np

    import asysim
    from asysim.problems.compiled import CompiledProblem, model_of
    from asysim.replay.gradients import Sampler
    from asysim.replay.room import problem_of

    if work.is_study:
        asysim.staleness(work.scenario)
        asysim.staleness([0, 1, 1])  # of which no worker is known
        return
    asysim.run(work.scenario, on=work.backend, problem=work.problem)
    if work.scenario.escape is not None and work.backend is None:
        from asysim.studies.returns_row import compute_one_cell

        asysim.escape(asysim.vary(work.scenario, *_ONE_ESCAPE), processes=1)
        compute_one_cell()
    problem = work.problem or problem_of(work.scenario)
    if work.backend is not None or model_of(problem) is None:
        return
    single = CompiledProblem(problem)
    batch = Sampler(single, seed=1, batch_size=2).batch(0, 0)
    x, out = problem.start(), np.empty(problem.dimension)
    single.gradient(x, batch, out)
    if single.defers(2):
        single.finish_gradient(single.begin_gradient(x, batch), out)
        single.descend(single.begin_gradient(x, batch), x, 1.0, out)
