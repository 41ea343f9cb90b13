"""Studies of staleness: counts, laws, conservation, selection, and delays that others measured."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asysim
from asysim.delays import fits, headcount, making, spread
from asysim.delays.books import Books
from asysim.delays.count_laws import Geometric, Poisson
from asysim.delays.fits import best_fit
from asysim.delays.given_laws import Tabled
from asysim.delays.mixture import Mixture
from asysim.delays.piece import Piece
from asysim.delays.pooled_test import PooledTest
from asysim.delays.scale import STALENESS, TICKS, cell_of
from asysim.delays.sources import source
from asysim.delays.spread import Spread
from asysim.delays.study import told_apart
from asysim.delays.warm_up import warm_up
from asysim.scenario import parse
from asysim.show.staleness_document import study_document
from asysim.show.staleness_summary import summary_table
from asysim.show.staleness_table import fits_table
from asysim.show.staleness_words import sentence
from asysim.theory.conservation import conservation
from asysim.theory.expectations import STALENESS as MEAN
from asysim.theory.expectations import expectations
from asysim.theory.staleness import exponential_staleness
from asysim.theory.staleness_law import staleness_law, worker_staleness
from asysim.trace.trace import Trace
from tests.support import BASE, CON, DISCARD, INCON, KINDS, SCENARIOS, command, only_fault, scenario

EXPONENTIAL = ('workers.compute={law="exponential", mean=1e-3}', "run.updates=8000")
GROUPS = (
    'workers={groups=[{count=2, speed=3.0}, {count=4}], compute={law="exponential", mean=1e-3}}',
)
RULES = {
    "softsync": (CON, "algorithm.gradients_per_update=4", "workers.count=7"),
    "groups": (BASE, *GROUPS),
    "backup": (CON, 'coordination={kind="backup", needed=2}'),
    "ringmaster": (CON, 'coordination={kind="ringmaster", delay=2}', "workers.count=8"),
    **KINDS,
}


def traced(text, *changes):
    """Return the trace of a scenario's schedule."""
    found = source(parse(text, *changes))
    return Trace.joined(list(found.pieces()), found.info)


def bare(study):
    """Return all that a study says, but for what it was made from."""
    document = study_document(study)
    del document["name"], document["kind"]
    return json.dumps(document)


@pytest.fixture
def unfitted(monkeypatch):
    """Fit no laws, which takes longer than all else and is no part of what is tested."""
    monkeypatch.setattr(making, "fits", lambda _: ())


# Counts ------------------------------------------------------------------------------------------


@given(st.integers(0, 2**62), st.sampled_from([STALENESS, TICKS]))
def test_a_cell_holds_its_number_and_is_as_fine_as_it_says(value, scale):
    cell = cell_of(value, *scale)
    low, after = scale.lowest(np.array([cell, cell + 1])).tolist()
    assert low <= value < after
    assert after - low <= max(1, value >> scale.octave_bits)
    assert cell_of(2**63 - 1, *scale) == scale.cells - 1


