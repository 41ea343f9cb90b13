"""How fast PyTorch's own Hogwild is: processes that update one shared model without locks.

    python benchmarks/torch_hogwild.py

A baseline for asysim's lock-free backend, on the same network, data and mini-batches' size
(scenarios/asysg_incon.toml), written as PyTorch's documentation and examples do it:
``share_memory()``, one process for each worker, one thread in each, ``optim.SGD``; in float32.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import time
from functools import cache
from itertools import pairwise
from typing import Any

LAYERS, BATCH_SIZE, STEP, SAMPLES = (400, 100, 50, 20, 10), 10, 5e-4, 20_000
UPDATES, ROUNDS, WARM_UP = 8_000, 7, 200


def available() -> bool:
    """Whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


def updates_per_second(workers: int, updates: int) -> float:
    """Run until `updates` updates were made by all workers together; return their rate.

    The clock runs from when all workers, warmed up, start at once, to when the first of them sees
    that the shared count is reached.
    """
    import torch
    from torch import multiprocessing

    context = multiprocessing.get_context("spawn")
    model = network().share_memory()
    features, targets = data()
    # Each worker counts in a place of its own, a cache line from the next: no lock, and none lost.
    counts = torch.zeros((workers, 8), dtype=torch.int64).share_memory_()
    clock = torch.zeros((workers, 2), dtype=torch.int64).share_memory_()
    barrier = context.Barrier(workers)
    multiprocessing.spawn(
        _work, (model, features, targets, updates, counts, clock, barrier), nprocs=workers
    )
    began, ended = clock[:, 0].min().item(), clock[:, 1].min().item()
    return float(updates / ((ended - began) * 1e-9))


def network() -> Any:
    """Return the 46,380-parameter network."""
    from torch import nn

    parts: list[nn.Module] = []
    for inputs, outputs in pairwise(LAYERS):
        parts += [nn.Linear(inputs, outputs), nn.Tanh()]
    return nn.Sequential(*parts[:-1])


@cache
def data() -> tuple[Any, Any]:
    """Return inputs and targets, as asysim makes them, in shared memory."""
    import torch

    from asysim.problems.data import teacher

    made = teacher(samples=SAMPLES, layers=LAYERS, activation="tanh", noise=0.1, seed=0)
    features, targets = (
        torch.tensor(a, dtype=torch.float32) for a in (made.features, made.targets)
    )
    return features.share_memory_(), targets.share_memory_()


def _work(
    worker: int,
    model: Any,
    features: Any,
    targets: Any,
    updates: int,
    counts: Any,
    clock: Any,
    barrier: Any,
) -> None:
    import torch

    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(worker)
    optimiser = torch.optim.SGD(model.parameters(), lr=STEP)
    all_counts, own_count = counts.numpy()[:, 0], counts.numpy()[worker]

    def update() -> None:
        rows = torch.randint(len(features), (BATCH_SIZE,), generator=random)
        optimiser.zero_grad()
        output = model(features[rows])
        loss = 0.5 * (output - targets[rows]).square().sum()
        loss.backward()
        optimiser.step()

    for _ in range(WARM_UP):
        update()
    barrier.wait()
    began = time.monotonic_ns()
    while all_counts.sum() < updates:
        update()
        own_count[0] += 1
    clock[worker, 0], clock[worker, 1] = began, time.monotonic_ns()


def main() -> None:
    """Print the rates of one and two workers."""
    if not available():
        raise SystemExit("needs PyTorch: pip install 'asysim[torch]'")
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for workers, found in rates.items():
            found.append(updates_per_second(workers, UPDATES))
    print(f"{os.cpu_count()} cores; medians of {ROUNDS} rounds in which both take turns")
    print(f"PyTorch's Hogwild, {'×'.join(map(str, LAYERS))}, batch {BATCH_SIZE}, float32")
    alone = statistics.median(rates[1])
    for workers, found in rates.items():
        rate = statistics.median(found)
        span = f"{min(found):,.0f} … {max(found):,.0f}"
        print(f"{workers} workers: {rate:8,.0f} updates/s ({span}), speedup {rate / alone:.2f}")


if __name__ == "__main__":
    main()
