"""What pydantic found wrong, in the file's own terms: key, what stands there, what is right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from asysim.errors import Clash, Fault
from asysim.ground.table import NUMBER
from asysim.ground.toml_text import shown
from asysim.scenario.places import (
    Place,
    bare_type,
    find,
    is_list,
    is_list_name,
    is_table,
    members,
    tags,
    value_at,
)

_WHOLE, _NUMBER, _TEXT = "a whole number", "a number", 'text in "quotes"'
_EXPECTED = {
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "a finite number",
    "string_type": _TEXT,
    "path_type": 'a path in "quotes"',
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


def faults_of(error: ValidationError, model: type[BaseModel], document: Any) -> list[Fault]:
    """Explain a validation error, one fault for each mistake.

    Parameters
    ----------
    error
        What pydantic raised for `document`.
    model
        The model that `document` was held against.
    document
        The raw document, as read.
    """
    faults: dict[str, Fault] = {}
    others: dict[str, Fault] = {}
    for detail in error.errors(include_url=False):
        if detail["type"] == "default_factory_not_called":
            continue
        place = find(model, detail["loc"], document)
        key, expected = _explain(detail, place, document)
        clash = detail.get("ctx", {}).get("error")
        there = getattr(clash, "found", "") or shown(value_at(document, key))
        found = others if _of_another_member(place, document) else faults
        found.setdefault(key, Fault(key, there, expected))
    for key, fault in others.items():
        # A list where no member of the union is one is wrong all the same.
        if not any(known == key or known.startswith(key + ".") for known in faults):
            faults[key] = fault
    return list(faults.values())


def clash_fault(clash: Clash, document: Any) -> Fault:
    """Return the fault that a clash in a document is."""
    return Fault(clash.key, shown(value_at(document, clash.key)), clash.expected)


def _of_another_member(place: Place, document: Any) -> bool:
    """Whether an error is about reading a list as a number, or the other way round."""
    for depth, name in place.alternatives:
        value = value_at(document, ".".join(map(str, place.keys[:depth])))
        if isinstance(value, list) != is_list_name(name):
            return True
    return False


def _explain(detail: Any, place: Place, document: Any) -> tuple[str, str]:
    kind, context, key = detail["type"], detail.get("ctx", {}), place.dotted
    if kind == "missing":
        return key, "is required" + _about(place)
    if kind == "extra_forbidden":
        return key, _unknown_key(place, document)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag_fault(place, document)
    if kind in ("literal_error", "enum"):
        options = re.findall(r"'([^']*)'", context["expected"])
        return key, f"should be {_choice(options)}{_guess(value_at(document, key), options)}"
    if kind == "value_error":
        cause = context["error"]
        if isinstance(cause, Clash):
            return ".".join(part for part in (key, cause.key) if part), cause.expected
        return key, str(cause)
    return key, "should be " + _right(detail, place)


def _right(detail: Any, place: Place) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _LIMITS:
        name, sign = _LIMITS[kind]
        if kind == "greater_than_equal" and 0 < context[name] < 1e-9 and detail["input"] <= 0:
            return "> 0"  # what a person should know, who has no such small number in mind
        limit = context[name]
        return f"{sign} {limit if isinstance(limit, int) else format(limit, 'g')}"
    if kind in ("too_short", "too_long"):
        least = kind == "too_short"
        number = context["min_length" if least else "max_length"]
        return f"a list of at {'least' if least else 'most'} {number}"
    if kind == "string_pattern_mismatch":
        return _description(place).rpartition(": ")[2] or f"text that matches {context['pattern']}"
    if NUMBER in tags(place.annotation) and kind in ("float_type", "int_type", "int_from_float"):
        whole = kind != "float_type"
        law = (
            '{law = "exponential", mean = 1e6}'
            if whole
            else '{law = "gamma", mean = 1e-3, cv = 0.3}'
        )
        return f"{_WHOLE if whole else _NUMBER}, or a law such as {law}"
    if kind in ("dict_type", "model_type", "model_attributes_type") and tags(place.annotation):
        return f"a table with kind = {_choice(tags(place.annotation))}"
    right = _EXPECTED.get(kind, f"otherwise: {kind.replace('_', ' ')}")
    if any(map(is_list, members(place.annotation))) or place.alternatives:
        one = not place.alternatives or not is_list_name(place.alternatives[-1][1])
        return right + (" or a list of numbers" if one and right == _NUMBER else "")
    return right


def _unknown_key(place: Place, document: Any) -> str:
    known = sorted(place.table.model_fields) if place.table is not None else []
    name = str(place.keys[-1])
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    where = "here"
    siblings = value_at(document, ".".join(map(str, place.keys[:-1])))
    for tag in ("law", "kind"):
        if tag in known and isinstance(siblings, dict) and tag in siblings:
            where = f"with {tag} = {shown(siblings[tag])}"
    listing = "known keys: " + ", ".join(known)
    guess = f"did you mean {close[0]}? ({listing})" if close else listing
    return f"is not a key {where}; {guess}"


def _tag_fault(place: Place, document: Any) -> tuple[str, str]:
    options = [tag for tag in tags(place.annotation) if tag != NUMBER]
    name = "law" if "exponential" in options else "kind"
    given = value_at(document, place.dotted)
    if not isinstance(given, dict):
        return place.dotted, f"should be a table with {name} = {_choice(options)}"
    key = f"{place.dotted}.{name}"
    if name not in given:
        return key, f"is required: {_choice(options)}"
    if given[name] == "batch" and "exponential" in options:
        return key, f'should be {_choice(options)}; "batch" is for workers.compute alone'
    return key, f"should be {_choice(options)}{_guess(given[name], options)}"


def _choice(options: list[str]) -> str:
    quoted = [f'"{option}"' for option in options]
    return " or ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))


def _guess(found: Any, options: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(found)[:100], list(options), n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else ""


def _about(place: Place) -> str:
    """Say what a missing key is for."""
    bare = bare_type(place.annotation)
    if is_table(bare):
        needed = [name for name, field in bare.model_fields.items() if field.is_required()]
        return f": a table with {' and '.join(needed)}"
    options = tags(place.annotation)
    if options and NUMBER not in options:
        return f": a table with kind = {_choice(options)}"
    about = _description(place)
    return f": {about}" if about else ""


def _description(place: Place) -> str:
    fields = {} if place.table is None else place.table.model_fields
    field = fields.get(str(place.keys[-1]))
    return "" if field is None else field.description or ""
