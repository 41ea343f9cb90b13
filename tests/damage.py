"""Ways in which a file can come to harm: what disks, programs and people do to it."""

from __future__ import annotations

import io
import json
import os
import pickle
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Rng: TypeAlias = np.random.Generator
Harm: TypeAlias = Callable[[Path, Rng, Path], str]

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 7, 2**31, 2**63 - 1, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e300,
    1e-300, float("nan"), float("inf"), -float("inf"), "", "a", "\x00", "é" * 50, "x" * 10_000,
    "1", "nan", [], {}, [[]], [1, 2], {"a": 1}, [None], ["a", 1], [[[[]]]],
)  # fmt: skip


def damaged(path: Path, rng: Rng, others: Path) -> str:
    """Damage a file in one way at random, and say how; `others` has files to mistake it for."""
    special: dict[str, tuple[Harm, ...]] = {
        ".parquet": (_columns, _columns, _columns, _cells, _cells, _metadata, _metadata),
        ".json": (_json, _json, _json),
        ".toml": (_toml, _toml, _lines),
        ".npy": (_npy, _npy),
        ".csv": (_lines, _lines, _fields, _fields),
        ".txt": (_lines, _fields),
        ".svm": (_lines, _fields, _fields),
    }
    apt = special.get(path.suffix, (_header,))
    if path.suffix == ".parquet" and not _is_whole(path):  # of a run that was killed
        apt = (_header,)
    harms = (*ANY, *apt)
    harm = harms[int(rng.integers(len(harms)))]
    return f"{harm.__name__.strip('_')} {harm(path, rng, others)}"


