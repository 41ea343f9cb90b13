"""Advice: which method, constants, step and number of workers come to a target soonest."""
