"""Data sets, their files, and the `[problem]` table of a scenario."""

from __future__ import annotations

import gzip
import json
import struct
import tomllib

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy.sparse import csr_array
from sklearn.datasets import dump_svmlight_file

from asysim.errors import InputError
from asysim.problems import DataSettings, ProblemSettings, data
from asysim.problems.data import DataSet, breast_cancer, classification, digits, spectrum, teacher
from asysim.problems.files import cifar10, libsvm, mnist
from tests.processes import PYTHON, finish

PROBLEM = TypeAdapter(ProblemSettings)
DATA = TypeAdapter(DataSettings)


def problem(text, folder=None):
    return PROBLEM.validate_python(tomllib.loads(text), context={"folder": folder})


def write_libsvm(path, labels, *, features=None):
    table = np.eye(len(labels)) if features is None else features
    dump_svmlight_file(table, labels, str(path), zero_based=False)
    return path


def write_idx(path, array, *, cut=0, zipped=False):
    header = struct.pack(">I", 0x0800 + array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    content = content[: len(content) - cut]
    path.write_bytes(gzip.compress(content) if zipped else content)
    return path


# Data sets


def test_digits_are_images_between_0_and_1():
    data = digits()
    assert data.features.shape == (1797, 64)
    assert data.features.min() == 0
    assert data.features.max() == 1
    assert set(data.class_numbers) == set(range(data.classes))


def test_breast_cancer_is_standardised_with_signed_labels():
    data = breast_cancer()
    np.testing.assert_allclose(data.features.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.features.std(axis=0), 1)
    assert set(data.targets) == {-1, 1}
    np.testing.assert_array_equal(data.class_numbers, data.targets > 0)


def as_dense(data: DataSet):
    return data.dense_features()


@pytest.mark.parametrize("kind", ["regression", "classification", "teacher"])
@pytest.mark.parametrize("density", [1.0, 0.1])
def test_synthetic_data_are_named_by_their_seed(kind, density):
    table = {"kind": kind, "samples": 50}
    if kind == "classification":
        table["density"] = density
    made = [DATA.validate_python(table).build(seed=seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(as_dense(made[0]), as_dense(made[1]))
    np.testing.assert_array_equal(made[0].targets, made[1].targets)
    assert not np.array_equal(as_dense(made[0]), as_dense(made[2]))
    assert not np.array_equal(made[0].targets, made[2].targets)


def test_density_below_one_gives_a_sparse_matrix_of_that_density():
    # The number of entries is binomial: five standard deviations, false-alarm rate 6e-7.
    data = classification(samples=500, features=200, density=0.05, signal=1.0, seed=0)
    assert isinstance(data.features, csr_array)
    assert data.features.has_canonical_format
    assert abs(data.features.nnz - 5000) < 5 * np.sqrt(5000 * 0.95)


def test_without_signal_labels_are_coin_flips():
    data = classification(samples=10_000, features=5, density=1.0, signal=0.0, seed=0)
    assert abs(data.targets.sum()) < 5 * np.sqrt(10_000)  # false-alarm rate 6e-7


def test_teacher_without_noise_is_a_network_that_fits_its_data():
    data = teacher(samples=30, layers=[4, 8, 2], activation="tanh", noise=0.0, seed=0)
    noisy = teacher(samples=30, layers=[4, 8, 2], activation="tanh", noise=0.5, seed=0)
    np.testing.assert_array_equal(data.features, noisy.features)
    assert data.targets.shape == (30, 2)
    added = (noisy.targets - data.targets) / 0.5
    assert abs(added.mean()) < 5 / np.sqrt(60)


@pytest.mark.parametrize("dimension", [1, 2, 7])
def test_spectrum_has_the_condition_asked_for(dimension):
    values = spectrum(dimension, 100.0)
    assert values[0] == 1
    assert values[-1] == pytest.approx(0.01 if dimension > 1 else 1)
    np.testing.assert_allclose(np.diff(np.log(values), 2), 0, atol=1e-12)


# Files


@pytest.mark.parametrize("pair", [(0, 1), (1, 2), (-1, 1)])
def test_libsvm_round_trip_of_two_classes(tmp_path, pair):
    features = np.array([[0.5, 0, 2], [0, -1.25, 0], [0, 0, 3]])
    labels = np.array([pair[1], pair[0], pair[1]])
    data = libsvm(write_libsvm(tmp_path / "data", labels, features=features))
    np.testing.assert_array_equal(data.features.toarray(), features)
    np.testing.assert_array_equal(data.targets, [1, -1, 1])
    assert data.classes == 2


def test_libsvm_of_more_classes_and_of_real_targets(tmp_path):
    many = libsvm(write_libsvm(tmp_path / "many", [3, 5, 9, 5]))
    np.testing.assert_array_equal(many.targets, [0, 1, 2, 1])
    assert many.classes == 3
    real = libsvm(write_libsvm(tmp_path / "real", [0.5, 1.0]))
    np.testing.assert_array_equal(real.targets, [0.5, 1.0])
    assert real.classes is None
    assert libsvm(tmp_path / "many", targets="values").classes is None


def test_libsvm_reads_compressed_text(tmp_path):
    plain = write_libsvm(tmp_path / "data", [1, -1])
    zipped = tmp_path / "data.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    np.testing.assert_array_equal(libsvm(zipped).targets, libsvm(plain).targets)


@pytest.mark.parametrize("zipped", [False, True])
def test_mnist_round_trip(tmp_path, zipped):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 4))
    labels = np.array([0, 9, 3, 3, 1])
    data = mnist(
        write_idx(tmp_path / "images", pixels, zipped=zipped),
        write_idx(tmp_path / "labels", labels, zipped=zipped),
    )
    np.testing.assert_array_equal(data.features * 255, pixels.reshape(5, 12))
    np.testing.assert_array_equal(data.targets, labels)
    assert data.classes == 10


def test_cifar10_round_trip_of_two_files(tmp_path):
    records = np.random.default_rng(0).integers(0, 256, (5, 3073)).astype(np.uint8)
    records[:, 0] = [0, 9, 3, 3, 1]
    first, second = tmp_path / "1.bin", tmp_path / "2.bin"
    first.write_bytes(records[:2].tobytes())
    second.write_bytes(records[2:].tobytes())
    data = cifar10([first, second])
    np.testing.assert_array_equal(data.features * 255, records[:, 1:])
    np.testing.assert_array_equal(data.targets, records[:, 0])


READERS = {
    "libsvm": libsvm,
    "mnist images": lambda path: mnist(path, path),
    "cifar10": lambda path: cifar10([path]),
}
CONTENTS = {
    "empty": b"",
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3,
    "prose": b"Call me Ishmael.\nSome years ago\n",
    "damaged gzip": gzip.compress(bytes(4000))[:-9],
    "false gzip": b"\x1f\x8b\x08" + bytes(range(200)),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
@pytest.mark.parametrize("content", [None, *CONTENTS.values()], ids=["missing", *CONTENTS])
@pytest.mark.parametrize("suffix", [".data", ".gz"])
def test_files_that_are_none_of_ours_are_named(tmp_path, read, content, suffix):
    path = tmp_path / f"given{suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"found .+; .+") as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
def test_a_folder_is_no_data_file(tmp_path, read):
    with pytest.raises(InputError, match="found"):
        read(tmp_path)


def test_libsvm_labels_that_do_not_suit(tmp_path):
    with pytest.raises(InputError, match="only 1; should be two classes"):
        libsvm(write_libsvm(tmp_path / "one", [1, 1]))
    with pytest.raises(InputError, match="not whole"):
        libsvm(write_libsvm(tmp_path / "real", [0.5, 1.0]), targets="classes")
    (tmp_path / "nan").write_text("1 1:nan\n-1 1:2\n")
    with pytest.raises(InputError, match="finite"):
        libsvm(tmp_path / "nan")


def test_truncated_and_mixed_up_idx_files(tmp_path):
    pixels, labels = np.zeros((4, 2, 2)), np.zeros(4)
    images = write_idx(tmp_path / "images", pixels)
    numbers = write_idx(tmp_path / "labels", labels)
    with pytest.raises(InputError, match="31 bytes; should be 32"):
        mnist(write_idx(tmp_path / "cut", pixels, cut=1), numbers)
    with pytest.raises(InputError, match="header"):
        mnist(write_idx(tmp_path / "header", pixels, cut=20), numbers)
    with pytest.raises(InputError, match="idx file of images"):
        mnist(numbers, images)
    with pytest.raises(InputError, match="3 labels; should be 4"):
        mnist(images, write_idx(tmp_path / "few", labels[:3]))
    with pytest.raises(InputError, match="no images"):
        mnist(write_idx(tmp_path / "none", pixels[:0]), numbers)


def test_truncated_and_foreign_cifar10_files(tmp_path):
    path = tmp_path / "batch.bin"
    path.write_bytes(bytes(2 * 3073 - 1))
    with pytest.raises(InputError, match="6145 bytes; should be a multiple of 3073"):
        cifar10([path])
    path.write_bytes(bytes(3073) + b"\x0a" + bytes(3072))
    with pytest.raises(InputError, match="record 2: found label 10"):
        cifar10([path])


# Settings

SHORT = [
    "quadratic",
    "least_squares",
    "logistic",
    "mlp",
    "matrix_factorization",
    "chain_of_saddles",
    "phase_retrieval",
    "streaming_pca",
    "symmetric_factorization",
    "matrix_sensing",
]


@pytest.mark.parametrize("kind", SHORT)
def test_a_short_table_builds_a_problem_and_survives_json(kind):
    model = problem(f'kind = "{kind}"')
    again = PROBLEM.validate_json(model.model_dump_json())
    assert again == model
    built, rebuilt = (
        model.build(),
        PROBLEM.validate_python(json.loads(again.model_dump_json())).build(),
    )
    x = built.start()
    assert np.isfinite(built.value(x))
    assert built.value(x) == rebuilt.value(rebuilt.start())
    assert PROBLEM.json_schema()["discriminator"]["propertyName"] == "kind"


@pytest.mark.parametrize(
    "kind", ["mlp", "matrix_factorization", "phase_retrieval", "streaming_pca", "matrix_sensing"]
)
def test_the_seed_names_the_start(kind):
    starts = [problem(f'kind = "{kind}"\nseed = {seed}').build().start() for seed in (0, 0, 1)]
    np.testing.assert_array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])


