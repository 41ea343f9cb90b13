"""The scenario file: what is optimised, by which algorithm, on which cluster, for how long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from asysim.coordination.asynchronous import Asynchronous
from asysim.coordination.base import Settings
from asysim.coordination.rules import AnyRule
from asysim.errors import Clash
from asysim.ground.ranges import (
    AnyPositive,
    Count,
    KeptCount,
    NotNegative,
    SomeSeconds,
    WholeNumber,
)
from asysim.ground.table import Table
from asysim.laws import TimeLaw, for_batch
from asysim.laws.simple import NO_TIME
from asysim.problems.settings import ProblemSettings
from asysim.scenario.backend import Backend
from asysim.scenario.clashes import clashes
from asysim.scenario.cluster import Memory, Network, Server, Workers
from asysim.scenario.escape import Escape
from asysim.scenario.failures import Failures
from asysim.scenario.limits import Limits
from asysim.scenario.replay import Replay
from asysim.scenario.schedules import AnySchedule, FileSchedule
from asysim.scenario.second_order import SecondOrder
from asysim.scenario.speedup import Speedup
from asysim.scenario.sweep import Sweep
from asysim.updates.settings import Step, Update

STUDIES = ("speedup", "limits", "escape", "sweep")
"""Tables of a scenario that say which runs a study makes, and nothing of a run."""

_TICK = 1e-9  # seconds


class Algorithm(Table):
    """Which update rule of Lian et al. 2015 runs, and with which constants."""

    name: Literal["asysg-con", "asysg-incon"]
    """asysg-con: consistent reads from a parameter server; asysg-incon: lock-free shared memory"""
    step: Step
    """γ, which multiplies the SUM over the mini-batch (γ of a mean, divided by batch_size)"""
    batch_size: Count = 1
    """M, stochastic gradients in one worker's gradient"""
    gradients_per_update: KeptCount = 1
    """gradients the server folds into one update (asysg-con; in the paper too, as recalled)"""
    staleness_bound: WholeNumber | None = None
    """T: no gradient is applied more than T updates after its read; absent: unbounded"""
    beyond_bound: Literal["wait", "discard", "restart"] = "wait"
    """what enforces T: workers wait for the slowest; a gradient that is too old is dropped when it
    arrives; or it is stopped as soon as it is too old, and its worker reads anew (con only)"""
    write: Literal["dense", "coordinate", "block"] = "dense"
    """what an update writes: all of x, one coordinate at random, or one block (incon only)"""
    blocks: Count | None = None
    """into how many equal blocks x is cut, with write = "block" """


class Length(Table):
    """How long a run is: it ends at whatever comes first."""

    updates: Count | None = None
    """stop after this many updates (1,000,000 if neither updates nor seconds is given)"""
    seconds: SomeSeconds | None = None
    """stop at this simulated time"""
    target_loss: float | None = None
    """stop when f(x) is at most this; not reaching it is a failure (exit code 3)"""
    target_gradient: AnyPositive | None = None
    """stop when ‖∇f(x)‖² is at most this; not reaching it is a failure (exit code 3)"""
    smoothing: Count = 1
    """evaluations in a row whose mean is compared with the target: loss curves are noisy"""
    evaluate_every: Count | None = None
    """updates between two evaluations of f and ∇f; absent: 200 evaluations, or every 100 updates"""
    diverged_above: NotNegative | None = None
    """the run ends as diverged (exit code 4) when f(x) has risen by more than this many times
    |f(x_1)|, or what the noise of a step makes of f there if that is more; 0: never; absent: 1e6"""

    second_order: SecondOrder | None = None
    """also measure the least eigenvalue of ∇²f(x) and how near saddles are; absent: not"""

    @model_validator(mode="after")
    def _is_a_factor(self) -> Self:
        if self.diverged_above is not None and 0 < self.diverged_above < 1:
            raise Clash("diverged_above", "should be 1 or more, or 0 for never: a factor")
        return self

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
    def target(self) -> str:
        """What the run is asked to reach, in words; empty if nothing."""
        sides = (("loss", self.target_loss), ("‖∇f‖²", self.target_gradient))
        return " or ".join(f"{name} ≤ {value:g}" for name, value in sides if value is not None)

    @property
    def has_target(self) -> bool:
        """Whether the run is asked to reach something."""
        return self.target_loss is not None or self.target_gradient is not None


def _workers_of(known: dict[str, Any]) -> Workers:
    """Return the workers of a schedule that is known; without one they are required."""
    schedule = known.get("schedule")
    count = schedule.known.workers if isinstance(schedule, FileSchedule) else 1
    return Workers(count=count, compute=NO_TIME)


