"""Commands that write a text: a scenario to start from, its schema, its papers."""

from __future__ import annotations

import sys
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


def schema(*, out: Path | None = None) -> int:
    """Print the JSON Schema of scenario files, for editors.

    Parameters
    ----------
    out
        The file to write instead; an existing one is left alone.
    """
    import json

    from asysim.ground.outputs import check_new_file
    from asysim.scenario import json_schema

    if out is not None:
        check_new_file(out)
    # What a terminal's encoding lacks would not be JSON any more, were it spelled out.
    ascii_only = out is None and not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    text = json.dumps(json_schema(), indent=2, ensure_ascii=ascii_only) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        with writable(out, "--out"):
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(text, encoding="utf-8")
    return OK


def cite(scenario: Path, /, *changes: str) -> int:
    """Print BibTeX for what a scenario uses: its algorithm, its rules, asysim itself.

    Parameters
    ----------
    scenario
        A TOML file.
    changes
        KEY=VALUE in TOML syntax, as for `asysim run`.
    """
    import asysim
    from asysim.scenario.papers import cite as bibtex

    print(bibtex(asysim.load(scenario, *changes)), end="")
    return OK