def test_the_seed_reaches_the_data():
    first, second = (problem(f'kind = "least_squares"\nseed = {seed}').build() for seed in (0, 1))
    assert not np.array_equal(first.features, second.features)


def test_paths_are_relative_to_the_scenarios_folder(tmp_path):
    write_libsvm(tmp_path / "tiny.txt", [1, -1, 1])
    model = problem('kind = "logistic"\ndata = {kind = "libsvm", path = "tiny.txt"}', tmp_path)
    assert model.data.path == tmp_path / "tiny.txt"
    assert model.build().samples == 3
    here = DATA.validate_python({"kind": "cifar10", "paths": ["a.bin"]})
    assert here.paths[0].is_absolute()


def test_real_targets_make_squared_loss_and_classes_cross_entropy():
    classes = problem('kind = "mlp"').build()
    assert (classes.loss, classes.network.layers) == ("cross_entropy", (64, 32, 10))
    text = 'kind = "mlp"\ndata = {kind = "teacher", samples = 5, layers = [4, 3, 2]}'
    real = problem(text).build()
    assert (real.loss, real.network.layers) == ("squared", (4, 32, 2))
    one_hot = problem('kind = "mlp"\nloss = "squared"').build()
    np.testing.assert_array_equal(one_hot.targets.sum(axis=1), 1)
    pair = problem('kind = "mlp"\ndata = {kind = "breast_cancer"}').build()
    assert set(pair.targets) == {0, 1}


