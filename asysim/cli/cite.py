"""`asysim cite`: BibTeX for what a scenario uses."""

from __future__ import annotations

from pathlib import Path

from asysim.ground.exit_codes import OK


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
