import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tb_sparsity.pruning.distributions import erk_points

SHAPES = st.lists(st.integers(1, 600), min_size=1, max_size=4).map(tuple)
LAYERS = st.lists(
    st.one_of(
        st.lists(SHAPES, min_size=1, max_size=2),
        # few values: equal ratios, sizes of 1, ratios next to each other
        st.lists(st.sampled_from([(1,), (1, 1), (2, 2), (4, 4), (1000, 999), (1000, 1000)]), min_size=1, max_size=2),
    ),
    min_size=1,
    max_size=8,
)
SPARSITIES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))


def size_of(layer):
    return sum(math.prod(shape) for shape in layer)


def own_sparsities(points, overall):
    return [float(np.interp(overall, *zip(*layer, strict=True))) for layer in points]


def mean(layers, sparsities):
    sizes = [size_of(layer) for layer in layers]
    return sum(n * s for n, s in zip(sizes, sparsities, strict=True)) / sum(sizes)


def by_the_papers_loop(layers, overall):
    """Distributes, makes those dense that would keep more than all, and begins again with the others."""
    sizes = np.array([size_of(layer) for layer in layers], float)
    ratios = np.array(
        [np.average([sum(s) / math.prod(s) for s in la], weights=[math.prod(s) for s in la]) for la in layers]
    )
    dense = np.zeros(len(layers), bool)
    while True:
        kept = (1 - overall) * sizes.sum() - sizes[dense].sum()
        others = (sizes * ratios)[~dense].sum()
        scale = kept / others if others else 0.0
        excess = ~dense & (scale * ratios > 1)
        if not excess.any():
            return 1 - np.where(dense, 1.0, scale * ratios)
        dense |= excess


@given(LAYERS, SPARSITIES)
def test_every_layer_has_what_the_papers_loop_gives_it(layers, overall):
    expected = by_the_papers_loop(layers, overall)
    # Relative to the layer's part of the whole: its own sparsity is found in floats there.
    parts = np.array([size_of(layer) for layer in layers]) / sum(map(size_of, layers))
    found = own_sparsities(erk_points(layers), overall)
    assert np.abs((found - expected) * parts).max() < 1e-12


@given(LAYERS, SPARSITIES)
def test_on_average_layers_have_the_overall_sparsity_exactly(layers, overall):
    assert mean(layers, own_sparsities(erk_points(layers), overall)) == pytest.approx(overall, rel=0, abs=1e-12)


@given(LAYERS)
def test_points_rise_from_none_to_all_and_are_few(layers):
    for points in erk_points(layers):
        overall, own = zip(*points, strict=True)
        assert points[0] == (0.0, 0.0)
        assert points[-1] == (1.0, 1.0)
        assert all(a < b for a, b in pairwise(overall))
        assert all(a <= b for a, b in pairwise(own))
        assert sum(value == 0 for value in own) <= 2
        assert len(points) <= len(layers) + 1


@given(st.lists(SHAPES, min_size=1, max_size=2), st.integers(1, 5))
def test_layers_alike_have_the_overall_sparsity_each(layer, count):
    assert erk_points([layer] * count) == [[(0.0, 0.0), (1.0, 1.0)]] * count


@given(LAYERS, st.randoms())
def test_order_of_layers_and_of_dimensions_does_not_matter(layers, random):
    order = random.sample(range(len(layers)), len(layers))
    points = erk_points(layers)
    turned = [[shape[::-1] for shape in reversed(layers[i])] for i in order]
    assert erk_points(turned) == [points[i] for i in order]


@given(st.integers(10, 10**18), st.integers(1, 3), SPARSITIES)
@example(10**17, 1, 0.5)
def test_ratios_that_floats_can_hardly_tell_apart(n, step, overall):
    layers = [[(n, n)], [(n, n + step)], [(n, n + 2 * step)], [(9 * n, 10 * n)], [(3, 3)]]
    points = erk_points(layers)
    assert all(a[0] < b[0] for layer in points for a, b in pairwise(layer))
    assert mean(layers, own_sparsities(points, overall)) == pytest.approx(overall, rel=0, abs=1e-12)


def test_a_network_as_in_the_paper():
    # LeNet-300-100: the small last layer stays dense up to 60 % overall.
    layers = [[(784, 300)], [(300, 100)], [(100, 10)]]
    points = erk_points(layers)
    assert own_sparsities(points, 0.5)[2] == 0
    first, second, last = own_sparsities(points, 0.95)
    assert (1 - second) / (1 - first) == pytest.approx((400 / 30_000) / (1084 / 235_200))
    assert (1 - last) / (1 - first) == pytest.approx((110 / 1000) / (1084 / 235_200))


def test_an_lstm_is_one_unit():
    # 20 * 80 and 20 * 80 weights with a ratio of 100 / 1600 each: as one matrix of that ratio.
    lstm, dense = [(20, 80), (20, 80)], [(20, 3)]
    found = own_sparsities(erk_points([lstm, dense]), 0.9)
    assert (1 - found[1]) / (1 - found[0]) == pytest.approx((23 / 60) / (100 / 1600))


def test_layers_without_weights_and_odd_ones():
    line = [(0.0, 0.0), (1.0, 1.0)]
    assert erk_points([]) == []
    assert erk_points([[], [(0, 3)]]) == [line, line]
    with_empty = erk_points([[(2, 2)], [(0, 7)], [(4, 4), (5, 0)]])
    assert [with_empty[0], with_empty[2]] == erk_points([[(2, 2)], [(4, 4)]])
    assert with_empty[1] == line
    assert erk_points([[()], [(4, 4)]]) == erk_points([[(1,)], [(4, 4)]])
    big = np.int32(2**20)
    assert erk_points([[(big, big)], [(4, 4)]]) == erk_points([[(2**20, 2**20)], [(4, 4)]])


@pytest.mark.parametrize("layer", [(3, 3), [(None, 3)], [(3.0, 3)], [(-1, 3)], 3, [(True, 3)]])
def test_shapes_that_are_none_are_named(layer):
    with pytest.raises(ValueError, match=r"for each layer the list of its weights' shapes.*Received: shapes\[1\]="):
        erk_points([[(3, 3)], layer])
