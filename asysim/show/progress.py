"""The progress bar of a run: how far, how fast, how long still."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from asysim.jit.notice import WORDS, compiling

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Task

    from asysim.replay import State
    from asysim.runs.replayed import Progress as Callback
    from asysim.scenario import Scenario

_EVERY = 0.1  # seconds


class Compiling(SpinnerColumn):
    """A spinner and words, for as long as functions are being compiled."""

    def render(self, task: Task) -> RenderableType:
        if not task.fields["compiles"]:
            return Text()
        return Text.assemble(super().render(task), " ", WORDS)  # type: ignore[arg-type]


@contextmanager
def compiling_shown(bar: Progress, task: TaskID) -> Iterator[None]:
    """Have a bar's column `Compiling` say when functions are compiled; the task has `compiles`."""

    def says(now: bool) -> None:
        bar.update(task, compiles=now)

    with compiling.told(partial(says, True), partial(says, False)):
        yield


@contextmanager
def progress_bar(scenario: Scenario, console: Console) -> Iterator[Callback]:
    """Show a bar on a terminal as long as the context lasts; yields what a run should call."""
    length = scenario.run
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        Compiling(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task(scenario.name, total=1.0, rate="", compiles=False)
        began = shown = time.perf_counter()

        def show(state: State) -> None:
            nonlocal shown
            now = time.perf_counter()
            if now - shown < _EVERY:
                return
            shown = now
            done = max(
                state.updates / length.updates if length.updates else 0.0,
                state.seconds / length.seconds if length.seconds else 0.0,
            )
            rate = f"{state.updates / (now - began):,.0f} updates/s"
            bar.update(task, completed=done, rate=rate)

        with compiling_shown(bar, task):
            yield show
