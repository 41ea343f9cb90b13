"""Speedup studies side by side: every form and both pictures say what the rows do."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from rich.console import Console

from asysim.errors import InputError
from asysim.runs.crossing import Crossing
from asysim.runs.outcome import CUT_SHORT, DIVERGED, MISSED, REACHED
from asysim.show import notebook, speedup_picture
from asysim.show.speedup_table import table
from asysim.show.speedup_text import notes, sentence
from asysim.studies.attempt import Attempt
from asysim.studies.comparison import comparisons
from asysim.studies.speedup import SpeedupStudy
from tests.support import CON, EMULATED, scenario

TARGET = 0.07
SOURCE = "A_b & Co <i>, 50 % of $x$ | {y}~^\\#"
ESTIMATES = {
    "updates": "updates",
    "seconds": "seconds",
    "iteration_speedup": "iteration",
    "time_speedup": "time",
    "hardware_efficiency": "hardware",
    "statistical_efficiency": "statistical",
    "throughput": "throughput",
}


def attempt(p, seed, status=REACHED):
    """Make a run whose loss falls as 1/k, later by a bit with more workers and by luck."""
    met = status == REACHED
    end = 1000 * (1 + 0.01 * p) * (1 + 0.1 * math.sin(7 * seed + p)) if met else 1500
    places = [round(end * i / 40) for i in range(41)]
    loss = [1 / (1 + 13.3 * k / end * (1 if met else 0.5)) for k in places]
    if status == DIVERGED:
        loss = [*(2.0**k for k in range(38)), 1e200, math.inf, math.nan]
    rate = 100 * p / (1 + 0.005 * p) * (1 + 0.02 * math.sin(seed * p))
    seconds = [k / rate for k in places]
    where = Crossing(met, float(end), float(end), end / rate)
    curve = (tuple(places), tuple(seconds), tuple(loss))
    return Attempt(p, seed, status, "over", where, rate, p - 1.0, curve, {})


def study(counts=(1, 2, 4, 8), seeds=3, ends=None, on=None, text=CON, cores=2, *changes):
    """Make a study from runs that end as `ends` says of (p, seed), or all at the target."""
    words = ", ".join(map(str, counts))
    settled = scenario(
        text,
        f"run.target_loss={TARGET}",
        "run.smoothing=5",
        f"speedup.workers=[{words}]",
        f"speedup.seeds={seeds}",
        *changes,
    )
    found = {
        (p, seed): attempt(p, seed, (ends or {}).get((p, seed), REACHED))
        for p in counts
        for seed in range(1, seeds + 1)
    }
    return SpeedupStudy(settled, comparisons(settled, found, on=on), on, cores)


def compared(theirs, iteration, time=None, **options):
    """Make a study beside somebody else's."""
    built = study(**options)
    table = {"source": SOURCE, "workers": list(theirs), "iteration": iteration, "time": time}
    settings = built.scenario.speedup
    whole = type(settings).model_validate(settings.model_dump() | {"reference": table})
    settled = built.scenario.model_copy(update={"speedup": whole})
    return SpeedupStudy(settled, built.rows, built.on, built.cores, built.folder)