def test_a_sparse_file_feeds_a_network(tmp_path):
    write_libsvm(tmp_path / "tiny", [1, 2, 3])
    model = problem('kind = "mlp"\ndata = {kind = "libsvm", path = "tiny"}', tmp_path)
    np.testing.assert_array_equal(model.build().features, np.eye(3))


def test_sparse_data_too_large_to_write_out(monkeypatch):
    monkeypatch.setattr("asysim.problems.data._DENSE_LIMIT", 100)
    text = 'kind = "mlp"\ndata = {kind = "classification", density = 0.1}'
    with pytest.raises(InputError, match="sparse"):
        problem(text).build()


def test_factorisation_of_a_data_sets_features():
    built = problem('kind = "matrix_factorization"\ndata = {kind = "digits"}\nrank = 4').build()
    assert built.dimension == (1797 + 64) * 4
    part = problem('kind = "matrix_factorization"\nobserved = 0.25').build()
    assert part.samples == 500
    assert part.constants().minimum == 0
    low = problem('kind = "matrix_factorization"\nobserved = 0.25\ntrue_rank = 5').build()
    assert low.constants().minimum is None


def test_quadratic_takes_a_spectrum_or_its_condition():
    spread = problem('kind = "quadratic"\ndimension = 3\ncondition = 100').build()
    np.testing.assert_allclose(spread.eigenvalues, [1, 0.1, 0.01])
    saddle = problem('kind = "quadratic"\neigenvalues = [1, -0.1]\nstart = [0.5, 0.0]').build()
    assert saddle.constants().minimum is None
    np.testing.assert_array_equal(saddle.start(), [0.5, 0])


