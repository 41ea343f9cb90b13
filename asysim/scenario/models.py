"""The scenario file: what is optimised, by which algorithm, on which cluster, for how long."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from asysim.errors import Clash
from asysim.laws import Constant, Law
from asysim.problems.settings import ProblemSettings
from asysim.scenario.clashes import clashes

Count = Annotated[int, Field(ge=1)]
_NO_TIME = Constant(value=0.0)


class _Table(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Algorithm(_Table):
    """Which update rule of Lian et al. 2015 runs, and with which constants."""

    name: Literal["asysg-con", "asysg-incon"]
    """asysg-con: consistent reads from a parameter server; asysg-incon: lock-free shared memory"""
    step: float = Field(gt=0)
    """γ, which multiplies the SUM over the mini-batch (γ of a mean, divided by batch_size)"""
    batch_size: Count = 1
    """M, stochastic gradients in one worker's gradient"""
    gradients_per_update: Count = 1
    """gradients the server folds into one update (asysg-con; in the paper too, as recalled)"""
    staleness_bound: int | None = Field(default=None, ge=0)
    """T: no gradient is applied more than T updates after its read; absent: unbounded"""
    beyond_bound: Literal["wait", "discard"] = "wait"
    """what enforces T: workers wait for the slowest, or a gradient that is too old is dropped"""
    write: Literal["dense", "coordinate", "block"] = "dense"
    """what an update writes: all of x, one coordinate at random, or one block (incon only)"""
    blocks: Count | None = None
    """into how many equal blocks x is cut, with write = "block" """


class Workers(_Table):
    """The workers, and how long each computes a gradient."""

    count: Count
    """p, the number of workers"""
    compute: Law
    """time to compute one mini-batch gradient at speed 1, in seconds: a number or a law"""
    speed: Annotated[float, Field(gt=0)] | list[Annotated[float, Field(gt=0)]] = 1.0
    """speed factor of all workers, or a list with one factor for each; times are divided by it"""

    @property
    def speeds(self) -> list[float]:
        """One factor for each worker."""
        return self.speed if isinstance(self.speed, list) else [self.speed] * self.count


class Network(_Table):
    """The star network of asysg-con: what lies between each worker and the server."""

    pull: Law = _NO_TIME
    """latency from the server's snapshot to the first byte at the worker, in seconds"""
    push: Law = _NO_TIME
    """latency from the finished gradient to the first byte at the server, in seconds"""
    bandwidth: float | None = Field(default=None, gt=0)
    """bytes per second of each link in each direction; absent: unlimited"""
    message_bytes: Count | None = None
    """size of x and of a gradient on the wire; absent: 8 bytes for each coordinate"""


class Server(_Table):
    """The parameter server of asysg-con: one queue, first come, first served."""

    service: Law = _NO_TIME
    """time the server takes to apply one gradient, in seconds"""


class Memory(_Table):
    """The shared memory of asysg-incon: sweeps over x from its first coordinate to its last."""

    read: Law = _NO_TIME
    """time to read all of x, in seconds"""
    write: Law = _NO_TIME
    """time to write all of x, in seconds; a block takes its share"""


class Length(_Table):
    """How long a run is: it ends at whatever comes first."""

    updates: Count | None = None
    """stop after this many updates (1,000,000 if neither updates nor seconds is given)"""
    seconds: float | None = Field(default=None, gt=0)
    """stop at this simulated time"""
    target_loss: float | None = None
    """stop when f(x) is at most this; not reaching it is a failure (exit code 3)"""
    target_gradient: float | None = Field(default=None, gt=0)
    """stop when ‖∇f(x)‖² is at most this; not reaching it is a failure (exit code 3)"""
    evaluate_every: Count | None = None
    """updates between two evaluations of f and ∇f; absent: 200 evaluations, or every 100 updates"""

    @model_validator(mode="before")
    @classmethod
    def _always_ends(cls, table: object) -> object:
        if isinstance(table, dict) and not {"updates", "seconds"} & table.keys():
            return table | {"updates": 1_000_000}
        return table

    @property
    def cadence(self) -> int:
        """Updates between two evaluations."""
        if self.evaluate_every is not None:
            return self.evaluate_every
        return 100 if self.updates is None else max(1, self.updates // 200)

    @property
    def has_target(self) -> bool:
        """Whether the run is asked to reach something."""
        return self.target_loss is not None or self.target_gradient is not None


class Scenario(_Table):
    """A whole experiment. `asysim.load` reads one from a file; `vary` changes one."""

    name: str = Field(default="scenario", pattern=r"^[A-Za-z0-9._-]+$")
    """names the run's folder: letters, digits, dots, hyphens and underscores"""
    description: str = ""
    """for people"""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """names every random draw of the schedule and every mini-batch (data: problem.seed)"""
    problem: ProblemSettings
    algorithm: Algorithm
    workers: Workers
    network: Network | None = None
    server: Server | None = None
    memory: Memory | None = None
    run: Length = Field(default_factory=lambda: Length.model_validate({}))

    @property
    def idle_workers(self) -> int:
        """How many workers must wait at any time for T alone: p − c(T + 1), if positive."""
        algorithm = self.algorithm
        if algorithm.staleness_bound is None or algorithm.beyond_bound == "discard":
            return 0
        room = algorithm.gradients_per_update * (algorithm.staleness_bound + 1)
        return max(0, self.workers.count - room)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for clash in clashes(self.model_dump()):
            raise clash
        if self.run.updates is None and self._takes_no_time():
            raise Clash(
                "run.seconds",
                "would never pass, as no step of a worker's cycle takes any time; "
                "give workers.compute a time, or run.updates",
            )
        return self

    def _takes_no_time(self) -> bool:
        laws = [self.workers.compute]
        if self.network is not None:
            laws += [self.network.pull, self.network.push]
            if self.network.bandwidth is not None:
                return False
        if self.server is not None:
            laws.append(self.server.service)
        if self.memory is not None:
            laws += [self.memory.read, self.memory.write]
        return all(law.mean < 1e-9 for law in laws)
