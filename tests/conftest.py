"""The same examples every time; HYPOTHESIS_PROFILE=explore draws new ones."""

import os
import threading

from hypothesis import settings

from asysim.jit import notice

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# What commands say must not depend on what an earlier test has compiled.
notice.AFTER = threading.TIMEOUT_MAX
