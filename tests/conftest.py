"""The same examples every time, HYPOTHESIS_PROFILE=explore draws new ones; and traces for all."""

import os
import threading

import pytest
from hypothesis import settings

import asysim
from asysim.jit import notice
from tests.support import KINDS, scenario

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# What commands say must not depend on what an earlier test has compiled.
notice.AFTER = threading.TIMEOUT_MAX


@pytest.fixture(scope="session")
def traces():
    """A trace of each kind; nobody changes them."""
    return {kind: asysim.run(scenario(*words)).trace for kind, words in KINDS.items()}
