"""Blocks, N of M and channels against NumPy, one matrix entry at a time."""

from math import ceil

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from keras import layers, ops

from tb_sparsity import (
    ConstantSparsity,
    PolynomialDecay,
    PruneLowMagnitude,
    UpdatePruningStep,
    prune_low_magnitude,
    pruning_report,
)
from tb_sparsity.pruning.patterns import Block, Channel, Element, Layout, NOfM, make_pattern
from tb_sparsity.pruning.registry import prunable_weights
from tests.conftest import examples
from tests.pruning.test_masks import by_sorting, float32_count

DENSE, TRANSPOSED, DEPTHWISE = Layout(), Layout((-2,), -1), Layout((-2, -1), None)
SPARSITY = st.sampled_from([0.0, 0.25, 0.5, 0.8, 0.9999])
MATRICES = npst.arrays(
    "float32", npst.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(-4, 4, width=16)
)


def masked(pattern, weight, sparsity, layout=DENSE):
    mask, threshold = pattern.mask(ops.convert_to_tensor(weight), sparsity, layout)
    return ops.convert_to_numpy(mask), float(ops.convert_to_numpy(threshold))


def block_scores(matrix, height, width, pool):
    """Block by block, over the entries that are there."""
    rows, columns = matrix.shape
    return np.array(
        [
            [pool(np.abs(matrix[r : r + height, c : c + width]), dtype="float32") for c in range(0, columns, width)]
            for r in range(0, rows, height)
        ],
        "float32",
    )


def largest(x, dtype):
    return x.max()


@given(MATRICES, st.integers(1, 4), st.integers(1, 4), SPARSITY, st.sampled_from(["AVG", "MAX"]))
@examples(150)
def test_the_least_blocks_are_cut_also_where_they_do_not_divide(matrix, height, width, sparsity, pooling):
    mask, threshold = masked(Block(height, width, pooling), matrix, sparsity)
    scores = block_scores(matrix, height, width, np.mean if pooling == "AVG" else largest)
    # of equal blocks the first stay; sums in another order may differ in their last bit
    kept = mask[::height, ::width]
    assert kept.sum() == float32_count(scores.size, sparsity)
    assert scores[kept].min() >= scores[~kept].max(initial=0) * (1 - 1e-6)
    assert threshold == pytest.approx(scores[kept].min(), rel=1e-6)
    assert np.array_equal(np.kron(kept, np.ones((height, width), bool))[: matrix.shape[0], : matrix.shape[1]], mask)
    assert Block(height, width).complying(np.where(mask, 1.0, 0.0), DENSE) == (scores.size, scores.size)


@given(MATRICES, st.integers(2, 8).flatmap(lambda m: st.tuples(st.integers(1, m - 1), st.just(m))))
@examples(150)
def test_each_group_along_the_inputs_keeps_its_largest(matrix, n_of_m):
    n, m = n_of_m
    mask, threshold = masked(NOfM(n, m), matrix, 0.123)
    assert threshold == 0
    for column, kept in zip(matrix.T, mask.T, strict=True):
        for start in range(0, len(column), m):
            group = column[start : start + m]
            expected = np.zeros(len(group), bool)
            expected[np.lexsort((np.arange(len(group)), -np.abs(group)))[: m - n]] = True
            assert np.array_equal(kept[start : start + m], expected)
    target = NOfM(n, m).target(matrix.shape, 0.123, DENSE)
    assert target == pytest.approx(1 - mask.mean())
    groups = ceil(matrix.shape[0] / m) * matrix.shape[1]
    assert NOfM(n, m).complying(np.where(mask, matrix, 0), DENSE) == (groups, groups)


@given(st.sampled_from([Element(), Block(2, 3), Block(3, 1, "MAX"), Channel(), NOfM(2, 4)]), MATRICES, SPARSITY)
@examples(100)
def test_masking_what_is_masked_changes_nothing(pattern, matrix, sparsity):
    mask, _ = masked(pattern, matrix, sparsity)
    once = np.where(mask, matrix, 0).astype("float32")
    again, _ = masked(pattern, once, sparsity)
    assert np.array_equal(np.where(again, once, 0), once)


