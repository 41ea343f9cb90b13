"""The cluster and the memory whose schedules are measured."""

from __future__ import annotations

CLUSTER = """
seed = 1
problem = {kind = "quadratic", dimension = 100}
algorithm = {name = "asysg-con", step = 1e-3}
workers = {count = 32, compute = {law = "exponential", mean = 1e-3}}
[network]
pull = {law = "exponential", mean = 1e-4}
push = {law = "exponential", mean = 1e-4}
bandwidth = 1e9
[server]
service = {law = "exponential", mean = 2e-5}
"""
MEMORY = """
seed = 1
problem = {kind = "quadratic", dimension = 46380}
algorithm = {name = "asysg-incon", step = 1e-3}
workers = {count = 32, compute = {law = "exponential", mean = 1e-3}}
memory = {read = 1e-5, write = 2e-5}
"""
