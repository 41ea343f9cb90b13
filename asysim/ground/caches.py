"""Where numba keeps compiled code and matplotlib its list of fonts if the usual places are shut.

Those are beside the package and in the home folder. In a container both may be read-only, or there
may be no home: numba then refuses to compile at all.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path


@cache
def code_can_be_kept() -> bool:
    """Return whether compiled code can be kept, having found it another place if it needs one."""
    import numba

    if _keeps_code():
        return True
    try:
        folder = private_folder() / "numba"
    except OSError:
        return False
    os.environ["NUMBA_CACHE_DIR"] = str(folder)  # for processes that this one starts
    numba.config.CACHE_DIR = str(folder)
    if not _keeps_code():
        return False
    print(
        "asysim: neither its own folder nor the home folder can be written to, so compiled code is "
        f"kept in {folder}; NUMBA_CACHE_DIR names another place",
        file=sys.stderr,
    )
    return True


def find_place_for_fonts() -> None:
    """Have matplotlib keep its list of fonts elsewhere if its own places are shut."""
    if "MPLCONFIGDIR" in os.environ or all(map(_can_be_made, _matplotlib_folders())):
        return
    try:
        folder = private_folder() / "matplotlib"
        folder.mkdir(exist_ok=True)
    except OSError:
        return  # it says itself what that costs
    os.environ["MPLCONFIGDIR"] = str(folder)


def private_folder() -> Path:
    """Return a folder for temporary files that nobody else can write to, the same one each time.

    Code is loaded from it, so one that somebody else has laid there is not taken.

    Raises
    ------
    OSError
        If there is no place for temporary files.
    """
    if not hasattr(os, "getuid"):
        return Path(tempfile.mkdtemp(prefix="asysim-"))
    folder = Path(tempfile.gettempdir()) / f"asysim-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not ours or found.st_mode & 0o022:
        return Path(tempfile.mkdtemp(prefix="asysim-"))
    return folder


def _keeps_code() -> bool:
    """Return whether numba finds a place for code of this package."""
    import numba

    def one() -> int:
        return 1

    try:
        numba.njit(cache=True)(one)
    except RuntimeError:
        return False
    return True


def _matplotlib_folders() -> list[Path]:
    try:
        home = Path.home()
    except RuntimeError:
        return [Path("/dev/null/no-home")]
    if not sys.platform.startswith(("linux", "freebsd")):
        return [home / ".matplotlib"]
    usual = (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache"))
    return [Path(os.environ.get(name) or home / own) / "matplotlib" for name, own in usual]


def _can_be_made(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