@given(st.sampled_from([Element(), Block(2, 3), Channel(), NOfM(1, 4)]), st.lists(SPARSITY, min_size=2, max_size=4))
@examples(50)
def test_sparsity_rises_with_the_schedule_and_nothing_cut_comes_back(pattern, sparsities):
    weight = np.random.default_rng(0).normal(size=(12, 9)).astype("float32")
    last = np.ones(weight.shape, bool)
    for sparsity in sorted(sparsities):
        mask, _ = masked(pattern, weight, sparsity)
        assert not (mask & ~last).any()
        weight, last = np.where(mask, weight, 0).astype("float32"), mask


@given(st.permutations(range(35)), SPARSITY)
@examples(50)
def test_where_a_weight_stands_does_not_matter(order, sparsity):
    weight = np.random.default_rng(1).permutation(np.arange(1, 36)).astype("float32")
    mask, threshold = masked(Element(), weight, sparsity)
    moved, moved_threshold = masked(Element(), weight[order], sparsity)
    assert np.array_equal(moved, mask[order])
    assert moved_threshold == threshold


@given(st.permutations(range(6)), SPARSITY)
@examples(30)
def test_where_a_channel_stands_does_not_matter(order, sparsity):
    kernel = np.random.default_rng(2).normal(size=(3, 3, 4, 6)).astype("float32")
    mask, _ = masked(Channel(), kernel, sparsity)
    assert np.array_equal(masked(Channel(), kernel[..., order], sparsity)[0], mask[..., order])


def test_a_convolutions_blocks_lie_on_its_matrix_of_patches_and_filters():
    kernel = np.random.default_rng(3).normal(size=(3, 2, 5, 7)).astype("float32")
    for pattern in (Block(4, 2), Block(5, 7, "MAX")):
        mask, _ = masked(pattern, kernel, 0.5)
        assert np.array_equal(mask.reshape(30, 7), masked(pattern, kernel.reshape(30, 7), 0.5)[0])
    swapped = np.swapaxes(kernel, -1, -2)  # (H, W, O, I) of a transposed convolution
    mask, _ = masked(Block(4, 2), swapped, 0.5, TRANSPOSED)
    assert np.array_equal(np.swapaxes(mask, -1, -2), masked(Block(4, 2), kernel, 0.5)[0])


@pytest.mark.parametrize("layout", [DENSE, TRANSPOSED, DEPTHWISE])
def test_channels_are_whole_filters_worth_their_mean(layout):
    kernel = np.random.default_rng(4).normal(size=(3, 3, 4, 8)).astype("float32")
    mask, threshold = masked(Channel(), kernel, 0.75, layout)
    inputs = tuple(axis for axis in range(-4, 0) if axis not in layout.outputs)
    worth = np.abs(kernel).mean(inputs)
    expected, expected_threshold = by_sorting(worth, 0.75)
    assert np.array_equal(mask.any(inputs), expected)
    assert np.array_equal(mask.all(inputs), expected)
    assert threshold == pytest.approx(expected_threshold, rel=1e-5)
    assert Channel().target(kernel.shape, 0.75, layout) == pytest.approx(1 - mask.mean())


def test_groups_of_a_convolution_run_along_its_input_channels():
    kernel = np.random.default_rng(5).normal(size=(3, 3, 6, 5)).astype("float32")
    mask, _ = masked(NOfM(2, 4), kernel, 0.5)
    for position in np.ndindex(3, 3):
        assert np.array_equal(mask[position], masked(NOfM(2, 4), kernel[position], 0.5)[0])
    mask, _ = masked(NOfM(2, 4), np.swapaxes(kernel, -1, -2), 0.5, TRANSPOSED)
    assert np.array_equal(np.swapaxes(mask, -1, -2), masked(NOfM(2, 4), kernel, 0.5)[0])


@pytest.mark.parametrize("shape", [(3, 6, 5), (2, 3, 2, 6, 5)])
def test_groups_of_kernels_of_any_rank_run_along_their_input_channels(shape):
    kernel = np.random.default_rng(6).normal(size=shape).astype("float32")
    mask, _ = masked(NOfM(2, 4), kernel, 0.5)
    for position in np.ndindex(shape[:-2]):
        assert np.array_equal(mask[position], masked(NOfM(2, 4), kernel[position], 0.5)[0])


def test_what_complies_is_counted():
    matrix = np.ones((4, 8), "float32")
    matrix[:2, :3] = 0  # one block of zeros, one cut in two
    assert Block(2, 2).complying(matrix, DENSE) == (7, 8)
    assert NOfM(2, 4).complying(matrix, DENSE) == (3, 8)
    assert Channel().complying(matrix, DENSE) == (5, 8)
    assert Element().complying(matrix, DENSE) == (32, 32)


