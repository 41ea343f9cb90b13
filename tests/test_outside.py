"""What a scenario names as "module:Class": found, read as a table, or told in words."""

import pickle
import sys
from pathlib import Path
from typing import Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from asysim.errors import Clash
from asysim.ground.outside import OpenTable, class_of, kind_of, named_in, one_of, resolved_name, tag
from asysim.ground.table import OUTSIDE


class Animal(OpenTable):
    """What others derive from."""


class Cat(Animal):
    """One of the package's."""

    kind: Literal["cat"]
    lives: int = 9


OWN = """\
from tests.test_outside import Animal, Cat

class Dog(Animal):
    '''A user's own.'''
    legs: int = 4
    toys: tuple[str, ...] = ()

class Siamese(Cat):
    '''No kind of its own.'''

NOTHING = None
"""
ANIMALS = TypeAdapter(one_of(Animal, [Cat]))


def read(text, folder):
    return ANIMALS.validate_json(text, strict=True, context={"folder": folder})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "my_own.py").write_text(OWN)
    return tmp_path


@pytest.mark.parametrize("name", ["my_own:Dog", "my_own.py:Dog"])
def test_a_class_in_a_file_beside(folder, name):
    dog = read(f'{{"kind": "{name}", "legs": 3, "toys": ["ball"]}}', folder)
    assert (dog.legs, dog.toys) == (3, ("ball",))
    assert dog.kind == f"{folder / 'my_own.py'}:Dog"
    again = read(ANIMALS.dump_json(dog), "/")
    assert again == dog
    assert type(again) is type(dog)
    assert ANIMALS.validate_python(dog) is dog


def test_a_class_of_a_module(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    dog = read('{"kind": "my_own:Dog"}', "/nowhere")
    assert (dog.kind, dog.legs) == ("my_own:Dog", 4)
    assert type(dog)(legs=2).kind == "my_own:Dog", "from Python it is known where a class lies"
    del sys.modules["my_own"]


def test_the_packages_own_kinds(folder):
    assert read('{"kind": "cat", "lives": 1}', folder) == Cat(kind="cat", lives=1)
    assert (kind_of(Cat), kind_of(Animal)) == ("cat", "")
    assert tag(Cat(kind="cat")) == "cat"
    assert tag({"kind": "a:b"}) == OUTSIDE


def test_nothing_is_imported_that_is_not_named(folder):
    (folder / "my_own.py").write_text("raise SystemExit")
    assert read('{"kind": "cat"}', folder).lives == 9


def test_it_can_be_sent_to_a_process_that_has_not_read_it(folder):
    dog = read('{"kind": "my_own:Dog", "legs": 3}', folder)
    letter = pickle.dumps(dog)
    del sys.modules[type(dog).__module__]
    found = pickle.loads(letter)
    assert (found.legs, found.kind) == (dog.legs, dog.kind)
    assert pickle.loads(pickle.dumps(Cat(kind="cat", lives=3))).lives == 3


WRONG = {
    "my_own": "cat",  # no colon: it is a kind of the package's that is not there
    "no_such_module_anywhere:Dog": "should be a module to be imported",
    "my_own.py/:Dog": 'should be "path/to/file.py:name" or "package.module:name"',
    "my_own:": "should be",
    "other.py:Dog": "should be the path of a Python file",
    "my_own:Bird": "should be Dog",
    "my_own:NOTHING": "should be Dog",
    "my_own:Siamese": "should be Dog",
    "broken:Dog": "should be a Python file that runs",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_person_is_told(folder, name):
    (folder / "broken.py").write_text("\n1 / 0")
    with pytest.raises(ValidationError) as caught:
        read(f'{{"kind": "{name}"}}', folder)
    (error,) = caught.value.errors()
    clash = error.get("ctx", {}).get("error")
    if not isinstance(clash, Clash):
        assert WRONG[name] in str(caught.value)
        return
    assert clash.key == "kind"
    assert WRONG[name] in clash.expected
    if name == "broken:Dog":
        assert "to fail (line 2) with ZeroDivisionError: division by zero" in clash.found


def test_names():
    class Info:
        context = None

    assert resolved_name("a/b.py:c", Info) == f"{Path.cwd() / 'a/b.py'}:c"
    assert resolved_name("json.decoder:JSONDecoder", Info) == "json.decoder:JSONDecoder"
    assert class_of("tests.test_outside:Bird", Animal) is Bird
    assert named_in(sys.modules[__name__], lambda value: value is Bird) == "Bird"


class Bird(Animal):
    """Found by its module."""


@pytest.mark.parametrize("kind", [{"a": 1}, ["a:b"], 3, True, None])
def test_a_kind_that_is_no_text_names_no_class(kind):
    assert tag({"kind": kind}) != OUTSIDE
