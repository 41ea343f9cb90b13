"""A sweep that was interrupted, killed or damaged goes on to the same bytes."""

from __future__ import annotations

import signal
import time
import warnings

import numpy as np
import pytest

import asysim
from asysim.errors import DamagedWarning
from asysim.sweeps.spans import Span, gaps, union
from asysim.sweeps.store import Store
from tests.processes import PYTHON, begin, children, linux, wait_until_gone
from tests.support import CON, contents, scenario
from tests.sweeps import AXES, MORE, REPEATS, RUNS, rows, swept, words

ENDS_ITSELF = """
import os, sys
from asysim.cli.app import main
from asysim.sweeps import dispatch
from asysim.sweeps.store import Store

keep, number, after, *sys.argv[1:] = Store.keep, *sys.argv[1:]
left = iter(range(int(after) - 1, -1, -1))

def kept(*arguments):
    keep(*arguments)
    if next(left) == 0:
        os.kill(os.getpid(), int(number))

Store.keep, dispatch.MOST, dispatch._FIRST = kept, 0.0, 0.0  # chunks of one run
main()
"""


@pytest.mark.real
@linux
def test_a_killed_sweep_goes_on_to_the_same_bytes(whole_sweep, sweep_file, tmp_path):
    folder = tmp_path / "sweep"
    asked = words(sweep_file, folder, "--jobs=2")
    process = begin(*PYTHON, ENDS_ITSELF, int(signal.SIGKILL), 7, *asked)
    family = {}
    while process.poll() is None:
        family |= children(process.pid)
        time.sleep(0.2)
    process.communicate()
    wait_until_gone(family)
    assert len(list((folder / "chunks").glob("*.parquet"))) == 7
    assert swept(sweep_file, folder, "--jobs=1").code == 0
    assert contents(folder) == contents(whole_sweep)


def test_who_interrupts_while_rows_are_kept_loses_none(
    whole_sweep, sweep_file, tmp_path, monkeypatch
):
    keep, left = Store.keep, iter(range(2, -1, -1))

    def kept(*arguments):
        keep(*arguments)
        if next(left) == 0:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "keep", kept)
        patched.setattr("asysim.sweeps.dispatch._FIRST", 0.0)  # chunks of one run
        patched.setattr("asysim.sweeps.dispatch.MOST", 0.0)
        said = swept(sweep_file, tmp_path / "sweep", "--jobs=1")
    assert said.code == 130
    assert "the same command goes on" in said.err
    assert len(list((tmp_path / "sweep" / "chunks").glob("*.parquet"))) == 3
    assert swept(sweep_file, tmp_path / "sweep", "--jobs=1").code == 0
    assert contents(tmp_path / "sweep") == contents(whole_sweep)


def test_who_interrupts_keeps_all_runs_that_are_over(sweep_file, tmp_path, monkeypatch):
    from asysim.runs import replayed

    compute, calls = replayed.compute, []

    def interrupted(scenario, **options):
        calls.append(scenario)
        if len(calls) == 10:
            options["progress"] = lambda _: signal.raise_signal(signal.SIGTERM)
        return compute(scenario, **options)

    monkeypatch.setattr(replayed, "compute", interrupted)
    said = swept(sweep_file, tmp_path / "sweep", "--jobs=1")
    assert said.code == 130
    assert f"9 of {RUNS} runs are kept" in said.err
    assert swept(sweep_file, tmp_path / "sweep", "--jobs=1").code == 0
    assert len(calls) == RUNS + 1


def test_a_damaged_chunk_is_told_and_made_again(whole_sweep, sweep_file, tmp_path):
    for part in (1, 2, 3):
        swept(sweep_file, tmp_path / "sweep", f"--chunk={part}/3", "--jobs=1")
    place = sorted((tmp_path / "sweep" / "chunks").iterdir())[0]
    content = bytearray(place.read_bytes())
    content[len(content) // 3] ^= 1
    place.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        said = swept(sweep_file, tmp_path / "sweep", "--jobs=1")
    assert said.code == 0
    assert f"{place.name}: damaged" in said.err.replace("\n", "")
    assert contents(tmp_path / "sweep") == contents(whole_sweep)


def test_a_damaged_packed_file_is_told_and_made_again(whole_sweep, sweep_file, tmp_path):
    assert swept(sweep_file, tmp_path / "sweep", "--jobs=1").code == 0
    (place,) = (tmp_path / "sweep" / "runs").iterdir()
    place.write_bytes(place.read_bytes()[:-100])
    with pytest.warns(DamagedWarning, match="made again"):
        asysim.sweep(scenario(CON, *MORE), AXES, repeats=REPEATS, processes=1,
                     folder=tmp_path / "sweep")  # fmt: skip
    assert rows(tmp_path / "sweep") == rows(whole_sweep)


def test_spans():
    rng = np.random.default_rng(1)
    for _ in range(200):
        ends = np.sort(rng.integers(0, 20, (rng.integers(0, 5), 2)), axis=1)
        spans = [Span(int(a), int(b)) for a, b in ends]
        there = {i for span in spans for i in range(*span)}
        assert {i for span in union(spans) for i in range(*span)} == there
        within = Span(3, 15)
        missing = {i for span in gaps(spans, within) for i in range(*span)}
        assert missing == set(range(3, 15)) - there
