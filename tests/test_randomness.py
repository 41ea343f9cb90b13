"""Random words have names, and names are all there is to them."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from asysim.random.streams import Purpose, WordSource, indices, uniforms

PURPOSES = st.sampled_from(list(Purpose))
WORKERS = st.integers(0, 10**6)


@given(
    seed=st.integers(0, 2**127),
    purpose=PURPOSES,
    worker=WORKERS,
    start=st.integers(0, 10**6),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_words_are_the_same_in_any_pieces(seed, purpose, worker, start, cuts):
    source = WordSource(seed)
    whole = source.words(purpose, worker, start, 60)
    source.words(Purpose.DATA, 7, 3, 5)  # whatever was asked in between
    edges = [0, *sorted(cuts), 60]
    pieces = [source.words(purpose, worker, start + a, b - a) for a, b in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate(pieces), whole)


@given(seed=st.integers(0, 2**127), purpose=PURPOSES, worker=WORKERS)
def test_words_are_philox(seed, purpose, worker):
    philox = np.random.Philox(key=seed, counter=[0, 0, worker, purpose])
    assert np.array_equal(WordSource(seed).words(purpose, worker, 0, 37), philox.random_raw(37))


def test_streams_differ():
    streams = [
        WordSource(seed).words(purpose, worker, 0, 8).tobytes()
        for seed in (1, 2)
        for purpose in Purpose
        for worker in (0, 1, 2)
    ]
    assert len(set(streams)) == len(streams)


def test_uniforms_stay_inside():
    ends = uniforms(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert 0 < ends[0] < ends[1] < 1


def test_uniforms_and_indices_are_uniform():
    # Seeded; each fails by chance with probability 1e-4.
    words = WordSource(3).words(Purpose.SAMPLE, 0, 0, 100_000)
    assert stats.kstest(uniforms(words), "uniform").pvalue > 1e-4
    assert stats.chisquare(np.bincount(indices(words, 37), minlength=37)).pvalue > 1e-4
    assert stats.spearmanr(uniforms(words)[1:], uniforms(words)[:-1]).pvalue > 1e-4


@given(bound=st.integers(1, 2**40), word=st.integers(0, 2**64 - 1))
def test_indices_stay_inside(bound, word):
    index = indices(np.array([word], dtype=np.uint64), bound)[0]
    assert 0 <= index < bound
    assert abs(int(index) - word * bound // 2**64) <= 1
