"""Advice, held against landscapes whose optimum is known, and against its own runs."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import asysim
from asysim.advice.advice import advise
from asysim.advice.candidate import Candidate, samples_in_update, with_batch_size
from asysim.advice.candidates import Wanted, candidates_of, kinds, worker_counts
from asysim.advice.crew import ScenarioCrew
from asysim.advice.halving import search_seeds
from asysim.advice.journal import RUNS
from asysim.advice.measured import Measured
from asysim.advice.search import Search
from asysim.advice.standing import mean_place, place
from asysim.advice.trial import Trial
from asysim.coordination.rules import RULES
from asysim.errors import DamagedWarning, InputError
from asysim.runs.crossing import crossing
from asysim.runs.outcome import DIVERGED, MISSED, REACHED
from asysim.scenario import parse, to_toml
from asysim.show.advice_table import header, table
from tests.support import command

QUEUE = """
name = "queue"
problem = {kind = "quadratic", dimension = 5, noise = 0.1}
algorithm = {name = "asysg-con", step = 4e-3}
workers = {count = 4, compute = {law = "exponential", mean = 1.0}}
server = {service = {law = "exponential", mean = 0.05}}
run = {updates = 20_000, target_loss = 0.2, evaluate_every = 20, smoothing = 2}
"""
FEW = {
    "methods": ["asynchronous", "mindflayer", "synchronous"],
    "workers": [2, 4],
    "steps": [0.004, 0.016, 0.064],
    "seeds": 3,
}


def trial(candidate: Candidate, seed: int, seconds: float, *, until: float | None = None) -> Trial:
    """Return a run that would meet the target so late, and is stopped at `until`."""
    met = until is None or seconds <= until
    shown = seconds if met else until
    return Trial(
        name=candidate.name, seed=seed, asked=until, status=REACHED if met else MISSED, message="",
        met=met, seconds=shown, updates=10 * shown, spent=math.ceil(candidate.workers * shown),
        level=math.exp(-shown / seconds), staleness=0.0,
    )  # fmt: skip


class Landscape:
    """Runs candidates whose times are known: each candidate's own, times chance of the seed."""

    def __init__(self, times: dict[Candidate, float], chance: float = 0.0) -> None:
        self.times, self._chance, self.spent = times, chance, 0
        self._met: dict[tuple[str, int], Trial] = {}

    def of(self, candidates, seed, seconds):
        found = {}
        for one in candidates:
            words = np.random.Generator(np.random.Philox(key=[hash_of(one.name), seed]))
            late = self.times[one] * math.exp(self._chance * words.normal())
            key = one.name, seed
            if key in self._met:
                found[one] = self._met[key]
                continue
            found[one] = trial(one, seed, late, until=seconds or 1e9)
            self.spent += found[one].spent
            if found[one].met:
                self._met[key] = found[one]
        return found


def hash_of(name: str) -> int:
    return int.from_bytes(name.encode()[-8:], "big") ^ len(name)


def landscape(candidates: list[Candidate], number: int, chance: float = 0.0) -> Landscape:
    """Return times of methods, constants and steps: a valley over steps, faster with more p."""
    random = np.random.Generator(np.random.Philox(key=number))
    settings = {one.setting: random.lognormal(0, 0.5) for one in candidates}
    bottom = {one.setting: random.uniform(-7, -4) for one in candidates}
    end = random.uniform(0.3, 1.0)  # of speedup: p to this power
    times = {
        one: 100 * settings[one.setting] / one.workers**end
        * math.exp(0.3 * (math.log(float(one.step)) - bottom[one.setting]) ** 2)
        for one in candidates
    }  # fmt: skip
    return Landscape(times, chance)


BASE = parse(QUEUE, "workers.count=32")
MANY = candidates_of(BASE)