STUDIES = {
    "all reached": lambda: study(),
    "some missed": lambda: study(ends={(8, 1): MISSED, (8, 3): MISSED, (4, 2): MISSED}),
    "all missed": lambda: study(ends={(8, s): MISSED for s in (1, 2, 3)}),
    "diverged": lambda: study(ends={(8, 1): DIVERGED, (4, 2): CUT_SHORT}),
    "all diverged": lambda: study(ends={(8, s): DIVERGED for s in (1, 2, 3)}),
    "one missed": lambda: study(ends={(1, 1): MISSED}),
    "one diverged": lambda: study(ends={(1, 1): DIVERGED}),
    "oversubscribed": lambda: study((1, 2, 4000, 8000), on="threads"),
    "beside a server": lambda: study((1, 4000), on="mpi"),
    "emulated": lambda: study((1, 2, 4000), on="threads", text=EMULATED),
    "reference": lambda: compared((1, 2, 4, 16), [1, 1.9, 4.1, 12], [1, 1.8, 3, 9]),
    "reference, iteration": lambda: compared((2, 8), [1.9, 7], ends={(8, 1): MISSED}),
    "reference elsewhere": lambda: compared((16, 32), [12, 20]),
    "many": lambda: compared((1, 8, 32), [1, 7.5, 20], [1, 7, 18], counts=(1, 2, 4, 8, 16, 32)),
    "all up to 32": lambda: study(range(1, 33), ends={(31, 2): MISSED, (20, 1): DIVERGED}),
    "one seed": lambda: study(seeds=1, ends={(8, 1): MISSED}),
    "only one worker": lambda: study((1,)),
}


@pytest.fixture(scope="module")
def studies():
    return {name: build() for name, build in STUDIES.items()}


@pytest.fixture(params=STUDIES)
def built(studies, request):
    return studies[request.param]


def printed(what, width=110):
    out = StringIO()
    table(what).terminal(Console(file=out, width=width))
    return out.getvalue()


# Forms for machines


def test_csv_reads_back_to_the_very_numbers(built):
    lines = list(csv.DictReader(StringIO(table(built).csv())))
    assert [int(line["workers"]) for line in lines] == [row.workers for row in built.rows]
    for line, row in zip(lines, built.rows, strict=True):
        assert (int(line["reached"]), int(line["runs"])) == (row.reached, len(row.attempts))
        assert line["oversubscribed"] == str(row.oversubscribed)
        assert line["endings"].count(":") == len(row.endings)
        for name, attribute in ESTIMATES.items():
            estimate = getattr(row, attribute)
            read = [line[name], line[f"{name}_low"], line[f"{name}_high"]]
            wanted = (
                [None] * 3 if estimate is None else [estimate.value, estimate.low, estimate.high]
            )
            assert [float(number) if number else None for number in read] == wanted
            assert line[f"{name}_bound"] == (estimate.bound if estimate else "")
        assert float(line["mean_staleness"]) == row.staleness
        for kind in ("iteration", "time"):
            cell = built.cell(row, kind)
            if cell is None:
                assert line[f"{kind}_deviation"] == ""
            else:
                theirs, deviation = line[f"reference_{kind}"], line[f"{kind}_deviation"]
                assert (float(theirs), float(deviation)) == (cell.theirs, cell.deviation)


def test_json_is_one_line_with_the_numbers_of_the_csv(built):
    text = table(built).json()
    assert "\n" not in text
    document = json.loads(text, parse_constant=pytest.fail)
    lines = list(csv.DictReader(StringIO(table(built).csv())))
    for record, line in zip(document["rows"], lines, strict=True):
        assert record.keys() == line.keys()
        for name in record.keys() - {"endings"}:
            assert line[name] == ("" if record[name] is None else str(record[name]))
    assert document["sentence"] == sentence(built)
    assert document["notes"] == notes(built)


# Forms for people


def cells_of(form, text):
    """Return the rows of a form as lists of plain text, as it is read by whoever shows it."""
    if form == "markdown":
        lines = [line for line in text.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]
    if form == "latex":
        body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
        return [[plain(cell) for cell in line.removesuffix(r" \\").split(" & ")] for line in body]
    body = ElementTree.fromstring(text).find(".//tbody")
    return [["".join(cell.itertext()) for cell in row.iter("td")] for row in body.iter("tr")]


def plain(cell):
    cell = re.sub(r"\{\\scriptsize (.*)\}", r"\1", cell).replace(r"\ensuremath{-}", "−")
    cell = cell.replace(r"\ensuremath{\le}", "≤").replace(r"\ensuremath{\ge}", "≥")
    return cell.replace("---", "—").replace("--", "–").replace(r"\%", "%")


