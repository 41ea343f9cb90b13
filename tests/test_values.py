"""Compiled functions as values: one machine for all of them."""

import pickle

import numpy as np
from numba import types

from asysim.jit.compiler import compiled
from asysim.jit.values import VECTOR, address_of, call4, is_compiled, value_of


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


@compiled
def blend(one, factor, other, out):
    for i in range(out.size):
        out[i] = one[i] + factor * other[i]


@compiled
def caller(address, pool):
    call4(address, pool[0, :2], 3.0, pool[1, :2], pool[1, :2])


def test_a_function_is_called_by_its_address():
    pool = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    caller(address_of(blend, VECTOR, types.float64, VECTOR, VECTOR), pool)
    assert pool.tolist() == [[1, 2, 3], [13, 17, 6]]


def test_a_compiled_function_is_pickled_by_its_name():
    assert pickle.loads(pickle.dumps(double)) is double
