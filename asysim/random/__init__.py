"""Random words by name (seed, purpose, worker, position): in NumPy, and in compiled code."""
