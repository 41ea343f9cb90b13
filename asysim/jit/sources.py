"""The sources of a compiled function: its module, and all that it imports, however far away.

Machine code contains the functions that it calls, and constants, which may come from anywhere in
these. So what is kept on disk is stamped with the content of all of them.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import time
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[1]

_NAME = PACKAGE.name
_BEGAN = time.time_ns()
_COMMENT = re.compile(rb"#[^\n]*|\\\n")
_IMPORT = re.compile(  # wherever it stands: one that does not run does no harm
    rb"(?:^|[;:])[ \t]*"
    rb"(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n;]*)|import[ \t]+([^\n;]+))",
    re.MULTILINE,
)
_FIRST = re.compile(r"[.\w]+")
_INSTALLED = [Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib", "stdlib")]


class _Source(NamedTuple):
    """The digest of a file, and the names that it imports, each a module or something in one."""

    digest: bytes
    imports: tuple[str, ...]


@cache
def stamp(file: Path) -> bytes:
    """Return what is another if anything is that compiled code of a module may contain.

    Parameters
    ----------
    file
        The module's; those that it imports at its top have been imported.
    """
    sources, waiting = {file}, [file]
    while waiting:
        more = set(_imported(waiting.pop())) - sources
        sources |= more
        waiting += more
    total = blake2b(digest_size=16)
    for digest in sorted(_read(source).digest for source in sources):
        total.update(digest)
    return total.digest()


@cache
def _read(file: Path) -> _Source:
    try:
        text, edited = file.read_bytes(), file.stat().st_mtime_ns
    except OSError:  # no source is there to be edited: in an archive, or typed at a prompt
        return _Source(b"", ())
    digest = blake2b(text, digest_size=16).digest()
    if edited > _BEGAN and file.is_relative_to(PACKAGE):
        digest = os.urandom(16)  # this process may have what it was before: nobody should find it
    names = []
    for module, members, modules in _IMPORT.findall(_COMMENT.sub(b" ", text)):
        if module:
            dot = "" if module.endswith(b".") else "."
            names += [module.decode(), *(module.decode() + dot + name for name in _names(members))]
        else:
            names += _names(modules)
    return _Source(digest, tuple(dict.fromkeys(names)))


def _names(listed: bytes) -> Iterator[str]:
    """Yield the names of a list such as ``(a, b as c)``."""
    for item in listed.decode(errors="replace").strip("() \t\n").split(","):
        if found := _FIRST.search(item):
            yield found[0]


@cache
def _imported(file: Path) -> frozenset[Path]:
    """Return the files of the package, and of a user's own, that a file imports from."""
    names = _read(file).imports
    if not file.is_relative_to(PACKAGE):
        found: set[Path] = set()
        for name in names:
            # What a user's file takes may be any of the package's names, at home anywhere.
            found.update(_modules().values() if _is_ours(name) else _outside(name, file))
        return frozenset(found)
    if file == PACKAGE / "__init__.py":
        return frozenset()  # it says where names are at home, and imports them when asked
    return frozenset(_modules()[above] for name in names for above in _with_parents(name))


def _is_ours(name: str) -> bool:
    return name == _NAME or name.startswith(f"{_NAME}.")


@cache
def _modules() -> dict[str, Path]:
    """Return the file of each of the package's modules."""
    modules = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        modules[".".join(parts).removesuffix(".__init__")] = file
    return modules


def _with_parents(name: str) -> Iterator[str]:
    """Yield the modules of the package that are run to import a name of it."""
    while name:
        if name in _modules():
            yield name
        name = name.rpartition(".")[0]


def _outside(name: str, file: Path) -> set[Path]:
    """Return where a module lies that a user's file imports; nothing for what others installed."""
    bare = name.lstrip(".")
    if dots := len(name) - len(bare):
        folder = file.parents[dots - 1].joinpath(*bare.split("."))
        places = {folder.with_suffix(".py"), folder / "__init__.py"}
        return {place for place in places if place.is_file()}
    origin = getattr(sys.modules.get(name), "__file__", None)
    if origin is None or _installed_in(Path(origin)) not in (None, _installed_in(file)):
        return set()
    return {Path(origin)}


def _installed_in(file: Path) -> Path | None:
    """Return the folder or file that an installation made, if a file is of one."""
    for place in _INSTALLED:
        if file.is_relative_to(place):
            return place / file.relative_to(place).parts[0]
    return None
