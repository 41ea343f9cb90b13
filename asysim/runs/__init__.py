"""A run: made, watched, kept in a folder, read back, gone on with, salvaged."""