@pytest.mark.usefixtures("unfitted")
@pytest.mark.parametrize("kind", RULES)
def test_counts_are_those_of_a_recount(kind):
    text, *changes = RULES[kind]
    trace = traced(text, *changes, "run.updates=700")
    study = asysim.staleness(trace)
    assert study.gradients == len(trace)
    assert (study.updates, study.applied) == (trace.updates, int(trace.was_applied.sum()))
    times = np.zeros(study.whole.largest + 1, np.int64)
    times[study.whole.lowest] = study.whole.times
    assert times.tolist() == trace.staleness_counts().tolist()
    for worker, line in enumerate(study.by_worker.to_dict("records")):
        own = trace.worker == worker
        tau = trace.age[own & trace.was_applied]
        assert line["gradients"] == own.sum()
        assert line["mean"] == pytest.approx(tau.mean())
        assert line["quantile_0.9"] == np.quantile(tau, 0.9, method="inverted_cdf")
        took = trace.seconds("done")[own] - trace.seconds("ready")[own]
        assert line["mean_seconds"] == pytest.approx(took.mean())
    along = study.along
    for start, mean, least, most in zip(
        along.start, along.mean, along.least, along.most, strict=True
    ):
        tau = trace.staleness[start : start + (along.start[1] - along.start[0])]
        assert mean == pytest.approx(tau.mean())
        assert (least, most) == (tau.min(), tau.max())
    if study.of_updates is not None:
        update = trace.update[trace.was_applied]
        oldest = [trace.staleness[update == k].max() for k in range(trace.updates)]
        first = [trace.staleness[update == k][0] for k in range(trace.updates)]
        assert study.of_updates.largest.mean == pytest.approx(np.mean(oldest))
        assert study.of_updates.first.mean == pytest.approx(np.mean(first))
    chosen = study.selection
    assert chosen.gradients.sum() == study.gradients
    assert chosen.applied.sum() == study.applied


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.integers(1, 300))
@settings(deadline=None, max_examples=20)
def test_batches_do_not_depend_on_the_pieces(sizes, most):
    tau = np.random.default_rng(most).integers(0, most, sum(sizes))
    whole, cut = (Spread(3, np.zeros(3, np.int64)) for _ in range(2))
    worker = np.arange(len(tau)) % 3
    update = np.arange(len(tau)) + most
    whole.add(Piece.of_ages(worker, tau, update))
    for piece in np.split(np.arange(len(tau)), np.cumsum(sizes)[:-1]):
        cut.add(Piece.of_ages(worker[piece], tau[piece], update[piece]))
    for name in ("lanes", "of_worker", "of_batch", "stretch", "batch_length"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name)), name
    width = whole.batches.shape[1]
    assert (whole.batches == cut.batches[:, :width]).all()
    length = whole.batch_length
    assert whole.applied == len(tau)
    assert 64 <= -(-len(tau) // length) <= 128 or length == 1
    assert whole.of_batch[:, 0].tolist()[: len(tau) // length] == [
        tau[i * length : (i + 1) * length].sum() for i in range(len(tau) // length)
    ]


@pytest.mark.usefixtures("unfitted")
def test_many_workers_are_counted_together_and_nothing_is_lost(monkeypatch):
    trace = traced(BASE, *GROUPS, "run.updates=900")
    exact = asysim.staleness(trace)
    monkeypatch.setattr(spread, "MOST_CELLS", 200)  # 6 workers × 64 cells are more, 2 groups less
    grouped = asysim.staleness(trace)
    monkeypatch.setattr(spread, "MOST_CELLS", 100)
    together = asysim.staleness(trace)
    assert set(exact.lanes) == {*"012345", "1: 2 workers", "2: 4 workers"}
    assert set(grouped.lanes) == {"1: 2 workers", "2: 4 workers"}
    for name, lane in grouped.lanes.items():
        assert lane.times.tolist() == exact.lanes[name].times.tolist()
    assert not together.lanes
    assert together.whole.times.tolist() == exact.whole.times.tolist()
    assert exact.by_group["mean"].iloc[0] < exact.by_group["mean"].iloc[1], "fast ones are fresher"


@pytest.mark.usefixtures("unfitted")
@pytest.mark.parametrize("kind", ["con", "discard", "incon"])
def test_the_same_study_whatever_it_is_read_from(kind, tmp_path, monkeypatch):
    text, *changes = KINDS[kind]
    made = scenario(text, *changes, "run.updates=900")
    run = asysim.run(made, folder=tmp_path / "run")
    trace = run.trace
    (tmp_path / "made.toml").write_text(asysim.scenario.to_toml(made))
    monkeypatch.setattr("asysim.trace.reader.ROW_GROUP", 77)
    trace.save(tmp_path / "alone.parquet")
    sources = [
        made,
        trace,
        tmp_path / "run",
        str(tmp_path / "alone.parquet"),
        tmp_path / "made.toml",
    ]
    assert len({bare(asysim.staleness(one)) for one in [run, *sources]}) == 1


# Laws --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unfitted")
@pytest.mark.parametrize("c", [1, 3])
@pytest.mark.parametrize("changes", [(), GROUPS], ids=["equal", "groups"])
def test_exponential_workers_have_their_law_and_no_other(c, changes):
    # Rejected where it is true in 1 of 100 seeds; four are asked.
    made = scenario(BASE, *EXPONENTIAL, *changes, f"algorithm.gradients_per_update={c}")
    study = asysim.staleness(made)
    assert study.law.mean == pytest.approx((made.workers.count - 1) / c)
    assert study.law_test.test.p_value > 0.001
    more = [*study.law.rates, study.law.rates[0]]
    wrong = fits.judged(Tabled("one more", exponential_staleness(more, 500, c)), study.blocks)
    assert wrong.test.p_value < 1e-6
    assert study.balance.holds
    if c == 1:
        found, law = study.by_worker["mean"], study.by_worker["law_mean"]
        assert found.to_numpy() == pytest.approx(law.to_numpy(), rel=0.15)


@pytest.mark.usefixtures("unfitted")
def test_another_seed_has_the_same_law_and_another_cluster_does_not():
    made = [scenario(BASE, *EXPONENTIAL, f"seed={seed}") for seed in (1, 2)]
    one, again = map(asysim.staleness, made)
    found = one.compared(again)
    assert found.law.p_value > 0.001
    assert found.mean_p_value > 0.001
    assert found.wasserstein.low < 0.1
    groups = asysim.staleness(scenario(BASE, *EXPONENTIAL, *GROUPS))
    assert one.compared(groups).law.p_value < 1e-6


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=5), st.integers(1, 5))
def test_the_law_of_updates_of_several_is_a_law_with_the_mean_of_conservation(rates, c):
    probability = exponential_staleness(rates, 4000, c)
    if min(rates) < 0.01 * sum(rates):
        return  # its tail is longer
    assert probability.sum() == pytest.approx(1, abs=1e-6)
    assert np.arange(4000) @ probability == pytest.approx((len(rates) - 1) / c, abs=1e-3)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_laws_of_single_staleness_have_the_mean_that_is_told(path):
    made = asysim.load(path)
    law, mean = staleness_law(made, 12), expectations(made, 12).get(MEAN)
    assert law is None or law.mean == mean
    means = worker_staleness(made, 12)
    if means is not None:  # Σ_i λ_i E[τ | i] / Λ is the mean
        assert 1 / (means + 1) @ means == pytest.approx(mean)