@pytest.mark.parametrize("number", range(8))
def test_a_search_that_is_given_a_known_optimum_finds_it(number):
    """Without chance the soonest is also the nearest at any time, so that no rung can lose it."""
    known = landscape(MANY, number)
    search = Search(BASE, MANY, known)
    search.run()
    best = min(known.times, key=known.times.__getitem__)
    assert search.winner == best
    # The grid: all candidates with three seeds, nobody waited for beyond twice the best of as many.
    least = {
        p: min(t for one, t in known.times.items() if one.workers == p) for p in (2, 4, 8, 16, 32)
    }
    grid = sum(one.workers * min(t, 2 * least[one.workers]) for one, t in known.times.items())
    assert known.spent < 0.15 * 3 * grid


@pytest.mark.statistics
def test_with_chance_what_is_found_is_nearly_the_best():
    """Seeds differ by 10 %: of 12 landscapes, all within 15 % of the best, 5 % on average."""
    late = []
    for number in range(12):
        known = landscape(MANY, 100 + number, chance=0.1)
        search = Search(BASE, MANY, known)
        search.run()
        late.append(known.times[search.winner] / min(known.times.values()) - 1)
    assert max(late) < 0.15
    assert np.mean(late) < 0.05


def test_a_search_goes_beyond_the_steps_that_it_is_given():
    """The best step is 2^4 times the longest of the grid, and found."""
    inside = [one for one in MANY if one.workers >= 16]
    longest = max(float(one.step) for one in inside)
    reach = {}
    for one in inside:
        for i in range(8):
            further = one.longer(2.0**i)
            reach[further] = (
                1000.0 / one.workers * 2 ** abs(math.log2(float(further.step) / longest) - 4)
            )
    known = Landscape(reach)
    search = Search(BASE, inside, known, widen=True)
    search.run()
    assert float(search.winner.step) == pytest.approx(16 * longest, rel=1e-5)
    still = Search(BASE, inside, Landscape(reach))
    still.run()
    assert float(still.winner.step) == longest


def test_runs_that_were_stopped_are_bounds_and_stay_in():
    one = MANY[0]
    early, late = trial(one, 1, 2.0), trial(one, 2, 9.0, until=4.0)
    lost = late.model_copy(update={"status": DIVERGED, "level": None})
    assert not late.met
    some = Measured(one, (early, late))
    assert some.reached == 1
    assert some.seconds.bound == "at least"
    assert some.seconds.value == pytest.approx(math.sqrt(2.0 * 4.0))
    assert some.worker_seconds.value == pytest.approx(one.workers * math.sqrt(8.0))
    assert Measured(one, (early, lost)).seconds is None
    whole = Measured(one, (trial(one, 1, 1.0), trial(one, 2, 1.0)))
    assert whole.sooner_than(some).bound == "at least"
    assert some.sooner_than(whole).bound == "at most"
    assert some.sooner_than(some) is None
    assert place(early) < place(late) < place(lost)
    assert mean_place((early, early)) < mean_place((early, late))


def test_every_rule_names_constants_that_any_cluster_can_have():
    for p in (1, 2, 3, 32):
        base = parse(QUEUE, f"workers.count={p}")
        crew = ScenarioCrew(base)
        for rule in RULES:
            variants = rule.variants(crew)
            assert variants or p == 1, rule
            assert len(set(map(repr, variants))) == len(variants)
            for variant in variants:
                asysim.vary(base, coordination=variant)  # or raises
    assert {one.workers for one in MANY} == set(worker_counts(32)) == {2, 4, 8, 16, 32}
    methods = {one.method.removesuffix(", stops") for one in MANY}
    assert {kind for kind in kinds() if kind not in ("own", "bound")} <= methods
    assert len({one.name for one in MANY}) == len(MANY)


def test_limits_of_trials_are_quantiles_of_all_workers_times():
    """Equal exponential workers: 1 − exp(−t); half of them four times as slow: a mixture."""
    assert ScenarioCrew(parse(QUEUE)).within(0.5) == pytest.approx(math.log(2), rel=0.01)
    groups = "workers.groups=[{count=2},{count=2,speed=0.25}]"
    t = ScenarioCrew(parse(QUEUE, groups)).within(0.6)
    assert 1 - (math.exp(-t) + math.exp(-t / 4)) / 2 == pytest.approx(0.6, abs=0.005)


