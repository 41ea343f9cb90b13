"""What a hang is: much work of the processor without an end, or far too long without any."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.spent import Spent, processor_seconds


def spending(code):
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is only the clock on the wall")
def test_one_that_waits_has_not_spent_what_passed():
    with spending("import time; time.sleep(600)") as process:
        spent = Spent(process.pid)
        time.sleep(1.5)
        assert not spent.more_than(5.0)
        assert spent.more_than(0.1), "by the clock on the wall, ten times that"
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is only the clock on the wall")
def test_one_that_works_spends():
    with spending("while True: pass") as process:
        spent = Spent(process.pid)
        while processor_seconds(process.pid) < 0.3:
            time.sleep(0.05)
        assert spent.more_than(0.2)
        process.kill()
