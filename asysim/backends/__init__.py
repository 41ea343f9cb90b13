"""The same algorithm for real: on threads, on processes, on MPI ranks."""
