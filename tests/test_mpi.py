"""Real runs over MPI: what they record is what happened, to the bit; and nothing is lost."""

import itertools
import os
import re
import sys

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

import asysim
from asysim.backends import mpi
from asysim.backends.assignment import prepared
from asysim.backends.emulation import Queue
from asysim.backends.liveness import Watchdog
from asysim.backends.mpi.messages import Pool
from asysim.backends.mpi.server import Server
from asysim.backends.mpi.topology import WORDS, Core, Nodes, Offset
from asysim.backends.mpi.topology import mpi as library
from asysim.backends.mpi.windows import CLOSED, Counter
from asysim.coordination import Coordination
from asysim.errors import InputError
from asysim.replay import State, replay
from asysim.replay.gradients import Sampler
from asysim.replay.update_rule import rules_of
from asysim.scenario import parse, to_document
from asysim.schedule.building import rule_of
from asysim.theory.conservation import conservation
from asysim.trace import Trace
from asysim.trace.recorder import RowList
from asysim.trace.stream import as_stream
from tests.mpi_driver import Counting, load
from tests.own_rules import FreeingNobody
from tests.processes import MPIEXEC, finish, needs_mpi, outside_mpi
from tests.support import EMULATED, ROOT, only_fault, too_busy

CON = """
name = "star"
[problem]
kind = "least_squares"
data = {kind = "regression", samples = 200, features = 30}
[algorithm]
name = "asysg-con"
step = 1e-3
batch_size = 3
[workers]
count = 4
compute = 1e-3
[run]
updates = 240
evaluate_every = 20
"""
INCON = """
name = "memory"
[problem]
kind = "quadratic"
dimension = 300
[algorithm]
name = "asysg-incon"
step = 0.0009765625
[workers]
count = 4
compute = 1e-3
[run]
updates = 600
evaluate_every = 100
"""
UPDATE_RULES = {
    "plain": (),
    "momentum": ("update.momentum=0.5",),
    "dc-asgd": ('update.correction={kind="dc-asgd", strength=0.1}',),
    "adaptive": ('update.correction={kind="dc-asgd-adaptive", strength=0.1}',),
    "product": (
        'update.correction={kind="gap-aware"}', 'update.weight={kind="inverse"}',
        "update.average=true", "update.momentum=0.3",
        'algorithm.step={kind="decaying", initial=2e-3}',
    ),
    "weight": ('update.weight={kind="mishchenko"}',),
    "noise": ('update.perturbation={kind="gaussian", scale=0.1}', "update.momentum=0.3"),
}  # fmt: skip
COORDINATIONS = {
    "asynchronous": (),
    "three an update": ("algorithm.gradients_per_update=3",),
    "wait": ("algorithm.staleness_bound=2",),
    "wait, two": ("algorithm.staleness_bound=1", "algorithm.gradients_per_update=2"),
    "discard": ("algorithm.staleness_bound=1", "algorithm.beyond_bound=discard"),
    "ssp": ('coordination={kind="ssp", slack=1}',),
    "synchronous": ('coordination={kind="synchronous"}',),
    "backup": ('coordination={kind="backup", needed=3, late="finish"}',),
    "softsync": ('coordination={kind="softsync", gradients=2}',),
    "round robin": ('coordination={kind="round-robin"}',),
    "rennala": ('coordination={kind="rennala", batch=3}',),
    "ringmaster": ('coordination={kind="ringmaster", delay=2, late="ignore"}',),
}


def bits(vector):
    return np.ascontiguousarray(vector).view(np.int64)


def check_replay(scenario, came_trace, x, snapshots):
    """Assert that a trace computed again has the bits of what was really computed."""
    problem, again, seen = scenario.problem.build(), dict(snapshots), 0
    assert len(again) == len(snapshots)
    rules, state = rules_of(scenario, problem), State(problem.start())
    for _ in replay(
        as_stream(came_trace), problem, step=rules.step, update=rules.update, state=state,
        batch_size=scenario.algorithm.batch_size, seed=scenario.seed,
    ):  # fmt: skip
        if state.updates in again:
            assert (bits(state.x) == bits(again[state.updates])).all(), state.updates
            seen += 1
    assert seen == len(snapshots)
    assert (bits(state.x) == bits(x)).all()


