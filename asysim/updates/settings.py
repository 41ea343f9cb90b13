"""The update rule: a product of policies, step × weight × correction × momentum.

What each policy computes, with its paper, is in `asysim/updates`; here is what a file says.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from asysim.errors import Clash
from asysim.ground.ranges import HUGEST, TINIEST, AnyPositive, Count, NotNegative, Positive
from asysim.ground.table import NUMBER, Table


class ConstantStep(Table):
    """γ_k = value; what a bare number means, and is written back as."""

    kind: Literal["constant"]
    value: AnyPositive
    """γ, which multiplies the SUM over the mini-batch"""


class DecayingStep(Table):
    """γ_k = initial / (1 + k/offset)^power (Robbins & Monro 1951)."""

    kind: Literal["decaying"]
    initial: AnyPositive
    """γ_0, which multiplies the SUM over the mini-batch"""
    power: Positive = 0.5
    """how fast it decays: in the long run as k^(−power)"""
    offset: Positive = 1.0
    """updates until it has fallen to initial/2^power"""

    def __format__(self, form: str) -> str:
        # A report prints γ as a number, and this is what it then says.
        initial, offset, power = (format(v, form) for v in (self.initial, self.offset, self.power))
        return f"{initial}/(1 + k/{offset})^{power}"


class TheoremStep(Table):
    """γ = sqrt(Δ / (M L K σ²)), of Corollary 2 for AsySG-con (Lian et al. 2015).

    M is algorithm.batch_size and K is run.updates. What is left out is taken from the problem,
    where it is known there.
    """

    kind: Literal["theorem"]
    gap: Positive | None = None
    """Δ = f(x_1) − f*; absent: the problem's"""
    smoothness: Positive | None = None
    """L: the gradient of f is L-Lipschitz; absent: the problem's"""
    variance: Positive | None = None
    """σ², a bound of E‖G(x, ξ) − ∇f(x)‖² for one sample; absent: the problem's"""

    def __format__(self, form: str) -> str:
        return "sqrt(Δ/(MLKσ²))"


def _tag(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("kind", "missing"))
    return str(getattr(value, "kind", NUMBER))


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(
            'should be a number, or a step that changes, such as {kind = "decaying", initial = 0.1}'
        )
    return value


def _value(step: ConstantStep) -> float:
    return step.value


Step = Annotated[
    Annotated[
        AnyPositive,
        BeforeValidator(_number),
        WithJsonSchema(
            {"type": "number", "minimum": TINIEST, "maximum": HUGEST, "description": "constant"}
        ),
        Tag(NUMBER),
    ]
    | Annotated[ConstantStep, AfterValidator(_value), Tag("constant")]
    | Annotated[DecayingStep, Tag("decaying")]
    | Annotated[TheoremStep, Tag("theorem")],
    Discriminator(_tag),
]


class KoloskovaWeight(Table):
    """Delay-adaptive step, at most 1/(4L), and 1/(4Lτ) beyond the concurrency (Koloskova 2022)."""

    kind: Literal["koloskova"]
    smoothness: Positive | None = None
    """L: the gradient of f is L-Lipschitz; absent: the problem's"""
    concurrency: Count | None = None
    """the staleness up to which the step is whole; absent: p, the number of workers"""
    beyond: Literal["shrink", "drop"] = "shrink"
    """beyond the concurrency: min(step, 1/(4Lτ)), or 0"""


class MishchenkoWeight(Table):
    """Delay-adaptive step: p / max(p, τ) of it, for p workers (Mishchenko et al. 2022)."""

    kind: Literal["mishchenko"]


class InverseWeight(Table):
    """Staleness-aware step: 1/τ of it, all of it for τ = 0 (Zhang et al. 2016)."""

    kind: Literal["inverse"]


class FedAsyncWeight(Table):
    """The staleness function s(τ) of FedAsync (Xie et al. 2019)."""

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


class FedBuffWeight(Table):
    """The weight (1 + τ)^(−a) of a gradient in FedBuff's buffer (Nguyen et al. 2022)."""

    kind: Literal["fedbuff"]
    a: Positive = 0.5
    """how fast it falls"""


class DelayCorrection(Table):
    """DC-ASGD: g + λ g⊙g⊙(x − x_read), with a constant λ (Zheng et al. 2017)."""

    kind: Literal["dc-asgd"]
    strength: NotNegative
    """λ"""


class AdaptiveDelayCorrection(Table):
    """DC-ASGD with λ / sqrt(MS + 1e−7), MS being the moving mean of g² (Zheng et al. 2017)."""

    kind: Literal["dc-asgd-adaptive"]
    strength: NotNegative
    """λ_0"""
    decay: float = Field(default=0.95, ge=0, lt=1)
    """m: MS = m·MS + (1 − m) g²"""


class GapAwareCorrection(Table):
    """Gap-Aware: g / (1 + |x − x_read| / C), C being a usual change of x (Barkai et al. 2020)."""

    kind: Literal["gap-aware"]
    decay: float = Field(default=0.999, ge=0, lt=1)
    """of the moving mean of step² in C"""


class Update(Table):
    """What the server makes of the gradients of an update, before x −= γ_k times that."""

    average: bool = False
    """the gradients of one update are averaged, not summed (asysg-con only)"""
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """β of heavy ball at the server: v = βv + g, x −= γ_k v (Polyak 1964; asysg-con only)"""
    weight: (
        Annotated[
            KoloskovaWeight | MishchenkoWeight | InverseWeight | FedAsyncWeight | FedBuffWeight,
            Field(discriminator="kind"),
        ]
        | None
    ) = None
    """a number that multiplies each gradient, by its staleness τ; absent: 1"""
    correction: (
        Annotated[
            DelayCorrection | AdaptiveDelayCorrection | GapAwareCorrection,
            Field(discriminator="kind"),
        ]
        | None
    ) = None
    """what is done to each gradient, by x now and when it was read (asysg-con only)"""
