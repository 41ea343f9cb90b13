"""The ranges of a scenario's numbers: types that stand for what a number may be.

Beyond them nothing would be learnt, and arithmetic would leave what floats and 64-bit ticks hold.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

SMALLEST, LARGEST = 1e-30, 1e30
"""Of factors, rates and lengths: products and quotients of several are still floats."""

MOST_SECONDS = 1e13
"""Of a duration or an instant: a thousand times as long as the simulated clock can show."""

TINIEST, HUGEST = 1e-300, 1e300
"""Of what is only multiplied or compared: floats far from where they end."""

MOST = 10**12
"""Of things that are counted, and cost nothing each."""

MOST_WORKERS = 2_000_000

MOST_KEPT = 10**6
"""Of things that are kept until all of them are there."""

Positive: TypeAlias = Annotated[float, Field(ge=SMALLEST, le=LARGEST)]
"""A factor, a rate, a size; more than 0."""

NotNegative: TypeAlias = Annotated[float, Field(ge=0, le=LARGEST)]

Number: TypeAlias = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
"""A number of a problem, of either sign."""

Magnification: TypeAlias = Annotated[float, Field(ge=1, le=LARGEST)]
"""How many times larger or smaller; at least 1."""

Share: TypeAlias = Annotated[float, Field(ge=SMALLEST, le=1)]
"""A part of a whole; more than 0."""

Seconds: TypeAlias = Annotated[float, Field(ge=0, le=MOST_SECONDS)]
"""A duration or an instant, which may be 0."""

SomeSeconds: TypeAlias = Annotated[float, Field(ge=SMALLEST, le=MOST_SECONDS)]
"""A duration that is more than 0."""

Variation: TypeAlias = Annotated[float, Field(ge=1e-12, le=1e12)]
"""A coefficient of variation, or the exponent of a law: its square is taken, and Γ of it."""

AnyPositive: TypeAlias = Annotated[float, Field(ge=TINIEST, le=HUGEST)]
"""γ, say, more than 0: with one that is too large a run diverges, and says so."""

Size: TypeAlias = Annotated[int, Field(ge=1, le=MOST)]
"""Of vectors and tables; whether they fit the memory is asked before they are made."""

Count: TypeAlias = Annotated[int, Field(ge=1, le=MOST)]

KeptCount: TypeAlias = Annotated[int, Field(ge=1, le=MOST_KEPT)]
"""Gradients that make an update, runs that make a study."""

WorkerCount: TypeAlias = Annotated[int, Field(ge=1, le=MOST_WORKERS)]

WholeNumber: TypeAlias = Annotated[int, Field(ge=0, le=MOST)]
"""A number of things that may be 0, or a place among them, from 0."""
