"""What a command imports: what takes long is left out until something asks for it."""

from __future__ import annotations

import subprocess
import sys

SLOW = {"pandas", "sklearn", "scipy.stats", "scipy.sparse", "matplotlib", "torch"}


def test_a_compiled_run_without_pictures_imports_nothing_slow(tmp_path):
    code = (
        "import sys; from asysim.cli import main\n"
        "sys.argv[1:] = ['run', 'scenarios/asysg_con.toml', 'run.updates=200', '--no-pictures',"
        f" '--out', {str(tmp_path / 'run')!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"found = {SLOW!r} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
