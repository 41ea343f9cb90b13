"""`asysim schema`: the JSON Schema of scenario files."""

from __future__ import annotations

import sys
from pathlib import Path

from asysim.cli.terminal import writable
from asysim.ground.exit_codes import OK


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
