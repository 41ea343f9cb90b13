"""Data sets from files: LIBSVM text, MNIST's idx, the binary version of CIFAR-10."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from asysim.errors import InputError, unfit
from asysim.ground.reading import content, unpacked
from asysim.problems.data import DataSet

if TYPE_CHECKING:
    from asysim.problems.features import CSR

TargetKind: TypeAlias = Literal["auto", "classes", "values"]

_IDX_IMAGES = 0x00000803  # unsigned bytes in three dimensions
_IDX_LABELS = 0x00000801  # unsigned bytes in one
_CIFAR_RECORD = 1 + 3 * 32 * 32  # a label, then red, green and blue planes


def libsvm(path: Path, *, targets: TargetKind = "auto") -> DataSet:
    """Read LIBSVM (svmlight) text, plain or .gz or .bz2, into sparse features.

    Parameters
    ----------
    path
        The file: a line is ``label index:value index:value …``.
    targets
        ``classes``: labels are integers, the lesser of two becomes −1 and the other +1, more are
        numbered from 0 in ascending order. ``values``: labels are real numbers. ``auto``:
        classes if every label is an integer.

    Raises
    ------
    InputError
        If the file is missing, empty or something else, or has labels that do not suit.
    """
    from sklearn.datasets import load_svmlight_file

    expected = "LIBSVM text, lines such as `+1 3:0.5 7:1`"
    try:
        features, labels = load_svmlight_file(BytesIO(_content(path)), dtype=np.float64)
    except (ValueError, OverflowError, MemoryError) as error:
        raise _fault(path, "", f"text that is none ({str(error)[:120]})", expected) from error
    if 0 in features.shape:
        raise _fault(path, "", "no example with a feature", expected)
    if not (np.isfinite(labels).all() and np.isfinite(features.data).all()):
        raise _fault(path, "", "a number that is not finite", "finite numbers")
    whole = bool((labels == np.round(labels)).all())
    if targets == "classes" and not whole:
        raise _fault(
            path, "labels", "numbers that are not whole", 'integers, or targets = "values"'
        )
    if targets == "values" or not whole:
        return DataSet(_csr(features), labels)
    names, numbers = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        raise _fault(path, "labels", f"only {names[0]:g}", "two classes or more")
    numbers = numbers.astype(np.int64)
    return DataSet(
        _csr(features), 2 * numbers - 1 if len(names) == 2 else numbers, classes=len(names)
    )


def mnist(images: Path, labels: Path) -> DataSet:
    """Read a pair of idx files, plain or gzipped, into pixels in [0, 1] and class numbers.

    Parameters
    ----------
    images
        Such as ``train-images-idx3-ubyte.gz``.
    labels
        Such as ``train-labels-idx1-ubyte.gz``, as many as there are images.

    Raises
    ------
    InputError
        If a file is missing, truncated or something else, or the two do not belong together.
    """
    pixels = _idx(images, _IDX_IMAGES)
    numbers = _idx(labels, _IDX_LABELS)
    if len(pixels) != len(numbers):
        raise _fault(labels, "", f"{len(numbers)} labels", f"{len(pixels)}, as {images} has images")
    # Ten for MNIST even if a part lacks the last ones; EMNIST and its like have more.
    classes = max(10, int(numbers.max()) + 1)
    return DataSet(pixels.reshape(len(pixels), -1) / 255, numbers.astype(np.int64), classes)


def cifar10(paths: Sequence[Path]) -> DataSet:
    """Read batches of CIFAR-10's binary version into pixels in [0, 1] and class numbers.

    Parameters
    ----------
    paths
        Such as ``data_batch_1.bin``: records of 3,073 bytes, a label and 3 × 32 × 32 pixels.

    Raises
    ------
    InputError
        If a file is missing, truncated or something else.
    """
    records = np.concatenate([_cifar_records(path) for path in paths])
    return DataSet(records[:, 1:] / 255, records[:, 0].astype(np.int64), classes=10)


def _cifar_records(path: Path) -> NDArray[np.uint8]:
    data = _content(path)
    if not data or len(data) % _CIFAR_RECORD:
        expected = (
            f"a multiple of {_CIFAR_RECORD}, the size of a record of CIFAR-10's binary version"
        )
        raise _fault(path, "", f"{len(data)} bytes", expected)
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, _CIFAR_RECORD)
    strange = np.flatnonzero(records[:, 0] > 9)
    if strange.size:
        first = int(strange[0])
        raise _fault(path, f"record {first + 1}", f"label {records[first, 0]}", "labels 0 … 9")
    return records


def _idx(path: Path, magic: int) -> NDArray[np.uint8]:
    data = _content(path)
    dimensions = magic & 0xFF
    header = np.frombuffer(data[: 4 * (1 + dimensions)], dtype=np.uint8)
    what = "images" if magic == _IDX_IMAGES else "labels"
    if data[:4] != magic.to_bytes(4, "big") or header.size < 4 * (1 + dimensions):
        found = f"{len(data)} bytes that begin with {data[:4].hex(' ') or 'nothing'}"
        raise _fault(path, "header", found, f"an idx file of {what}: {magic.to_bytes(4).hex(' ')}")
    shape = tuple(int(size) for size in header.view(">u4")[1:])
    promised = header.size + int(np.prod(shape, dtype=object))
    if len(data) != promised:
        expected = f"{promised}, as the header says {' × '.join(map(str, shape))}"
        raise _fault(path, "", f"{len(data)} bytes", expected)
    if 0 in shape:
        raise _fault(path, "header", f"no {what}", f"one of the {what} or more")
    return np.frombuffer(data, dtype=np.uint8, offset=header.size).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        return unpacked(content(path))
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error


def _csr(features: Any) -> CSR:
    from scipy.sparse import csr_array

    return csr_array(features)


def _unreadable(path: Path, error: Exception) -> InputError:
    if isinstance(error, FileNotFoundError):
        return _fault(path, "", "no such file", "the path of a data file")
    if isinstance(error, (EOFError, zlib.error, gzip.BadGzipFile)):
        return _fault(path, "", f"damaged compression ({error})", "a whole compressed file")
    reason = getattr(error, "strerror", None) or str(error)
    return _fault(path, "", reason.lower(), "a file that can be read")


def _fault(path: Path, key: str, found: str, wanted: str) -> InputError:
    return unfit(key, found, wanted, str(path))
