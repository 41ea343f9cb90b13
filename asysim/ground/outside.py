"""What a scenario takes from outside the package, by name: "my_rules:MyRule".

The part before the colon is a Python file ("path/to/file.py"), the name of one that lies beside the
scenario file ("my_rules"), or a module that can be imported. Code runs when it is named, and only
then.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import partial, reduce
from hashlib import sha256
from importlib import import_module
from operator import or_
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar, cast, get_args

from pydantic import (
    Discriminator,
    PlainValidator,
    Tag,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import to_json

from asysim.errors import Clash, first_line, reason
from asysim.ground.reading import content as bytes_of
from asysim.ground.table import OUTSIDE, Table, resolved

FORM = '"path/to/file.py:name" or "package.module:name"'

_PREFIX = "asysim_module_"

_files: set[str] = set()
"""Those of modules that were named so far."""

known: dict[str, type[OpenTable]] = {}
"""Classes that scenarios have named so far, by the names as they stand there."""

Own = TypeVar("Own", bound="OpenTable")


class Unusable(Exception):  # noqa: N818  (whoever named the thing says it in words of his own)
    """What is named is not there, or fails.

    Parameters
    ----------
    found
        What it leads to.
    wanted
        What would be right.
    """

    def __init__(self, found: str, wanted: str) -> None:
        self.found, self.wanted = found, wanted
        super().__init__(f"{found}; should be {wanted}")


def is_own(thing: object) -> bool:
    """Whether an object is of a class of the user's own, which may do anything."""
    return not type(thing).__module__.startswith("asysim.")


def resolved_name(text: str, info: ValidationInfo) -> str:
    """Return such a name with its file's whole path, if it is of a file.

    Raises
    ------
    ValueError
        If it has not the form of one.
    """
    place, _, name = text.rpartition(":")
    is_file = place.endswith(".py")
    if not name.isidentifier() or not (is_file or all(map(str.isidentifier, place.split(".")))):
        raise ValueError(f"should be {FORM}")
    if "." in place and not is_file:
        return text
    file = resolved(Path(place if is_file else f"{place}.py"), info)
    return f"{file}:{name}" if is_file or file.is_file() else text


def module_of(text: str) -> ModuleType:
    """Return the Python module that a name leads into, imported once.

    Also what has to be done before an object of a class that is defined there is unpickled.

    Raises
    ------
    Unusable
        If there is none, or it fails.
    """
    place = text.rpartition(":")[0]
    if not place.endswith(".py"):
        try:
            module = import_module(place)
        except (Exception, SystemExit) as error:
            raise failure(place, error, "a module to be imported", place) from error
        _files.add(str(getattr(module, "__file__", place)))
        return module
    try:
        content = bytes_of(place)
    except FileNotFoundError as error:
        raise Unusable(f"no file {place}", "the path of a Python file") from error
    except OSError as error:
        raise Unusable(
            f"{place}: {reason(error)}", "the path of a file that can be read"
        ) from error
    # Named by its content: an edited file is another module, and pickles find the right one.
    key = f"{_PREFIX}{sha256(place.encode() + b':' + content).hexdigest()[:16]}"
    if key not in sys.modules:
        module = sys.modules[key] = ModuleType(key)
        module.__file__ = place
        _files.add(place)
        try:
            exec(compile(content, place, "exec", dont_inherit=True), vars(module))
        except (Exception, SystemExit) as error:
            del sys.modules[key]
            raise failure(place, error, "a Python file that runs", place) from error
    return sys.modules[key]


class Raised(NamedTuple):
    """Where code that a scenario names raised an error."""

    file: str
    line: int
    function: str


def raised_in(error: BaseException) -> Raised | None:
    """Return the last line of a file that a scenario names which led to an error; None: none did.

    An error that comes from another process has its calls as text.
    """
    told = traceback.extract_tb(error.__traceback__)
    calls = [(call.filename, call.lineno or 0, call.name) for call in told]
    if error.__cause__ is not None:
        lines = _CALL.findall(str(error.__cause__))
        calls += [(file, int(line), function) for file, line, function in lines]
    theirs = [Raised(*call) for call in calls if call[0] in _files]
    return theirs[-1] if theirs else None


_CALL = re.compile(r'^ +File "(.+)", line (\d+), in (.+)$', flags=re.MULTILINE)


def failure(what: str, error: BaseException, wanted: str, place: str) -> Unusable:
    """Say what failed, and in which line of the file at `place` it did."""
    calls = traceback.extract_tb(error.__traceback__)
    lines = [call.lineno for call in calls if call.filename == place]
    where = f" (line {lines[-1]})" if lines else ""
    found = f"{what} to fail{where} with {type(error).__name__}: {first_line(error)}"
    return Unusable(found, wanted)