EINSUMS = {
    # equation: (shape of the inputs, output shape, what must be seen)
    "ab,bc->ac": ((6,), 4, Layout((-1,), -2)),
    "abc,cde->abde": ((5, 6), (5, 2, 3), Layout((-2, -1), -3)),  # attention's query, key and value
    "abcd,cde->abe": ((5, 2, 3), (5, 4), Layout((-1,), -2)),  # attention's output
    "abc,bcd->abd": ((5, 6), (5, 3), Layout((-3, -1), -2)),  # another matrix for each position
    "abc,bc->abc": ((5, 6), (5, 6), Layout((-2, -1), None)),
}


@pytest.mark.parametrize("equation", EINSUMS)
def test_the_axes_of_einsum_kernels(equation):
    shape, output, expected = EINSUMS[equation]
    layer = layers.EinsumDense(equation, output)
    layer.build((None, *shape))
    ((_, layout),) = prunable_weights(layer)
    assert layout == expected


PATTERNS = {
    "blocks": ({"block_size": (2, 2)}, "block 2×2 AVG"),
    "largest of blocks": ({"block_size": [4, 1], "block_pooling_type": "MAX"}, "block 4×1 MAX"),
    "2 of 4": ({"sparsity_m_by_n": (2, 4)}, "2 of 4"),
    "channels": ({"structure": "channel"}, "channel"),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_training_comes_out_with_the_pattern_and_saves_it(name, tmp_path):
    arguments, written = PATTERNS[name]
    x = np.random.default_rng(0).normal(size=(20, 8, 8, 4)).astype("float32")
    kernels = [layers.Conv2D(8, 3, name="conv"), layers.DepthwiseConv2D(3, name="depthwise")]
    model = keras.Sequential([keras.Input((8, 8, 4)), *kernels, layers.Flatten(), layers.Dense(4, name="dense")])
    pruned = prune_low_magnitude(model, PolynomialDecay(0.0, 0.75, 0, 10, frequency=2), **arguments)
    pruned.compile("adam", "mse")
    pruned.fit(x, np.ones((20, 4)), batch_size=4, epochs=2, verbose=0, callbacks=[UpdatePruningStep()])
    report = pruning_report(pruned)
    weights = ["conv/kernel", "depthwise/kernel", "dense/kernel"]
    if name == "2 of 4":  # depthwise kernels have no input channels to take them from
        weights.remove("depthwise/kernel")
        assert report.skipped == {"depthwise": "no weight for pattern 2 of 4"}
    assert [w.name for w in report.weights] == weights
    for weight in report.weights:
        assert weight.pattern == written
        assert weight.complying == weight.units > 0
        # blocks at the end of a matrix may be smaller than the others
        assert weight.sparsity == pytest.approx(weight.target, abs=0.1 if "block" in name else 1e-6)
        assert weight.target == pytest.approx(0.5 if name == "2 of 4" else 0.75, abs=0.06)
    pruned.save(tmp_path / "pruned.keras")
    loaded = keras.models.load_model(tmp_path / "pruned.keras")
    assert [w.pattern for w in loaded.layers if isinstance(w, PruneLowMagnitude)] == [
        w.pattern for w in pruned.layers if isinstance(w, PruneLowMagnitude)
    ]
    assert np.allclose(loaded.predict(x, verbose=0), pruned.predict(x, verbose=0), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"block_size": (0, 4)}, r"block_size=\(0, 4\)"),
        ({"block_size": 4}, "`block_size` must be two whole numbers.*block_size=4"),
        ({"block_size": (4.0, 4)}, "block_size"),
        ({"block_pooling_type": "SUM"}, "must be 'AVG' or 'MAX'.*'SUM'"),
        ({"sparsity_m_by_n": (4, 2)}, r"fewer zeros.*\(4, 2\)"),
        ({"sparsity_m_by_n": (2, 4, 6)}, "sparsity_m_by_n"),
        ({"sparsity_m_by_n": "24"}, "sparsity_m_by_n"),
        ({"structure": "filter"}, "'channel' or None.*'filter'"),
        ({"block_size": (4, 4), "structure": "channel"}, "give one of them"),
    ],
)
def test_arguments_that_describe_no_pattern(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_pattern(**arguments)
    with pytest.raises(ValueError, match=message):
        PruneLowMagnitude(layers.Dense(3), ConstantSparsity(0.5, 0), **arguments)
