"""The schedules as SimPy simulations, to be read; `asysim.schedule.compiled` has their twins."""
