"""Recorded runs in, a scenario out: `calibrate`, and the Calibration that it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from asysim.calibration.calibrated_scenario import assembled, save_scenario
from asysim.calibration.findings import Findings, Record, stream
from asysim.calibration.fit import ESTIMATED, Estimate, Fit
from asysim.calibration.recorded import RecordedRun, recorded
from asysim.calibration.stage import Stage, numbered
from asysim.calibration.stage_fits import findings
from asysim.calibration.throughput import off_the_record
from asysim.calibration.verdicts import doubts_of
from asysim.errors import unfit
from asysim.scenario import Scenario
from asysim.scenario.load import from_document
from asysim.trace.trace import Trace

SAMPLES = 299
"""Samples of a law that times are compared with: enough to tell p < 0.01."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What recorded runs tell of the hardware.

    Attributes
    ----------
    base
        The run whose scenario is filled in: that of the most workers.
    findings
        The fitted stages, what is kept, and warnings.
    sources
        What it was made from.
    """

    base: RecordedRun
    findings: Findings
    sources: tuple[str, ...]

    @cached_property
    def fits(self) -> tuple[Fit, ...]:
        """Every fitted quantity, laws first in the order of a gradient's way, then its numbers."""
        found: list[Fit] = []
        for stage in self.findings.stages.values():
            found += stage.fits
            found += _numbers(stage)
        found += self.findings.shared.fits
        names = [fit.name for fit in found]
        return tuple(fit for i, fit in enumerate(found) if fit.name not in names[:i])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know, each a sentence."""
        doubts = [f"do not extrapolate: {said}" for said in self.doubts]
        return (*doubts, *self.findings.warnings)

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Why not to trust the scenario with more workers than were recorded; each a sentence.

        What was seen that independent times don't show, and what to record to tell it. None:
        nothing was seen.
        """
        record, found = self.findings.record, list(self.findings.doubts)
        found += doubts_of(
            self.base,
            self.findings.busiest,
            self._computing_known_to,
            record.negligible,
            told=any(run.hides_messages or run.hides_service for run in record.runs),
        )
        if not found:
            found += off_the_record(self.scenario(), list(record.runs))
        return tuple(found)

    @property
    def _computing_known_to(self) -> float | None:
        """By what part of itself the mean computing time is unsure, if its law tells that."""
        fits = self.findings.stages["compute"].fits
        return fits[0].mean_error if len(fits) == 1 else None

    def scenario(self, *, sample: int | None = None) -> Scenario:
        """Return the traces' scenario with what was fitted in place of its hardware.

        Parameters
        ----------
        sample
            Number of a draw of all parameters from what the traces leave open, ≥ 0; None: the
            parameters that fit best. One number gives one scenario.
        """
        if sample is not None and not 0 <= sample < 2**40:
            raise unfit("sample", str(sample), "a number from 0")
        seed = self.base.scenario.seed
        drawn = {
            name: stage.drawn(None if sample is None else stream(seed, name, sample))
            for name, stage in self.findings.stages.items()
        }
        if sample is not None and "push" in drawn and drawn["push"].rate is not None:
            # One link: the way back has the bandwidth of the way there.
            drawn["push"] = self.findings.stages["push"].drawn_at(
                stream(seed, "push", sample), drawn["pull"].rate
            )
        document = assembled(self.base, self.findings, drawn)
        return from_document(document, read_files=False, source="calibration")

    def save(self, path: str | Path, *, sample: int | None = None) -> list[Path]:
        """Write the scenario, and the times of empirical laws beside it; return the files.

        Raises
        ------
        InputError
            If a file can't be written.
        """
        about = "Fitted by `asysim calibrate`; what could not be told is as in the runs' scenario."
        return save_scenario(self.scenario(sample=sample), Path(path), about)


def calibrate(
    traces: Sequence[Trace],
    *,
    sources: Sequence[str] | None = None,
    samples: int = SAMPLES,
) -> Calibration:
    """Fit the laws of a cluster, or of a machine, to recorded runs.

    Parameters
    ----------
    traces
        Of one algorithm and batch size; numbers of workers and sizes of messages may differ.
    sources
        What to call each in errors and warnings: its file.
    samples
        Samples of each fitted law that decide whether it fits; 0: nothing is tested.

    Raises
    ------
    InputError
        If a trace has no scenario or no gradients, or they are of different things.
    """
    if not traces:
        raise unfit("traces", "none", "one trace or more")
    if sources is None:
        sources = [f"trace {number}" for number in range(len(traces))]
    runs = recorded(traces, sources)
    base = max(runs, key=lambda run: run.workers)
    found = findings(Record(runs, base, samples))
    return Calibration(found.record.base, found, tuple(sources))


def _numbers(stage: Stage) -> list[Fit]:
    """Return what a stage has of bare numbers: speeds of its workers, the rate it depends on."""
    found = []
    for number, speed in enumerate(stage.speeds[1:], start=1):
        members = [w for w, mine in enumerate(stage.classes) if mine == number]
        count = len(stage.times.of_workers(members))
        name = f"speed, {numbered(members)}"
        found.append(Fit(name, None, {"speed": speed}, count, verdict=ESTIMATED))
    if stage.rate is None:
        return found
    ends = stage.rate.estimate
    if stage.way == "times":
        name = "contention"
    else:
        high = 1 / ends.low if ends.low > 0 else float("inf")
        name, ends = "bandwidth", Estimate(1 / ends.value, 1 / ends.high, high)
    return [*found, Fit(name, None, {name: ends}, len(stage.times), verdict=ESTIMATED)]
