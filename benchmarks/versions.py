"""Two versions of this project in turn: the rates of another one's checkout beside this one's.

Each version plays in processes of its own, with this version's benchmark but its own `asysim`. What
is compiled lies in a temporary folder, and nothing is written to either tree.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

HERE = Path(__file__).resolve().parents[1]
TURNS = 3  # measured in a process of each version, after one that warms up
_HOMES = {
    "Buffers": ("asysim.ground.arrays", "asysim.replay.snapshots"),
    "limited": ("asysim.trace.stream", "asysim.stream"),
}
"""Where names have lain, newest first, that the public ones don't stand in for."""


def found(name: str) -> Any:
    """Return what a name stands for in the version that is imported."""
    for home in _HOMES[name]:
        try:
            return getattr(importlib.import_module(home), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"{name} is in none of {', '.join(_HOMES[name])}")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark be told of another version."""
    add = parser.add_argument
    add("--before", metavar="REV", help="a revision, or a folder with a checkout of one")
    add("--rows", nargs="+", metavar="TEXT", default=[""], help="those with a text in their name")
    add("--keep", metavar="FOLDER", help="where compiled code stays for the next comparison")
    add("--play", action="store_true", help=argparse.SUPPRESS)


def play(rows: dict[str, Callable[[], float]]) -> None:
    """Answer each name that is asked for with its rate, or why it has none, until no more come."""
    answers, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps(list(rows)), file=answers, flush=True)
    with threadpool_limits(1):
        for line in sys.stdin:
            try:
                said: float | str = rows[json.loads(line)]()
            except Exception as error:  # whatever it is, this version can't play the row
                said = f"{type(error).__name__}: {error}"
            print(json.dumps(said), file=answers, flush=True)


def compare(told: argparse.Namespace, words: list[str], console: Console) -> None:
    """Print the rates of a benchmark's rows by another version and by this one, in turn.

    Parameters
    ----------
    told
        What `add_options` adds, and ``rounds``.
    words
        The benchmark's command, which calls `play` if ``--play`` follows.
    """
    rates: dict[str, list[tuple[float, float]]] = {}
    unfit: dict[str, str] = {}
    with _folder(told.keep) as folder:
        trees = _checkout(told.before, folder), HERE
        try:
            for round_ in range(told.rounds):
                _round(trees, words, folder, told.rows, round_ % 2 == 1, rates, unfit)
                console.print(f"round {round_ + 1} of {told.rounds} is over", highlight=False)
        except KeyboardInterrupt:  # what is measured is not lost
            console.print("interrupted", highlight=False)
    console.print(_table(told.before, rates))
    for name, why in unfit.items():
        console.print(
            f"not played: {name}: {' '.join(why.split())[:150]}", markup=False, highlight=False
        )


def _round(
    trees: tuple[Path, Path], words: list[str], folder: Path, texts: list[str], swapped: bool,
    rates: dict[str, list[tuple[float, float]]], unfit: dict[str, str],
) -> None:  # fmt: skip
    """Measure all rows in new processes of both versions; who begins takes turns, too."""
    with ExitStack() as stack:
        before, now = (
            stack.enter_context(_Player(tree, words, folder / side))
            for side, tree in zip(("before", "now"), trees, strict=True)
        )
        asked = [name for name in now.rows if any(text in name for text in texts)]
        if not asked:
            there = "\n  ".join(now.rows)
            sys.exit(f"no row has {' or '.join(texts)} in its name; there are:\n  {there}")
        for name in asked:
            if name in unfit:
                continue
            for turn in range(TURNS + 1):
                # The one that did not begin begins the next time: nobody is always first.
                order = (now, before) if (turn % 2 == 1) != swapped else (before, now)
                said = {player: player.ask(name) for player in order}
                then, today = said[before], said[now]
                if isinstance(then, str) or isinstance(today, str):
                    unfit[name] = f"before: {then}" if isinstance(then, str) else f"now: {today}"
                    break
                if turn:
                    rates.setdefault(name, []).append((then, today))


def _table(before: str, rates: dict[str, list[tuple[float, float]]]) -> Table:
    """Return medians of rates, and of ratios of neighbours in time with where half of them lie."""
    table = Table(title="each second of the processor", title_justify="left")
    table.add_column("what")
    for name in (before[-24:], "now", "now / before", "half within"):
        table.add_column(name, justify="right")
    for name, pairs in rates.items():
        ratios = [now / then for then, now in pairs]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
        shown = [f"{rate:,.4g}" if rate < 1e3 else f"{rate:,.0f}" for rate in medians]
        table.add_row(name, *shown, f"{middle:.3f}", f"{low:.3f} – {high:.3f}")
    return table


class _Player:
    """A process that plays rows with one version."""

    def __init__(self, tree: Path, words: list[str], kept: Path) -> None:
        kept.mkdir(exist_ok=True)
        places = {"NUMBA_CACHE_DIR": str(kept / "numba"), "PYTHONPYCACHEPREFIX": str(kept / "pyc")}
        self._tree, self._errors = tree, kept / "errors"
        self._process = subprocess.Popen(
            [*words, "--play"], cwd=kept, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors.open("w"),
            env=os.environ | places | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self.rows: list[str] = []

    def __enter__(self) -> _Player:
        self.rows = self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with suppress(BrokenPipeError):
            self._process.communicate()

    def ask(self, name: str) -> float | str:
        """Return a row's rate, or why it can't be played."""
        with suppress(BrokenPipeError):  # the answer says why
            print(json.dumps(name), file=self._process.stdin, flush=True)
        said: float | str = self._answer()
        return said

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            return json.loads(line)
        last = self._errors.read_text().strip().splitlines()[-1:] or ["it ended"]
        raise SystemExit(f"{self._tree}: this benchmark does not run with it: {last[0]}")


@contextmanager
def _folder(keep: str | None) -> Iterator[Path]:
    """Yield the folder for checkouts and compiled code."""
    if keep is not None:
        Path(keep).mkdir(parents=True, exist_ok=True)
        yield Path(keep).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="asysim-before-") as folder:
        yield Path(folder)


def _checkout(before: str, folder: Path) -> Path:
    """Return where the other version lies; a revision's files are written into a folder."""
    if Path(before).is_dir():
        if not (Path(before) / "asysim" / "__init__.py").exists():
            raise SystemExit(f"--before {before}: a folder without asysim; give a checkout's root")
        return Path(before).resolve()
    if shutil.which("git") is None:
        raise SystemExit(f"--before {before}: no such folder, and a revision needs git; install it")
    revision = _git("rev-parse", "--verify", "--quiet", f"{before}^{{commit}}")
    if revision is None:
        raise SystemExit(
            f"--before {before}: neither a folder nor a revision of {HERE}; `git log` lists those"
        )
    tree = folder / revision.decode().strip()
    if not tree.exists():
        files = _git("archive", "--format=tar", tree.name, "asysim")
        if files is None:
            raise SystemExit(f"--before {before}: a revision without asysim")
        part = folder / "part"
        shutil.rmtree(part, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(files)) as archive:
            archive.extractall(part, filter="data")
        part.rename(tree)  # whole or not at all
    return tree


def _git(*words: str) -> bytes | None:
    """Return what git says; None if it fails."""
    done = subprocess.run(["git", "-C", str(HERE), *words], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
