"""A torch module as a problem: held against this house's own perceptron, and against calculus."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest

import asysim
from asysim.errors import InputError
from asysim.problems import MultilayerPerceptron, TorchProblem
from asysim.problems.base import DivisibleProblem, TwiceDifferentiable
from asysim.problems.torch_source import ModuleSource
from asysim.runs.rederive import differences
from asysim.scenario import parse, to_toml
from tests.problems import random
from tests.support import CON, ROOT, command, only_fault

torch = pytest.importorskip("torch")
nn = torch.nn

SCENARIO = ROOT / "scenarios" / "torch_digits.toml"
LAYERS = (6, 5, 4, 3)
SAMPLES = 1100  # more than one chunk
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


@pytest.fixture(autouse=True)
def _same_modules_every_time():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def linear_layers(activation="tanh", layers=LAYERS):
    parts = []
    for inputs, outputs in pairwise(layers):
        parts += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*parts[:-1])


def data(loss, samples=SAMPLES):
    features = random(1).standard_normal((samples, LAYERS[0]))
    if loss == "squared":
        return features, random(2).standard_normal((samples, LAYERS[-1]))
    return features, random(2).integers(0, LAYERS[-1], samples)


def perceptron(loss="squared", dtype="float64", module=None, samples=SAMPLES):
    return TorchProblem(module or linear_layers(), *data(loss, samples), loss=loss, dtype=dtype)


def convolutional(dtype="float64", samples=20):
    torch.manual_seed(1)
    module = nn.Sequential(
        nn.Conv2d(1, 2, 2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3)
    )
    features = random(3).standard_normal((samples, 25))
    targets = random(4).integers(0, 3, samples)
    return TorchProblem(
        module, features, targets, loss="cross_entropy", dtype=dtype, input_shape=(1, 5, 5)
    )


def gradient(problem, x, batch):
    out = np.full(problem.dimension, np.nan)
    problem.gradient(x, np.asarray(batch), out)
    return out


def full_gradient(problem, x):
    out = np.full(problem.dimension, np.nan)
    return problem.full_gradient(x, out), out


def some_x(problem, seed=0):
    return problem.start() + 0.3 * random(seed).standard_normal(problem.dimension)


# Mathematics


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_torch_perceptron_is_our_perceptron(activation, loss):
    features, targets = data(loss)
    ours = MultilayerPerceptron(features, targets, layers=LAYERS, activation=activation, loss=loss)
    theirs = perceptron(loss, module=linear_layers(activation))

    def mapped(vector):
        # torch keeps a layer's weights by outputs, and we by inputs.
        matrices = ours.network.matrices(vector)
        return np.concatenate([np.append(m[:-1].T.ravel(), m[-1]) for m in matrices])

    x = ours.start() + 0.3 * random(5).standard_normal(ours.dimension)
    y = mapped(x)
    assert theirs.dimension == ours.dimension
    assert theirs.value(y) == pytest.approx(ours.value(x), rel=1e-12)
    for batch in ([7], [3, 3, 1099, 0], random(6).integers(0, SAMPLES, 50)):
        np.testing.assert_allclose(
            gradient(theirs, y, batch), mapped(gradient(ours, x, np.asarray(batch))), atol=1e-12
        )
    (f, slope), (g, expected) = full_gradient(theirs, y), full_gradient(ours, x)
    assert f == pytest.approx(g, rel=1e-12)
    np.testing.assert_allclose(slope, mapped(expected), atol=1e-12)
    # Two ways to second derivatives: forward over reverse in NumPy, and torch's double backward.
    for seed in range(3):
        v = random(seed).standard_normal(ours.dimension)
        np.testing.assert_allclose(theirs.hvp(y, mapped(v)), mapped(ours.hvp(x, v)), atol=1e-12)
        rows = random(seed).integers(0, SAMPLES, 40)
        some, others = ours.part(rows).hvp(x, v), theirs.part(rows).hvp(y, mapped(v))
        np.testing.assert_allclose(others, mapped(some), atol=1e-12)


@pytest.mark.parametrize("make", [convolutional, lambda: perceptron("squared", samples=20)])
def test_gradient_is_the_derivative_and_a_batch_is_the_sum_of_its_samples(make):
    problem = make()
    x = some_x(problem)
    value, slope = full_gradient(problem, x)
    assert value == pytest.approx(problem.value(x), rel=1e-13)
    singles = [gradient(problem, x, [row]) for row in range(problem.samples)]
    np.testing.assert_allclose(np.mean(singles, axis=0), slope, atol=1e-12)
    batch = [4, 0, 4, 4, 19]
    expected = np.sum([singles[row] for row in batch], axis=0)
    np.testing.assert_allclose(gradient(problem, x, batch), expected, atol=1e-12)
    for direction in np.eye(problem.dimension):
        change = problem.value(x + 1e-5 * direction) - problem.value(x - 1e-5 * direction)
        assert change / 2e-5 == pytest.approx(slope @ direction, abs=1e-8)


def attentive(samples=8):
    class Attentive(nn.Module):
        """Attention, whose fast kernels have one derivative only."""

        def __init__(self):
            super().__init__()
            self.inner, self.outer = nn.Linear(2, 6), nn.Linear(6, 3)

        def forward(self, inputs):
            q, k, v = self.inner(inputs.view(len(inputs), 3, 2)).split(2, dim=-1)
            seen = nn.functional.scaled_dot_product_attention(q, k, v)
            return self.outer(seen.flatten(1))

    return perceptron("cross_entropy", module=Attentive(), samples=samples)


SMALL = {
    "perceptron": lambda: perceptron(module=linear_layers(layers=(6, 2, 3)), samples=20),
    "convolutional": convolutional,
    "attention": attentive,
    "linear": lambda: perceptron(module=nn.Linear(6, 3, bias=False), samples=20),
    "shared": lambda: perceptron(module=Tied(), samples=20),
    "spare": lambda: perceptron(module=Spare(), samples=20),
    "sum": lambda: perceptron(module=Sum(), samples=20),
}


class Tied(nn.Module):
    """One matrix that is used twice."""

    def __init__(self):
        super().__init__()
        self.one, self.last = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, inputs):
        return self.last(torch.tanh(self.one(torch.tanh(self.one(inputs)))))


class Spare(nn.Module):
    """A parameter that nothing depends on, and one that is not trained."""

    def __init__(self):
        super().__init__()
        self.spare, self.last = nn.Linear(2, 2), nn.Linear(6, 3)
        self.last.bias.requires_grad_(False)

    def forward(self, inputs):
        return self.last(inputs)


class Sum(nn.Module):
    """Linear in its parameters, as its square error is not."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, inputs):
        return inputs[:, :3] + self.bias


