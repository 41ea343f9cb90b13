"""The calibrated scenario: the base scenario with its hardware replaced; and its files."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from itertools import groupby
from pathlib import Path
from typing import Any

from asysim.calibration.findings import Findings
from asysim.calibration.recorded import RecordedRun
from asysim.calibration.stage import Drawn
from asysim.errors import Fault, InputError, reason
from asysim.ground.lock import LOCK, Lock
from asysim.ground.outputs import check_new_file, write_whole
from asysim.laws import Constant
from asysim.scenario import Scenario, to_document

Document = dict[str, Any]

NO_LINK = 1e18
"""Bytes per second of a worker beside the server, where others have a link."""


def assembled(base: RecordedRun, found: Findings, drawn: dict[str, Drawn]) -> Document:
    """Return the document of the fitted scenario.

    Parameters
    ----------
    base
        The run whose scenario is filled in.
    found
        What was fitted, and what is kept.
    drawn
        The laws of each fitted stage.
    """
    document = to_document(base.scenario)
    document["workers"] = _workers(base, found, drawn)
    if base.is_lock_free:
        document["memory"] = _memory(base, found, drawn)
        return document
    if base.is_real:
        document.pop("faults", None)
    if "network" not in found.kept:
        document["network"] = _network(document.get("network", {}), found, drawn)
        document["network"] |= found.shared.network(document["network"])
    if not {"server", "server.service"} & found.kept.keys():
        kept = {} if base.is_real else document.get("server", {})
        kept = {key: kept[key] for key in kept if key not in ("service", "read")}
        document["server"] = kept | {"service": drawn["service"].laws[0]}
        if not base.is_real and base.scenario.server is not None:
            document["server"]["read"] = to_document(base.scenario)["server"]["read"]
    elif base.is_real:
        document["server"] = {}
    shared = found.shared.server()
    if "server read" in drawn:
        shared["read"] = drawn["server read"].laws[0]
    if shared:
        document["server"] = document.get("server", {}) | shared
    return document


def _memory(base: RecordedRun, found: Findings, drawn: dict[str, Drawn]) -> Document:
    known = {} if base.is_real else to_document(base.scenario).get("memory", {})
    memory: Document = {"read": drawn["read sweep"].laws[0]}
    if "write sweep" not in drawn:
        kept = ("write", "contention", "per_coordinate")
        return memory | {key: known[key] for key in kept if key in known}
    write = drawn["write sweep"]
    memory["write"] = write.laws[0]
    if write.rate is not None:
        memory["contention"] = write.rate
    elif "memory.contention" in found.kept:
        memory["contention"] = known.get("contention", 0.0)
    return memory


def _network(known: Document, found: Findings, drawn: dict[str, Drawn]) -> Document:
    """Return the network: sizes of messages as they were, times as they were found."""
    sizes = ("message_bytes", "dtype", "pull_compression", "push_compression")
    network = {key: known[key] for key in sizes if key in known}
    if isinstance(network.get("message_bytes"), dict):
        del network["message_bytes"]  # of simulated messages; real ones were of one size
    for name in ("pull", "push"):
        none = {"law": "constant", "value": 0.0}
        network[name] = drawn[name].laws[0] if name in drawn else none
    rates = _rates(drawn)
    if rates and not any(found.stages[name].many for name in rates):
        # One link for both ways: both were fitted with one number.
        network["bandwidth"] = _bandwidth(rates["pull"])
    return network


def _rates(drawn: dict[str, Drawn]) -> dict[str, float]:
    """Return seconds per byte of each direction that has them."""
    some = {name: drawn[name].rate for name in ("pull", "push") if name in drawn}
    return {name: rate for name, rate in some.items() if rate is not None}


def _bandwidth(rate: float) -> float:
    return min(NO_LINK, 1 / rate) if rate > 0 else NO_LINK


def _workers(base: RecordedRun, found: Findings, drawn: dict[str, Drawn]) -> Document:
    workers = base.scenario.workers
    entries = [_entry(worker, base, found, drawn) for worker in range(workers.count)]
    table: Document = {"compute": drawn["compute"].laws[0]}
    if not any(entries):
        return table | {"count": workers.count}
    runs = [(entry, len(list(alike))) for entry, alike in groupby(entries)]
    return table | {"groups": [{"count": count} | entry for entry, count in runs]}


def _entry(worker: int, base: RecordedRun, found: Findings, drawn: dict[str, Drawn]) -> Document:
    """Return what is a worker's own, as in a group."""
    workers = base.scenario.workers
    group = workers.group_of[worker]
    before = {} if group is None else group.model_dump(mode="json", exclude_none=True)
    kept: list[str] = [] if base.is_real else ["joins", "leaves"]
    entry: Document = {}
    entry |= _computing(worker, found, drawn)
    if "network" in found.kept:
        kept += ["pull", "push", "bandwidth"]
    else:
        entry |= _link(worker, found, drawn)
    return entry | {key: before[key] for key in kept if before.get(key, 0.0) != 0.0}