@pytest.mark.usefixtures("unfitted")
@pytest.mark.parametrize(
    "changes",
    [(), ("workers.count=1",), ('coordination={kind="round-robin"}',), ("server={service=2e-4}",)],
)
def test_turns_leave_one_staleness(changes):
    made = scenario(BASE, *changes)
    study = asysim.staleness(made)
    assert study.law.fixed == made.workers.count - 1
    assert study.settled.lowest.tolist() == [study.law.fixed]


# Conservation ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unfitted")
@pytest.mark.parametrize("kind", RULES)
def test_books_balance_and_agree_with_the_law_as_it_stands(kind):
    text, *changes = RULES[kind]
    trace = traced(text, *changes, "run.updates=500")
    balance = asysim.staleness(trace).balance
    assert balance.holds
    told = conservation(trace)
    assert balance.ages == told.ages
    if trace.info.algorithm == "asysg-con":
        assert balance.least <= told.ages <= balance.most
        assert (balance.least, balance.most) == (told.least, told.most)
    if kind in ("con", "softsync", "groups"):
        assert balance.always_busy
        p, k = trace.info.workers, trace.updates
        assert balance.ages == k * (p - 1) - balance.in_hand


def test_a_version_that_the_clock_denies_is_found():
    trace = traced(CON, "run.updates=300")
    facts = trace.facts.copy()
    facts[2, 150] += 1
    books = Books(3, clocked=True)
    books.add(Piece.of(Trace(facts, trace.ticks, trace.info)))
    assert books.balance().outside == 1
    assert not books.balance().holds


# Selection ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unfitted")
@pytest.mark.parametrize(
    "changes",
    [
        ('coordination={kind="ringmaster", delay=4}',),
        ("algorithm.staleness_bound=4", "algorithm.beyond_bound=discard"),
        ('coordination={kind="backup", needed=4, late="finish"}',),
    ],
    ids=["ringmaster", "bound", "backup"],
)
def test_rules_that_discard_starve_slow_gradients(changes):
    made = scenario(BASE, *EXPONENTIAL, *GROUPS, *changes, "run.updates=5000")
    study = asysim.staleness(made)
    shares = study.selection.shares
    assert shares[-1] < shares[5] < shares[0] + 0.05
    assert study.selection.starved < 0.9
    own = study.by_group
    assert own["share_of_applied"].iloc[1] < own["share_of_gradients"].iloc[1]


@pytest.mark.usefixtures("unfitted")
def test_nobody_is_starved_where_all_is_applied():
    study = asysim.staleness(scenario(BASE, *EXPONENTIAL, *GROUPS))
    assert (study.selection.shares == 1).all()
    assert study.selection.starved == pytest.approx(1)
    # τ grows by (p − 1) / p of its mean plus one with each mean duration, all others being busy.
    assert study.selection.correlation > 0.5


# Delays that others measured ----------------------------------------------------------------------