def check_rows(scenario, trace):
    """Assert what holds for any trace of a real run."""
    applied = trace.update[trace.was_applied]
    per_update = np.bincount(applied, minlength=trace.updates)
    assert (np.diff(applied) >= 0).all()
    assert (per_update > 0).all()
    assert (np.diff(trace.ticks, axis=0) >= 0).all()
    assert (trace.version >= 0).all()
    assert (trace.age >= 0).all()
    for worker in range(scenario.workers.count):
        draws = trace.draw[trace.worker == worker]
        assert sorted(draws) == list(range(len(draws)))
    bound = scenario.algorithm.staleness_bound
    if bound is not None:
        assert trace.staleness.max() <= bound
    if trace.brackets is None:
        assert len(np.unique(trace.ticks[4][trace.was_applied])) <= trace.updates
    books = conservation(trace)
    assert books.least <= books.ages <= books.most


# Without MPI: the server, in this process ----------------------------------------------------


class Hand:
    """A server and its workers, in whatever order somebody says."""

    def __init__(self, scenario, rule=None):
        problem = scenario.problem.build()
        self.assignment, _ = prepared(scenario, problem)
        self.pool = Pool(problem.dimension, scenario.workers.count)
        self.ticks = itertools.count()
        self.under_way = {}
        self.sampler = Sampler(
            problem, seed=scenario.seed, batch_size=scenario.algorithm.batch_size
        )
        self.draws = [0] * scenario.workers.count
        self.server = Server(
            self.assignment, self.pool,
            rule=rule or rule_of(scenario), clock=self.ticks.__next__, send=self.send,
        )  # fmt: skip

    def send(self, worker, x, _read):
        self.under_way[worker] = x

    def answer(self, worker):
        x, gradient = self.under_way.pop(worker), self.pool.take()
        batch = self.sampler.batch(worker, self.draws[worker])
        self.draws[worker] += 1
        self.assignment.problem.gradient(x.body, batch, gradient.body)
        self.server.arrive(worker, gradient, (0, 2**40, next(self.ticks)))

    def run(self, choose):
        """Run until it is over; return the trace and the snapshots."""
        parts, snapshots = RowList(), []
        self.server.begin()
        while not self.server.over:
            self.answer(choose(sorted(self.under_way)))
            if self.server.update % 7 == 0 or self.server.over:
                snapshots += self.server.snapshots()
                rows = self.server.rows()
                if rows is not None:
                    parts.write(rows)
        return Trace.joined(parts.rows, self.assignment.info), snapshots


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(COORDINATIONS)), st.sampled_from(sorted(UPDATE_RULES)), st.randoms()
)  # fmt: skip
def test_whatever_the_rule_and_the_order_a_server_is_replayed_bit_for_bit(
    coordination, update, random
):
    scenario = parse(
        CON, *COORDINATIONS[coordination], *UPDATE_RULES[update], "run.updates=40",
        "run.evaluate_every=3",
    )  # fmt: skip
    hand = Hand(scenario)
    trace, snapshots = hand.run(random.choice)
    assert trace.updates == 40 == hand.server.update
    assert {k for k, _ in snapshots} == set(hand.assignment.wanted.tolist())
    check_rows(scenario, trace)
    check_replay(scenario, trace, hand.server.x, snapshots)


class Limits(Coordination):
    """A rule that limits the time of gradients, and has not said so."""

    def ask(self, worker):
        self.server.grant(worker, limit=5)

    def arrive(self, flight):
        self.server.discard(flight)


class Stops(Coordination):
    """One that stops them."""

    def arrive(self, flight):
        self.server.stop(flight.worker)


