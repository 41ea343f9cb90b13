"""Random words by name (seed, purpose, worker, position): in NumPy, and the same in compiled code."""
