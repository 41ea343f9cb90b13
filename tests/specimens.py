"""Small valid files of every kind that asysim reads, and the commands that read each."""

from __future__ import annotations

import json
import shutil
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import asysim
from asysim.runs.checkpoint import CHECKPOINT
from asysim.runs.leavings import WAITING
from asysim.runs.row_log import RowLog
from asysim.trace import Trace
from asysim.trace.parquet import TraceWriter
from tests.support import (
    CON,
    DISCARD,
    INCON,
    checkpoints_at_each_block,
    interrupting_at,
    scenario,
)

_TARGET = ("run.target_loss=1.9", "speedup.workers=[1,2]", "speedup.seeds=2")


class Specimen(NamedTuple):
    """A file that is mutated, in a copy of the folder it is in, and the commands that read it."""

    name: str
    folder: str
    file: str
    commands: tuple[tuple[str, ...], ...]


def made(root: Path) -> list[Specimen]:
    """Make all specimens in a folder, and say what reads them.

    In commands, HERE stands for the copy of the specimen's folder.
    """
    found = [*_runs(root), *_study(root), *_scenarios(root), *_data(root), *_times(root)]
    return sorted(found, key=lambda one: one.name)


def _runs(root: Path) -> list[Specimen]:
    found = []
    kinds: dict[str, Callable[[Path], object]] = {
        "con": lambda at: asysim.run(scenario(CON, *DISCARD), folder=at),
        "incon": lambda at: asysim.run(scenario(INCON), folder=at),
        "real": lambda at: asysim.run(scenario(CON), on="threads", folder=at),
        "lockfree": lambda at: asysim.run(scenario(INCON), on="threads", folder=at),
    }
    for kind, make in kinds.items():
        make(root / kind)
        files = ("manifest.json", "scenario.toml", "curve.parquet", "x.npy", "x_ergodic.npy")
        whole = (("show", "HERE"), ("replay", "HERE", "--json"))
        found += [Specimen(f"{kind}/{file}", kind, file, whole) for file in files]
        trace = "HERE/trace.parquet"
        reads = (*whole, ("show", trace, "--json"), ("show", trace), ("calibrate", trace))
        found.append(Specimen(f"{kind}/trace.parquet", kind, "trace.parquet", reads))
    left = {
        "left": _spooled(root / "con", root / "left.partial"),
        "free": _spooled(root / "lockfree", root / "free.partial"),
        "killed": _killed(root / "con", root / "killed.partial"),
    }
    reads = (("recover", "HERE"),)
    for name, files in left.items():
        found += [Specimen(f"{name}/{file}", f"{name}.partial", file, reads) for file in files]
    _interrupted(root / "cut")
    reads = (("run", "--resume", "HERE", "--no-pictures"),)
    files = (CHECKPOINT, "trace.parquet", "manifest.json")
    return found + [Specimen(f"cut/{file}", "cut", file, reads) for file in files]


def _interrupted(folder: Path) -> None:
    """Make a run that was interrupted after a checkpoint."""

    with checkpoints_at_each_block():
        asysim.run(scenario(CON), folder=folder, progress=interrupting_at(40))
    assert (folder / CHECKPOINT).exists()


def _spooled(run: Path, partial: Path) -> list[str]:
    """Leave what a real run leaves that is killed, and return the names of its files."""
    partial.mkdir()
    rows = Trace.load(run / "trace.parquet")
    with RowLog(partial, rows.info) as log:
        log.write(rows)
    shutil.copy(run / "scenario.toml", partial)
    return sorted(path.name for path in partial.iterdir())


def _killed(run: Path, partial: Path) -> list[str]:
    """Leave what a simulated run leaves that is killed in its second group of rows."""
    partial.mkdir()
    whole = Trace.load(run / "trace.parquet")
    with TemporaryDirectory() as folder, patch("asysim.trace.parquet.ROW_GROUP", 32):
        made = Path(folder)
        writer = TraceWriter(made / "trace.parquet", whole.info, waiting=made / WAITING)
        writer.write(whole[:40])
        writer.write(whole[40:])
        for path in made.iterdir():
            shutil.copy(path, partial)
        writer.close()
    files = sorted(path.name for path in partial.iterdir())
    shutil.copy(run / "scenario.toml", partial)
    return files


