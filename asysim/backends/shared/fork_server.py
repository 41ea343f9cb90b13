"""What a worker process needs, imported once for all of them; see `processes`."""

from __future__ import annotations

import os

# Before they are imported: a pool of threads would not survive the fork of each worker.
for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_pool] = "1"

import scipy.linalg  # noqa: E402
import threadpoolctl  # noqa: E402

from asysim.backends.assignment import prepared  # noqa: E402
from asysim.backends.shared.memory import rehearsal  # noqa: E402
from asysim.backends.shared.worker_process import Worker  # noqa: E402
from asysim.scenario import parse  # noqa: E402

__all__ = ["scipy", "threadpoolctl"]

_SMALL = """
problem = {{kind = "quadratic", dimension = 2}}
algorithm = {{name = "{}", step = 0.1}}
workers = {{count = 1, compute = 1e-3}}
run = {{updates = 2}}
"""


def _load_kernels() -> None:
    """Have all compiled code in memory before any worker is forked off."""
    for algorithm in ("asysg-con", "asysg-incon"):
        scenario = parse(_SMALL.format(algorithm))
        assignment, _ = prepared(scenario, scenario.problem.build())
        alone, memory = rehearsal(assignment, 2)
        Worker(alone, memory, 0).work()


_load_kernels()
