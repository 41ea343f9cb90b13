"""Folders that one process writes at a time, and what the dead left."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, replace

import pytest

import asysim
from asysim.ground.lock import LOCK, Holder, Lock
from tests.processes import PYTHON, begin
from tests.support import CON, only_fault, scenario


@pytest.fixture
def dead():
    """The number of a process that is no more."""
    process = begin(*PYTHON, "")
    process.communicate()
    return process.pid


def test_a_lock_is_free_once_released_and_not_before(tmp_path):
    with Lock(tmp_path / LOCK, "folder"):
        fault = only_fault(Lock, tmp_path / LOCK, "folder")
        assert (fault.key, fault.source) == ("folder", str(tmp_path))
        assert f"process {os.getpid()} on {platform.node()}" in fault.found
    assert not (tmp_path / LOCK).exists()
    with Lock(tmp_path / LOCK, "folder"):
        pass


def test_a_dead_process_holds_nothing(tmp_path, dead):
    for text in ("", "{", json.dumps(asdict(replace(Holder.here(), process=dead)))):
        (tmp_path / "run.partial").mkdir()
        (tmp_path / "run.partial" / LOCK).write_text(text)
        asysim.run(scenario(), folder=tmp_path / "run")
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
        assert not (tmp_path / "run" / LOCK).exists()


def test_of_another_host_a_person_has_to_say(tmp_path, dead):
    (tmp_path / "run.partial").mkdir()
    lock = tmp_path / "run.partial" / LOCK
    lock.write_text(json.dumps(asdict(replace(Holder.here(), process=dead, host="elsewhere"))))
    fault = only_fault(asysim.run, scenario(), folder=tmp_path / "run")
    assert f"process {dead} on elsewhere" in fault.found
    assert f"remove {lock}" in fault.expected
    lock.unlink()
    asysim.run(scenario(), folder=tmp_path / "run")


def test_without_locks_of_the_system_the_process_is_looked_for(tmp_path, monkeypatch, dead):
    monkeypatch.setattr("asysim.ground.lock._try_flock", lambda _: None)
    here, lock = Holder.here(), tmp_path / LOCK
    free = [replace(here, process=dead)]
    if here.start is not None:
        free.append(replace(here, start=here.start - 1))  # the number is used again
    for holder in free:
        lock.write_text(json.dumps(asdict(holder)))
        Lock(lock, "folder").release()
    for holder in (here, replace(here, start=None), replace(here, process=dead, host="elsewhere")):
        lock.write_text(json.dumps(asdict(holder)))
        assert str(holder) in only_fault(Lock, lock, "folder").found


def test_whoever_waited_at_the_door_of_a_folder_that_moved(tmp_path, monkeypatch):
    """A lock whose file was renamed away between opening and locking is not one."""
    (tmp_path / "a").mkdir()
    opened = os.open

    def late(path, *arguments):
        file = opened(path, *arguments)
        monkeypatch.setattr("asysim.ground.lock.os.open", opened)
        path.rename(f"{path}.gone")
        return file

    monkeypatch.setattr("asysim.ground.lock.os.open", late)
    with Lock(tmp_path / "a" / LOCK, "folder"):
        assert json.loads((tmp_path / "a" / LOCK).read_text())["process"] == os.getpid()


def test_a_study_and_a_calibration_are_locked(tmp_path):
    study = scenario(CON, "run.target_loss=1", "speedup={workers=[1, 2], seeds=1}")
    asked = []

    def progress(done, _):
        if done == 1 and not asked:
            asked.append(only_fault(asysim.speedup, study, folder=tmp_path / "s", processes=1))

    asysim.speedup(study, folder=tmp_path / "s", processes=1, progress=progress)
    assert [(fault.key, fault.source) for fault in asked] == [("study folder", str(tmp_path / "s"))]
    assert f"process {os.getpid()}" in asked[0].found
    assert not (tmp_path / "s" / LOCK).exists()
    asysim.speedup(study, folder=tmp_path / "s", processes=1)

    found = asysim.calibrate([asysim.run(scenario(CON, "run.updates=400")).trace])
    with Lock(tmp_path / f"found.toml.{LOCK}", "--out"):
        assert f"process {os.getpid()}" in only_fault(found.save, tmp_path / "found.toml").found
    found.save(tmp_path / "found.toml")
    assert not list(tmp_path.glob(f"*{LOCK}"))
