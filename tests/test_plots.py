"""Pictures and notebook displays: they draw whatever there is, and show its numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest

import asysim
from asysim.show import notebook, plots
from asysim.show.report import run_html, trace_html
from asysim.show.summary import Summary, seconds
from asysim.trace import Gradient, Trace
from asysim.trace.info import TraceInfo
from tests.support import CON, DISCARD, INCON, scenario

SEVERAL = ("algorithm.gradients_per_update=2",)
BLOCKS = ("algorithm.write=block", "algorithm.blocks=3")


@pytest.fixture(scope="module")
def runs():
    return {
        "con": asysim.run(scenario(CON)),
        "incon": asysim.run(scenario(INCON)),
        "discard": asysim.run(scenario(CON, *DISCARD)),
        "several": asysim.run(scenario(CON, *SEVERAL)),
        "blocks": asysim.run(scenario(INCON, *BLOCKS)),
        "slow": asysim.run(scenario(CON, "workers.speed=[1, 1, 0.01]")),
        "one worker": asysim.run(scenario(CON, "workers.count=1")),
        "one update": asysim.run(scenario(CON, "run.updates=1")),
        "nothing": asysim.run(scenario(CON, "run={seconds = 1e-9}")),
        "diverged": asysim.run(scenario(CON, "algorithm.step=1e9", "run.updates=4000")),
        "diverged at once": asysim.run(scenario(CON, "algorithm.step=1e300")),
        "no time": asysim.run(
            scenario(CON, "workers.compute=0", "network.pull=0", "network.push=0", "server={}")
        ),
        "many": asysim.run(scenario(CON, "workers.count=90", "run.updates=400")),
    }


NAMES = ["con", "incon", "discard", "several", "blocks", "slow", "one worker", "one update",
         "nothing", "diverged", "diverged at once", "no time", "many"]  # fmt: skip


def drawn(figure):
    """Draw a figure and return its axes; a warning would be an error."""
    assert figure._repr_png_().startswith(b"\x89PNG")
    return figure.axes


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_of_every_run_draws_with_labelled_axes(runs, name):
    run = runs[name]
    for picture in (plots.convergence(run), plots.staleness(run), plots.timeline(run)):
        for axes in drawn(picture):
            assert axes.get_xlabel()
            assert axes.get_ylabel()


@pytest.mark.parametrize("name", ["con", "incon", "discard", "diverged at once"])
def test_a_trace_is_enough_for_staleness_and_timeline(runs, name):
    trace = runs[name].trace
    for picture in (plots.staleness, plots.timeline):
        assert picture(trace)._repr_png_() == picture(runs[name])._repr_png_()


def test_pictures_leave_matplotlib_as_it_was(runs):
    before = dict(mpl.rcParams)
    plots.convergence(runs["con"])._repr_png_()
    assert dict(mpl.rcParams) == before


def test_convergence_shows_the_curve(runs):
    run = runs["con"]
    by_update, by_time, gradient = drawn(plots.convergence(run))
    np.testing.assert_array_equal(by_update.lines[0].get_xdata(), run.curve["update"])
    np.testing.assert_array_equal(by_update.lines[0].get_ydata(), run.curve["loss"])
    np.testing.assert_array_equal(by_time.lines[0].get_xdata(), run.curve["seconds"])
    norms = [line.get_ydata() for line in gradient.lines]
    np.testing.assert_array_equal(norms, run.curve[["gradient_norm2", "mean_gradient_norm2"]].T)
    assert "simulated" in by_time.get_xlabel()


def test_several_runs_have_a_legend(runs):
    some = [runs["con"], runs["incon"]]
    figure = plots.convergence(*some)
    axes = drawn(figure)[0]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["tiny, p = 3"] * 2
    assert len({line.get_color() for line in axes.lines}) == 2
    figure = plots.convergence(*some, labels=["a", "b"])
    drawn(figure)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
    with pytest.raises(ValueError, match="zip"):
        plots.convergence(*some, labels=["a"])


def test_a_loss_that_falls_far_is_on_a_logarithmic_axis_and_a_negative_one_is_not():
    falling = asysim.run(scenario(CON, "problem.noise=0", "run.updates=2000"))
    assert drawn(plots.convergence(falling))[0].get_yscale() == "log"
    saddle = asysim.run(
        scenario(CON, "problem={kind='quadratic', eigenvalues=[1.0, -1.0], noise=0.1}")
    )
    assert saddle.curve["loss"].min() < 0
    assert drawn(plots.convergence(saddle))[0].get_yscale() == "linear"


@pytest.mark.parametrize("name", ["con", "incon", "discard"])
def test_staleness_bars_are_the_distribution(runs, name):
    trace = runs[name].trace
    whole, each, along = drawn(plots.staleness(trace))
    counts = trace.staleness_counts()
    np.testing.assert_allclose([bar.get_height() for bar in whole.patches], counts / counts.sum())
    centres = [bar.get_x() + bar.get_width() / 2 for bar in whole.patches]
    np.testing.assert_allclose(centres, np.arange(len(counts)), atol=1e-12)
    mean, fair = whole.lines
    assert mean.get_xdata()[0] == pytest.approx(trace.staleness.mean())
    assert fair.get_xdata()[0] == 2
    applied = trace.frame[trace.was_applied]
    np.testing.assert_allclose(
        [bar.get_height() for bar in each.patches],
        applied.groupby("worker")["staleness"].mean(),
    )
    np.testing.assert_array_equal(along.lines[0].get_ydata(), trace.staleness)


def test_a_long_tail_is_gathered_into_few_bars():
    rows = [Gradient(0, k, 0, k, k, k, k, k, k + 1) for k in range(1000)]
    trace = Trace.from_gradients(rows, TraceInfo("asysg-con", workers=1, dimension=1))
    whole, _, along = drawn(plots.staleness(trace))
    heights = [bar.get_height() for bar in whole.patches]
    assert 40 <= len(heights) <= 80
    assert sum(heights) == pytest.approx(1)
    assert len(along.lines[0].get_xdata()) == 200


def test_the_timeline_shows_every_phase_of_every_gradient(runs):
    trace = runs["discard"].trace
    (axes,) = drawn(plots.timeline(trace, seconds=1.0))
    assert len(axes.patches) == 4 * len(trace)
    computing = axes.containers[1]
    assert computing.get_label() == "computes"
    lengths = [bar.get_width() for bar in computing]
    np.testing.assert_allclose(lengths, trace.seconds("done") - trace.seconds("ready"))
    marks = {line.get_label(): line for line in axes.lines}
    assert len(marks["applied"].get_xdata()) == trace.was_applied.sum()
    assert len(marks["discarded or lost"].get_xdata()) == (~trace.was_applied).sum() > 0
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["pull", "computes", "push", "at the server", "applied", "discarded or lost"]


def test_the_timeline_of_a_shared_memory_has_its_own_words(runs):
    (axes,) = drawn(plots.timeline(runs["incon"]))
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["reads x", "computes", "writes", "applied"]


def test_the_timeline_shows_what_is_asked_for(runs):
    trace = runs["con"].trace
    (axes,) = drawn(plots.timeline(trace, start=0.002, seconds=0.003))
    assert axes.get_xlim() == pytest.approx((2, 5))
    assert axes.get_xlabel() == "milliseconds (simulated clock)"
    inside = (trace.seconds("applied") >= 0.002) & (trace.seconds("read") <= 0.005)
    assert len(axes.patches) == 4 * inside.sum() < 4 * len(trace)
    (beyond,) = drawn(plots.timeline(trace, start=100.0))
    assert len(beyond.patches) == 0


def test_save_all_writes_what_is_named(runs, tmp_path):
    paths = plots.save_all(runs["con"], tmp_path, ["staleness"])
    assert paths == [tmp_path / "staleness.png"]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert len(plots.save_all(runs["con"], tmp_path)) == len(list(tmp_path.iterdir())) == 3


# Notebook displays


def parsed(html):
    """Parse strictly: a display is well-formed XML."""
    return ElementTree.fromstring(html)


@pytest.mark.parametrize("name", NAMES)
def test_displays_are_well_formed_and_show_the_numbers(runs, name):
    run = runs[name]
    trace = run.trace
    for html in (notebook.html(run), notebook.html(trace)):
        tree = parsed(html)
        rows = [[cell.text for cell in row.iter("td")] for row in tree.iter("tr")]
        assert [tuple(row) for row in rows] == Summary.of(trace).lines()
        bars = list(tree.iter("rect"))
        assert 0 < len(bars) <= 60 or len(trace) == 0
        heights = [float(bar.get("height")) for bar in bars]
        assert all(np.isfinite(heights))
        shares = [re.search(r": ([\d.]+)%", bar.find("title").text)[1] for bar in bars]
        assert sum(map(float, shares)) == pytest.approx(100 if bars else 0, abs=0.5)
    assert run.outcome.message in "".join(parsed(run_html(run)).itertext())


def test_displays_escape_what_they_are_given(runs):
    html = trace_html(runs["con"].trace, "<script>a & b</script>")
    assert "<script>" not in html
    assert parsed(html).find("b").text == "<script>a & b</script>"


def test_summary_of_a_trace_by_hand():
    rows = [
        Gradient(0, 0, 0, 0, applied=1.0),
        Gradient(1, 0, 0, 1, applied=2.0),
        Gradient(1, 1, 0, -1, applied=3.0),
        Gradient(1, 2, 0, 2, applied=4.0),
    ]
    summary = Summary.of(Trace.from_gradients(rows, TraceInfo("asysg-con", 2, 1)))
    assert (summary.updates, summary.gradients, summary.discarded) == (3, 4, 1)
    assert (summary.seconds, summary.throughput) == (4.0, 0.75)
    assert (summary.mean_staleness, summary.max_staleness) == (1.0, 2)
    assert summary.staleness_quantiles == (1, 2, 2)
    assert (summary.least_share, summary.most_share) == (0.25, 0.75)
    assert ("discarded", "25.00% of gradients") in summary.lines()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 s"), (1.5e-9, "1.5 ns"), (2e-6, "2 µs"), (0.0123456, "12.35 ms"), (90.0, "90 s")],
)
def test_durations_have_a_unit_that_fits(value, text):
    assert seconds(value) == text
