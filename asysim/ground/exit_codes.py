"""Exit codes of the commands, and of ranks that leave a run."""

OK, FAULT, BAD_INPUT, TARGET_MISSED, DIVERGED, DIFFERS, DEADLOCK, CUT_SHORT = range(8)
INTERRUPTED = 130
UNREAD = 141
"""As the shell counts one that SIGPIPE ended."""
