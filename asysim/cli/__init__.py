"""What the commands do, sorted by what they are for."""
