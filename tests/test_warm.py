"""Compiling takes long once: it is said, and can be done ahead."""

from __future__ import annotations

import os
import time

import pytest

from asysim.jit import notice
from asysim.jit.compiler import compiled
from asysim.jit.notice import Compiling, compiling
from asysim.problems.compiled import model_of
from asysim.problems.settings import KINDS
from asysim.scenario import parse
from tests.processes import ASYSIM, finish
from tests.support import ROOT


def asysim(*words, cache, tmp_path, **environment):
    kept = {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    return finish(*ASYSIM, *words, cwd=tmp_path, env=os.environ | kept | environment)


def test_what_is_compiled_ahead_is_not_compiled_again(tmp_path):
    cache, changes = tmp_path / "kept", ("engine=simpy", 'problem={kind="quadratic"}')
    file = str(ROOT / "scenarios" / "asysg_con.toml")

    def said(*words):
        done = asysim(*words, cache=cache, tmp_path=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    out, err = said("warm", file, *changes)
    assert err == f"asysim: {notice.WORDS}\n"
    assert "asysg_con: " in out
    assert "functions compiled in" in out
    out, err = said("run", file, *changes, "--json", "--no-pictures")
    assert err == ""
    out, err = said("warm", file, *changes)
    assert err == ""
    assert "asysg_con: nothing new" in out
    assert "in all 0 functions" in out


def test_what_can_not_be_warmed(tmp_path):
    done = asysim("warm", cache=tmp_path, tmp_path=tmp_path, NUMBA_DISABLE_JIT="1")
    assert done.returncode == 2
    assert "NUMBA_DISABLE_JIT" in done.stderr
    done = asysim("warm", "no.toml", cache=tmp_path, tmp_path=tmp_path)
    assert (done.returncode, "no.toml" in done.stderr) == (2, True)


class Told:
    def __init__(self):
        self.words = []

    def begin(self):
        self.words.append("begin")

    def end(self):
        self.words.append("end")


@pytest.mark.parametrize("patience", [0.0, 60.0])
def test_only_long_compiling_is_told(monkeypatch, patience):
    monkeypatch.setattr(notice, "AFTER", patience)
    state, outer, inner = Compiling(), Told(), Told()

    def compile_two():
        state.on_start()
        state.on_start()
        time.sleep(0.2)
        state.on_end()
        state.on_end()

    compile_two()  # nobody is there to be told
    with state.told(outer.begin, outer.end):
        compile_two()
        with state.told(inner.begin, inner.end):
            compile_two()
        compile_two()
    told = [] if patience else ["begin", "end"]
    assert (outer.words, inner.words) == (2 * told, told)
    assert state.functions == 8
    assert state.seconds >= 0.8


def test_a_function_that_is_compiled_is_counted():
    before = compiling.functions
    function = compiled(eval("lambda x: x + 1"))  # in no file, so never found on disk
    assert [function(1), function(2)] == [2, 3]
    assert compiling.functions == before + 1


def test_every_kind_says_what_compiles_its_kernels():
    """A kind of problem is its file and its name in the list: the rest is asked of it."""
    compiled_models = set()
    silent = []
    for model in KINDS:
        kind = model.model_fields["kind"].default
        if model.compiled_by is None:
            silent.append(kind)
        for more in model.compiled_by or ():
            scenario = parse(_document(f'kind = "{kind}"\n{more}'))
            made = model_of(scenario.problem.build())
            assert made is not None
            compiled_models.add(type(made))
    assert silent == ["least_squares", "torch"]
    data = 'kind = "least_squares"\ndata = {kind = "regression"}'  # with the kernels of logistic
    assert type(model_of(parse(_document(data)).problem.build())) in compiled_models


def _document(problem):
    return (
        f'[problem]\n{problem}\n[algorithm]\nname = "asysg-con"\nstep = 1e-6\n'
        "[workers]\ncount = 1\ncompute = 1e-3\n"
    )