class Scenario(Table):
    """A whole experiment. `asysim.load` reads one from a file; `vary` changes one."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"not": {"required": ["schedule"]}},
            "then": {"required": ["workers"]},
        }
    )

    name: str = Field(default="scenario", max_length=100, pattern=r"^[A-Za-z0-9._-]+$")
    """names the run's folder: letters, digits, dots, hyphens and underscores"""
    description: str = ""
    """for people"""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """names every random draw of the schedule and every mini-batch (data: problem.seed)"""
    problem: ProblemSettings
    algorithm: Algorithm
    schedule: AnySchedule | None = None
    """what happened when, from a file, in place of workers and whatever else is simulated"""
    workers: Workers = Field(default_factory=_workers_of)
    """required, but with a schedule from a file, which has them"""
    coordination: AnyRule | None = None
    network: Network | None = None
    server: Server | None = None
    memory: Memory | None = None
    update: Update | None = None
    faults: Failures | None = None
    backend: Backend | None = None
    engine: Literal["auto", "compiled", "simpy"] = "auto"
    """what plays the schedule: SimPy, or its compiled twin, which gives the same rows; auto: the
    twin, unless the scenario asks for something that it does not know"""
    replay: Replay | None = None
    speedup: Speedup | None = None
    escape: Escape | None = None
    limits: Limits | None = None
    sweep: Sweep | None = None
    run: Length = Field(default_factory=dict, validate_default=True)

    @field_validator("run", mode="before")
    @classmethod
    def _ends_with_the_file(cls, run: object, info: ValidationInfo) -> object:
        schedule = info.data.get("schedule")
        if not isinstance(schedule, FileSchedule) or schedule.repeat or not isinstance(run, dict):
            return run
        endless = not {"updates", "seconds"} & run.keys()
        return run | {"updates": schedule.known.updates} if endless else run

    @property
    def played(self) -> Settings:
        """The coordination rule, with what `algorithm` says of an asynchronous one."""
        return (self.coordination or Asynchronous()).played(self.algorithm)

    @property
    def idle_workers(self) -> int:
        """How many workers must wait at any time for T alone: p − c(T + 1), if positive."""
        algorithm = self.algorithm
        if algorithm.staleness_bound is None or algorithm.beyond_bound != "wait":
            return 0
        room = algorithm.gradients_per_update * (algorithm.staleness_bound + 1)
        return max(0, self.workers.count - room)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        made_up = {"workers"} - self.model_fields_set
        for clash in (*clashes(self.model_dump(exclude=made_up)), *self._of_schedule()):
            raise clash
        if self.schedule is not None:
            return self
        if self.run.updates is None and self._takes_no_time():
            raise Clash(
                "run.seconds",
                "would never pass, as no step of a worker's cycle takes any time; "
                "give workers.compute a time, or run.updates",
            )
        algorithm = self.algorithm
        discards = algorithm.beyond_bound == "discard" and algorithm.staleness_bound is not None
        if algorithm.name == "asysg-incon" and discards and self._reads_and_computes_at_once():
            raise Clash(
                "workers.compute",
                "should take some time: while another writes, a gradient that takes none would be "
                "discarded and begun again at the same instant, without end",
            )
        return self

    def _of_schedule(self) -> Iterator[Clash]:
        """Find what is not as in the file that has the schedule, if it has been read."""
        schedule = self.schedule
        if schedule is None or not schedule.is_read:
            return
        known, file = schedule.known, schedule.named
        if self.algorithm.name != known.algorithm:
            yield Clash("algorithm.name", f'should be "{known.algorithm}", as {file} has it')
        if self.workers.count != known.workers:
            wanted = f"should be left out, or {known.workers}, as {file} has it"
            yield Clash("workers.count", wanted)
        if (self.run.updates or 0) > known.updates and not schedule.repeat:
            yield Clash(
                "run.updates",
                f"should be at most {known.updates}, which is where {file} ends, or go with "
                "schedule.repeat = true",
            )

    def _computing(self) -> list[TimeLaw]:
        """Return the laws of computing, of each group if there are any."""
        workers, batch_size = self.workers, self.algorithm.batch_size
        return [
            for_batch((group and group.compute) or workers.compute, batch_size)
            for group in workers.groups or (None,)
        ]

    def _reads_and_computes_at_once(self) -> bool:
        reading = NO_TIME.mean if self.memory is None else self.memory.read.mean
        return reading < _TICK and any(law.mean < _TICK for law in self._computing())

    def _takes_no_time(self) -> bool:
        """Whether somebody's cycle is over at the instant at which it begins."""
        network, server, memory = self.network, self.server, self.memory
        shared = []
        if network is not None and (network.bandwidth or network.server_bandwidth):
            return False
        if server is not None:
            shared += [server.service, server.read]
        if memory is not None:
            shared += [memory.read, memory.write]
        if any(law.mean >= _TICK for law in shared):
            return False
        latencies = (NO_TIME, NO_TIME) if network is None else (network.pull, network.push)
        return any(
            computing.mean < _TICK
            and ((group and group.pull) or latencies[0]).mean < _TICK
            and ((group and group.push) or latencies[1]).mean < _TICK
            for group, computing in zip(
                self.workers.groups or (None,), self._computing(), strict=True
            )
        )