def _study(root: Path) -> list[Specimen]:
    place = root / "study"
    (place / "kept").mkdir(parents=True)
    (place / "study.toml").write_text(CON)
    asysim.speedup(scenario(CON, *_TARGET), folder=place / "kept", processes=1)
    words = ("speedup", "HERE/study.toml", *_TARGET, "--out", "HERE/kept", "--jobs", "1",
             "--no-pictures", "--json")  # fmt: skip
    files = ("kept/scenario.toml", "kept/attempts/p1-seed1.json", "kept/attempts/p2-seed2.json")
    return [Specimen(f"study/{file}", "study", file, (words,)) for file in files]


def _scenarios(root: Path) -> list[Specimen]:
    place = root / "scenarios"
    place.mkdir()
    (place / "con.toml").write_text(CON)
    fitted = asysim.calibrate([asysim.run(scenario(CON, "run.updates=200")).trace], samples=0)
    fitted.save(place / "fitted.toml")
    return [
        Specimen(
            f"scenarios/{name}",
            "scenarios",
            name,
            (_run(name), ("laws", f"HERE/{name}", "--out", "HERE/law.png")),
        )
        for name in ("con.toml", "fitted.toml")
    ]


def _run(name: str) -> tuple[str, ...]:
    return ("run", f"HERE/{name}", "run.updates=30", "--out", "HERE/out", "--no-pictures")


def _data(root: Path) -> list[Specimen]:
    place = root / "data"
    place.mkdir()
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (12, 4, 4), dtype=np.uint8)
    labels = np.arange(12, dtype=np.uint8) % 10
    (place / "images").write_bytes(struct.pack(">4I", 0x803, 12, 4, 4) + pixels.tobytes())
    (place / "labels").write_bytes(struct.pack(">2I", 0x801, 12) + labels.tobytes())
    records = rng.integers(0, 256, (4, 3073), dtype=np.uint8)
    records[:, 0] = [0, 1, 2, 3]
    (place / "batch.bin").write_bytes(records.tobytes())
    lines = [f"{'+1' if i % 2 else '-1'} 1:{i / 7:.3f} 3:0.5 5:{i}" for i in range(12)]
    (place / "text.svm").write_text("\n".join(lines) + "\n")
    tables = {
        "idx": 'kind = "mlp"\n[problem.data]\nkind = "mnist"\nimages = "images"\nlabels = "labels"',
        "cifar": 'kind = "mlp"\nlayers = [3072, 4, 10]\n[problem.data]\nkind = "cifar10"\n'
        'paths = ["batch.bin"]',
        "svm": 'kind = "logistic"\n[problem.data]\nkind = "libsvm"\npath = "text.svm"',
    }
    for name, table in tables.items():
        text = CON.replace('kind = "quadratic"', table)
        (place / f"{name}.toml").write_text(text)
    pairs = (("images", "idx"), ("labels", "idx"), ("batch.bin", "cifar"), ("text.svm", "svm"))
    return [Specimen(f"data/{file}", "data", file, (_run(f"{by}.toml"),)) for file, by in pairs]


def _times(root: Path) -> list[Specimen]:
    place = root / "times"
    place.mkdir()
    times = np.random.default_rng(2).gamma(9, 1e-3 / 9, 40)
    listed = "".join(f"{time:.6g}\n" for time in times)
    (place / "list.txt").write_text("# seconds\n" + listed)
    rows = "".join(f"node{i % 3},{time:.6g}\n" for i, time in enumerate(times))
    (place / "table.csv").write_text("host,compute\n" + rows)
    table = pa.table({"host": ["a"] * len(times), "compute": times})
    pq.write_table(table, place / "table.parquet")
    shutil.copy(root / "con/trace.parquet", place / "rows.parquet")
    found = []
    for name in ("list.txt", "table.csv", "table.parquet", "rows.parquet"):
        column = ', column = "compute"' if name.startswith("table") else ""
        law = f'{{law = "empirical", file = "{name}"{column}}}'
        toml = name.replace(".", "_") + ".toml"
        (place / toml).write_text(CON.replace('{law = "gamma", mean = 1e-3, cv = 0.3}', law))
        reads = (("laws", f"HERE/{toml}", "--out", "HERE/law.png"), _run(toml))
        found.append(Specimen(f"times/{name}", "times", name, reads))
    return found


def kept(root: Path) -> list[Specimen]:
    """Return the specimens of a folder, which are made if it is not there."""
    index = root / "index.json"
    if not index.exists():
        root.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = made(root)
        index.with_suffix(".new").write_text(json.dumps([one._asdict() for one in found]))
        index.with_suffix(".new").replace(index)
    listed = json.loads(index.read_text())
    return [Specimen(**one | {"commands": tuple(map(tuple, one["commands"]))}) for one in listed]