@pytest.mark.parametrize("rule", [Limits, Stops])
def test_a_rule_that_stops_gradients_and_did_not_say_so_is_refused(rule):
    with pytest.raises(InputError, match="stopping"):
        Hand(parse(CON), rule=rule).run(min)


def test_x_that_diverges_ends_the_run_at_that_update():
    scenario = parse(CON, "algorithm.step=1e300")
    hand = Hand(scenario)
    with np.errstate(all="ignore"):
        trace, _ = hand.run(lambda workers: workers[0])
    assert hand.server.diverged == trace.updates - 1
    again = asysim.rerun(trace, scenario)
    assert again.status == "diverged"
    assert (bits(again.x) == bits(hand.server.x)).all()


def test_no_gradient_is_disposed_of_after_the_deadline():
    scenario = parse(CON, "run.updates=", "run.seconds=3e-7")  # 300 ticks
    hand = Hand(scenario)
    trace, _ = hand.run(lambda workers: workers[-1])
    assert 20 < len(trace) < 300
    assert trace.ticks[4].max() <= 300


class Nobody(Coordination):
    """A rule that lets the first two read, and then nobody."""

    def ask(self, worker):
        if worker < 2 and self.server.update == 0:
            self.server.grant(worker)
        else:
            self.waiting[worker] = None

    def arrive(self, flight):
        self.server.fold(flight)
        self.server.make_update()
        self.server.free(flight.worker)

    def awaited(self, worker):
        return [0] if worker else [1]


def test_when_nobody_can_go_on_it_says_who_waits_for_whom():
    hand = Hand(parse(CON), rule=Nobody)
    trace, _ = hand.run(lambda workers: workers[0])
    assert trace.updates == 2
    assert re.search(
        "deadlock at .* s: worker 0 waits for worker 1; workers 1, 2, 3 wait for worker 0",
        hand.server.failure,
    )


def test_workers_that_a_rule_did_not_free_are_named():
    hand = Hand(parse(CON, "workers.count=2"), rule=FreeingNobody)
    assert hand.run(min)[0].updates == 2
    assert "s: workers 0, 1 were not freed after their last gradients" in hand.server.failure


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), min_size=1))
def test_the_emulated_queue_is_lindleys_recursion(gradients):
    queue = Queue()
    for number, (arrived, takes) in enumerate(gradients):
        queue.push(arrived, number, None, takes)
    free, expected = 0, []
    for number, (arrived, takes) in sorted(enumerate(gradients), key=lambda g: (g[1][0], g[0])):
        free = max(free, arrived) + takes
        expected.append((free, arrived, number))
    assert queue
    assert queue.pop(-1) is None
    served = [queue.pop(10**6)[:3] for _ in gradients]
    assert served == expected
    assert not queue


def test_a_clock_is_believed_when_the_answer_was_quick():
    offset = Offset()
    offset.note(1000, 9000, 3000)
    offset.note(5000, 11_050, 5100)
    offset.note(6000, 99_000, 8000)
    assert (offset.measured, offset.round_trip, offset.value) == (6000, 100, 6000)
    same = Offset()
    same.note(1000, 1049, 1100)  # may be the same clock
    assert (same.measured, same.value) == (-1, 0)


def test_ranks_that_are_bound_to_a_core_each_have_one():
    def rank(node, *cores):
        words = np.zeros(WORDS, dtype=np.int64)
        words[0], words[1] = node, sum(1 << core for core in cores)
        return words

    bound = Nodes([rank(7, 0), rank(7, 1), rank(9, 5)])
    assert (bound.count, bound.roomy, bound.least_cores) == (2, [True] * 3, 1)
    crowded = Nodes([rank(7, 0, 1), rank(7, 0, 1), rank(7, 0, 1), rank(9, 0)])
    assert crowded.roomy == [False, False, False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="moves processes as Linux does")
