"""Studies of staleness: how it is spread, over time, by worker and by duration; from any source."""
