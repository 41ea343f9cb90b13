"""What a worker process does first and last."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Sequence
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory

from asysim.errors import first_line


def be_a_worker(
    number: int, mouth: Connection, name: str, size: int, letter: bytes, sizes: Sequence[int]
) -> None:
    """Be one worker in a segment of shared memory, and say how it went.

    Parameters
    ----------
    number
        Which worker.
    mouth
        Where to say what failed, or how exact emulated times were.
    name, size
        The segment, and how much of it is the workers' memory; the rest are arrays of the plan.
    letter, sizes
        The plan, as `asysim.backends.parcel.unpack` takes it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever watches stops us
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        segment = SharedMemory(name)
        assert segment.buf is not None
        _work(number, mouth, segment.buf, size, letter, sizes)
    except BaseException as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        said = (
            f"{type(error).__name__}: {first_line(error)}"
            if isinstance(error, Exception)
            else (type(error).__name__)
        )
        mouth.send(f"{said} ({frame.filename}, line {frame.lineno})")
    finally:
        # Not by the interpreter's own end, which would complain of views of the segment.
        os._exit(0)


def _work(
    number: int, mouth: Connection, memory: memoryview, size: int, letter: bytes,
    sizes: Sequence[int],
) -> None:  # fmt: skip
    import numpy as np
    import scipy.linalg  # noqa: F401  (so that its BLAS is there to be limited)
    from threadpoolctl import threadpool_limits

    from asysim.backends.memory import view
    from asysim.backends.parcel import unpack
    from asysim.backends.turns import stop
    from asysim.backends.worker import Worker

    os.environ["OMP_NUM_THREADS"] = "1"  # before the problem brings torch along, if it does
    plan = unpack(letter, sizes, memory[size:])
    shared = view(plan, memory[:size])
    try:
        with threadpool_limits(1), np.errstate(all="ignore"):
            worker = Worker(plan, shared, number)
            worker.run()
    finally:
        stop(shared)
    if worker.accuracy is not None:
        mouth.send(worker.accuracy)


def _leave_with_parent() -> None:
    """End this process when the one that watches it has ended, however it did."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
