"""The compiled twin of the SimPy schedules: the same rows, bit for bit, many times as fast.

`asysim.schedule.reference` has the schedules that are the reference: what a reader
studies and a user extends. Whoever changes one of them changes its twin here, or tests fail.
"""
