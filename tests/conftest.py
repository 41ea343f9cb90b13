"""The same examples every time, HYPOTHESIS_PROFILE=explore draws new ones; and traces for all.

Tests come in tiers, which are markers, given here by file: `pytest -m law`, `-m "not mpi"`.
"""

import os
import threading

import pytest
from hypothesis import settings

import asysim
from asysim.jit import notice
from tests.support import CON, KINDS, scenario
from tests.sweeps import swept

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# What commands say must not depend on what an earlier test has compiled.
notice.AFTER = threading.TIMEOUT_MAX


@pytest.fixture(scope="session")
def traces():
    """A trace of each kind; nobody changes them."""
    return {kind: asysim.run(scenario(*words)).trace for kind, words in KINDS.items()}


@pytest.fixture(scope="session")
def sweep_file(tmp_path_factory):
    """The scenario of the sweep that tests make in many ways."""
    path = tmp_path_factory.mktemp("sweep") / "s.toml"
    path.write_text(CON)
    return path


@pytest.fixture(scope="session")
def whole_sweep(sweep_file, tmp_path_factory):
    """The folder of that sweep, made by this process; nobody changes it."""
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    said = swept(sweep_file, folder, "--jobs=1")
    assert said.code == 0, said
    return folder


TIERS = {
    "check": "cli coordination engine feasible formats golden house laws methods outside probe "
    "problems public_names randomness replay rounding scenario schedule_laws spent startup "
    "sweep_axes trace trace_file twin_con values watch",
    "law": "coordination escape expectations failure_laws laws laws_more network_laws perturbation "
    "power_laws problems random_sizes returns rounding schedule_laws stations theory "
    "theory_conservation theory_counts theory_escape theory_network theory_order_statistics "
    "theory_repair theory_rounds theory_stability twin_cluster twin_con twin_incon "
    "update_rules version_sent",
    "statistics": "calibration calibration_blind calibration_coverage delay_laws escape laws "
    "real_laws speedup",
    "real": "lock real_faults real_laws real_runs real_start",
    "mpi": "mpi mpi_command mpi_python",
    "slow": "calibration_blind calibration_coverage compiled_cache examples full_disk leavings "
    "mpi mpi_command mpi_python mutated_scenarios real_faults speedup",
}
"""Markers, and the files (tests/test_NAME.py) all of whose tests have them."""


def pytest_generate_tests(metafunc):
    """Testers collect by themselves: all must find the same tests in the same order."""
    for marker in metafunc.definition.iter_markers("parametrize"):
        if isinstance(marker.args[1], set | frozenset):
            message = f"{metafunc.definition.nodeid}: parameters in a set have no order"
            raise pytest.UsageError(message)


def pytest_make_parametrize_id(val, argname):
    """Name bytes by their argument: what is compressed has the second in it when it was."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items):
    for item in items:
        name = item.path.stem.removeprefix("test_")
        for tier, files in TIERS.items():
            if name in files.split():
                item.add_marker(tier)