def test_a_batch_takes_as_many_times_as_long_and_is_evaluated_as_often():
    base = parse(QUEUE, "algorithm.batch_size=4")
    larger = with_batch_size(base, 8)
    assert ScenarioCrew(larger).within(0.5) == pytest.approx(2 * ScenarioCrew(base).within(0.5),
                                                              rel=0.01)  # fmt: skip
    for one in candidates_of(base, Wanted(batch_sizes=(2, 4, 8))):
        made = one.scenario(base)
        samples = made.run.cadence * samples_in_update(made)
        every = base.run.cadence * samples_in_update(base)
        assert made.run.cadence == 1 or abs(samples - every) <= samples_in_update(made) / 2
    own = parse(QUEUE, 'workers.compute={law="batch",fixed=0.1,per_sample=0.2}')
    assert ScenarioCrew(with_batch_size(own, 8)).within(0.5) == pytest.approx(0.1 + 8 * 0.2)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("advice")
    return advise(parse(QUEUE), **FEW, folder=folder, processes=1)


def test_the_claim_is_of_seeds_that_had_no_part_in_the_search(found):
    base = found.scenario
    taken = {base.seed + i for i in range(search_seeds())}
    for row in (found.winner, found.stands, *found.methods):
        assert len(row.trials) == FEW["seeds"]
        assert not taken & {one.seed for one in row.trials}
    assert {row.candidate.method for row in found.methods} == {
        "asynchronous", "mindflayer", "synchronous",
    }  # fmt: skip
    assert found.winner in found.methods
    assert all(a.spent <= b.spent for a, b in pairwise(found.stops))
    assert found.stops[-1].choice.candidate == found.winner.candidate


def test_what_is_advised_comes_to_what_is_said(found):
    """The scenario that is written has, with a seed of the check, the very time that is printed."""
    advised = parse(header(found) + to_toml(found.best))
    seed = found.winner.trials[0].seed
    outcome = asysim.run(asysim.vary(advised, f"seed={seed}")).outcome
    assert crossing(outcome.points, advised.run).seconds == found.winner.trials[0].seconds