FORMS = ("markdown", "latex", "html")


@pytest.mark.parametrize("form", FORMS)
def test_forms_say_the_same_of_every_number_of_workers(built, form):
    columns = table(built).columns
    wanted = [list(map(str, line)) for line in zip(*(c.cells for c in columns), strict=True)]
    assert [line[0] for line in wanted] == [str(row.workers) for row in built.rows]
    assert cells_of(form, getattr(table(built), form)()) == wanted


@pytest.mark.parametrize("form", FORMS)
def test_forms_end_with_the_notes(built, form):
    text = getattr(table(built), form)()
    assert all(f"p = {row.workers}: {row.reached} of" in text for row in built.rows if row.endings)
    assert ("bounds" in text) == any(row.updates and row.updates.bound for row in built.rows)


@pytest.mark.parametrize("width", [60, 80, 110, 160])
def test_the_terminal_shows_everything_within_its_width(built, width):
    text = printed(built, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    words = " ".join(text.split())
    for said in [*notes(built), sentence(built)]:
        assert " ".join(said.split()) in words
    for row in built.rows:
        assert any(line.split()[:1] == [str(row.workers)] for line in lines)
    if width >= 80:
        for column in table(built).columns:
            for cell in column.cells:
                assert str(cell) in text


def test_a_table_without_reference_is_in_one_piece(studies):
    assert printed(studies["some missed"]).count("\np  ") == 1
    assert printed(studies["reference"], 80).count("\np  ") == 2


def test_markdown_has_as_many_cells_in_each_line(built):
    text = table(built).markdown()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(built.rows)
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_latex_is_escaped_and_balanced(built):
    text = table(built).latex()
    bare = re.sub(r"\\[\\&%$#_{}|]", "", text)
    depth = 0
    for char in bare:
        depth += {"{": 1, "}": -1}.get(char, 0)
        assert depth >= 0
    assert depth == 0
    after = bare.split("\n", 1)[1]  # the first line is a comment
    assert not set("%#$_~") & set(after)
    assert text.isascii()
    (preamble,) = re.findall(r"\\begin\{tabular\}\{(r+)\}", text)
    for line in text.splitlines():
        if line.endswith(r"\\"):
            assert len(re.findall(r"(?<!\\)&", line)) == len(preamble) - 1


def test_words_of_others_are_escaped(studies):
    compared = studies["reference"]
    tex = table(compared).latex()
    assert r"A\_b \& Co \ensuremath{<}i\ensuremath{>}, 50 \% of \$x\$ \ensuremath{|} \{y\}" in tex
    assert r"\textasciitilde{}\textasciicircum{}\textbackslash{}\#" in tex
    html = table(compared).html()
    assert "<i>" not in html
    assert f"Reference: {SOURCE}." in "".join(ElementTree.fromstring(html).itertext())
    assert r"A\_b & Co \<i\>, 50 % of \$x\$ \| {y}\~^\\#" in table(compared).markdown()
    renamed = SpeedupStudy(
        compared.scenario.model_copy(update={"name": "a_b"}), compared.rows, None, 1
    )
    assert r"a\_b: p workers" in table(renamed).latex()
    assert r"a\_b: p workers" in table(renamed).markdown()


def test_the_notebook_shows_the_table(studies):
    shown = studies["reference"]
    assert notebook.html(shown) == table(shown).html()


# What is said


def test_bounds_and_what_is_not_told_are_marked(studies):
    columns = {c.words: c.cells for c in table(studies["some missed"]).columns}
    assert [cell.text[:2] == "≤ " for cell in columns["iteration speedup"]] == [0, 0, 1, 1]
    assert [cell.text[:2] == "≥ " for cell in columns["updates to target"]] == [0, 0, 1, 1]
    assert [cell.text for cell in columns["reached"]] == ["3 of 3", "3 of 3", "2 of 3", "1 of 3"]
    columns = {c.words: c.cells for c in table(studies["diverged"]).columns}
    assert [cell.text == "—" for cell in columns["time speedup"]] == [0, 0, 1, 1]
    assert "reached" not in {c.words for c in table(studies["all reached"]).columns}


def test_the_reference_stays_where_ours_is_a_bound(studies):
    columns = {c.words: c.cells for c in table(studies["reference, iteration"]).columns}
    assert [bool(cell.aside) for cell in columns["iteration, reference"]] == [0, 1, 0, 0]
    assert [cell.text for cell in columns["iteration, reference"]] == ["—", "1.90", "—", "7.00"]
    assert "time, reference" not in columns


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("all reached", "mean of 5 evaluations; geometric means over 3 seeds, 95 % intervals."),
        ("one seed", "one seed, so no intervals."),
        ("some missed", "p = 8: 1 of 3 runs met the target (target not reached: 2)."),
        ("diverged", "p = 4: 2 of 3 runs met the target (cut short: 1)."),
        ("one missed", "run.updates should be larger or the target nearer."),
        ("one diverged", "algorithm.step should be smaller."),
        ("oversubscribed", "Real runs on threads, 2 cores."),
        ("oversubscribed", "p = 4000 workers on 2 cores: no speedup in time is told."),
        ("beside a server", "p = 4000 workers beside the server on 2 cores"),
        ("emulated", "Emulated: real runs on threads, 2 cores, that wait as long"),
        ("reference", "The reference has p = 16 too, which this study has not."),
        ("reference elsewhere", "No speedup of ours could be compared with A_b"),
    ],
)
def test_notes_say_what_a_reader_has_to_know(studies, name, said):
    assert said in "\n".join(notes(studies[name]))