def _one(rng: Rng, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


# Any file -------------------------------------------------------------------------------------


def _flip(path: Path, rng: Rng, _: Path) -> str:
    data = bytearray(path.read_bytes())
    count = int(rng.integers(1, 9))
    for place in rng.integers(0, max(1, len(data)), count) if data else ():
        data[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
    return f"{count} bits"


def _truncate(path: Path, rng: Rng, _: Path) -> str:
    data = path.read_bytes()
    length = int(rng.integers(0, len(data) + 1))
    path.write_bytes(data[:length])
    return f"to {length} of {len(data)} bytes"


def _append(path: Path, rng: Rng, _: Path) -> str:
    junk = _one(rng, (b"\0", b"\xff\xfe", b"PAR1", b"\n\n{", path.read_bytes(), rng.bytes(100)))
    path.write_bytes(path.read_bytes() + junk)
    return f"{len(junk)} bytes"


def _overwrite(path: Path, rng: Rng, _: Path) -> str:
    data = bytearray(path.read_bytes())
    start = int(rng.integers(0, len(data) + 1))
    filler = _one(rng, (b"\0", b"\xff", b"[", b" ", b"9", b"-"))
    length = int(rng.integers(1, 200))
    data[start : start + length] = filler * length
    path.write_bytes(data)
    return f"{length} bytes from {start} by {filler!r}"


def _replace(path: Path, rng: Rng, _: Path) -> str:
    contents = {
        "nothing": b"",
        "zeros": bytes(1000),
        "noise": rng.bytes(1000),
        "a zip": _zip(),
        "a pickle": pickle.dumps({"a": 1}),
        "gzip's beginning": b"\x1f\x8b\x08\0\0",
        "bzip2's beginning": b"BZh91AY&SY",
        "UTF-16": "a = 1\n".encode("utf-16"),
        "depth": b"[" * 100_000,
        "depth of TOML": b"a = " + b"[" * 100_000,
        "braces": b'{"a":' * 50_000,
        "a long line": b"1" * 1_000_000,
        "lines": b"\n" * 100_000,
        "a mark and NUL": b"\xef\xbb\xbf\0",
        "JSON": b'{"a": 1}',
        "a list": b"[1, 2]",
        "a number": b"1e999",
    }
    name = _one(rng, sorted(contents))
    path.write_bytes(contents[name])
    return f"by {name}"


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x.npy", b"x")
    return out.getvalue()


def _marked(path: Path, _: Rng, __: Path) -> str:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return "by a byte order mark"


def _swap(path: Path, rng: Rng, others: Path) -> str:
    files = sorted(p for p in others.rglob("*") if p.is_file() and p.name != "index.json")
    same = [p for p in files if p.suffix == path.suffix]
    other = _one(rng, same if rng.random() < 0.6 else files)
    path.write_bytes(other.read_bytes())
    return f"by {other.relative_to(others)}"


def _other_thing(path: Path, rng: Rng, others: Path) -> str:
    name = _one(rng, ("absent", "folder", "full folder", "pipe", "zero", "null", "link to nothing",
                      "link to itself", "link to a folder", "unreadable", "sparse"))  # fmt: skip
    path.unlink()
    if name == "folder":
        path.mkdir()
    elif name == "full folder":
        path.mkdir()
        (path / "a").write_text("a")
    elif name == "pipe":
        os.mkfifo(path)
    elif name == "unreadable":
        path.write_text("a")
        path.chmod(0)
    elif name == "sparse":
        with path.open("wb") as file:
            file.truncate(2**40)
    elif name != "absent":
        places = {"zero": "/dev/zero", "null": "/dev/null", "link to nothing": "none/none",
                  "link to itself": path.name, "link to a folder": str(others)}  # fmt: skip
        path.symlink_to(places[name])
    return name


ANY: tuple[Harm, ...] = (
    _flip, _flip, _truncate, _append, _overwrite, _replace, _marked, _swap, _other_thing,
)  # fmt: skip


# Text -----------------------------------------------------------------------------------------


def _lines(path: Path, rng: Rng, _: Path) -> str:
    lines = path.read_bytes().splitlines(keepends=True)
    at, to = int(rng.integers(len(lines))), int(rng.integers(len(lines)))
    how = _one(rng, ("drop", "twice", "move", "junk", "join"))
    if how == "drop":
        del lines[at]
    elif how == "move":
        lines.insert(to, lines.pop(at))
    elif how == "twice":
        lines.insert(to, lines[at])
    elif how == "junk":
        lines.insert(
            at, _one(rng, (b"[", b"= =\n", b'"\n', b"\0\n", b"\xff\n", b"# \xff\n", b"''"))
        )
    else:
        lines[at] = lines[at].rstrip(b"\r\n")
    path.write_bytes(b"".join(lines))
    return f"{how} line {at + 1}"


def _fields(path: Path, rng: Rng, _: Path) -> str:
    lines = path.read_text().splitlines()
    at = int(rng.integers(len(lines)))
    words = lines[at].replace(",", " ").split() or [""]
    word = str(_one(rng, words))
    new = str(_one(rng, STRANGE))
    lines[at] = lines[at].replace(word, new, 1)
    path.write_text("\n".join(lines), encoding="utf-8")
    return f"{word} in line {at + 1} by {new[:20]!r}"


def _header(path: Path, rng: Rng, _: Path) -> str:
    """Another number in the first bytes, where binary files say how large they are."""
    data = bytearray(path.read_bytes())
    at = 4 * int(rng.integers(0, 4))
    new = _one(rng, (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x01"))
    data[at : at + 4] = new
    path.write_bytes(data)
    return f"{new.hex()} at {at}"


# JSON and TOML --------------------------------------------------------------------------------


def places_in(document: Any) -> list[tuple[Any, Any]]:
    """Return every place in a document: what holds it, a table or a list, and its key there."""
    keys = document if isinstance(document, dict) else range(len(document))
    found = []
    for key in keys:
        found.append((document, key))
        if isinstance(document[key], dict | list):
            found += places_in(document[key])
    return found


def _altered(document: Any, rng: Rng) -> str:
    where, key = _one(rng, places_in(document))
    how = _one(rng, ("strange", "strange", "strange", "drop", "more", "list"))
    if how == "strange":
        where[key] = _one(rng, STRANGE)
        return f"{key} is {str(where[key])[:30]!r}"
    if how == "drop":
        del where[key]
    elif how == "list":
        where[key] = [where[key]]
    elif isinstance(where, dict):
        where["more"] = _one(rng, STRANGE)
    return f"{how} at {key}"


def _json(path: Path, rng: Rng, _: Path) -> str:
    document = json.loads(path.read_text())
    how = _altered(document, rng)
    path.write_text(json.dumps(document))
    return how


def _toml(path: Path, rng: Rng, _: Path) -> str:
    import tomli_w

    document = tomllib.loads(path.read_text())
    how = _altered(document, rng)
    try:
        path.write_text(tomli_w.dumps(document), encoding="utf-8")
    except TypeError:  # nothing stands for None in TOML
        path.write_text(f"a = {how!r}", encoding="utf-8")
    return how


# NumPy ----------------------------------------------------------------------------------------


def _npy(path: Path, rng: Rng, _: Path) -> str:
    x = np.load(path)
    arrays = {
        "shorter": x[:-1], "longer": np.append(x, 1.0), "table": x.reshape(1, -1),
        "scalar": np.float64(1.0), "float32": x.astype(np.float32), "int": x.astype(np.int64),
        "big-endian": x.astype(">f8"), "complex": x.astype(complex), "text": x.astype(str),
        "empty": x[:0], "bool": x > 0, "record": np.array([(1, 2)], dtype="i4,f8"),
    }  # fmt: skip
    name = str(_one(rng, [*sorted(arrays), "pickled", "huge", "deep"]))
    with path.open("wb") as file:
        if name == "pickled":
            np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
        elif name in ("huge", "deep"):
            shape = "(10000000000000,)" if name == "huge" else "(" * 2000
            text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
            text += b" " * (-(len(text) + 11) % 64) + b"\n"
            file.write(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
        else:
            np.save(file, arrays[name])
    return name


# Parquet --------------------------------------------------------------------------------------


def _written(table: pa.Table, path: Path, metadata: dict[bytes, bytes]) -> None:
    """Write a table as a trace is: what it says of itself is the file's."""
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(metadata)


def _is_whole(path: Path) -> bool:
    try:
        pq.read_metadata(path)
    except (OSError, ValueError):
        return False
    return True


def _read(path: Path) -> tuple[pa.Table, dict[bytes, bytes]]:
    with pq.ParquetFile(path) as file:
        metadata = dict(file.metadata.metadata or {})
        metadata.pop(b"ARROW:schema", None)
        return file.read(), metadata


def _columns(path: Path, rng: Rng, _: Path) -> str:
    table, metadata = _read(path)
    at = int(rng.integers(table.num_columns))
    name, column = table.schema.names[at], table.column(at)
    how = _one(rng, ("drop", "twice", "rename", "text", "float", "int32", "gaps", "lists", "nan",
                     "bool", "more", "none", "dictionary", "same names"))  # fmt: skip
    size = table.num_rows
    new = {
        "text": pa.array(["a"] * size), "float": pa.array([0.5] * size),
        "int32": pa.array([1] * size, pa.int32()), "gaps": pa.array([None] * size, column.type),
        "lists": pa.array([[1]] * size), "nan": pa.array([float("nan")] * size),
        "bool": pa.array([True] * size), "none": pa.nulls(size),
        "dictionary": pa.array(["a"] * size).dictionary_encode(),
    }  # fmt: skip
    if how == "drop":
        table = table.drop_columns([name])
    elif how == "twice":
        table = table.append_column(name, column)
    elif how == "rename":
        table = table.rename_columns([*table.schema.names[:at], "é", *table.schema.names[at + 1 :]])
    elif how == "more":
        table = table.append_column("more", pa.array(["a"] * size))
    elif how == "same names":
        table = table.rename_columns([name] * table.num_columns)
    else:
        table = table.set_column(at, name, new[how])
    _written(table, path, metadata)
    return f"{name}: {how}"


def _cells(path: Path, rng: Rng, _: Path) -> str:
    """Change a number in a column, or the order or number of rows."""
    table, metadata = _read(path)
    at = int(rng.integers(table.num_columns))
    name, kind = table.schema.names[at], table.schema.field(at).type
    values = table.column(at).to_pylist()
    how = _one(rng, ("cell", "cell", "cell", "cell", "no rows", "reversed", "twice", "fewer"))
    told = f"{name}: {how}"
    if how == "cell":
        row = int(rng.integers(len(values)))
        values[row], told = _other_cell(values[row], rng), f"row {row} of {name}"
        table = table.set_column(at, name, pa.array(values, kind))
        told += f" is {str(values[row])[:40]}"
    elif how == "no rows":
        table = table.slice(0, 0)
    elif how == "reversed":
        table = table.take(pa.array(range(table.num_rows - 1, -1, -1)))
    elif how == "twice":
        table = pa.concat_tables([table, table])
    else:
        table = table.slice(int(rng.integers(1, table.num_rows)))
    _written(table, path, metadata)
    return told


def _other_cell(value: Any, rng: Rng) -> Any:
    if isinstance(value, float):
        return _one(rng, (float("nan"), float("inf"), -1.0, 1e300, None))
    if isinstance(value, int):
        return _one(rng, (-1, -2, 0, 10**9, 2**62, 2**63 - 1, -(2**63), value + 1, None))
    if isinstance(value, list):
        return _one(rng, (None, [None], value * 2, []))
    if isinstance(value, str):
        return _one(rng, (None, "", "b"))
    return None


def _metadata(path: Path, rng: Rng, _: Path) -> str:
    table, metadata = _read(path)
    table = table.replace_schema_metadata(None)
    key = _one(rng, sorted(metadata)) if metadata else b"asysim.trace"
    how = _one(rng, ("field", "field", "field", "text", "bytes", "drop"))
    told = f"{key.decode()}: {how}"
    if how == "drop":
        metadata.pop(key, None)
    elif how == "bytes":
        metadata[key] = b"\xff\xfe\x00"
    elif how == "text" or not metadata.get(key, b"").startswith(b"{"):
        metadata[key] = _one(rng, (b"", b"[]", b"null", b"{", b'"a"', b"1", b"[" * 50_000))
    else:
        document = json.loads(metadata[key])
        told = f"{told}, {_altered(document, rng)}"
        metadata[key] = json.dumps(document).encode()
    _written(table, path, metadata)
    return told
