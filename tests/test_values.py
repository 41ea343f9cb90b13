"""Compiled functions as values: one machine for all of them."""

import numpy as np

from asysim.jit.compiler import compiled
from asysim.jit.values import VECTOR, is_compiled, value_of


@compiled
def double(vector):
    for i in range(vector.size):
        vector[i] *= 2.0


@compiled
def negate(vector):
    for i in range(vector.size):
        vector[i] = -vector[i]


@compiled
def machine(function, pool):
    for row in range(len(pool)):
        function(pool[row, :2])


def test_what_calls_a_value_is_compiled_once():
    pool = np.ones((2, 3))
    for function in (double, negate):
        machine(value_of(function, VECTOR), pool)
    assert pool.tolist() == [[-2, -2, 1]] * 2
    assert len(machine.signatures) == 1
    assert value_of(double, VECTOR) is value_of(double, VECTOR)
    assert is_compiled(double)
    assert not is_compiled(len)
    value_of(double, VECTOR)(pool[0])
    assert pool[0].tolist() == [-4, -4, 2]