def test_the_largest_deviation_is_told(studies):
    compared = studies["reference"]
    deviation, p = compared.largest_deviation("time")
    (told,) = [note for note in notes(compared) if note.startswith("Largest deviation")]
    percent = f"{100 * deviation:+.1f} %".replace("-", "−")
    assert f"time {percent} (p = {p})" in told
    assert SOURCE in told


def test_the_sentence_names_the_fastest_and_the_last_that_is_efficient(studies):
    whole = studies["all up to 32"]
    found = [row for row in whole.rows if row.workers > 1]
    told = [row for row in found if row.time and not row.time.bound]
    fastest = max(told, key=lambda row: row.time.value)
    last = max(row.workers for row in told if row.statistical.value >= 0.9)
    said = sentence(whole)
    assert f"with p = {fastest.workers}" in said
    assert said.endswith(f"a statistical efficiency of at least 90 % is {last}.")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("one missed", "No speedup can be told: one worker did not reach the target in every run."),
        ("only one worker", "No speedup can be told: only one worker was run."),
        ("all missed", "(p = 8 may have more: not every run reached the target)"),
        ("oversubscribed", "is 2."),
    ],
)
def test_the_sentence_says_what_can_not_be_told(studies, name, said):
    assert said in sentence(studies[name])


# Pictures


def drawn(picture):
    """Draw it, which is when matplotlib warns, and return its axes."""
    picture.canvas.draw()
    return picture.axes


def test_convergence_has_a_line_for_each_number_of_workers(built):
    picture = speedup_picture.convergence(built)
    panels = drawn(picture)
    (legend,) = picture.legends
    said = [text.get_text() for text in legend.get_texts()]
    assert said == [*(f"p = {row.workers}" for row in built.rows), "target"]
    for axes in panels:
        lines = [line for line in axes.lines if not line.get_label().startswith("_")]
        assert [line.get_label() for line in lines] == said
        low, high = axes.get_ylim()
        assert low < TARGET < 1 <= high < 100  # what diverges leaves at the top


