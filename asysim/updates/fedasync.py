"""Weights of asynchronous federated learning, applied to gradients.

Xie, Koyejo & Gupta, Asynchronous Federated Optimization, arXiv 1903.03934, weigh by s(τ) a model
that a client has trained, when they mix it into the server's; for one local step it is the change
of the model, so a gradient, that is weighed. Nguyen et al., Federated Learning with Buffered
Asynchronous Aggregation, AISTATS 2022, arXiv 2106.06639, weigh the changes in a buffer so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from asysim.errors import Clash
from asysim.ground.ranges import NotNegative, Positive
from asysim.updates.base import Given, Weight, WeightRule


class FedAsyncWeight(WeightRule):
    """The staleness function s(τ) of FedAsync (Xie et al. 2019)."""

    papers = ("xie2019asynchronous",)

    kind: Literal["fedasync"]
    function: Literal["constant", "polynomial", "hinge"]
    """1; (τ + 1)^(−a); or 1 up to τ = b and 1/(a(τ − b) + 1) beyond"""
    a: Positive | None = None
    """how fast it falls (polynomial, hinge)"""
    b: NotNegative | None = None
    """the staleness from which it falls (hinge)"""

    @model_validator(mode="after")
    def _has_its_constants(self) -> Self:
        needed = {"constant": "", "polynomial": "a", "hinge": "ab"}[self.function]
        for key in ("a", "b"):
            given = getattr(self, key) is not None
            if key in needed and not given:
                raise Clash(key, f'is required with function = "{self.function}"')
            if given and key not in needed:
                raise Clash(key, f'should be left out with function = "{self.function}"')
        return self

    @property
    def is_one(self) -> bool:
        return self.function == "constant"

    def rule(self, given: Given) -> Weight | None:  # noqa: ARG002
        if self.a is None:
            return None
        return Polynomial(self.a) if self.b is None else Hinge(self.a, self.b)


class FedBuffWeight(WeightRule):
    """The weight (1 + τ)^(−a) of a gradient in FedBuff's buffer (Nguyen et al. 2022)."""

    papers = ("nguyen2022federated",)

    kind: Literal["fedbuff"]
    a: Positive = 0.5
    """how fast it falls"""

    def rule(self, given: Given) -> Weight:  # noqa: ARG002
        return Polynomial(self.a)


@dataclass(frozen=True)
class Polynomial:
    """s(τ) = (τ + 1)^(−a): FedAsync's, and with a = 1/2 FedBuff's.

    Parameters
    ----------
    a
        Above 0.
    """

    pure: ClassVar[bool] = True

    a: float

    def weight(self, staleness: int, _step: float) -> float:
        return float((staleness + 1) ** -self.a)


@dataclass(frozen=True)
class Hinge:
    """s(τ) = 1 if τ ≤ b, else 1 / (a(τ − b) + 1).

    Parameters
    ----------
    a
        Above 0.
    b
        A staleness, 0 or more.
    """

    pure: ClassVar[bool] = True

    a: float
    b: float

    def weight(self, staleness: int, _step: float) -> float:
        return 1.0 if staleness <= self.b else 1 / (self.a * (staleness - self.b) + 1)