@pytest.mark.parametrize("name", SMALL)
def test_hvp_is_the_dense_hessian_and_the_derivative_of_the_gradient(name):
    problem = SMALL[name]()
    x = some_x(problem)
    columns = np.array([problem.hvp(x, axis) for axis in np.eye(problem.dimension)])
    np.testing.assert_allclose(columns, columns.T, atol=1e-13)
    for v in random(9).standard_normal((3, problem.dimension)):
        ahead, behind = (full_gradient(problem, x + s * v)[1] for s in (1e-5, -1e-5))
        np.testing.assert_allclose(problem.hvp(x, v), (ahead - behind) / 2e-5, atol=2e-8)
        np.testing.assert_allclose(problem.hvp(x, v), columns @ v, atol=1e-12)
    module = problem.module_at(x)
    names = [name for name, one in module.named_parameters() if one.requires_grad]
    shapes = [module.get_parameter(name).shape for name in names]

    def value(vector):
        pieces = vector.split([shape.numel() for shape in shapes])
        named = {n: p.view(s) for n, p, s in zip(names, pieces, shapes, strict=True)}
        output = torch.func.functional_call(module, named, problem._features)
        return problem._loss(output, problem._targets) / problem.samples

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        dense = torch.autograd.functional.hessian(value, torch.tensor(x)).numpy()
    np.testing.assert_allclose(columns, dense, atol=1e-13)
    before = gradient(problem, x, [0, 3, 3])
    problem.hvp(x, v)
    assert np.array_equal(gradient(problem, x, [0, 3, 3]), before), "gradients begin at 0 again"


