"""How functions are compiled, and instructions of the machine that Python has no name for."""