def test_a_search_that_goes_on_comes_to_the_same(found, tmp_path):
    """Half of its runs are kept, and a line that was torn; or none, and another executor."""
    lines = (found.folder / RUNS).read_text().splitlines()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "scenario.toml").write_text(to_toml(found.scenario))
    (tmp_path / "half" / RUNS).write_text(
        "\n".join(lines[: len(lines) // 2]) + "\n" + lines[-1][:40]
    )
    with pytest.warns(DamagedWarning, match="1 damaged line"):
        again = advise(parse(QUEUE), **FEW, folder=tmp_path / "half", processes=1)
    with ThreadPoolExecutor(1) as pool:
        elsewhere = advise(parse(QUEUE), **FEW, executor=pool)
    told = json.loads(table(found).json())
    for other in (again, elsewhere):
        assert json.loads(table(other).json()) | {"folder": None} == told | {"folder": None}
    assert sorted((tmp_path / "half" / RUNS).read_text().splitlines()) == sorted(lines)


def test_a_budget_ends_the_search_and_not_the_check(found):
    short = advise(parse(QUEUE), **FEW, processes=1, budget=found.spent / 4)
    assert short.spent < found.spent
    assert len(short.winner.trials) == FEW["seeds"]


def test_from_the_command_line(tmp_path):
    scenario = tmp_path / "queue.toml"
    scenario.write_text(QUEUE)
    words = ["advise", scenario, "--methods", "asynchronous,own", "--workers", "2,4", "--steps",
             "0.004,0.016", "--seeds", 2, "--jobs=1", "--out", tmp_path / "out"]  # fmt: skip
    done = command(*words, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["advised"]["workers"] == 4
    assert told["advised"]["step"] == 0.016
    assert told["sooner_low"] > 1
    assert not told["stays"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"advice.md", "advice.csv", "advised.toml", "workers.png", "regret.png"} <= names
    shown = command(*words, "--no-pictures")
    assert shown.code == 0, shown.err
    assert told["sentence"].split(":")[0] in " ".join(shown.out.split())
    run = command(
        "run", tmp_path / "out" / "advised.toml", "--no-pictures", "--out", tmp_path / "r"
    )
    assert run.code == 0, run.err
    advice = command("advise", tmp_path / "r", "--methods=asynchronous", "--workers=2", "--seeds=1",
                     "--steps=0.016", "--jobs=1", "--no-pictures",
                     "--out", tmp_path / "b")  # fmt: skip
    assert advice.code == 0, advice.err
    assert "asynchronous" in advice.out


def test_a_target_that_nothing_reaches_is_told(tmp_path):
    scenario = tmp_path / "queue.toml"
    scenario.write_text(QUEUE)
    done = command("advise", scenario, "--target=1e-9", "run.updates=200", "--methods=asynchronous",
                   "--workers=4", "--seeds=1", "--jobs=1", "--out", tmp_path / "out")  # fmt: skip
    assert done.code == 3, done.err
    assert "Nothing of what was looked at reached" in " ".join(done.out.split())
    assert not (tmp_path / "out" / "advised.toml").exists()


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["run.target_loss="], "--target"),
        (["--target=1e6"], "--target"),
        (["--methods=fastest"], "--methods"),
        (["--workers=many"], "--workers"),
        (["--workers=0"], "--workers"),
        (["--steps=-1"], "--steps"),
        (["--steps=nan"], "--steps"),
        (["--batch-sizes=0"], "--batch-sizes"),
        (["--seeds=0"], "--seeds"),
        (["--budget=0"], "--budget"),
        (["--jobs=0"], "--jobs"),
        (['algorithm.step={kind="theorem"}'], "algorithm.step"),
        (["workers.compute=0", "server="], "workers.compute"),
    ],
)
def test_what_can_not_be_advised_is_said(tmp_path, words, key):
    scenario = tmp_path / "queue.toml"
    scenario.write_text(QUEUE)
    done = command("advise", scenario, *words, "--out", tmp_path / "out")
    assert done.code == 2, done.err
    assert key in done.err
    assert "Traceback" not in done.err


def test_a_scenario_that_diverges_as_it_stands_is_advised_a_shorter_step():
    wild = parse(QUEUE, "algorithm.step=30")
    found = advise(wild, methods=["asynchronous"], workers=[4], seeds=2, processes=1,
                   steps=[0.004, 0.016])  # fmt: skip
    assert found.stands.seconds is None
    assert found.gain is None
    assert found.winner.candidate.step == "0.016"
    assert "diverged" in table(found).sentence
    with pytest.raises(InputError, match=r"--steps"):
        advise(wild, methods=["asynchronous"], workers=[4], seeds=2, processes=1)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(InputError, match="something else"):
        advise(parse(QUEUE), **FEW, folder=tmp_path, processes=1)
    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == ["notes"]


def test_a_picture_is_drawn_on_what_is_given(found):
    from asysim.show.advice_picture import advice_regret, advice_workers
    from asysim.show.picture import new_picture

    _, (left, right) = new_picture(1, 2, (10, 4))
    assert advice_workers(found, ax=left) is left
    assert advice_regret(found, best=1.0, whole=10**6, ax=right) is right
    lines = {line.get_label(): line.get_ydata() for line in left.get_lines()}
    cells = {c.candidate.workers: c for c in found.cells if c.candidate.method == "asynchronous"}
    assert lines["asynchronous"].tolist() == [cells[p].seconds.value for p in (2, 4)]
    missed = replace(found.winner, trials=tuple(
        one.model_copy(update={"met": False, "status": MISSED}) for one in found.winner.trials
    ))  # fmt: skip
    assert "> " in table(replace(found, winner=missed, methods=(missed,))).markdown()
