"""The commented scenario that `asysim init` writes."""

from __future__ import annotations

import textwrap

from asysim.problems.settings import KINDS

_HEAD = """\
# A scenario of asysim: what is optimised, by which algorithm, on which cluster, for how long.
# Every key can be changed from the command line:  asysim run FILE workers.count=16
# All times are in seconds. A time is a number, or a law:
#   {law = "exponential", mean = 1e-3}             also: shift
#   {law = "gamma", mean = 1e-3, cv = 0.5}         cv = standard deviation / mean
#   {law = "lognormal", mean = 1e-3, cv = 0.5}
#   {law = "pareto", mean = 1e-3, alpha = 2.5}     heavy-tailed
#   {law = "uniform", low = 1e-3, high = 2e-3}     also: erlang, weibull, hyperexponential,
#   {law = "empirical", file = "measured.csv"}     mixture; asysim laws FILE draws one

name = "my-scenario"
description = ""
seed = 1                        # names every random draw: same seed, same bytes

[problem]
kind = "mlp"                    # KINDS
layers = [64, 32, 10]           # sizes, input and output included
data = {kind = "digits"}        # real images that come with scikit-learn

"""
_CON = """\
[algorithm]
name = "asysg-con"              # consistent reads from a parameter server
step = 0.01                     # γ: multiplies the SUM over a mini-batch
batch_size = 10                 # M
# gradients_per_update = 1      # the server may fold several gradients into one update
# staleness_bound = 20          # T; without it staleness is unbounded
# beyond_bound = "wait"         # or "discard", or "restart"

# [coordination]                # who reads when
# kind = "asynchronous"         # or ssp, synchronous, backup, softsync, round-robin, rennala,
                                # ringmaster, mindflayer, with keys of their own

# [update]                      # what staleness does to a gradient's step
# weight = {kind = "mishchenko"}
# momentum = 0.9
# perturbation = {kind = "gaussian", scale = 0.1}   # noise, to leave saddles by

[workers]
count = 8                       # p
compute = {law = "gamma", mean = 1e-3, cv = 0.3}   # time of one mini-batch gradient
# speed = [1, 1, 1, 1, 1, 1, 1, 0.25]              # one slow worker
# power = {kind = "spells", normal = 1.0, slow = 0.2, power = 0.1}   # slow spells

[network]                       # a star: every worker has a link of its own to the server
pull = 5e-5                     # latency from the server to a worker
push = 5e-5                     # and back
bandwidth = 1.25e9              # bytes per second of each link (10 Gbit/s)
# server_bandwidth = 1.25e9     # of the server's own interface, which all links share

[server]
service = 2e-5                  # time to apply one gradient; others wait in a queue
# shards = 2                    # servers that hold parts of x

# [faults]
# uptime = {law = "exponential", mean = 10.0}      # of a worker, until it crashes
# downtime = 0.5                # absent: it never comes back
# loss = 1e-3                   # of messages, which are sent again
# timeout = 0.01
"""
_INCON = """\
[algorithm]
name = "asysg-incon"            # lock-free reads and writes of one shared vector
step = 0.01                     # γ: multiplies the SUM over a mini-batch
batch_size = 10                 # M
write = "dense"                 # or "coordinate": one at random; or "block", with blocks = COUNT
# staleness_bound = 20          # T; without it staleness is unbounded
# beyond_bound = "wait"         # or "discard"

[workers]
count = 8                       # p
compute = {law = "gamma", mean = 1e-3, cv = 0.3}   # time of one mini-batch gradient
# speed = [1, 1, 1, 1, 1, 1, 1, 0.25]              # one slow worker

[memory]                        # sweeps over x, coordinate by coordinate, while others do the same
read = 2e-5                     # time to read all of x
write = 4e-5                    # time to write all of x
"""
_TAIL = """
[run]                           # ends at whatever comes first
updates = 4000
# seconds = 10.0                # simulated
# target_loss = 0.1             # exit code 3 if it is not reached
# target_gradient = 1e-3        # on ‖∇f(x)‖²
# diverged_above = 1e6          # exit code 4 if the loss rises by so many times itself
evaluate_every = 50             # updates between two points of the curve
"""


def template(algorithm: str) -> str:
    """Return a commented scenario file for one of the two algorithms."""
    others = ", ".join(k for k in (m.model_fields["kind"].default for m in KINDS) if k != "mlp")
    lines = textwrap.wrap(f"or {others}", 66)
    head = _HEAD.replace("# KINDS", f"\n{' ' * 32}".join(f"# {line}" for line in lines))
    return head + (_CON if algorithm == "asysg-con" else _INCON) + _TAIL