def _computing(worker: int, found: Findings, drawn: dict[str, Drawn]) -> Document:
    stage, mine = found.stages["compute"], drawn["compute"]
    number = stage.classes[worker]
    if not stage.many or number == 0:
        return {}
    return {"speed": mine.speeds[number]} if mine.speeds else {"compute": mine.laws[number]}


def _link(worker: int, found: Findings, drawn: dict[str, Drawn]) -> Document:
    entry: Document = {}
    for name in ("pull", "push"):
        if name in drawn and found.stages[name].many:
            entry[name] = drawn[name].laws[found.stages[name].classes[worker]]
    rates = _rates(drawn)
    if rates and any(found.stages[name].many for name in rates):
        nothing = Constant(value=0.0).value
        here = [entry.get(name, {}).get("value", 1.0) == nothing for name in ("pull", "push")]
        entry["bandwidth"] = NO_LINK if all(here) else _bandwidth(rates["pull"])
    return entry


_INLINE = 10  # times that an empirical law may have in the scenario itself


def save_scenario(scenario: Scenario, path: Path, about: str) -> list[Path]:
    """Write a scenario and the times that it names, and return the files.

    Parameters
    ----------
    scenario
        What is written.
    path
        The TOML file. Times go beside it, into STEM.KEY.txt.
    about
        Comment lines at its head.

    Raises
    ------
    InputError
        If a file is there already, or can't be written.
    """
    import tomli_w

    lists: dict[str, list[float]] = {}
    document = _pointing(to_document(scenario), "", path.stem, lists)
    head = "".join(f"# {line}\n" for line in about.splitlines())
    texts = {path: head + "\n" + tomli_w.dumps(document)}
    for name, values in lists.items():
        rows = "".join(f"{value!r}\n" for value in values)
        texts[path.with_name(name)] = f"# seconds, measured; for {path.name}\n{rows}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside a file that is refused anyhow, no lock file is made.
        lock = path.with_name(f"{path.name}.{LOCK}")
        with nullcontext() if path.exists() else Lock(lock, "--out"):
            for place in texts:
                check_new_file(place)
            _write(texts)
    except OSError as error:
        expected = "should be a place for a new file"
        raise InputError(Fault("--out", reason(error), expected, str(path))) from None
    return list(texts)


def _write(texts: Mapping[Path, str]) -> None:
    """Write all files or none: some alone would be in the way of the next try."""
    made: list[Path] = []
    try:
        for place, text in reversed(list(texts.items())):  # the scenario last: it names the others
            write_whole(place, text)
            made.append(place)
    except OSError:
        for place in made:
            place.unlink(missing_ok=True)
        raise


def _pointing(value: Any, key: str, stem: str, lists: dict[str, list[float]]) -> Any:
    """Return a document with long lists of times replaced by the names of files."""
    if isinstance(value, list):
        return [_pointing(v, f"{key}.{i}", stem, lists) for i, v in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if value.get("law") == "empirical" and len(value.get("values", ())) > _INLINE:
        name = f"{stem}.{key}.txt"
        lists[name] = value["values"]
        return {"law": "empirical", "file": name}
    return {
        name: _pointing(part, f"{key}.{name}" if key else name, stem, lists)
        for name, part in value.items()
    }
