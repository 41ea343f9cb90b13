"""NUMBA_DISABLE_JIT=1: every compiled function as Python, for debuggers; the same bytes."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest

import asysim
from asysim.jit.compiler import compiled
from asysim.jit.instructions import bits, fma, from_bits, high_product
from asysim.problems import LeastSquares
from asysim.replay import curve as curves
from asysim.schedule.compiled.inconsistent_sweeps import at_most
from tests.golden import columns, digest
from tests.processes import finish
from tests.support import ROOT

_MLP = ("problem.layers=[5,4,3]", 'problem.data={kind="teacher",layers=[5,4,3],samples=40}')
RUNS = {
    "con, waiting": ("asysg_con", "run.updates=40"),
    "con, discarding": ("asysg_con", "run.updates=40", "algorithm.beyond_bound=discard"),
    "incon, perceptron": ("asysg_incon", "run.updates=20", "workers.count=4", *_MLP),
    "con, perceptron": ("asysg_con", "run.updates=10", "problem.l2=", "problem.kind=mlp", *_MLP),
    "incon, factorization": (
        "asysg_incon", "run.updates=20", "workers.count=4",
        'problem={kind="matrix_factorization",rows=6,columns=5}',
    ),
    "con, chain of saddles": ("asysg_con", "run.updates=20", 'problem={kind="chain_of_saddles"}'),
    "con, sensing": (
        "asysg_con", "run.updates=10", "problem={kind='matrix_sensing',size=4,rank=2}"
    ),
    "cluster, a rule": ("ssp", "run.updates=25", 'problem={kind="quadratic",dimension=3}'),
    "cluster, failures": ("flaky", "run.updates=25", 'problem={kind="quadratic",dimension=3}'),
    "the largest seed": ("asysg_con", "run.updates=10", f"seed={2**63 - 1}"),
}  # fmt: skip


def made(words):
    """Return what a run comes to: hashes of its trace and its curve."""
    file, *changes = words
    scenario = asysim.load(ROOT / "scenarios" / f"{file}.toml", *changes)
    return hashes(asysim.run(scenario))


def sparse():
    """Run a problem that no small scenario file has: one with sparse features."""
    from scipy.sparse import csr_array

    table = np.arange(60.0).reshape(12, 5) % 7 * (np.arange(60).reshape(12, 5) % 3 == 0)
    problem = LeastSquares(csr_array(table), table.sum(axis=1), l2=0.1)
    scenario = asysim.load(
        ROOT / "scenarios" / "asysg_con.toml", "run.updates=20", "algorithm.step=1e-3"
    )
    return hashes(asysim.run(scenario, problem=problem))


def hashes(run):
    points = np.column_stack([*curves.columns(run.outcome.points).values()])
    assert run.trace.info.arithmetic == "compiled"
    return [columns(run.trace), digest(points, run.x, run.outcome.x_ergodic)]


def instructions():
    """Return what instructions make of numbers that are hard to round or to fit."""
    rng = np.random.default_rng(1)
    x, y, z = rng.standard_normal((3, 200)) * 2.0 ** rng.integers(-30, 30, (3, 200))
    z[::2] = -x[::2] * y[::2]
    words = rng.integers(0, 2**64, (2, 50), dtype=np.uint64)
    whole = rng.integers(-(2**61), 2**61, (6, 50))
    return [
        digest(_all_fma(x, y, z)),
        digest(_all_bits(x)),
        digest(_all_products(*words)),
        digest(_all_compared(*whole)),
    ]


@compiled
def _all_fma(x, y, z):
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = fma(x[i], y[i], z[i])
    return out


@compiled
def _all_bits(x):
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = from_bits(bits(x[i]) + 3)
    return out


@compiled
def _all_products(a, b):
    out = np.empty(a.size, np.uint64)
    for i in range(a.size):
        out[i] = high_product(a[i], b[i])
    return out


@compiled
def _all_compared(a, b, c, d, e, f):
    out = np.empty(a.size, np.int64)
    for i in range(a.size):
        out[i] = at_most(a[i], b[i], c[i], d[i], e[i], f[i])
    return out


def everything():
    return {name: made(words) for name, words in RUNS.items()} | {
        "con, sparse": sparse(),
        "instructions": instructions(),
    }


def as_python(*words):
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    return finish(sys.executable, "-W", "error", *words, env=environment, cwd=ROOT)


def test_python_makes_the_bytes_that_machine_code_makes():
    done = as_python("-m", "tests.test_as_python")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == everything()


@pytest.mark.parametrize("backend", ["threads", "processes"])
def test_what_needs_machine_code_says_so(backend):
    done = as_python("-m", "asysim", "run", "scenarios/asysg_con.toml", "--on", backend)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "NUMBA_DISABLE_JIT" in said
    assert f"should not be set on {backend}" in said
    assert "Traceback" not in said


if __name__ == "__main__":
    print(json.dumps(everything()))
