"""Where a pydantic location is in a scenario file: its keys, and the type that belongs there.

A location also names the members of unions, which stand nowhere in the file. Going through the
models' annotations along with the location tells the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag

from asysim.ground.outside import known
from asysim.ground.table import NUMBER, OUTSIDE
from asysim.ground.toml_text import MISSING


@dataclass(frozen=True)
class Place:
    """A place in the file.

    Parameters
    ----------
    keys
        What leads there from the top: names, and positions in lists from 0.
    annotation
        The type that belongs there; None if the models know no such place.
    table
        The model of the table that the last key is in, if it is in one.
    alternatives
        For each plain union on the way: how many keys led to it, and the member's name.
    """

    keys: tuple[str | int, ...]
    annotation: Any
    table: type[BaseModel] | None = None
    alternatives: tuple[tuple[int, str], ...] = ()

    @property
    def dotted(self) -> str:
        """The keys as the file and the command line write them."""
        return ".".join(map(str, self.keys))


def find(model: type[BaseModel], location: Sequence[str | int], document: Any) -> Place:
    """Follow a location that pydantic reported for `model` and a document."""
    keys: list[str | int] = []
    alternatives: list[tuple[int, str]] = []
    here: Any = model
    table: type[BaseModel] | None = None
    for part in location:
        options = members(here)
        if len(options) > 1:
            if part == NUMBER:
                break  # the rest is inside the law that the number stands for
            if part == OUTSIDE:
                here = known.get(value_at(document, ".".join(map(str, [*keys, "kind"]))))
                continue
            tagged = [option for option in options if part in tags(option)]
            if not tagged:
                alternatives.append((len(keys), str(part)))
                tagged = [o for o in options if is_list(o) == is_list_name(str(part))]
            here = tagged[0] if tagged else None
            continue
        bare = bare_type(options[0]) if options else None
        keys.append(part)
        table = bare if is_table(bare) else None
        if table is not None:
            field = table.model_fields.get(str(part))
            here = None if field is None else Annotated[field.annotation, field, *field.metadata]
        else:
            here = get_args(bare)[0] if is_list(bare) else None
    return Place(tuple(keys), here, table, tuple(alternatives))


def knows(model: type[BaseModel], dotted: str) -> bool:
    """Whether a dotted key may stand in a document of a model, whatever kinds its tables are of.

    Of tables of the user's own kinds, once one has been named, any key may.
    """
    here: list[Any] = [model]
    for part in dotted.split("."):
        options = [member for annotation in here for member in members(annotation)]
        here = []
        for option in options:
            bare = bare_type(option)
            if is_table(bare) and part in bare.model_fields:
                field = bare.model_fields[part]
                here.append(Annotated[field.annotation, field, *field.metadata])
            elif is_list(bare) and part.isdecimal():
                here.append(get_args(bare)[0])
        if not here:
            own = any(OUTSIDE in _marks(option) for option in options)
            return own and bool(known)
    return True


def members(annotation: Any) -> list[Any]:
    """Return what a union may be, without None; or the one thing that `annotation` is."""
    if annotation is None:
        return []
    bare = bare_type(annotation)
    if isinstance(bare, type) or is_list(bare) or not get_args(bare) or _is_literal(bare):
        return [annotation]
    return [m for option in get_args(bare) if option is not NoneType for m in members(option)]


def tags(annotation: Any) -> list[str]:
    """Return the names by which a union that goes by one key knows its members."""
    return list(_tags(annotation))


def _tags(annotation: Any) -> Iterator[str]:
    for option in members(annotation):
        marks = _marks(option)
        bare = bare_type(option)
        if marks:
            yield from set(marks) - {OUTSIDE}
        elif is_table(bare) and "kind" in bare.model_fields:
            yield from get_args(bare.model_fields["kind"].annotation)


def _marks(option: Any) -> list[str]:
    return [mark.tag for mark in getattr(option, "__metadata__", ()) if isinstance(mark, Tag)]


def bare_type(annotation: Any) -> Any:
    """Return a type without what `Annotated` says of it."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def is_table(annotation: Any) -> bool:
    """Whether a table belongs there."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def is_list(annotation: Any) -> bool:
    """Whether a list belongs there."""
    return get_origin(bare_type(annotation)) in (list, tuple)


def is_list_name(name: str) -> bool:
    """Whether a member of a plain union is a list, by the name that pydantic gives it."""
    return name.startswith(("list[", "tuple["))


def _is_literal(annotation: Any) -> bool:
    return all(isinstance(value, str) for value in get_args(annotation))


def value_at(document: Any, dotted: str) -> Any:
    """Return what stands at a dotted key, or a mark that `shown` calls nothing."""
    for part in filter(None, dotted.split(".")):
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return MISSING
    return document
