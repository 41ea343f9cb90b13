"""Power v(t): work of W seconds at power 1 is done when ∫v = W, whatever v is."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.random.streams import WordSource
from asysim.scenario.load import from_document
from asysim.schedule.building import power_clocks
from asysim.schedule.reference.power import PowerClock, of_worker
from asysim.trace.gradient import NANOSECOND
from tests.strategies import recorded
from tests.support import only_fault

TAU = 1e-3  # a gradient's time at power 1
SPELLS = {"kind": "spells", "normal": 0.02, "slow": 0.005, "power": 0.2}


def document(power, count=1, compute=TAU, name="asysg-con", **tables):
    return {
        "problem": {"kind": "quadratic", "dimension": 3},
        "algorithm": {"name": name, "step": 0.1},
        "workers": {"count": count, "compute": compute, "power": power},
    } | tables


def segments(power, until, *, worker=0, seed=1):
    """The pieces of v up to a tick."""
    settings_of = from_document(document(power)).workers.power
    pieces = of_worker(settings_of, WordSource(seed), worker)
    return list(itertools.takewhile(lambda piece: piece.begin < until, pieces))


def done_by(pieces, ticks):
    """∫v from 0 to each tick, by the trapezium of every piece."""
    total = np.zeros(len(ticks))
    for piece in pieces:
        span = np.clip(ticks, piece.begin, piece.end) - float(piece.begin)
        total += span * (piece.power + piece.slope * span / 2)
    return total


def assert_universal(power, trace, tau=TAU, name="applied"):
    """Gradient n of the one worker was done when ∫v = nτ, but for a rounding of each to a tick."""
    ticks = np.rint(trace.seconds(name) / NANOSECOND)
    pieces = segments(power, int(ticks[-1]) + 1)
    last = (min(piece.end, ticks[-1]) - piece.begin for piece in pieces)
    powers = [p.power + p.slope * span for p, span in zip(pieces, last, strict=True)]
    highest = max(1.0, *powers, *(piece.power for piece in pieces))
    number = np.arange(1, len(ticks) + 1)
    work = number * tau / NANOSECOND
    assert np.all(np.abs(done_by(pieces, ticks) - work) <= number * highest + 1e-9 * work)


# The universal model -------------------------------------------------------------------------

LEVELS = st.sampled_from([0.0, 0.1, 0.3, 1.0, 2.5, 7.0])


@st.composite
def profiles(draw):
    gaps = draw(st.lists(st.integers(50, 8000), max_size=6))
    times = [0, *itertools.accumulate(gaps)]
    powers = [draw(LEVELS) for _ in times]
    table = {"kind": "profile", "times": [time * 1e-6 for time in times], "powers": powers}
    if powers[-1] == 0 or draw(st.booleans()):
        table["period"] = (times[-1] + draw(st.integers(50, 8000))) * 1e-6
    if not any(powers):
        powers[0] = 1.0
    return table


@settings(max_examples=40)
@given(profiles())
def test_a_profile_is_integrated(power):
    assert_universal(power, recorded(document(power), 60))


@settings(max_examples=60)
@given(
    target=st.floats(0.01, 20.0),
    seconds=st.floats(1e-6, 0.2),
    start=st.one_of(st.just(0.0), st.floats(0.0, 0.05)),
)
def test_a_trend_is_integrated(target, seconds, start):
    power = {"kind": "trend", "power": target, "seconds": seconds, "start": start}
    assert_universal(power, recorded(document(power), 60))


@pytest.mark.parametrize("level", [0.0, 0.1, 3.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_spells_are_integrated(level, scale):
    # Spells from much shorter to much longer than a gradient.
    power = {"kind": "spells", "normal": 2 * TAU * scale, "slow": TAU * scale, "power": level}
    assert_universal(power, recorded(document(power), 400))


@pytest.mark.parametrize(
    "power",
    [
        SPELLS,
        {"kind": "trend", "power": 0.25, "seconds": 0.05, "start": 0.01},
        {"kind": "profile", "times": [0, 2e-3, 3e-3], "powers": [1, 0, 2], "period": 5e-3},
    ],
)
def test_lock_free_workers_too(power):
    # Memory that takes no time: x is read and written at once, and all time is computing.
    trace = recorded(document(power, name="asysg-incon"), 200)
    assert_universal(power, trace, name="done")
    con = recorded(document(power), 200)
    assert np.array_equal(trace.facts, con.facts)
    assert np.array_equal(trace.ticks[2], con.ticks[2])


def test_power_is_for_computing_only():
    # Sweeps and messages take their time in an outage, too.
    outage = {"kind": "profile", "times": [0, 1e-6, 5e-6], "powers": [1, 0, 1]}
    con = recorded(document(outage, compute=2e-6, network={"pull": 5e-7, "push": 1e-6}), 2)
    assert con.ticks[:, 0].tolist() == [0, 500, 6500, 7500, 7500]
    memory = {"read": 5e-7, "write": 1e-6}
    incon = recorded(document(outage, compute=2e-6, name="asysg-incon", memory=memory), 2)
    assert incon.ticks[:, 0].tolist() == [0, 500, 6500, 6500, 7500]


def test_by_hand():
    def applied(power, updates, compute):
        return recorded(document(power, compute=compute), updates).ticks[4].tolist()

    # Half power from 10 on, an outage from 20 to 30, then double power; each takes 7.
    power = {"kind": "profile", "times": [0, 1e-8, 2e-8, 3e-8], "powers": [1, 0.5, 0, 2]}
    assert applied(power, 3, 7e-9) == [7, 18, 33]
    # Work that ends exactly where an outage begins is done then; work that begins there waits.
    power = {"kind": "profile", "times": [0, 1e-8, 2e-8], "powers": [1, 0, 1]}
    assert applied(power, 3, 5e-9) == [5, 10, 25]
    # v = 1 − t/200 until it is 1/2 at 100: ∫ = t − t²/400, which is 75 at the end.
    power = {"kind": "trend", "power": 0.5, "seconds": 1e-7}
    assert applied(power, 2, 75e-9) == [100, 250]
    # v = 1 + t/100 after 50: 50 + s + s²/200 = 200 at s = 100.
    power = {"kind": "trend", "power": 3.0, "seconds": 2e-7, "start": 5e-8}
    assert applied(power, 1, 2e-7) == [150]


def test_speed_and_power_multiply():
    power = {"kind": "profile", "times": [0], "powers": [0.5]}
    text = document(power, workers={"count": 2, "compute": TAU, "power": power, "speed": [1, 4]})
    trace = recorded(text, 100)
    assert np.all(np.diff(trace.ticks[4][trace.worker == 0]) == 2_000_000)
    assert np.all(np.diff(trace.ticks[4][trace.worker == 1]) == 500_000)


def test_a_groups_own_power_comes_before_that_of_all():
    groups = [{"count": 1}, {"count": 2, "power": {"kind": "profile", "times": [0], "powers": [4]}}]
    half = {"kind": "profile", "times": [0], "powers": [0.5]}
    text = document(None, workers={"compute": TAU, "power": half, "groups": groups})
    trace = recorded(text, 10**6, seconds=0.05)
    assert np.bincount(trace.worker).tolist() == [25, 200, 200]


def test_power_one_is_no_power_at_all():
    ones = {"kind": "profile", "times": [0, 1e-3], "powers": [1, 1], "period": 3e-3}
    gamma = {"law": "gamma", "mean": TAU, "cv": 0.7}
    plain = document(ones, count=5, compute=gamma)
    del plain["workers"]["power"]
    assert recorded(document(ones, count=5, compute=gamma), 500) == recorded(plain, 500)


@settings(max_examples=60)
@given(profiles(), st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**7)), max_size=20))
def test_asking_ahead_changes_nothing(power, jobs):
    # `now` may lag behind the start of the work, which may go back; the answer is the same.
    def clock():
        return PowerClock(of_worker(from_document(document(power)).workers.power, None, 0))

    one, now = clock(), 0
    for gap, work in jobs:
        now += gap
        for start in (now + 5_000_000, now, now + 1000):
            assert one.finish(now, start, work) == clock().finish(start, start, work)


# Spells --------------------------------------------------------------------------------------

# Statistical tests are seeded and allow five standard errors: a false alarm in 2e6 seeds each.


def test_spells_last_as_long_as_they_should():
    normal, slow, pieces = 0.02, 0.005, 6000
    found = list(itertools.islice(iter(segments(SPELLS, 10**18 // 10**6)), pieces))
    assert len(found) == pieces
    assert all(a.end == b.begin for a, b in itertools.pairwise(found)), "no gaps"
    assert all(a.power != b.power for a, b in itertools.pairwise(found)), "in turn"
    lengths = {level: [] for level in (1.0, 0.2)}
    for piece in found:
        lengths[piece.power].append((piece.end - piece.begin) * NANOSECOND)
    for level, mean in ((1.0, normal), (0.2, slow)):
        count = len(lengths[level])
        assert np.mean(lengths[level]) == pytest.approx(mean, abs=5 * mean / math.sqrt(count))
        # Exponential: the standard deviation is the mean, and it forgets how long it has lasted.
        assert np.std(lengths[level]) == pytest.approx(mean, rel=5 * math.sqrt(2 / count))
    # The share of slow time, by the delta method: w(1 − w)√(2/n), n pairs of spells.
    share = sum(lengths[0.2]) / (sum(lengths[0.2]) + sum(lengths[1.0]))
    expected = slow / (normal + slow)
    error = expected * (1 - expected) * math.sqrt(2 / (pieces / 2))
    assert share == pytest.approx(expected, abs=5 * error)


def test_spells_are_stationary_from_the_start():
    # At time 0, and at any other, a worker is slow with the same probability.
    workers, share = 2000, 0.2
    error = math.sqrt(share * (1 - share) / workers)
    of = [segments(SPELLS, 30_000_000, worker=worker) for worker in range(workers)]
    for tick in (0, 1_000_000, 25_000_000):
        slow = sum(p.power != 1.0 for pieces in of for p in pieces if p.begin <= tick < p.end)
        assert slow / workers == pytest.approx(share, abs=5 * error)


def test_workers_have_spells_of_their_own():
    one, other = segments(SPELLS, 10**9, worker=0), segments(SPELLS, 10**9, worker=1)
    assert one != other
    assert one == segments(SPELLS, 10**9, worker=0)
    assert one != segments(SPELLS, 10**9, worker=0, seed=2)


@pytest.mark.parametrize("level", [0.0, 0.2, 3.0])
def test_throughput_under_spells(level):
    # (normal + slow · v) / (normal + slow) / τ in the long run. Over T the integral of a two-state
    # chain's power has variance 2 (1 − v)² w²(1 − w)² (normal + slow) T, w the share of slow time.
    power = {"kind": "spells", "normal": 0.006, "slow": 0.002, "power": level}
    horizon, share = 6.0, 0.25
    trace = recorded(document(power), 10**6, seconds=horizon)
    expected = (0.006 + 0.002 * level) / 0.008 / TAU
    spread = abs(1 - level) * share * (1 - share) * math.sqrt(2 * 0.008 / horizon) / TAU
    assert 5 * spread < 0.16 * expected
    assert len(trace) / horizon == pytest.approx(expected, abs=5 * spread + 1 / horizon)


def correlation(values):
    return np.corrcoef(values[1:], values[:-1])[0, 1]


@pytest.mark.parametrize("name", ["asysg-con", "asysg-incon"])
def test_spells_make_consecutive_times_alike(name):
    # Spells longer than a gradient: a slow one is followed by a slow one. Without them times are
    # independent: |r| √n is standard normal, and 5 is a false alarm in 2e6 seeds.
    gamma = {"law": "gamma", "mean": TAU, "cv": 0.3}
    count = 3000
    with_spells = recorded(document(SPELLS, compute=gamma, name=name), count)
    always_one = {"kind": "profile", "times": [0], "powers": [1]}
    without = recorded(document(always_one, compute=gamma, name=name), count)
    assert abs(correlation(np.diff(without.ticks[2]))) < 5 / math.sqrt(count)
    assert correlation(np.diff(with_spells.ticks[2])) > 10 / math.sqrt(count)


def test_short_spells_average_out():
    # Of many spells within one gradient none is noticed: every gradient takes τ / mean power. The
    # error of one is 0.3 %: w(1 − w)(1 − v)√(2 (normal + slow) / T) of the mean power.
    power = {"kind": "spells", "normal": 4e-6, "slow": 1e-6, "power": 0.2}
    trace = recorded(document(power, compute=0.03), 5)
    gaps = np.diff(trace.ticks[4], prepend=0) * NANOSECOND
    assert gaps == pytest.approx(0.03 / 0.84, rel=0.02)


def test_a_clock_for_each_worker():
    clocks = power_clocks(from_document(document(SPELLS, count=3)))
    ends = [[clock.finish(t, t, 10**7) for t in range(0, 10**9, 10**7)] for clock in clocks]
    assert len({tuple(end) for end in ends}) == 3
    assert power_clocks(from_document(document(None, count=3))) == [None] * 3


# What is refused -----------------------------------------------------------------------------


def profile(**keys):
    return {"kind": "profile", "times": [0, 1.0], "powers": [1, 2]} | keys


@pytest.mark.parametrize(
    ("power", "key"),
    [
        (profile(times=[0.5, 1.0]), "times"),
        (profile(times=[0, 0]), "times"),
        (profile(times=[0, 1e-10]), "times"),
        (profile(times=[0, 2.0, 1.0], powers=[1, 1, 1]), "times"),
        (profile(times=[]), "times"),
        (profile(times=[0, -1.0]), "times.1"),
        (profile(powers=[1]), "powers"),
        (profile(powers=[1, 1, 1]), "powers"),
        (profile(powers=[1, 0]), "powers"),
        (profile(powers=[1, -1]), "powers.1"),
        (profile(powers=[0, 0], period=3.0), "powers"),
        (profile(period=1.0), "period"),
        (profile(period=0.5), "period"),
        (profile(period=0), "period"),
        (profile(kind="steps"), "kind"),
        (profile(level=1), "level"),
        (SPELLS | {"normal": 0}, "normal"),
        (SPELLS | {"slow": -1.0}, "slow"),
        (SPELLS | {"power": -0.1}, "power"),
        ({"kind": "spells", "normal": 1.0, "slow": 1.0}, "power"),
        ({"kind": "trend", "power": 0, "seconds": 1.0}, "power"),
        ({"kind": "trend", "power": 0.5, "seconds": 0}, "seconds"),
        ({"kind": "trend", "power": 0.5, "seconds": 1.0, "start": -1}, "start"),
        ({"kind": "trend", "power": 0.5}, "seconds"),
    ],
)
def test_one_error_with_the_right_key(power, key):
    fault = only_fault(from_document, document(power))
    assert fault.key == f"workers.power.{key}"
    assert "otherwise" not in fault.expected, "in words"


@pytest.mark.parametrize("power", [1, "slow", [], {}])
def test_what_is_no_power(power):
    assert only_fault(from_document, document(power)).key in ("workers.power", "workers.power.kind")


def test_the_groups_power_is_checked_as_well():
    groups = [{"count": 1}, {"count": 1, "power": profile(powers=[1, 0])}]
    text = document(None, workers={"count": 2, "compute": TAU, "groups": groups})
    assert only_fault(from_document, text).key == "workers.groups.1.power.powers"
