"""Which runs a sweep makes: for each index the values of its axes, and a seed.

The last axis changes fastest, points drawn at random after it, and repeats last. A seed is named by
the scenario's, the values of the point and the number of the repeat: not by which other points
there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w

from asysim.errors import InputError
from asysim.ground.toml_text import toml
from asysim.random.streams import Purpose, WordSource, uniforms
from asysim.scenario import Scenario
from asysim.scenario.axes import Axis
from asysim.scenario.load import as_given, from_document
from asysim.scenario.models import STUDIES
from asysim.scenario.overrides import OUT, put
from asysim.scenario.sweep import ALL, Sweep

_FEW = 100  # values that are looked at one by one
_SEED_BITS = 53  # so that it is the same number in JSON, and in a column of floats

Values = tuple[tuple[str, Any], ...]
"""Keys with their values, `OUT` for one that is left out."""


class Asked(NamedTuple):
    """A run of a sweep.

    Attributes
    ----------
    number, point, repeat
        Its own; that of its point; which of the point's runs it is.
    values
        Of the axes.
    seed
        The run's.
    """

    number: int
    point: int
    repeat: int
    values: Values
    seed: int


@dataclass(frozen=True)
class Design:
    """All runs of a sweep, by number.

    Attributes
    ----------
    document
        The scenario as given, with the table `sweep` and without those of studies.
    """

    document: dict[str, Any]

    @classmethod
    def of(cls, scenario: Scenario) -> Design:
        """Return the design of a scenario with a table `sweep`."""
        said = as_given(scenario)
        document = {key: value for key, value in said.items() if key not in _OTHERS}
        if scenario.sweep is None:
            return cls(document)
        placed = cls(document | {"sweep": said["sweep"] | {"folder": str(scenario.sweep.folder)}})
        return placed if placed.has_paths else cls(document)

    @cached_property
    def text(self) -> str:
        """The document as TOML: what `design_of` reads, and `asysim sweep` too."""
        return tomli_w.dumps(self.document)

    @cached_property
    def digest(self) -> str:
        """What tells it from other sweeps: of all that decides a run."""
        deciding = {k: v for k, v in self.document.items() if k not in ("name", "description")}
        text = json.dumps(deciding, sort_keys=True, separators=(",", ":"))
        return blake2b(text.encode(), digest_size=16).hexdigest()

    @cached_property
    def settings(self) -> Sweep:
        """The table `sweep`."""
        return Sweep.model_validate_json(json.dumps(self.document.get("sweep", {})), strict=True)

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """All axes."""
        return self.settings.read()

    @cached_property
    def points(self) -> int:
        """How many there are."""
        return prod(len(one.values) for one in self._fixed) * self._samples

    @cached_property
    def repeats(self) -> int:
        """Runs of each."""
        return self.settings.repeats or 1

    def __len__(self) -> int:
        return self.points * self.repeats

    def asked(self, number: int) -> Asked:
        """Return one of the runs."""
        point, repeat = divmod(number, self.repeats)
        values = self.values(point)
        return Asked(number, point, repeat, values, self._seed(values, repeat))

    def values(self, point: int) -> Values:
        """Return the values of all axes at a point, in their order."""
        rest, sample = divmod(point, self._samples)
        places: dict[int, int] = {}
        for one in reversed(self._fixed):
            rest, places[id(one)] = divmod(rest, len(one.values))
        return tuple(
            chain.from_iterable(
                [(one.name, one.draw(self._unit(one.name, sample)))]
                if one.draw is not None
                else zip(one.keys, one.values[places[id(one)]], strict=True)
                for one in self.axes
            )
        )

    def scenario(self, point: int) -> Scenario:
        """Return the scenario of a point, with the seed that it has of its own.

        Raises
        ------
        InputError
            If there is none with such values.
        """
        return self._placed(point, self.settings.folder)

    def _placed(self, point: int, folder: Path) -> Scenario:
        document = self._base
        for key, value in self.values(point):
            document, fault = put(document, key, value)
            if fault is not None:
                raise InputError(fault)
        return from_document(document, source="scenario", folder=folder, read_files=False)

    @cached_property
    def has_paths(self) -> bool:
        """Whether some values are paths, so that another folder would make it another sweep."""
        apart = self.points
        for one in self._fixed:
            apart //= len(one.values)
            told = [i for i, values in enumerate(one.values) if any(map(_has_text, values))]
            if len(told) > _FEW or any(self._is_moved(apart * i) for i in told):
                return True
        return False

    def _is_moved(self, point: int) -> bool:
        folder = self.settings.folder
        try:
            return self._placed(point, folder) != self._placed(point, folder / "elsewhere")
        except InputError:
            return True  # of another point it may be a path

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Those of all axes."""
        return tuple(key for one in self.axes for key in one.keys)

    def values_of(self, key: str) -> Iterator[Any]:
        """Yield all that an axis has for a key; of a random one, what is drawn."""
        (one,) = (one for one in self.axes if key in one.keys)
        if one.draw is not None:
            for sample in range(self._samples):
                yield one.draw(self._unit(key, sample))
        place = one.keys.index(key)
        yield from (values[place] for values in one.values)

    @cached_property
    def _base(self) -> dict[str, Any]:
        return {key: value for key, value in self.document.items() if key != "sweep"}

    @cached_property
    def _fixed(self) -> list[Axis]:
        return [one for one in self.axes if one.draw is None]

    @cached_property
    def _samples(self) -> int:
        return self.settings.samples if len(self._fixed) < len(self.axes) else 1

    @cached_property
    def _words(self) -> WordSource:
        return WordSource(self.document.get("seed", 1))

    def _unit(self, key: str, sample: int) -> float:
        word = self._words.words(Purpose.SWEEP, _number(f"axis {key}"), sample, 1)
        return float(uniforms(word)[0])

    def _seed(self, values: Values, repeat: int) -> int:
        if self.settings.repeats is None:
            own = dict(values).get("seed", self._words.seed)
            return own if isinstance(own, int) else self._words.seed
        common = self.settings.common
        told = sorted(
            (key, "" if value is OUT else toml(value))
            for key, value in values
            if not {key, ALL} & set(common)
        )
        word = self._words.words(Purpose.SWEEP, _number(f"seed {json.dumps(told)}"), repeat, 1)
        return int(word[0] >> (64 - _SEED_BITS))


_OTHERS = tuple(study for study in STUDIES if study != "sweep")


def _has_text(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_text, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str)


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


@lru_cache(maxsize=2)
def design_of(text: str) -> Design:
    """Read a design, which all chunks of a sweep share, once."""
    import tomllib

    return Design(tomllib.loads(text))