def named_in(module: ModuleType, suits: Callable[[Any], bool] = callable) -> str:
    """List what a Python module defines that could be meant."""
    own = (
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and suits(value)
    )
    return " or ".join(own)


class OpenTable(Table):
    """A table with a kind, of which a user may have kinds of his own.

    The package's own kinds are subclasses that say ``kind: Literal["…"]``. A user's is a subclass
    anywhere else, and its kind is where it comes from: ``"my_rules:MyRule"``.

    Attributes
    ----------
    papers
        Keys of ``papers.bib``: whose method it is.
    """

    papers: ClassVar[tuple[str, ...]] = ()

    kind: str = ""

    def model_post_init(self, _context: Any) -> None:
        if not self.kind:  # from Python nobody has to say where a class of his own lies
            module, name = sys.modules[type(self).__module__], type(self).__name__
            place = module.__file__ if module.__name__.startswith(_PREFIX) else module.__name__
            self.__dict__["kind"] = f"{place}:{name}"

    def __reduce_ex__(self, protocol: Any) -> Any:
        if kind_of(type(self)):
            return super().__reduce_ex__(protocol)
        return _restored, (self.kind, self.model_dump())


def _restored(kind: str, document: dict[str, Any]) -> OpenTable:
    return class_of(kind, OpenTable).model_construct(**document)


def kind_of(table: type[OpenTable]) -> str:
    """Return how a scenario names one of the package's own kinds; nothing for a user's."""
    return str(next(iter(get_args(table.model_fields["kind"].annotation)), ""))


def class_of(name: str, base: type[Own]) -> type[Own]:
    """Return a class that is named, whole path and all.

    Raises
    ------
    Unusable
        If there is no such class, or it is not derived from `base`.
    """
    module, (place, _, short) = module_of(name), name.rpartition(":")
    found = getattr(module, short, None)
    if _is_own(found, base):
        return cast("type[Own]", found)
    what = f"no class {short} in {place}" if found is None else f"{short} of {place}, which is none"
    others = named_in(module, partial(_is_own, base=base))
    raise Unusable(what, others or f"a subclass of {base.__module__}.{base.__name__}")


def _is_own(value: Any, base: type[OpenTable]) -> bool:
    return isinstance(value, type) and issubclass(value, base) and not kind_of(value)


def one_of(base: type[OpenTable], tables: Iterable[type[OpenTable]]) -> Any:
    """Return the type of a key that takes a table by its kind: one of these, or a user's own."""
    return Annotated[reduce(or_, members(base, tables)), Discriminator(tag)]


def members(base: type[OpenTable], tables: Iterable[type[OpenTable]]) -> tuple[Any, ...]:
    """Return the members of such a union, each with its `tag`."""
    about = f"a class of your own, derived from {base.__module__}.{base.__name__}"
    kind = {"type": "string", "pattern": ":", "description": about}
    schema = {"type": "object", "properties": {"kind": kind}, "required": ["kind"]}
    read = PlainValidator(partial(_of_a_user, base))
    own = Annotated[Any, read, WithJsonSchema(schema), Tag(OUTSIDE)]
    return (*(Annotated[table, Tag(kind_of(table))] for table in tables), own)


def table_of(document: Any, base: type[Own], tables: Iterable[type[Own]]) -> type[Own] | None:
    """Return which table a document is of, as far as its kind says it: for what classes know."""
    kind = document.get("kind") if isinstance(document, dict) else None
    named = known.get(kind) if isinstance(kind, str) else None
    if named is not None and issubclass(named, base):
        return named
    return next((table for table in tables if kind_of(table) == kind), None)


def tag(value: Any) -> str:
    """Return which member of such a union a table, or what stands for one, belongs to."""
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return OUTSIDE if isinstance(kind, str) and ":" in kind else str(kind)


def _of_a_user(base: type[Own], value: Any, info: ValidationInfo) -> Own:
    if isinstance(value, base):
        return value
    try:
        name = resolved_name(value["kind"], info)
        table = class_of(name, base)
    except Unusable as error:
        raise Clash("kind", f"should be {error.wanted}", error.found) from None
    except ValueError as error:
        raise Clash("kind", str(error)) from None
    known[value["kind"]] = known[name] = table
    # By way of JSON, as the rest of a scenario: lists for tuples, and text for paths.
    text = to_json(value | {"kind": name})
    return table.model_validate_json(text, strict=True, context=info.context)
