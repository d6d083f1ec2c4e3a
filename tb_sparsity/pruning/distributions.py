"""Sparsity distributions: from one overall sparsity to one for each layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from numbers import Integral
from operator import attrgetter
from typing import Any, NamedTuple


def erk_points(shapes: Sequence[Sequence[tuple[int, ...]]]) -> list[list[tuple[float, float]]]:
    """Distributes sparsity by the Erdős-Rényi-Kernel rule: small layers stay denser than large ones.

    The share of weights that a layer keeps is proportional to the sum of its kernel's dimensions over their
    product. Where that would be more than all, the layer stays dense and the others keep less, so that the overall
    sparsity is the one asked for. Which layers stay dense depends on it; so each layer's own sparsity is a
    piecewise linear function of the overall one.

    A layer with several weights is one unit: its size is the sum of theirs, and its ratio of sum to product is
    the mean of theirs, weighted by size. A scalar counts as a vector of one.

    Source: Evci et al. 2020, "Rigging the Lottery: Making All Tickets Winners", arXiv:1911.11134, section 3.

    Args:
        shapes: For each layer, the shapes of its weights.

    Returns:
        For each layer the points `(overall sparsity, own sparsity)` to interpolate linearly between, from
        `(0.0, 0.0)` to `(1.0, 1.0)`; the first strictly rises, the second never falls. A layer whose weights
        are all of size 0 follows the overall sparsity.

    Raises:
        ValueError: If `shapes` isn't nested like that, or a dimension isn't a whole number of 0 or more.

    Example: the smaller layer keeps twice the share of the larger one, all of it up to 40 % overall.

    >>> erk_points([[(2, 2)], [(4, 4)]])
    [[(0.0, 0.0), (0.4, 0.0), (1.0, 1.0)], [(0.0, 0.0), (0.4, 0.5), (1.0, 1.0)]]
    """
    units = [_unit(f"shapes[{i}]", layer) for i, layer in enumerate(shapes)]
    total = sum(unit.size for unit in units)

    # A layer keeps the share min(1, scale * ratio). As the scale rises, layers become dense one after another, in
    # descending order of their ratios; there, and nowhere else, the lines bend. Whole numbers and fractions make
    # all of this exact, ties too: the only rounding is that of each result.
    knots: list[tuple[float, Fraction]] = []
    size = dimensions = 0  # of the layers that aren't dense yet
    by_ratio = attrgetter("ratio")
    for ratio, group in groupby(sorted((unit for unit in units if unit.size), key=by_ratio), key=by_ratio):
        cut = size * ratio.numerator - dimensions * ratio.denominator  # times the numerator
        overall = cut / (total * ratio.numerator)
        if not knots or knots[-1][0] < overall < 1:  # ratios can differ by less than a float can tell
            knots.append((overall, ratio))
        for unit in group:
            size, dimensions = size + unit.size, dimensions + unit.dimensions
    return [_points(unit, knots) for unit in units]


class _Unit(NamedTuple):
    """A layer: `size` is the sum of the products of its weights' shapes, `dimensions` that of their sums."""

    size: int
    dimensions: int
    ratio: Fraction


def _unit(name: str, layer: Any) -> _Unit:
    try:
        shapes = [[_dimension(d) for d in shape] for shape in layer]
    except TypeError:
        raise ValueError(
            "`shapes` must hold for each layer the list of its weights' shapes, made of whole numbers of 0 or more, "
            f"such as `[[(3, 3, 8, 16)], [(8, 32), (8, 32)]]`. Received: {name}={layer!r}"
        ) from None
    sizes = [math.prod(shape) for shape in shapes]
    size = sum(sizes)
    dimensions = sum(sum(shape) or 1 for shape, n in zip(shapes, sizes, strict=True) if n)
    return _Unit(size, dimensions, Fraction(dimensions, size or 1))


def _dimension(value: Any) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
        raise TypeError
    return int(value)  # NumPy's would overflow


def _points(unit: _Unit, knots: list[tuple[float, Fraction]]) -> list[tuple[float, float]]:
    points = [(0.0, 0.0)]
    for overall, ratio in knots[1:] if unit.size else []:
        whole = unit.size * ratio.numerator
        own = max(whole - unit.dimensions * ratio.denominator, 0) / whole
        if own == 0 and len(points) > 1:
            points.pop()  # dense up to here
        points.append((overall, own))
    return [*points, (1.0, 1.0)]