def test_hvp_of_all_is_the_mean_over_its_parts():
    problem = convolutional()
    x, v = some_x(problem), random(2).standard_normal(problem.dimension)
    halves = [problem.part(np.arange(a, a + 10)) for a in (0, 10)]
    assert [half.samples for half in halves] == [10, 10]
    mean = sum(half.hvp(x, v) for half in halves) / 2
    np.testing.assert_allclose(problem.hvp(x, v), mean, atol=1e-13)
    assert isinstance(problem, TwiceDifferentiable)
    assert isinstance(problem, DivisibleProblem)
    rounded = convolutional("float32").hvp(x, v)
    np.testing.assert_allclose(rounded, problem.hvp(x, v), rtol=1e-4, atol=1e-5)
    assert not np.array_equal(rounded, problem.hvp(x, v))


class Once(torch.autograd.Function):
    """A square that torch differentiates once."""

    @staticmethod
    def forward(context, inputs):
        context.save_for_backward(inputs)
        return inputs**2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, gradient):
        (inputs,) = context.saved_tensors
        return 2 * inputs * gradient


class Unbent(nn.Linear):
    def forward(self, inputs):
        return Once.apply(super().forward(inputs))


def test_a_module_that_torch_differentiates_once_is_told_so():
    problem = perceptron(module=Unbent(6, 3), samples=20)
    fault = only_fault(problem.hvp, problem.start(), problem.start())
    assert fault.key == "module"
    assert "once_differentiable" in fault.found
    assert "differentiates twice" in fault.expected


def test_float32_rounds_what_float64_computes():
    single, double = convolutional("float32"), convolutional("float64")
    x = some_x(double)
    slopes = [gradient(problem, x, [1, 2, 3]) for problem in (single, double)]
    np.testing.assert_allclose(*slopes, atol=1e-5)
    assert not np.array_equal(*slopes)
    np.testing.assert_array_equal(slopes[0], slopes[0].astype(np.float32))
    assert single.start().dtype == np.float64


def test_only_what_is_trained_is_in_x():
    module = linear_layers()
    module[0].weight.requires_grad_(False)
    problem = perceptron(module=module, samples=20)
    assert problem.dimension == sum(p.numel() for p in module.parameters()) - 30
    changed = problem.module_at(problem.start() + 1)
    assert torch.equal(changed[0].weight, module[0].weight.double())
    assert torch.equal(changed[0].bias, module[0].bias.double() + 1)


def test_shared_parameters_count_once():
    layer = nn.Linear(6, 6)
    module = nn.Sequential(layer, nn.Tanh(), layer, nn.Linear(6, 3))
    problem = perceptron(module=module, samples=20)
    assert problem.dimension == 42 + 21
    x = some_x(problem)
    _, slope = full_gradient(problem, x)
    step = 1e-5 * np.eye(problem.dimension)[3]
    change = problem.value(x + step) - problem.value(x - step)
    assert change / 2e-5 == pytest.approx(slope[3], abs=1e-8)


def test_evaluation_mode_makes_dropout_and_batch_norm_constant():
    module = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 3))
    problem = perceptron(module=module.eval(), samples=20)
    x = some_x(problem)
    once = gradient(problem, x, [1, 2])
    problem.value(x + 1)
    np.testing.assert_array_equal(gradient(problem, x, [1, 2]), once)


# Whose state is whose


