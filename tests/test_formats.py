"""What stands in files, and what scripts rely on: for good. Add to these lists, never change them.

A trace that was kept by an older version is read by a newer one, and a draw that has a number keeps
it; so what is named here is written out, and not asked of the code.
"""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

import asysim
from asysim.ground import exit_codes
from asysim.random.streams import Purpose
from tests.support import CON, INCON, scenario

PURPOSES = {
    "COMPUTE": 1, "PULL": 2, "PUSH": 3, "SERVICE": 4, "READ_SWEEP": 5, "WRITE_SWEEP": 6, "BLOCK": 7,
    "SAMPLE": 8, "ERGODIC": 9, "START": 10, "DATA": 11, "SPEED": 12, "READ_SERVICE": 13,
    "LOST_PULL": 14, "LOST_PUSH": 15, "AGAIN_PULL": 16, "AGAIN_PUSH": 17, "LOST_AGAIN": 18,
    "UPTIME": 19, "DOWNTIME": 20, "SPELL": 21, "CALIBRATION": 22, "PULL_SIZE": 23, "PUSH_SIZE": 24,
}  # fmt: skip
EXIT_CODES = {
    "OK": 0, "FAULT": 1, "BAD_INPUT": 2, "TARGET_MISSED": 3, "DIVERGED": 4, "DIFFERS": 5,
    "DEADLOCK": 6, "CUT_SHORT": 7, "INTERRUPTED": 130, "UNREAD": 141,
}  # fmt: skip
ROW = {
    "worker": "int64", "draw": "int64", "version": "int64", "update": "int64", "read_ns": "int64",
    "ready_ns": "int64", "done_ns": "int64", "arrived_ns": "int64", "applied_ns": "int64",
}  # fmt: skip
SWEPT = ROW | {"lo": "int64", "hi": "int64"}
SEEN = {"seen": "list<element: struct<update: int64, first: int64, last: int64>>"}
BRACKETS = {"begun": "int64", "after": "int64", "partly": "list<element: int64>"}
COLUMNS = [
    ("asysg-con", "simulated", ROW),
    ("asysg-incon", "simulated", SWEPT | SEEN),
    pytest.param("asysg-con", "real", ROW, marks=pytest.mark.real),
    pytest.param("asysg-incon", "real", SWEPT | BRACKETS, marks=pytest.mark.real),
]
"""Of a trace, by algorithm and clock; the times in whole nanoseconds."""

ABOUT = {
    "format": int, "algorithm": str, "workers": int, "dimension": int, "exact": bool, "clock": str,
    "arithmetic": str, "scenario": dict,
}  # fmt: skip
"""What a trace says of itself, as JSON under the key `asysim.trace`."""

CURVE = {
    "update": "int64", "gradients": "int64", "seconds": "double", "loss": "double",
    "gradient_norm2": "double", "mean_gradient_norm2": "double", "mean_staleness": "double",
    "max_staleness": "int64",
}  # fmt: skip
FILES = {
    "scenario.toml", "trace.parquet", "curve.parquet", "x.npy", "x_ergodic.npy", "manifest.json",
}  # fmt: skip
MANIFEST = {
    "format": int, "result": dict, "seed": int, "versions": dict, "commit": (str, type(None)),
    "machine": dict,
}  # fmt: skip
RESULT = {"ergodic_index": int, "updates": int, "status": str, "message": str}
ATTEMPT = {
    "workers": int, "seed": int, "status": str, "message": str, "crossing": dict,
    "throughput": float, "staleness": float, "curve": list, "measured": dict,
}  # fmt: skip
"""A run of a speedup study, attempts/pWORKERS-seedSEED.json."""


def has(found, names):
    """Assert that a JSON document has all these keys, of these types."""
    for name, kind in names.items():
        assert isinstance(found[name], kind), name


def test_streams_of_random_words_keep_their_numbers():
    assert {name: Purpose[name] for name in PURPOSES} == PURPOSES
    assert len({purpose.value for purpose in Purpose}) == len(Purpose.__members__), "one is reused"


def test_commands_keep_their_exit_codes():
    assert {name: getattr(exit_codes, name) for name in EXIT_CODES} == EXIT_CODES


@pytest.mark.parametrize(("algorithm", "clock", "names"), COLUMNS)
def test_a_run_folder_is_as_it_was(algorithm, clock, names, tmp_path):
    asked = scenario(CON if algorithm == "asysg-con" else INCON)
    if clock == "simulated":
        asysim.run(asked, folder=tmp_path)
    else:
        asysim.run(asysim.vary(asked, "workers.count=1"), on="threads", folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= FILES
    trace = pq.ParquetFile(tmp_path / "trace.parquet")
    assert list(columns(trace).items()) == list(names.items()), "and in this order"
    assert trace.metadata.metadata[b"asysim.status"] == b"complete"
    about = json.loads(trace.metadata.metadata[b"asysim.trace"])
    has(about, ABOUT)
    assert (about["format"], about["algorithm"], about["clock"]) == (1, algorithm, clock)
    curve = pq.ParquetFile(tmp_path / "curve.parquet")
    assert list(columns(curve).items()) == list(CURVE.items())
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    has(manifest, MANIFEST)
    has(manifest["result"], RESULT)
    assert manifest["format"] == 1
    assert ("measured" in manifest) == (clock == "real")


def columns(file):
    """Return the names of a Parquet file's columns, in order, and their types."""
    return {column.name: str(column.type) for column in file.schema_arrow}


def test_an_attempt_of_a_study_is_as_it_was(tmp_path):
    study = scenario(CON, "run.target_loss=1.9", "speedup.workers=[1,2]", "speedup.seeds=1")
    asysim.speedup(study, folder=tmp_path / "s", processes=1)
    kept = (tmp_path / "s" / "attempts" / "p2-seed1.json").read_text(encoding="utf-8")
    has(json.loads(kept), ATTEMPT)
