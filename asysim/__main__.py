"""`python -m asysim` is `asysim`."""

from asysim.cli import main

main()