REFUSED = {
    "unknown kind": 'kind = "cubic"',
    "no kind": "noise = 1.0",
    "unknown key": 'kind = "quadratic"\ndimensions = 3',
    "unknown key of the data": 'kind = "mlp"\ndata = {kind = "digits", size = 3}',
    "two spectra": 'kind = "quadratic"\ndimension = 3\neigenvalues = [1.0]',
    "no eigenvalue": 'kind = "quadratic"\neigenvalues = []',
    "infinite eigenvalue": 'kind = "quadratic"\neigenvalues = [inf]',
    "start too long": 'kind = "quadratic"\nstart = [1.0, 2.0]',
    "infinite noise": 'kind = "quadratic"\nnoise = inf',
    "negative seed": 'kind = "quadratic"\nseed = -1',
    "one layer": 'kind = "mlp"\nlayers = [64]',
    "empty layer": 'kind = "mlp"\nlayers = [64, 0, 10]',
    "density 0": 'kind = "logistic"\ndata = {kind = "classification", density = 0.0}',
    "two matrices": 'kind = "matrix_factorization"\nrows = 3\ndata = {kind = "digits"}',
    "a chain's start too long": 'kind = "chain_of_saddles"\ndimension = 2\nstart = [1, 2, 3]',
    "a chain that holds nothing": 'kind = "chain_of_saddles"\nratio = 0.0',
    "two starts": 'kind = "phase_retrieval"\nstart = 0.5\nstart_scale = 1.0',
    "a start of another length": 'kind = "streaming_pca"\nstart = [1.0, 2.0]',
    "two covariances": 'kind = "streaming_pca"\neigenvalues = [1, 2]\ncondition = 3',
    "no variance at all": 'kind = "streaming_pca"\neigenvalues = [0, 0]',
    "two symmetric matrices": 'kind = "matrix_sensing"\neigenvalues = [1.0]\ncondition = 2',
    "wider than long": 'kind = "symmetric_factorization"\nsize = 3\nrank = 4',
    "wider than the matrix": 'kind = "matrix_sensing"\nsize = 1\nrank = 1\ntrue_rank = 2',
    "no matrix at all": 'kind = "symmetric_factorization"\neigenvalues = [0.0]',
    "no file": 'kind = "mlp"\ndata = {kind = "cifar10", paths = []}',
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_tables_that_cannot_be_meant_are_refused(text):
    with pytest.raises(ValidationError):
        problem(text)


MISMATCHED = {
    "problem.layers: found 63 inputs; should be 64": 'kind = "mlp"\nlayers = [63, 10]',
    "problem.layers: found 9 outputs; should be 10": 'kind = "mlp"\nlayers = [64, 9]',
    "problem.layers: found 1 outputs; should be 10, the targets": (
        'kind = "mlp"\nlayers = [400, 1]\ndata = {kind = "teacher", samples = 5}'
    ),
    "problem.loss: found cross_entropy": (
        'kind = "mlp"\nloss = "cross_entropy"\ndata = {kind = "regression"}'
    ),
    "problem.data: found real targets": 'kind = "logistic"\ndata = {kind = "regression"}',
    "problem.data: found 10 classes": 'kind = "logistic"\ndata = {kind = "digits"}',
    "problem.data: found 10 classes (digits)": 'kind = "least_squares"\ndata = {kind = "digits"}',
    "problem.data: found 10 targets": (
        'kind = "least_squares"\ndata = {kind = "teacher", samples = 5}'
    ),
    "no such file": 'kind = "logistic"\ndata = {kind = "libsvm", path = "nowhere.txt"}',
}


@pytest.mark.parametrize(("message", "text"), MISMATCHED.items(), ids=MISMATCHED.keys())
def test_what_does_not_fit_is_an_input_error(tmp_path, message, text):
    with pytest.raises(InputError) as caught:
        problem(text, tmp_path).build()
    assert message in str(caught.value)


def test_settings_are_checked_without_importing_scipy():
    code = (
        "import sys, asysim; before = set(sys.modules); "
        "import asysim.problems.settings as s; from pydantic import TypeAdapter; "
        "TypeAdapter(s.ProblemSettings).validate_python({'kind': 'quadratic'}); "
        "slow = {'scipy', 'sklearn', 'pandas', 'numba', 'llvmlite'}; "
        "assert not slow & (set(sys.modules) - before)"
    )
    done = finish(*PYTHON, code)
    assert done.returncode == 0, done.stderr


def test_bundled_data_is_what_scikit_learn_loads(monkeypatch):
    ours = digits(), breast_cancer()
    monkeypatch.setattr(data, "_bundled", lambda *_, **__: None)  # as if its files had moved
    for mine, theirs in zip(ours, (digits(), breast_cancer()), strict=True):
        np.testing.assert_array_equal(mine.features, theirs.features)
        np.testing.assert_array_equal(mine.targets, theirs.targets)
        assert (mine.targets.dtype, mine.classes) == (theirs.targets.dtype, theirs.classes)
