"""From scores to masks: which entries stay when a given share goes.

Written in `keras.ops`, to run inside the compiled training step on any backend.
"""

from __future__ import annotations

from typing import Any

from keras import backend, ops

# Bit widths of the non-negative floats' patterns: the sign bit is never set.
_MAGNITUDE_BITS = {"float32": 31, "float64": 63}
_INTEGER_OF = {"float32": "int32", "float64": "int64"}
_FLOAT32_EXACT = 2**24


def magnitude_mask(weight: Any, sparsity: Any) -> tuple[Any, Any]:
    """Keeps the largest magnitudes: exactly `kept_count(size, sparsity)` of them.

    Source: Zhu and Gupta 2017, "To prune, or not to prune", arXiv:1710.01878, section 3. Of weights with
    equal magnitude at the threshold, those with the lower (row-major) index stay.

    Args:
        weight: Float tensor of any static shape, all entries finite.
        sparsity: Share of weights to cut, scalar in [0, 1).

    Returns:
        `(mask, threshold)`: a bool tensor of `weight`'s shape, true where a weight stays, and the smallest
        magnitude that stays, a scalar of `weight`'s dtype.

    Example:

    >>> import numpy as np
    >>> mask, threshold = magnitude_mask(np.array([0.1, -0.4, 0.3, 0.2], "float32"), 0.5)
    >>> np.asarray(mask).tolist(), float(threshold)
    ([False, True, True, False], 0.30000001192092896)
    """
    weight = ops.convert_to_tensor(weight)
    dtype = backend.standardize_dtype(weight.dtype)
    exact = "float64" if dtype == "float64" else "float32"  # half precision fits into float32 exactly
    shape = weight.shape
    magnitude = ops.reshape(ops.abs(ops.cast(weight, exact)), [-1])
    size = magnitude.shape[0]
    kept = kept_count(size, sparsity)
    bits = ops.view(magnitude, _INTEGER_OF[exact])
    below, n_above = _kth_largest(bits, kept, _MAGNITUDE_BITS[exact])

    def untied() -> Any:
        return bits >= below

    def tied() -> Any:
        # More weights than places have the threshold's very magnitude: the first of them stay.
        equal, index = bits == below, ops.arange(size, dtype="int32")
        places = kept - count_true(bits > below)
        end = _largest(lambda i: count_true(equal & (index < i)) <= places, size.bit_length())
        return (bits > below) | (equal & (index < end))

    mask = ops.cond(n_above == kept, untied, tied)
    # Found among the bits: as floats, the smallest would count as zero.
    smallest = ops.min(ops.where(bits >= below, bits, ops.full_like(bits, 2 ** _MAGNITUDE_BITS[exact] - 1)))
    threshold = ops.view(ops.reshape(smallest, [1]), exact)[0]  # Keras 3.12 can't view a scalar
    return ops.reshape(mask, shape), ops.cast(threshold, dtype)


def kept_count(size: int, sparsity: Any) -> Any:
    """How many of `size` weights stay: `max(round(size * (1 - sparsity)), 1)`, halves to even.

    Counted in float32 as tfmot counts, while float32 can count that far; exactly beyond 2**24 weights.

    Args:
        size: Number of weights, below 2**30.
        sparsity: Share to cut, scalar in [0, 1).

    Returns:
        A scalar int32 tensor in [1, size].

    Example:

    >>> int(kept_count(409600, 0.875))
    51200
    """
    share = 1 - ops.cast(sparsity, "float32")
    if size < _FLOAT32_EXACT:
        kept = ops.cast(ops.round(size * share), "int32")
    else:
        kept = _rounded_product(size, ops.cast(share * _FLOAT32_EXACT, "int32"))
    return ops.maximum(kept, 1)


def _rounded_product(size: int, share: Any) -> Any:
    """`round(size * share / 2**24)`, halves to even, in 32-bit integers: long multiplication by 12 bits."""
    high, low = divmod(size, 4096)
    share_high, share_low = share // 4096, share % 4096
    middle = low * share_high + high * share_low
    fraction = (middle % 4096) * 4096 + low * share_low
    whole = high * share_high + middle // 4096 + fraction // _FLOAT32_EXACT
    fraction = fraction % _FLOAT32_EXACT
    half = _FLOAT32_EXACT // 2
    up = (fraction > half) | ((fraction == half) & (whole % 2 == 1))
    return whole + ops.cast(up, "int32")


def _kth_largest(bits: Any, kept: Any, n_bits: int) -> tuple[Any, Any]:
    """A bound at or below which the `kept`-th largest begins, and how many reach it: `kept`, or more in a tie.

    The bit patterns of non-negative floats order as integers do, so the bound is found by fixing its bits from
    the highest down, one counting pass each, until it parts the weights as asked. Sorting would cost some
    thirty times as much; more counts in a pass, or guesses by interpolation, cost more than they save
    (benchmarks/README.md).
    """
    dtype = backend.standardize_dtype(bits.dtype)
    size = ops.cast(bits.shape[0], "int32")

    def undecided(bit: Any, bound: Any, count: Any) -> Any:
        return (bit >= 0) & (count != kept)

    def fix_bit(bit: Any, bound: Any, count: Any) -> Any:
        candidate = bound | ops.left_shift(ops.cast(1, dtype), ops.cast(bit, dtype))
        reached = count_true(bits >= candidate)
        enough = reached >= kept
        return bit - 1, ops.where(enough, candidate, bound), ops.where(enough, reached, count)

    start = (ops.cast(n_bits - 1, "int32"), ops.zeros((), dtype), size)
    _, bound, count = ops.while_loop(undecided, fix_bit, start)
    return bound, count


def _largest(holds: Any, n_bits: int) -> Any:
    """The largest `n_bits`-bit integer for which `holds` does; `holds` must be true up to it, false above."""

    def fix_bit(i: Any, found: Any) -> Any:
        candidate = found | ops.left_shift(ops.cast(1, "int32"), ops.cast(n_bits - 1 - i, "int32"))
        return ops.where(holds(candidate), candidate, found)

    return ops.fori_loop(0, n_bits, fix_bit, ops.zeros((), "int32"))


def count_true(condition: Any) -> Any:
    """The number of true entries, a scalar int32 tensor."""
    if backend.backend() == "torch":  # whose sum of anything but floats is slow
        return ops.count_nonzero(condition)
    return ops.sum(ops.cast(condition, "int32"))
