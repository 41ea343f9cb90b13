"""Every scenario file comes to the bytes that it came to before, whichever engine plays it."""

from __future__ import annotations

import pytest

from asysim.runs.rederive import differences
from tests import golden


@pytest.mark.parametrize("path", golden.scenarios(), ids=lambda path: path.stem)
def test_the_bytes_are_those_of_before(path):
    runs = golden.runs_of(path)
    simpy, compiled = runs["compiled kernels"].values()
    assert simpy.trace == compiled.trace
    assert differences(simpy, compiled) == []
    apart = golden.differences(golden.kept()[path.stem], golden.all_of(runs))
    assert not apart, (
        "\n".join(apart) + "\nIf these bytes are meant to change, `python -m tests.golden --write` "
        "keeps the new ones, and CHANGELOG.md says why."
    )


def test_no_scenario_is_forgotten():
    assert golden.kept().keys() == {path.stem for path in golden.scenarios()}