def test_a_server_that_always_meets_others_on_its_own_core_goes_elsewhere(monkeypatch):
    core, moves = Core(matters=True), []
    here = core.number
    assert here in os.sched_getaffinity(0)
    monkeypatch.setattr(core, "_ask", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 5})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cores: moves.append(cores))
    for other in (1, 1, 1, 0, 1, 1, 1):
        core.meet(other)
    assert moves == []
    core.meet(1)
    assert moves == [{0, 5}, {0, 1, 5}]
    nobody = Core(matters=False)
    assert nobody.number == -1
    nobody.meet(-1)


class Word:
    """A shared word, without MPI."""

    def __init__(self):
        self.value = 0

    def load(self, _word):
        return self.value

    def add(self, _word, number):
        self.value += number
        return self.value - number

    def replace_if(self, _word, old, new):
        here = self.value == old
        self.value = new if here else self.value
        return here


@pytest.mark.parametrize("compares", [False, True])
def test_updates_and_rows_are_counted_in_one_word(compares):
    counter = Counter(Word(), compares=compares)
    assert [counter.take(), counter.take()] == [(0, 0), (1, 1)]
    assert counter.discard((2, 2))
    assert not counter.discard((2, 2))
    assert not counter.take_if((2, 2))
    assert counter.take_if((2, 3))
    assert counter.close() == (3, 4)
    assert counter.take()[0] >= CLOSED


def test_a_watchdog_hears_only_while_it_listens(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("asysim.backends.liveness.time.monotonic", lambda: now[0])
    watch = Watchdog(10.0)
    with watch:
        watch.expect(1)
        watch.expect(2, takes=5_000_000_000)
    now[0] = 100.0
    with watch:
        assert watch.lost() == []
        now[0] = 108.0
        watch.heard(1)
        assert watch.lost() == []
        now[0] = 114.0
        assert watch.lost() == []
        now[0] = 116.0
        assert watch.lost() == [2]
    assert watch.longest == 8.0


# Refusals ------------------------------------------------------------------------------------

CLUSTER = (
    'workers.power={kind="trend", power=2, seconds=1}', "faults.loss=0.01",
    "faults.timeout=1",
    "network.server_bandwidth=1e9", "server.shards=2", "server.read=1e-3",
    "server.pauses=[{start=0, seconds=1}]",
)  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "key", "remedy"),
    [
        (("algorithm.staleness_bound=1", "algorithm.beyond_bound=restart"),
         "algorithm.beyond_bound", '"wait" or "discard"'),
        (('coordination={kind="backup", needed=3}',), "coordination.late", '"finish"'),
        (('coordination={kind="ringmaster", delay=3, late="stop"}',), "coordination.late",
         '"ignore"'),
        (('coordination={kind="mindflayer", trials=1, seconds=1}',), "coordination.kind",
         "another"),
    ],
)  # fmt: skip
def test_what_would_stop_a_gradient_under_way_is_refused(overrides, key, remedy):
    (fault,) = mpi.unsupported(parse(CON, *overrides))
    assert fault.key == key
    assert remedy in fault.expected
    assert "simulate it (no --on)" in fault.expected


@pytest.mark.parametrize("rule", sorted(COORDINATIONS))
def test_every_other_rule_is_welcome(rule):
    assert mpi.unsupported(parse(CON, *COORDINATIONS[rule])) == []


def test_hardware_is_passed_over_unless_it_is_to_be_emulated():
    assert mpi.unsupported(parse(CON, *CLUSTER)) == []
    faults = mpi.unsupported(parse(CON, *CLUSTER, "backend.emulate=true"))
    assert {fault.key for fault in faults} == {
        "workers.power", "faults", "network.server_bandwidth", "server.shards", "server.read",
        "server.pauses",
    }  # fmt: skip
    group = "workers={compute=1e-3, groups=[{count=2}, {count=2, joins=1, leaves=2}]}"
    faults = mpi.unsupported(parse(CON, group, "backend.emulate=true"))
    assert [fault.key for fault in faults] == ["workers.groups.1.joins", "workers.groups.1.leaves"]
    assert mpi.unsupported(parse(EMULATED)) == []