def test_delays_of_a_known_law_are_recognised(tmp_path):
    tau = traced(BASE, *EXPONENTIAL).staleness
    path = tmp_path / "delays.csv"
    np.savetxt(path, tau)
    study = asysim.staleness(path)
    assert study.whole.times.tolist() == np.bincount(tau)[np.bincount(tau) > 0].tolist()
    geometric = next(fit for fit in study.fits if fit.name == "geometric")
    assert not geometric.rejected
    assert geometric.law.parameters["q"] == pytest.approx(1 / 4, rel=0.03)
    head = study.headcount
    assert (head.least, head.read_twice, head.first_reads) == (4, 0, 4)
    assert asysim.staleness(path, workers=4).workers == 4
    fault = only_fault(asysim.staleness, path, workers=3)
    assert (fault.source, fault.key, fault.found) == (str(path), "workers", "3")
    assert "4 at least" in fault.expected
    assert bare(asysim.staleness(tau)) == bare(study)


def test_two_speeds_show_in_delays_alone():
    study = asysim.staleness(traced(BASE, *EXPONENTIAL, *GROUPS).staleness)
    assert best_fit(study.fits).name == "mixture of 2 geometric"
    (note,) = (note for note in fits_table(study).notes if "exponential" in note)
    numbers = [float(word.rstrip("%")) for word in note.split() if word[0].isdecimal()]
    # Two workers of speed 3 and four of speed 1 make 30 % and 10 % of all updates each.
    assert numbers == pytest.approx([2, 30, 4, 10], rel=0.15)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
@settings(deadline=None, max_examples=40)
def test_as_many_workers_as_gradients_were_ever_under_way(raw):
    tau = np.minimum(raw, np.arange(len(raw)))
    counting = headcount.Counting(limit=2)
    for part in np.array_split(tau, 3):
        counting.add(part)
    head = counting.headcount()
    k = np.arange(len(tau))
    under_way = [int(((k - tau <= j) & (j <= k)).sum()) for j in k]
    assert head.least == max(under_way)
    assert under_way[head.where] == head.least
    assert head.over == next((j for j in k.tolist() if under_way[j] > 2), None)
    reads = np.bincount(k - tau)
    assert head.first_reads == reads[0]
    assert head.read_twice == np.maximum(reads[1:] - 1, 0).sum()


@pytest.mark.usefixtures("unfitted")
def test_ages_of_stored_gradients_keep_the_books(tmp_path):
    trace = traced(BASE, *EXPONENTIAL, "run.updates=4000")
    # An update of a gradient of each comes first; then one comes at a time, as in the trace.
    ages, last = [np.zeros(4, np.int64)], np.zeros(4, np.int64)
    for k, (worker, version) in enumerate(zip(trace.worker, trace.version, strict=True), start=1):
        last[worker] = version + 1
        ages.append(k - last)
    ages = np.array(ages)
    path = tmp_path / "ages.csv"
    np.savetxt(path, ages, delimiter=",", header="a,b,c,d")
    study = asysim.staleness(path)
    assert study.workers == 4
    assert study.applied == 4 * 4001
    assert study.balance.holds
    assert study.balance.always_busy
    assert study.balance.ages == trace.age.sum()
    assert study.at_arrival == (4004, pytest.approx(trace.age.sum() / 4004))
    assert study.of_updates.largest.mean == pytest.approx(ages.max(axis=1).mean())
    one = asysim.staleness(path, column="b")
    assert one.whole.total == ages[:, 1].sum()
    assert "2" in only_fault(asysim.staleness, path, workers=2).found


# Bad input, and what is shown ---------------------------------------------------------------------


def test_options_that_do_not_belong_to_a_source_are_refused(tmp_path):
    trace = traced(CON, "run.updates=20")
    assert only_fault(asysim.staleness, trace, workers=3).key == "workers"
    assert only_fault(asysim.staleness, trace, column=1).key == "column"
    assert only_fault(asysim.staleness, trace, "workers.count=3").key == "KEY=VALUE"
    assert only_fault(asysim.staleness, [0, 1, 1], workers=0).key == "workers"
    assert only_fault(asysim.staleness, [0, 1, 5]).key == "line 3, column 1"
    assert only_fault(asysim.staleness, []).key == "delays"
    assert only_fault(asysim.staleness, "words").key == "content"
    fault = only_fault(asysim.staleness, tmp_path)
    assert (fault.source, fault.found) == (str(tmp_path), "no trace.parquet")
    nothing = trace[:0]
    assert only_fault(asysim.staleness, nothing).found == "no gradient that was applied"