def test_nothing_of_torch_or_the_callers_is_changed():
    def state():
        settings = (torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype())
        return (
            settings,
            torch.get_rng_state().tolist(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        )

    module = linear_layers()
    kept = [parameter.detach().clone() for parameter in module.parameters()]
    before = state()
    problem = perceptron("cross_entropy", module=module)
    x = some_x(problem)
    slope = gradient(problem, x, [1, 2])
    full_gradient(problem, x)
    with torch.no_grad():
        np.testing.assert_array_equal(gradient(problem, x, [1, 2]), slope)
        assert not torch.is_grad_enabled()
    assert state() == before
    assert all(map(torch.equal, kept, module.parameters()))
    assert all(p.grad is None and p.dtype == torch.float32 for p in module.parameters())
    problem.start()[:] = 7
    assert not (problem.start() == 7).any()


def test_module_at_is_the_callers_own():
    problem = perceptron(samples=20)
    x = some_x(problem)
    value = problem.value(x)
    module = problem.module_at(x)
    features, targets = map(torch.tensor, data("squared", 20))
    assert (module(features) - targets).square().sum().item() / 40 == pytest.approx(value)
    with torch.no_grad():
        module[0].weight.fill_(0)
    assert problem.value(x) == value


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dumps", [pickle.dumps, ForkingPickler.dumps])
def test_a_pickled_problem_gives_the_same_bits_and_shares_nothing(dumps, dtype):
    problem = convolutional(dtype)
    x = some_x(problem)
    kept = gradient(problem, x, [1, 2, 3]), problem.value(x)
    again = pickle.loads(dumps(problem))
    np.testing.assert_array_equal(again.start(), problem.start())
    gradient(again, x + 1, [1])
    np.testing.assert_array_equal(gradient(again, x, [1, 2, 3]), kept[0])
    assert again.value(x) == kept[1]
    again._features.zero_()
    assert problem.value(x) == kept[1]


def test_a_pickle_is_about_as_large_as_its_parameters_and_data():
    problem = perceptron(module=linear_layers(layers=(6, 200, 200, 200, 3)), samples=20)
    assert len(pickle.dumps(problem)) < 1.1 * 8 * problem.dimension + 10_000


NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, inputs):
        return self.layer(inputs).tanh()
