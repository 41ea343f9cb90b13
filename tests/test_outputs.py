"""What is printed reaches whoever can read it; what is written replaces nothing."""

import ast
import json
import os
import re
import shutil
from functools import cache
from pathlib import Path

import pytest

import asysim
from asysim.ground.caches import private_folder
from asysim.ground.console import plain
from asysim.ground.outputs import check_new_file
from asysim.scenario import parse, to_toml
from tests.processes import ASYSIM, PYTHON, begin, finish
from tests.support import CON, ROOT, command, only_fault

HERE = Path(asysim.__file__).parent


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a run folder."""
    place = tmp_path_factory.mktemp("kept")
    (place / "s.toml").write_text(CON)
    said = command("run", place / "s.toml", "--out", place / "run", "--no-pictures")
    assert said.code == 0
    return place / "run"


# ---- messages


def texts(node):
    """Return the pieces of text that an expression is put together from."""
    return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)
            and isinstance(part.value, str)]  # fmt: skip


@cache
def functions():
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in HERE.rglob("*.py")}
    return [(path, node) for path, tree in trees.items() for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)]  # fmt: skip


def calls(node, name):
    found = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    return [part for part in found if getattr(part.func, "id", "") == name]


def test_what_should_be_is_not_said_twice():
    """`unfit` puts "should be" before what is wanted, wherever that was written down."""
    seen = 0
    for path, function in functions():
        for call in calls(function, "unfit"):
            wanted = call.args[2] if len(call.args) > 2 else call.keywords[0].value
            said = [wanted]
            if isinstance(wanted, ast.Name):
                said = [part.value for part in ast.walk(function) if isinstance(part, ast.Assign)
                        and wanted.id in {getattr(t, "id", "") for t in part.targets}]  # fmt: skip
            for text in [text for part in said for text in texts(part)]:
                seen += 1
                assert not re.match(r"(should|is|are|must|needs|may)\b", text), (path, text)
    assert seen > 50


def test_no_message_doubles_a_word():
    for path, function in functions():
        for kind in ("unfit", "Fault", "Clash"):
            for call in calls(function, kind):
                for text in texts(call):
                    assert not re.search(r"\b(\w+) \1\b", text), (path, text)


def test_no_target_is_told_in_whole_words(tmp_path):
    (tmp_path / "s.toml").write_text(CON)
    said = command("speedup", tmp_path / "s.toml", "run.target_loss=")
    assert said.code == 2
    assert "should be what is to be reached" in said.err


# ---- files


def taken(tmp_path, kept):
    """Return, for each command that writes a file, its words and the file."""
    file = tmp_path / "mine"
    return {
        "init": (["init", file], file),
        "schema": (["schema", "--out", file], file),
        "calibrate": (["calibrate", tmp_path / "no-such-run", "--out", file], file),
        "laws": (["laws", "1", "--out", tmp_path / "mine.png"], tmp_path / "mine.png"),
        "plot": (["plot", kept, "timeline", "--out", tmp_path], tmp_path / "timeline.png"),
    }


@pytest.mark.parametrize("name", ["init", "schema", "calibrate", "laws", "plot"])
def test_no_file_is_replaced(tmp_path, kept, name):
    words, file = taken(tmp_path, kept)[name]
    for make in (lambda: file.write_text("mine"), lambda: (file.unlink(), file.mkdir())):
        make()
        said = command(*words)
        assert (said.code, said.out) == (2, "")
        assert str(file) in said.err
        assert "file exists" in said.err or "is a directory" in said.err
        assert file.is_dir() or file.read_text() == "mine"


def test_times_beside_a_fitted_scenario_are_not_replaced_either(tmp_path, kept):
    from asysim.calibration import calibrate

    found = calibrate([asysim.load_run(kept).trace])
    (tmp_path / "f.toml").write_text("mine")
    assert "file exists" in only_fault(found.save, tmp_path / "f.toml").found
    assert [path.name for path in tmp_path.iterdir()] == ["f.toml"]


def test_a_picture_of_ours_is_drawn_anew(tmp_path, kept):
    for suffix in ("png", "svg", "pdf"):
        for _ in range(2):
            out = tmp_path / f"law.{suffix}"
            assert command("laws", "1", "--draws", "100", "--out", out).code == 0
    for _ in range(2):
        assert command("plot", kept, "timeline", "--out", tmp_path).code == 0


@pytest.mark.parametrize("words", [["laws", "1"], ["theory", ROOT / "scenarios" / "digits.toml"]])
@pytest.mark.parametrize("name", ["x.xyz", "x.png.txt"])
def test_a_kind_of_picture_that_there_is_not_is_told_before_anything_is_computed(
    tmp_path, words, name
):
    out = tmp_path / "new" / name
    said = command(*words, "--out", out)
    assert (said.code, said.out) == (2, "")
    assert str(out) in said.err.replace("\n", "")
    assert ".png, .svg or .pdf" in said.err
    assert not out.parent.exists()


def test_a_picture_is_of_the_kind_that_its_name_ends_in(tmp_path):
    (tmp_path / "s.toml").write_text(CON)
    begins = {"x.PNG": b"\x89PNG", "x.pdf": b"%PDF", "x.svg": b"<?xml", "x": b"\x89PNG"}
    for name, first in begins.items():
        for _ in range(2):  # and drawn anew
            said = command("theory", tmp_path / "s.toml", "--out", tmp_path / name)
            assert said.code == 0, said.err
        assert (tmp_path / name).read_bytes().startswith(first)


def test_a_new_file_may_be_where_a_link_leads(tmp_path):
    (tmp_path / "link").symlink_to("new")
    check_new_file(tmp_path / "link")
    check_new_file(Path("/dev/null"))
    (tmp_path / "circle").symlink_to("circle")
    only_fault(check_new_file, tmp_path / "circle")
    only_fault(check_new_file, tmp_path / ("x" * 300))


@pytest.mark.parametrize("empty", [True, False])
def test_a_run_goes_where_a_link_leads(tmp_path, empty):
    (tmp_path / "s.toml").write_text(CON)
    if empty:
        (tmp_path / "place").mkdir()
    (tmp_path / "link").symlink_to("place")
    for _ in range(2):  # a second time it takes the first one's place
        said = command("run", tmp_path / "s.toml", "--out", tmp_path / "link", "--no-pictures")
        assert said.code == 0
        assert (tmp_path / "link").is_symlink()
        assert asysim.load_run(tmp_path / "place").outcome.status == "complete"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "place", "s.toml"]


def test_places_that_no_run_can_take_are_told_before_it(tmp_path):
    (tmp_path / "s.toml").write_text(CON)
    (tmp_path / "circle").symlink_to("circle")
    for place in (tmp_path / "circle", "/proc"):  # what is mounted can't be replaced
        said = command("run", tmp_path / "s.toml", "--out", place)
        assert (said.code, said.out) == (2, "")
        assert f"error {place}: run folder" in said.err


# ---- pipes and terminals


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "FILE", "--out", "RUN"], ["show", "nothing"], ["schema"]]
)
def test_a_reader_may_leave(tmp_path, words):
    """As with other programs of the shell: not a word, and the code of one that SIGPIPE ended."""
    (tmp_path / "s.toml").write_text(CON)
    places = {"FILE": tmp_path / "s.toml", "RUN": tmp_path / "run"}
    reading, writing = os.pipe()
    os.close(reading)
    to = {"stdout": writing} | ({"stderr": writing} if words[0] == "show" else {})
    with begin(*ASYSIM, *(places.get(word, word) for word in words), **to) as run:
        os.close(writing)
        said = run.communicate()[1]
    assert (run.returncode, said or "") == (141, "")
    if words[0] == "run":
        assert asysim.load_run(tmp_path / "run").outcome.status == "complete"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
@pytest.mark.parametrize("words", [["--help"], ["schema"]])
def test_a_full_disk_behind_standard_output_is_told(words):
    with Path("/dev/full").open("w") as full, begin(*ASYSIM, *words, stdout=full) as run:
        said = run.communicate()[1]
    assert run.returncode == 2
    assert said == "error: what was to be printed can't be written: no space left on device\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_greek_letters(kept, encoding):
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    said = finish(*ASYSIM, "show", kept, env=environment, encoding=encoding)
    assert (said.returncode, said.stderr) == (0, "")
    assert "gamma = 0.02" in said.stdout
    table = [line for line in said.stdout.splitlines() if line.startswith(("|", "+"))]
    assert len(table) > 5
    assert len({len(line) for line in table}) == 1  # laid out for what is shown


def test_json_is_ascii_and_says_the_same(kept):
    said = command("show", kept, "--json")
    assert said.out.isascii()
    assert json.loads(said.out)["status"] == "complete"


def test_every_sign_of_ours_has_a_plain_form():
    text = "".join(path.read_text(encoding="utf-8") for path in HERE.rglob("*.py"))
    for sign in sorted(set(text)):
        assert plain(sign).isascii(), sign
        assert "?" not in plain(sign) or sign == "?", sign
    assert plain("γ_k = ‖∇f(x)‖², Tyurin & Richtárik, ½ µs, λ") == (
        "gamma_k = ||grad f(x)||^2, Tyurin & Richtarik, 1/2 mus, lambda"
    )


# ---- places for compiled code


def test_code_is_kept_elsewhere_if_it_must_be(tmp_path):
    """Where neither the package nor a home can be written to, and says so in one line."""
    package = tmp_path / "asysim"
    shutil.copytree(HERE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").write_text("no folder can be made here, even by root")
    (tmp_path / "tmp").mkdir()
    hidden = ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    environment |= {"HOME": "/dev/null/home", "TMPDIR": str(tmp_path / "tmp")}
    environment["PYTHONPATH"] = str(tmp_path)
    code = (
        "import numpy as np, asysim.show.plots; from asysim.replay.space import descend\n"
        "x = np.ones(2); assert descend(x, x.copy(), 0.5); assert x.tolist() == [0.5, 0.5]"
    )
    kept = []
    for _ in range(2):
        done = finish(*PYTHON, code, env=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        (line,) = done.stderr.splitlines()
        assert line.startswith("asysim: ")
        (place,) = (tmp_path / "tmp").iterdir()
        assert str(place / "numba") in line
        kept.append({path: path.stat().st_mtime_ns for path in place.rglob("*.nbi")})
        assert (place / "matplotlib").is_dir()
    assert kept[0] == kept[1] != {}, "the second process compiled again"


def test_a_folder_that_others_can_write_to_is_not_taken(tmp_path, monkeypatch):
    """Code is loaded from it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours = private_folder()
    assert private_folder() == ours
    assert ours.stat().st_mode & 0o777 == 0o700
    ours.chmod(0o777)
    assert private_folder() != ours
    ours.rename(tmp_path / "elsewhere")
    ours.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").chmod(0o700)
    assert private_folder() != ours


# ---- constant


def test_a_constant_has_a_value_or_a_mean():
    base = parse(CON, "workers.compute=0.002")
    for table in ('{law = "constant", mean = 0.002}', '{law = "constant", value = 0.002}'):
        assert to_toml(parse(CON, f"workers.compute={table}")) == to_toml(base)
    for keys, key in ((", mean = 1, value = 1", "mean"), (", mean = -1", "mean"), ("", "value")):
        fault = only_fault(parse, CON, f'workers.compute={{law = "constant"{keys}}}')
        assert fault.key == f"workers.compute.{key}"
