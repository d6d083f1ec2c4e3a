from fractions import Fraction

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from keras import ops
from keras.backend import backend

from tb_sparsity.pruning.masks import kept_count, magnitude_mask
from tests.conftest import examples


def compiled(weight, sparsity):
    """As the training step runs it; PyTorch's runs it as it is."""
    if backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(magnitude_mask, jit_compile=True, reduce_retracing=True)(weight, sparsity)
    if backend() == "jax":
        import jax

        return jax.jit(magnitude_mask)(weight, sparsity)
    return magnitude_mask(weight, sparsity)


def float32_count(size, sparsity):
    """As tfmot counts."""
    return max(int(np.round(np.float32(size) * (np.float32(1) - np.float32(sparsity)))), 1)


def by_sorting(weight, sparsity):
    """The slow way: sort by magnitude, then by index."""
    magnitude = np.abs(weight.ravel().astype("float64"))
    kept = np.lexsort((np.arange(magnitude.size), -magnitude))[: float32_count(weight.size, sparsity)]
    mask = np.zeros(magnitude.size, bool)
    mask[kept] = True
    return mask.reshape(weight.shape), magnitude[kept[-1]]


WEIGHTS = st.one_of(
    # few values: ties everywhere
    npst.arrays("float32", npst.array_shapes(max_dims=4, max_side=6), elements=st.sampled_from([0, -0.0, 1, -1, 2])),
    # any finite bits, denormal numbers among them
    npst.arrays("int32", npst.array_shapes(max_dims=3), elements=st.integers(0, 0x7F7FFFFF)).map(
        lambda bits: bits.view("float32")
    ),
    npst.arrays("float16", npst.array_shapes(max_dims=2), elements=st.floats(-9, 9, width=16, allow_subnormal=False)),
)
SPARSITIES = st.one_of(st.sampled_from([0.0, 0.5, 0.875, 0.9999]), st.floats(0, 0.9990234375, width=32))


@given(WEIGHTS, SPARSITIES)
@examples(300)
def test_keeps_exactly_the_largest_ties_by_index(weight, sparsity):
    mask, threshold = (ops.convert_to_numpy(x) for x in magnitude_mask(weight, sparsity))
    expected, expected_threshold = by_sorting(weight, sparsity)
    assert np.array_equal(mask, expected)
    assert float(threshold) == expected_threshold


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.875, 0.9999])
def test_compiled_it_gives_the_same(dtype, sparsity):
    if dtype == "float64" and backend() == "jax":
        pytest.skip("JAX has no float64 unless told so at its start")
    weight = ops.cast(np.random.default_rng(1).normal(size=(31, 17)), dtype)
    expected, expected_threshold = by_sorting(ops.convert_to_numpy(weight), sparsity)
    mask, threshold = compiled(weight, ops.convert_to_tensor(sparsity))
    assert np.array_equal(ops.convert_to_numpy(mask), expected)
    assert keras.backend.standardize_dtype(threshold.dtype) == dtype
    assert float(ops.convert_to_numpy(ops.cast(threshold, "float64"))) == expected_threshold


def test_a_constant_tensor_is_pruned_to_the_very_count():
    mask, threshold = (ops.convert_to_numpy(x) for x in compiled(ops.full((100, 100), 0.25), 0.9))
    assert int(np.sum(mask)) == 1000
    assert np.all(np.ravel(mask)[:1000])
    assert float(threshold) == 0.25


@given(st.integers(1, 2**24 - 1), SPARSITIES)
def test_counts_as_tfmot_counts(size, sparsity):
    assert int(kept_count(size, sparsity)) == float32_count(size, sparsity)


@given(st.integers(2**24, 2**30 - 1), SPARSITIES)
def test_counts_exactly_where_float32_cannot_count_any_more(size, sparsity):
    share = Fraction(float(np.float32(1) - np.float32(sparsity)))
    assert int(kept_count(size, sparsity)) == max(round(size * share), 1)
