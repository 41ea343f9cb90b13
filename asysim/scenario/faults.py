"""Turns what pydantic found wrong into the file's own terms: key, what stands there, what would be right."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from asysim.errors import Fault, InputError

Location = Sequence[str | int]

_WHOLE, _NUMBER, _TEXT = "a whole number", "a number", 'text in "quotes"'
_EXPECTED = {
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "a finite number",
    "string_type": _TEXT,
    "bool_type": "true or false",
    "list_type": "a list in [brackets]",
    "tuple_type": "a list in [brackets]",
    "model_type": "a table of KEY = VALUE",
    "model_attributes_type": "a table of KEY = VALUE",
    "dict_type": "a table of KEY = VALUE",
}
_LIMITS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", "≥"),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "≤"),
}


def input_error(
    error: ValidationError, model: type[BaseModel], document: Any, sources: dict[str, str]
) -> InputError:
    """Explain a validation error, all faults at once.

    Parameters
    ----------
    error
        What pydantic raised for `document`.
    model
        The model that `document` was held against.
    document
        The raw document, as read.
    sources
        Which file (or the command line) set a dotted key; the key ``""`` stands for all others.
    """
    faults: dict[str, Fault] = {}
    for detail in error.errors(include_url=False):
        location = _in_document(detail["loc"], document)
        key = ".".join(str(part) for part in location)
        found, expected = _explain(detail, model, document, location)
        fault = Fault(key=key, found=found, expected=expected, source=_source(key, sources))
        # A union reports the same place once for each of its members: one line is enough.
        known = faults.get(key)
        faults[key] = fault if known is None else _either(known, fault)
    return InputError(faults.values())


def _either(first: Fault, second: Fault) -> Fault:
    if second.expected in first.expected:
        return first
    expected = f"{first.expected}, or {second.expected.removeprefix('should be ')}"
    return Fault(first.key, first.found, expected, first.source)


def _source(key: str, sources: dict[str, str]) -> str:
    given = [known for known in sources if key == known or key.startswith(known + ".")]
    return sources[max(given, key=len, default="")]


def _in_document(location: Location, document: Any) -> list[str | int]:
    """Drop the parts of a location that name a union's member, not something in the file."""
    result: list[str | int] = []
    here = document
    for position, part in enumerate(location):
        if isinstance(here, dict) and part in here:
            here = here[part]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        elif position < len(location) - 1 or not isinstance(here, dict):
            continue
        result.append(part)
    return result


def _explain(
    detail: Any, model: type[BaseModel], document: Any, location: Location
) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    found = _shown(detail["input"])
    if kind == "missing":
        if location and not _exists(document, location[:-1]):
            return "nothing", "is required"
        about = _description(model, detail["loc"])
        return "nothing", "is required" + (f": {about}" if about else "")
    if kind == "extra_forbidden":
        return found, "is not a key here; " + _nearest(str(location[-1]), _keys(model, detail["loc"]))
    if kind in ("literal_error", "enum"):
        options = context["expected"].replace("'", '"')
        return found, f"should be {options}" + _guess(detail["input"], options)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag_fault(detail, model)
    if kind in _LIMITS:
        name, sign = _LIMITS[kind]
        return found, f"should be {sign} {context[name]:g}"
    if kind in _EXPECTED:
        return found, f"should be {_EXPECTED[kind]}"
    if kind == "value_error":
        return found, str(context["error"])
    return found, detail["msg"][:1].lower() + detail["msg"][1:]


def _tag_fault(detail: Any, model: type[BaseModel]) -> tuple[str, str]:
    tags = [tag for tag in _tags(_annotation(model, detail["loc"])) if tag != "number"]
    given = detail["input"]
    name = "law" if "exponential" in tags else "kind"
    found = given.get(name) if isinstance(given, dict) else given
    if found is None:
        return "nothing", f"is required: {name} = " + " or ".join(f'"{tag}"' for tag in tags)
    options = ", ".join(f'"{tag}"' for tag in tags)
    number = "a number, or " if name == "law" else ""
    return _shown(found), f"should be {number}a {name} among {options}" + _guess(found, options)


def _guess(found: Any, options: str) -> str:
    names = [word.strip('"') for word in options.replace(" or ", ", ").split(", ")]
    close = difflib.get_close_matches(str(found), names, n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else ""


def _nearest(name: str, keys: Iterable[str]) -> str:
    known = sorted(keys)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    listing = "known keys: " + ", ".join(known)
    return f"did you mean {close[0]}? ({listing})" if close else listing


def _exists(document: Any, location: Location) -> bool:
    for part in location:
        if not isinstance(document, dict) or part not in document:
            return False
        document = document[part]
    return True


def _shown(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "a table"
    if isinstance(value, dict):
        return "a table with " + (", ".join(map(str, value)) or "nothing in it")
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def _annotation(model: Any, location: Location) -> Any:
    """Follow a pydantic location through models, unions and lists to the type that stands there."""
    here: Any = model
    for part in location:
        here = _step(here, part)
        if here is None:
            return None
    return here


def _step(here: Any, part: str | int) -> Any:
    if isinstance(here, type) and issubclass(here, BaseModel):
        field = here.model_fields.get(str(part))
        return None if field is None else Annotated[field.annotation, *field.metadata, field]
    if isinstance(part, int):
        lists = [option for option in _members(here) if get_origin(option) in (list, tuple)]
        return get_args(lists[0])[0] if lists else None
    for option in _members(here):
        bare = _bare(option)
        if part in _tags(option) or part == getattr(bare, "__name__", None):
            return bare
        if isinstance(bare, type) and issubclass(bare, BaseModel) and part in bare.model_fields:
            return _step(bare, part)
    return None


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _members(annotation: Any) -> tuple[Any, ...]:
    bare = _bare(annotation)
    if isinstance(bare, type) or get_origin(bare) in (list, tuple):
        return (annotation,)
    return tuple(member for option in get_args(bare) for member in _members(option))


def _tags(annotation: Any) -> list[str]:
    """Return the names that a discriminated union knows its members by."""
    result: list[str] = []
    for option in _members(annotation):
        marked = [meta.tag for meta in getattr(option, "__metadata__", ()) if isinstance(meta, Tag)]
        bare = _bare(option)
        if marked:
            result += marked
        elif isinstance(bare, type) and issubclass(bare, BaseModel) and "kind" in bare.model_fields:
            result += get_args(bare.model_fields["kind"].annotation)
    return result


def _keys(model: Any, location: Location) -> list[str]:
    here = _bare(_annotation(model, location[:-1]))
    if isinstance(here, type) and issubclass(here, BaseModel):
        return list(here.model_fields)
    models = [_bare(option) for option in _members(here)] if here is not None else []
    return [
        key
        for option in models
        if isinstance(option, type) and issubclass(option, BaseModel)
        for key in option.model_fields
    ]


def _description(model: Any, location: Location) -> str:
    parent = _bare(_annotation(model, location[:-1]))
    for option in (parent,) if isinstance(parent, type) else map(_bare, _members(parent)):
        if isinstance(option, type) and issubclass(option, BaseModel):
            field = option.model_fields.get(str(location[-1]))
            if field is not None and field.description:
                return field.description
    return ""
