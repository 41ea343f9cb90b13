"""`asysim laws`: what a time law is like, in a table and a picture."""

from __future__ import annotations

from pathlib import Path

from asysim.cli.terminal import writable
from asysim.ground.console import console
from asysim.ground.exit_codes import OK


def laws(
    law: str,
    key: str | None = None,
    /,
    *,
    out: Path = Path("law.png"),
    batch_size: int | None = None,
    draws: int = 100_000,
    seed: int = 1,
    json: bool = False,
) -> int:
    """Print what a time law is like, and draw it.

    Parameters
    ----------
    law
        A law in TOML as in a scenario, '{law = "weibull", mean = 1e-3, shape = 0.6}' or a number
        of seconds; or the scenario file that it stands in.
    key
        Where in the scenario; by default workers.compute.
    out
        The picture to draw; one that asysim drew before is drawn anew, another file left alone.
    batch_size
        M, for a law of the batch's size; by default the scenario's.
    draws
        How many draws to hold against the law.
    seed
        Names the draws: they are those of worker 0's gradients under this seed, at speed 1.
    json
        Print one line of JSON instead of a table.
    """
    from asysim.cli.given_law import given
    from asysim.show.law_picture import law_picture
    from asysim.show.laws import LawSheet, law_as_json, print_law
    from asysim.show.picture import check_picture, write_picture

    found, size = given(law, key)
    check_picture(out)
    sheet = LawSheet(found, size if batch_size is None else batch_size, draws, seed)
    with writable(out, "--out"):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_picture(law_picture(sheet), out)
    if json:
        print(law_as_json(sheet, str(out)))
    else:
        print_law(sheet, console())
        print(f"picture: {out}")
    return OK
