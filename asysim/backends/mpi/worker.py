"""A worker over MPI: asks for nothing, computes what it is sent, and sends it back."""

from __future__ import annotations

import numpy as np

from asysim.backends.mpi.cores import single_threaded
from asysim.backends.mpi.emulation import ARRIVED, GRANTED, LATE, OVERSHOOT, Rounds, rounds
from asysim.backends.mpi.guard import under_orders
from asysim.backends.mpi.messages import FAILED, GRADIENT, HEAD, Pool, X
from asysim.backends.mpi.orders import Dismissed, Orders
from asysim.backends.mpi.post import Post
from asysim.backends.mpi.world import world
from asysim.errors import first_line
from asysim.problems.base import Problem
from asysim.replay.sampling import Sampler
from asysim.scenario import Scenario


def serve(scenario: Scenario, problem: Problem) -> None:
    """Be a worker until rank 0 sends everybody home: see `asysim.backends.mpi.serve`."""
    workers, rank = scenario.workers.count, world()[0]
    with under_orders(), single_threaded():
        pool = Pool(problem.dimension, workers)
        orders = Orders(Post(pool, [0]))
        dismissed = False
        try:
            _work(scenario, problem, orders, rank - 1)
        except Dismissed:
            dismissed = True
        except Exception as error:
            message = pool.take()
            kind = type(error).__name__
            message.text = kind if first_line(error) == kind else f"{kind}: {first_line(error)}"
            length = HEAD + -(-int(message.head[0]) // message.whole.itemsize)
            orders.post.drop(0, FAILED, message, length)
        orders.leave(dismissed=dismissed)


def _work(scenario: Scenario, problem: Problem, orders: Orders, number: int) -> None:
    sampler = Sampler(problem, seed=scenario.seed, batch_size=scenario.algorithm.batch_size)
    # Once for nothing, which compiles what has to be, before the clock runs.
    problem.gradient(problem.start(), sampler.batch(number, 0), np.empty(problem.dimension))
    if scenario.algorithm.name == "asysg-incon":
        from asysim.backends.mpi.lockfree import LockFree

        LockFree(scenario, problem, sampler, orders, number).run()
        return
    emulated = None
    if scenario.backend is not None and scenario.backend.emulate:
        emulated = rounds(scenario, problem.dimension, number)
    orders.report()
    orders.await_start(punctual=emulated is not None)
    _compute(problem, sampler, orders, number, emulated)


def _compute(
    problem: Problem, sampler: Sampler, orders: Orders, number: int, emulated: Rounds | None
) -> None:
    """Answer each x with a gradient at it, when it is due if that is emulated."""
    post, clock, core = orders.post, orders.clock, orders.core
    draw, answer = 0, post.pool.take()
    while True:
        x = orders.next(X)
        post.settle(0)
        ready = clock()
        problem.gradient(x.body, sampler.batch(number, draw), answer.body)
        done = clock()
        answer.head[:4] = draw, ready, done, core.number
        if emulated is not None:
            granted = int(x.head[GRANTED])
            pull, compute, push, _ = next(emulated)
            due = granted + pull + compute
            arrived = max(due, done) + push
            answer.head[1:3] = granted + pull, max(due, done)
            answer.head[ARRIVED] = arrived
            answer.head[LATE] = max(0, done - due)
            answer.head[OVERSHOOT] = orders.wait_until(arrived)
        post.send(0, GRADIENT, answer)
        post.pool.put(x)
        draw += 1
