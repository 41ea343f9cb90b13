"""`python -m asysim` is `asysim`."""

from asysim.cli.app import main

main()