"""


def in_a_file(folder, text=NET, name="Net", extra=""):
    (folder / "net.py").write_text(text)
    table = f'[problem]\nkind = "torch"\nmodule = "net.py:{name}"\n{extra}'
    return parse(CON.replace('[problem]\nkind = "quadratic"', table), folder=folder)


def test_another_process_loads_the_file_and_gets_the_same_bits(tmp_path):
    problem = in_a_file(tmp_path).problem.build()
    x = some_x(problem)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(gradient, problem, x, [5, 6, 7]).result(timeout=60)
    np.testing.assert_array_equal(there, gradient(problem, x, [5, 6, 7]))


# Scenarios


def test_a_run_can_be_derived_again(tmp_path):
    scenario = in_a_file(tmp_path, extra='data = {kind = "digits"}')
    run = asysim.run(scenario)
    assert run.curve["loss"].iloc[-1] < run.curve["loss"].iloc[0]
    assert differences(run, asysim.rerun(run.trace, scenario)) == []
    assert parse(to_toml(scenario)) == scenario, "the path is absolute by then"


def test_the_example_learns():
    run = asysim.run(asysim.load(SCENARIO, "run.updates=1000", "run.evaluate_every=1000"))
    first, last = run.curve["loss"]
    assert first == pytest.approx(np.log(10), rel=0.05), "at first all digits are as likely"
    assert last < 1.0
    module = asysim.load(SCENARIO).problem.build().module_at(run.x)
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    assert (module(images).argmax(dim=1).numpy() == labels).mean() > 0.7


def test_the_seed_names_the_start_whatever_was_drawn_before(tmp_path):
    problem = in_a_file(tmp_path).problem
    starts = []
    for seed in (0, 0, 1):
        before = torch.get_rng_state()
        starts.append(problem.model_copy(update={"seed": seed}).build().start())
        assert torch.equal(torch.get_rng_state(), before)
        torch.rand(1)
    np.testing.assert_array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])


def test_loss_follows_the_data_as_for_mlp(tmp_path):
    assert in_a_file(tmp_path).problem.build().loss == "cross_entropy"
    one_hot = in_a_file(tmp_path, extra='loss = "squared"').problem.build()
    assert one_hot._targets.sum() == one_hot.samples
    text = NET.replace("64, 10", "4, 2")
    real = 'data = {kind = "teacher", samples = 9, layers = [4, 3, 2]}\ndtype = "float64"'
    teacher = in_a_file(tmp_path, text, extra=real).problem.build()
    assert (teacher.loss, teacher.dtype) == ("squared", "float64")


def test_a_module_of_a_package(tmp_path, monkeypatch):
    (tmp_path / "package_of_nets.py").write_text(NET)
    monkeypatch.syspath_prepend(tmp_path)
    module = ModuleSource("package_of_nets:Net").make(seed=0)
    assert type(module).__module__ == "package_of_nets"


def test_an_edited_file_is_read_again(tmp_path):
    first = in_a_file(tmp_path).problem.build()
    second = in_a_file(tmp_path, NET.replace(".tanh()", " * 0 + 1")).problem.build()
    third = in_a_file(tmp_path).problem.build()
    assert type(third.module) is type(first.module)
    assert second.value(second.start()) == pytest.approx(np.log(10))
    assert pickle.loads(pickle.dumps(first)).value(first.start()) == first.value(first.start())


# What a person is told


def test_torch_missing(tmp_path, monkeypatch):
    scenario = in_a_file(tmp_path)
    monkeypatch.setitem(sys.modules, "torch", None)
    fault = only_fault(scenario.problem.build)
    assert str(fault) == (
        'problem.kind: found "torch" without PyTorch installed; '
        "needs it: pip install 'asysim[torch]'"
    )
    with pytest.raises(InputError, match="pip install"):
        TorchProblem(None, np.ones((2, 6)), [0, 1])


@pytest.mark.parametrize("text", ["net.py", "net:", "net.py:two words", "some/net:make", ":make"])
def test_a_name_of_another_form(text):
    table = f'[problem]\nkind = "torch"\nmodule = "{text}"'
    fault = only_fault(parse, CON.replace('[problem]\nkind = "quadratic"', table))
    assert fault.key == "problem.module"
    assert fault.expected == 'should be "path/to/file.py:name" or "package.module:name"'
    missing = CON.replace('[problem]\nkind = "quadratic"', '[problem]\nkind = "torch"')
    assert "package.module:name" in only_fault(parse, missing).expected


SOURCES = {
    "no function Nett in": (NET, "Nett", "should be Net"),
    "no function nn in": (NET + "nn = 3", "nn", "should be Net"),
    "no function other in": ("", "other", "one that is there"),
    "to fail with SyntaxError": ("def", "make", "a Python file that runs"),
    "to fail (line 2) with ZeroDivisionError: division by zero": ("\n1 / 0", "make", "that runs"),
    "to fail (line 1) with ModuleNotFoundError": ("import nothing_like_it", "make", "that runs"),
    "make() to fail with TypeError": ("def make(size): 1", "make", "no argument"),
    "make() to fail (line 3) with OSError": (
        "\ndef make():\n raise OSError",
        "make",
        "no argument",
    ),
    "make() to return int": ("def make(): return 3", "make", "torch.nn.Module"),
    "make() to return type": (NET + "def make(): return Net", "make", "torch.nn.Module"),
}


@pytest.mark.parametrize(("found", "case"), SOURCES.items(), ids=SOURCES.keys())
def test_sources_that_give_no_module(tmp_path, found, case):
    text, name, wanted = case
    fault = only_fault(in_a_file(tmp_path, text, name).problem.build)
    assert fault.key == "problem.module"
    assert found in fault.found
    assert wanted in fault.expected


def test_files_and_packages_that_are_not_there(tmp_path):
    scenario = in_a_file(tmp_path)
    (tmp_path / "net.py").unlink()
    assert str(tmp_path / "net.py") in only_fault(scenario.problem.build).found
    (tmp_path / "net.py").mkdir()
    assert "is a directory" in only_fault(scenario.problem.build).found
    fault = only_fault(ModuleSource("nothing_like_it.nets:make").make, 0)
    assert "No module named 'nothing_like_it'" in fault.found


class Given(nn.Module):
    """Has one weight, and whatever forward a test wants."""

    def __init__(self, forward):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(6, 3))
        self.calls = 0
        self.answer = forward

    def forward(self, inputs):
        self.calls += 1
        return self.answer(self, inputs)


UNFIT = {
    "layer 1 (Dropout), which draws random numbers": lambda: nn.Sequential(
        nn.Linear(6, 3), nn.Dropout(0.1)
    ),
    "layer 0.1 (BatchNorm1d), which keeps a history in running_mean": lambda: nn.Sequential(
        nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3))
    ),
    "Given, which draws random numbers": lambda: Given(
        lambda self, a: nn.functional.dropout(a @ self.weight)
    ),
    "outputs that change from call to call": lambda: Given(
        lambda self, a: a @ self.weight * self.calls
    ),
    "an output that depends on the other samples": lambda: nn.Sequential(
        nn.Linear(6, 3), nn.BatchNorm1d(3, track_running_stats=False)
    ),
    "one that fails with RuntimeError: mat1 and mat2": lambda: nn.Linear(5, 3),
    "an output of shape (2,) for two samples": lambda: Given(
        lambda self, a: (a @ self.weight)[:, 0]
    ),
    "an output of type tuple": lambda: nn.LSTM(6, 3),
    "an output without a gradient": lambda: Given(lambda self, a: (a @ self.weight).detach()),
    "2 outputs": lambda: nn.Linear(6, 2),
    "no parameter that needs a gradient": lambda: nn.Tanh(),
    "weight without a shape": lambda: nn.LazyLinear(3),
    "weight of torch.complex64": lambda: nn.Linear(6, 3, dtype=torch.complex64),
    "an object of type int": lambda: 3,
}


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
@pytest.mark.parametrize(("found", "make"), UNFIT.items(), ids=UNFIT.keys())
@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_modules_that_are_no_function_of_x_and_a_sample(found, make, loss):
    module = make()
    state = torch.get_rng_state()
    fault = only_fault(perceptron, loss, module=module, samples=20)
    assert fault.key == "module"
    assert fault.found.startswith(found)
    assert torch.equal(torch.get_rng_state(), state)


def test_modules_that_cannot_be_copied_or_pickled():
    module = Given(lambda self, a: a @ self.weight)
    with pytest.raises(InputError, match="can't be pickled"):
        pickle.dumps(perceptron(module=module, samples=20))
    module.bias = module.weight * 1
    with pytest.raises(InputError, match="can't be copied"):
        perceptron(module=module, samples=20)


def test_data_that_do_not_fit():
    module, rows = nn.Linear(6, 3), np.ones((4, 6))
    for key, arguments, options in [
        ("features", (np.ones(4), np.ones(4)), {}),
        ("features", (np.ones((0, 6)), np.ones((0, 3))), {}),
        ("input_shape", (rows, np.ones((4, 3))), {"input_shape": (2, 2)}),
        ("targets", (rows, np.ones((3, 3))), {}),
        ("targets", (rows, np.ones(4)), {"loss": "cross_entropy"}),
        ("targets", (rows, [0, -1, 0, 0]), {"loss": "cross_entropy"}),
        ("loss", (rows, np.ones((4, 3))), {"loss": "hinge"}),
        ("dtype", (rows, np.ones((4, 3))), {"dtype": "float16"}),
    ]:
        assert only_fault(TorchProblem, module, *arguments, **options).key == key


def test_the_command_names_file_and_key(tmp_path):
    in_a_file(tmp_path, NET.replace("64, 10", "64, 9"))
    table = '[problem]\nkind = "torch"\nmodule = "net.py:Net"'
    path = tmp_path / "mine.toml"
    path.write_text(CON.replace('[problem]\nkind = "quadratic"', table))
    said = command("run", path, "--out", tmp_path / "run")
    assert said.code == 2
    assert "Traceback" not in said.err
    words = " ".join(said.err.split())
    for part in ("mine.toml", "problem.module", "9 outputs", "should be 10 or more"):
        assert part in words, said.err
    assert not (tmp_path / "run").exists()
