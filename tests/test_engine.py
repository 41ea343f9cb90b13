"""Which engine plays a scenario, and that it makes no difference but to the clock on the wall."""

from __future__ import annotations

import numpy as np
import pytest

import asysim
from asysim.runs.rederive import differences
from asysim.scenario import parse
from asysim.schedule.engine import engine_of
from tests import golden
from tests.support import CON, INCON, SCENARIOS, command, only_fault, scenario

NEED_TORCH = [path for path in SCENARIOS if path not in golden.scenarios()]
POWER = ('workers.power={kind="spells", normal=0.01, slow=0.002, power=0.2}',)


@pytest.mark.parametrize("path", NEED_TORCH, ids=lambda path: path.stem)
def test_both_engines_make_the_same_run(path):
    # Of the other scenarios tests/test_golden.py shows it.
    pytest.importorskip("torch")
    changes = ["run.updates=150", "run.evaluate_every=50", "run.target_loss="]
    runs = [asysim.run(asysim.load(path, *changes, f"engine={e}")) for e in ("simpy", "compiled")]
    assert runs[0].trace == runs[1].trace
    assert differences(*runs) == []


@pytest.mark.parametrize("text", [CON, INCON])
def test_compiled_and_numpy_agree_to_rounding(text):
    runs = [
        asysim.run(scenario(text, f"replay.arithmetic={how}", "engine=simpy"))
        for how in ("numpy", "compiled")
    ]
    assert [run.trace.info.arithmetic for run in runs] == ["numpy", "compiled"]
    assert runs[0].trace == runs[1].trace
    np.testing.assert_allclose(runs[0].x, runs[1].x, rtol=1e-9, atol=1e-12)


def test_a_trace_is_computed_as_it_was(tmp_path):
    run = asysim.run(scenario(CON, "replay.arithmetic=numpy"), folder=tmp_path / "run")
    back = asysim.load_run(tmp_path / "run")
    assert back.trace.info.arithmetic == "numpy"
    assert differences(run, asysim.rerun(back.trace, scenario(CON))) == []


def test_what_the_compiled_engine_does_not_know(tmp_path):
    asked = scenario(INCON, *POWER)
    assert engine_of(asked, 10) == ("simpy", "workers.power")
    assert engine_of(scenario(INCON), 10) == ("compiled", None)
    (tmp_path / "s.toml").write_text(INCON)
    said = command("run", tmp_path / "s.toml", *POWER, "--out", tmp_path / "run")
    assert said.code == 0
    assert "does not know workers.power" in said.out.replace("\n", " ")
    fault = only_fault(asysim.run, scenario(INCON, *POWER, "engine=compiled"))
    assert (fault.key, fault.found) == ("engine", '"compiled"')
    assert "workers.power" in fault.expected


def test_kernels_that_are_not_there():
    class Mine:
        dimension, words = 1, 0

        def start(self):
            return np.ones(1)

        def sample(self, words):
            return words[..., 0:0]

        def gradient(self, x, _batch, out):
            np.copyto(out, x)

        def value(self, x):
            return float(x @ x) / 2

        def full_gradient(self, x, out):
            np.copyto(out, x)
            return self.value(x)

        def constants(self):
            return asysim.problems.Constants()

    assert asysim.run(scenario(CON), problem=Mine()).trace.info.arithmetic == "numpy"
    asked = scenario(CON, "replay.arithmetic=compiled")
    fault = only_fault(asysim.run, asked, problem=Mine())
    assert (fault.key, fault.found) == ("replay.arithmetic", '"compiled" for Mine')


@pytest.mark.parametrize("text", [CON, INCON])
def test_progress_shows(text):
    seen = []
    asked = scenario(text, "run.updates=5000", "run.evaluate_every=2500")
    asysim.run(asked, progress=lambda state: seen.append(state.updates))
    assert seen == sorted(set(seen))
    assert {0, 2500} <= set(seen)
    assert len(seen) > 5


def test_both_engines_write_the_same_files(tmp_path):
    for engine in ("simpy", "compiled"):
        asked = parse(CON, f"engine={engine}")
        asysim.run(asked, folder=tmp_path / engine)
    for name in ("trace.parquet", "curve.parquet", "x.npy", "x_ergodic.npy"):
        one, other = ((tmp_path / e / name).read_bytes() for e in ("simpy", "compiled"))
        assert one == other, name
