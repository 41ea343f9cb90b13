"""`asysim init`: write a scenario to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from asysim.cli.terminal import writable
from asysim.ground.exit_codes import OK


def init(
    path: Path = Path("scenario.toml"),
    *,
    algorithm: Literal["asysg-con", "asysg-incon"] = "asysg-con",
) -> int:
    """Write a commented scenario to start from.

    Parameters
    ----------
    path
        The file to make; an existing one is left alone.
    algorithm
        Which of the two algorithms it is for.
    """
    from asysim.ground.outputs import check_new_file
    from asysim.scenario.template import template

    check_new_file(path, "init")
    with writable(path, "init"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template(algorithm), encoding="utf-8")
    print(f"wrote {path}; try: asysim run {path}")
    return OK