@pytest.mark.usefixtures("unfitted")
def test_two_of_one_name_are_told_apart_and_say_the_same_once():
    study, other = asysim.staleness([0, 1, 1, 1]), asysim.staleness([0, 1, 2, 2])
    studies = told_apart([study, study, replace(other, name="else")])
    assert [one.name for one in studies] == ["delays (1)", "delays (2)", "else"]
    table = summary_table(studies)
    assert table.sentence.startswith("delays (1) and delays (2): mean staleness 1.000")
    assert "else: mean staleness 2.000" in table.sentence
    whose = [note.split(":")[0] for note in table.notes if "at least" in note]
    assert whose == ["delays (1) and delays (2)", "else"]


@pytest.mark.usefixtures("unfitted")
def test_a_simpler_law_that_is_not_rejected_either_is_named():
    def fit(law, p_value, gain):
        test = None if p_value is None else PooledTest(1.0, (1.0, 1.0), p_value, np.zeros(1), 16)
        return fits.Fit(law, {}, gain, len(law.theta), 1000, test)

    mixture = fit(Mixture((0.5, 0.5), (Poisson(2.0), Poisson(9.0))), 0.02, -10.0)
    simple, wrong = fit(Poisson(5.0), 0.2, -40.0), fit(Geometric(5.0), 0.001, -90.0)
    study = asysim.staleness([0, 1, 1, 1])
    said = sentence(replace(study, fits=(mixture, wrong, simple)))
    assert "a mixture of 2 Poisson law fits it best, and a Poisson law, which is simpler" in said
    for others in ((wrong,), (fit(simple.law, 0.001, -40.0),), (fit(simple.law, None, -40.0),)):
        assert said.split(" best")[0] + "." == sentence(replace(study, fits=(mixture, *others)))


@pytest.mark.parametrize("size", [1, 2, 5, 40])
def test_short_series_are_told_without_tests(size):
    study = asysim.staleness(np.minimum(np.arange(size), 3))
    assert study.applied == size
    assert study.stationary is None
    assert study.error is None or size > 15
    assert json.loads(json.dumps(study_document(study), allow_nan=False))["applied"] == size
    asysim.plots.staleness(study)


def test_warm_up_ends_where_the_series_is_settled():
    noise = np.random.default_rng(1).normal(0, 0.1, 100)
    assert warm_up(np.full(100, 3.0)) == 0
    assert warm_up(np.where(np.arange(100) < 7, 0.0, 3.0)) == 7
    start = np.maximum(0, 10 - np.arange(100))
    assert 8 <= warm_up(3 - start + noise) <= 20
    assert warm_up(np.array([1.0])) == warm_up(np.zeros(0)) == 0


def test_the_command(tmp_path):
    path = tmp_path / "fast.toml"
    path.write_text(BASE)
    words = (str(path), 'workers.compute={law="exponential", mean=1e-3}', "run.updates=3000")
    code, said, _ = command("staleness", *words, "--out", str(tmp_path / "out"))
    assert code == 0
    assert "conservation holds: Σ ages" in " ".join(said.split())
    assert "the exact law (exponential workers, always busy) says 3.000" in " ".join(said.split())
    assert {one.name for one in (tmp_path / "out").iterdir()} == {
        "staleness.md", "staleness.json", "staleness.png",
    }  # fmt: skip
    code, _, errors = command("staleness", *words, "--out", str(tmp_path / "out"))
    assert code == 2
    assert "file exists" in errors
    np.savetxt(tmp_path / "delays.csv", np.minimum(np.arange(3000), 3))
    code, said, _ = command(
        "staleness", str(path), str(tmp_path / "delays.csv"), *words[1:], "--json"
    )
    first, second, both = map(json.loads, said.splitlines())
    assert code == 0
    assert (first["mean"], second["mean"]) == pytest.approx((3, 3), abs=0.1)
    assert both["compared"]["law_p_value"] < 1e-6, "of the same mean, and another law"
    code, _, errors = command("staleness", "workers.count=2")
    assert code == 2
    assert "SOURCE" in errors


def test_pictures_draw_where_they_are_asked_to():
    study = asysim.staleness(scenario(BASE, *EXPONENTIAL, *DISCARD))
    names = ("distribution", "tail", "over_time", "by_duration", "memory")
    for name in names:
        draw = getattr(asysim.plots, f"staleness_{name}")
        axes = draw(study)
        assert draw(study, ax=axes) is axes
    with pytest.raises(ValueError, match="measured"):
        asysim.plots.staleness_by_duration(asysim.staleness([0, 1, 1, 1]))
    asysim.plots.staleness(asysim.staleness(scenario(INCON)))
    assert making.staleness is asysim.staleness