def test_additions_over_mpi_are_atomic_or_refused():
    assert mpi.unsupported(parse(INCON, "backend.write=atomic")) == []
    (fault,) = mpi.unsupported(parse(INCON, "backend.write=racing"))
    assert fault.key == "backend.write"
    (fault,) = mpi.unsupported(parse(INCON, 'update.weight={kind="inverse"}'))
    assert fault.key == "update"


def test_without_mpi4py_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    fault = only_fault(library)
    assert fault.key == "--on"
    assert "pip install mpi4py" in fault.expected


# With MPI ------------------------------------------------------------------------------------

DRIVER = (sys.executable, "-m", "tests.mpi_driver")


def launch(folder, *cases, ranks=5, **environment):
    """Run cases, each (name, scenario), in one job; return how that ended, and what came of it."""
    folder.mkdir(exist_ok=True)
    words = []
    for number, (case, scenario) in enumerate(cases):
        path = folder / f"{number}.toml"
        path.write_text(tomli_w.dumps(to_document(scenario)))
        words += [case, path]
    result = folder / "result"
    # Open MPI: as root, with more ranks than cores, and silent about networks that are not there.
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    many = {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_MCA_osc": "^ucx"}
    kept = outside_mpi(**(root | many | environment))
    done = finish(MPIEXEC, "-n", ranks, *DRIVER, result, *words, env=kept, cwd=ROOT)
    return done, load(result) if result.exists() else []


@needs_mpi
def test_a_star_is_replayed_bit_for_bit(tmp_path):
    names = ["three an update", "wait", "discard", "ssp", "synchronous", "backup", "round robin"]
    scenarios = {name: parse(CON, *COORDINATIONS[name]) for name in names}
    scenarios |= {name: parse(CON, *UPDATE_RULES[name]) for name in UPDATE_RULES}
    scenarios["corrected, two"] = parse(
        CON, *UPDATE_RULES["product"], "algorithm.gradients_per_update=2"
    )
    scenarios["seconds"] = parse(CON, "run.updates=", "run.seconds=0.05")
    scenarios["diverges"] = parse(CON, "algorithm.step=1e300")
    cases = [("run", scenario) for scenario in scenarios.values()]
    stopped = parse(CON, "run.updates=1000000")
    done, came = launch(tmp_path, *cases, ("stop", stopped))
    assert (done.returncode, done.stderr) == (0, "")
    for name, (trace, snapshots, ending, at_start, updates) in zip(scenarios, came, strict=False):
        scenario = scenarios[name]
        assert ending.failure == "", name
        assert trace.updates == updates, name
        assert [start for start, _ in at_start[1:]] == [end for _, end in at_start[:-1]], name
        if name == "diverges":
            assert ending.diverged == updates - 1
            assert (bits(asysim.rerun(trace, scenario).x) == bits(ending.x)).all()
            continue
        assert (bits(asysim.rerun(trace, scenario).x) == bits(ending.x)).all(), name
        check_rows(scenario, trace)
        check_replay(scenario, trace, ending.x, snapshots)
        if name == "seconds":
            assert trace.ticks.max() <= 50_000_000
            assert updates > 0
        else:
            assert updates == 240, name
    trace, _, ending, _, updates = came[-1]
    assert 50 <= updates == trace.updates < 1_000_000
    assert ending.facts["mpi"]["ranks"] == 5
    check_rows(stopped, trace)


@needs_mpi
def test_memory_over_mpi_loses_nothing_and_keeps_its_bound(tmp_path):
    scenarios = [
        parse(INCON),
        parse(INCON, "algorithm.write=coordinate"),
        parse(INCON, "algorithm.write=block", "algorithm.blocks=7"),
        parse(INCON, "algorithm.staleness_bound=2"),
        parse(INCON, "algorithm.staleness_bound=0", "run.updates=100"),
        parse(INCON, "algorithm.staleness_bound=1", "algorithm.beyond_bound=discard"),
        parse(INCON, 'algorithm.step={kind="decaying", initial=0.0009765625, power=1}'),
        parse(INCON, "run.updates=", "run.seconds=0.05"),
    ]
    stopped = parse(INCON, "run.updates=1000000")
    cases = [("counting", scenario) for scenario in scenarios]
    done, came = launch(tmp_path, *cases, ("stop", stopped))
    assert (done.returncode, done.stderr) == (0, "")
    for scenario, one in zip([*scenarios, stopped], came, strict=True):
        trace, brackets = one.trace, one.trace.brackets
        assert one.ending.failure == ""
        assert one.updates == trace.updates == len(trace.staleness)
        assert trace.updates == scenario.run.updates or scenario.run.updates in (None, 1000000)
        check_rows(scenario, trace)
        check_brackets(trace, brackets)
        wanted = prepared(scenario, Counting())[0].wanted
        assert {k for k, _ in one.snapshots} == set(wanted[wanted < trace.updates].tolist())
    for scenario, one in zip(scenarios, came, strict=False):
        check_sum(scenario, one)
    assert came[-2].trace.ticks[3].max() <= 50_000_000


@needs_mpi
def test_between_machines_it_is_the_same(tmp_path):
    # As if no rank shared memory with another: for MPICH, and for Open MPI.
    network = {
        "MPIR_CVAR_NOLOCAL": "1", "OMPI_MCA_btl": "tcp,self", "OMPI_MCA_osc": "rdma",
    }  # fmt: skip
    con, wait = parse(CON), parse(CON, *COORDINATIONS["wait"])
    incon = parse(INCON, "run.updates=60")
    discard = parse(
        INCON, "run.updates=60", "algorithm.staleness_bound=1", "algorithm.beyond_bound=discard"
    )
    cases = [("run", con), ("run", wait), ("counting", incon), ("counting", discard)]
    done, came = launch(tmp_path, *cases, **network)
    assert (done.returncode, done.stderr) == (0, "")
    for (_, scenario), one in zip(cases, came, strict=True):
        assert one.updates == one.trace.updates == scenario.run.updates
        check_rows(scenario, one.trace)
    for scenario, one in ((con, came[0]), (wait, came[1])):
        check_replay(scenario, one.trace, one.ending.x, one.snapshots)
    for scenario, one in ((incon, came[2]), (discard, came[3])):
        check_sum(scenario, one)
        check_brackets(one.trace, one.trace.brackets)


def check_sum(scenario, one):
    """Assert that x is its start less all updates, whatever their order was."""
    problem = Counting()
    sampler = Sampler(problem, seed=scenario.seed, batch_size=1)
    step = rules_of(scenario, problem).step
    x, gradient = problem.start(), problem.start()
    trace, brackets = one.trace, one.trace.brackets
    for row in np.flatnonzero(trace.was_applied).tolist():
        worker, draw, _, update = trace.facts[:, row].tolist()
        problem.gradient(x, sampler.batch(worker, draw), gradient)
        part = slice(int(brackets.lo[row]), int(brackets.hi[row]))
        x[part] -= (step if isinstance(step, float) else step.at(update)) * gradient[part]
    if isinstance(step, float):
        assert (bits(x) == bits(one.ending.x)).all()
    else:
        np.testing.assert_allclose(one.ending.x, x, rtol=1e-12)


def check_brackets(trace, brackets):
    """Assert that what reads can have seen agrees with the clock, which knows less."""
    assert (trace.version <= brackets.begun).all()
    assert (brackets.begun <= brackets.after).all()
    assert (brackets.after <= trace.updates_before).all()
    order = np.argsort(trace.update[trace.was_applied])
    began, ended = (trace.ticks[i][trace.was_applied][order] for i in (3, 4))
    for row in range(len(trace)):
        partly = brackets.of(row)
        assert min([*partly, int(brackets.begun[row])]) == trace.version[row]
        written = np.flatnonzero(ended < trace.ticks[0, row])
        assert not set(written.tolist()) & {*partly, *range(brackets.begun[row], trace.updates)}
        later = np.flatnonzero(began > trace.ticks[1, row])
        assert not len(later) or later.min() >= brackets.after[row]


@needs_mpi
def test_an_emulated_star_is_as_fast_as_a_simulated_one(tmp_path):
    con = parse(EMULATED)
    queue = parse(EMULATED, "server.service=8e-3", "run.updates=", "run.seconds=0.6")
    incon = parse(
        INCON, "backend.emulate=true", "workers.compute=20e-3", "run.updates=100"
    )  # fmt: skip
    simulated = [asysim.run(scenario).trace for scenario in (con, queue)]
    for attempt in range(3):  # this machine may have been busy
        folder = tmp_path / str(attempt)
        done, came = launch(folder, *[("run", scenario) for scenario in (con, queue, incon)])
        assert (done.returncode, done.stderr) == (0, "")
        traces = zip([one.trace for one in came], simulated, strict=False)
        rates = [[t.updates / t.duration for t in pair] for pair in traces]
        if all(real == pytest.approx(model, rel=0.05) for real, model in rates):
            break
    else:
        late = [too_busy(one.ending.facts["emulation"], one.trace) for one in came]
        if not any(late):
            pytest.fail(f"updates/s of real and simulated runs: {rates}")
        assert all(real < 1.05 * model for real, model in rates)
        pytest.skip(next(filter(None, late)))
    for scenario, one in zip((con, queue), came, strict=False):
        check_rows(scenario, one.trace)
        check_replay(scenario, one.trace, one.ending.x, one.snapshots)
        assert one.ending.facts["emulation"]["waits"] >= len(one.trace)
    assert came[1].trace.ticks.max() <= 600_000_000
    computing = came[2].trace.ticks[2] - came[2].trace.ticks[1]
    assert computing.min() >= 20_000_000
    assert np.median(computing) < 22_000_000


@needs_mpi
def test_what_goes_wrong_at_a_worker_is_told_and_ends_all(tmp_path):
    con, incon = (parse(s, "run.updates=1000000", "backend.watchdog=1") for s in (CON, INCON))
    cases = [("fail", con), ("fail", incon), ("run", parse(CON)), ("freeze", con)]
    done, came = launch(tmp_path, *cases)
    for one in came[:2]:
        assert one.ending.failure == "worker 2 failed: ValueError: no gradient today"
        assert one.trace.updates == one.updates
    check_replay(con, came[0].trace, came[0].ending.x, came[0].snapshots)
    assert came[2].updates == 240, "all can go on with another run"
    frozen, codes = [came[3]], [done.returncode]
    done, came = launch(tmp_path, ("freeze", incon))
    for one, code in zip([*frozen, *came], [*codes, done.returncode], strict=True):
        assert one.ending.failure == "worker 2 gave no sign of life for 1 s"
        assert one.trace.updates == one.updates > 0
        assert code not in (0, None)
    check_replay(con, frozen[0].trace, frozen[0].ending.x, frozen[0].snapshots)


@needs_mpi
def test_with_a_wrong_number_of_ranks_one_of_them_says_what_would_be_right(tmp_path):
    done, _ = launch(tmp_path, ("run", parse(CON)), ranks=3)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "workers.count: found 4, but there are 3 MPI ranks; "
        "should go with `mpiexec -n 5 asysim run … --on mpi`, or be 2: one rank is the server"
    )
    assert done.stderr.count("workers.count") == 1
    alone = finish(*DRIVER, tmp_path / "no", "run", tmp_path / "0.toml", cwd=ROOT)
    assert alone.returncode == 2
    assert "found 4, but MPI has started one process only" in alone.stderr


@needs_mpi
def test_a_rank_that_leaves_early_keeps_nobody_waiting(tmp_path):
    done, _ = launch(tmp_path, ("early", parse(CON)))
    assert done.returncode == 4
    done, _ = launch(tmp_path, ("late", parse(CON)))
    assert done.returncode != 0
    assert "RuntimeError: not to be caught" in done.stderr