def test_the_median_of_runs_that_all_reach_it_ends_at_the_target(studies):
    whole = studies["all reached"]
    (by_update, by_time) = speedup_picture.convergence(whole).axes
    for axes, which in ((by_update, 0), (by_time, 1)):
        lines = [line for line in axes.lines if line.get_label().startswith("p = ")]
        for line, row in zip(lines, whole.rows, strict=True):
            ends = sorted(attempt.curve[which][-1] for attempt in row.attempts)
            assert line.get_xdata()[-1] == ends[1]
            assert line.get_ydata()[-1] == pytest.approx(TARGET, rel=0.05)


def test_speedups_draws_what_is_told_and_marks_what_is_not(built):
    left, right = drawn(speedup_picture.speedups(built))
    for axes, names in ((left, ("iteration", "time")), (right, ("statistical", "hardware"))):
        found = [getattr(row, name) for name in names for row in built.rows]
        crosses = [line for line in axes.lines if line.get_label() == "can't be told"]
        assert sum(len(line.get_xdata()) for line in crosses) == found.count(None)
        legend = {text.get_text() for text in axes.get_legend().get_texts()}
        bounded = any(estimate and estimate.bound for estimate in found)
        assert any("at most" in name for name in legend) == bounded
        points = [c.lines[0] for c in axes.containers if "at most" not in c.get_label()]
        shown = [value for line in points for value in line.get_ydata()]
        told = [estimate.value for estimate in found if estimate and not estimate.bound]
        assert shown == pytest.approx([v * (1 if axes is left else 100) for v in told])


def test_a_target_of_the_gradient_is_named_and_needs_no_line(studies):
    whole = studies["all reached"]
    length = whole.scenario.run.model_copy(update={"target_loss": None, "target_gradient": 1e-3})
    settled = whole.scenario.model_copy(update={"run": length})
    other = SpeedupStudy(settled, whole.rows)
    assert "Target: ‖∇f‖² ≤ 0.001;" in notes(other)[0]
    assert r"\ensuremath{\nabla}f" in table(other).latex()
    picture = speedup_picture.convergence(other)
    drawn(picture)
    assert "target" not in {text.get_text() for text in picture.legends[0].get_texts()}


def test_runs_that_never_were_evaluated_stay_in_the_legend(studies):
    whole = studies["all diverged"]
    empty = tuple(replace(one, curve=((), (), ())) for one in whole.rows[-1].attempts)
    rows = (*whole.rows[:-1], replace(whole.rows[-1], attempts=empty))
    picture = speedup_picture.convergence(SpeedupStudy(whole.scenario, rows))
    drawn(picture)
    assert "p = 8" in {text.get_text() for text in picture.legends[0].get_texts()}


@pytest.mark.parametrize("counts", [(1,), range(1, 17), range(1, 33), (1, 2, 4000, 8000)])
def test_numbers_below_the_axis_do_not_stand_on_each_other(counts):
    picture = speedup_picture.speedups(study(counts))
    for axes in drawn(picture):
        labels = [label for label in axes.get_xticklabels() if label.get_text()]
        assert labels[-1].get_text() == str(counts[-1])
        boxes = [label.get_window_extent() for label in labels]
        assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_the_reference_is_drawn_hollow(studies):
    left, _ = drawn(speedup_picture.speedups(studies["reference"]))
    hollow = {line.get_label(): line for line in left.lines if "reference" in line.get_label()}
    assert list(hollow["iteration, reference"].get_ydata()) == [1, 1.9, 4.1]
    assert list(hollow["time, reference"].get_ydata()) == [1, 1.8, 3]
    assert all(line.get_markerfacecolor() == "none" for line in hollow.values())


def test_save_all_writes_both(studies, tmp_path):
    paths = speedup_picture.save_all(studies["reference"], tmp_path)
    assert paths == [tmp_path / "convergence.png", tmp_path / "speedup.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_a_place_that_can_not_be_written_to_is_named(studies, tmp_path):
    with pytest.raises(InputError, match="should be a place that can be written to"):
        speedup_picture.save_all(studies["only one worker"], tmp_path / "absent")
