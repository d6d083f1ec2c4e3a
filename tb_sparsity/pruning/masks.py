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
_ROW = 128  # entries counted at a time: a byte holds the count


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
    threshold, n_reaching = _kth_largest(bits, kept, _MAGNITUDE_BITS[exact])

    def untied() -> Any:
        return bits >= threshold

    def tied() -> Any:
        # More weights than places have the threshold's very magnitude: the first of them stay.
        equal = bits == threshold
        end = _position(equal, kept - count_true(bits > threshold)) + 1
        return (bits > threshold) | (equal & (ops.arange(size, dtype="int32") < end))

    mask = ops.cond(n_reaching == kept, untied, tied)
    as_float = ops.view(ops.reshape(threshold, [1]), exact)[0]  # Keras 3.12 can't view a scalar
    return ops.reshape(mask, shape), ops.cast(as_float, dtype)


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
    return ops.clip(kept, 1, size)  # a function as schedule may leave [0, 1)


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
    """The `kept`-th largest of non-negative floats, given and returned as bits, and how many reach it.

    The bit patterns of such floats order as integers do, so its bits are fixed from the highest down, one counting
    pass each. Sorting would cost some twenty times as much; several candidates in a pass, or guesses by
    interpolation, cost more than they save (benchmarks/README.md).
    """
    dtype = backend.standardize_dtype(bits.dtype)

    def fix_bit(i: Any, found: tuple[Any, Any]) -> tuple[Any, Any]:
        bound, count = found
        candidate = bound | ops.left_shift(ops.cast(1, dtype), ops.cast(n_bits - 1 - i, dtype))
        reaching = count_true(bits >= candidate)
        enough = reaching >= kept
        return ops.where(enough, candidate, bound), ops.where(enough, reaching, count)

    start = (ops.zeros((), dtype), ops.cast(bits.shape[0], "int32"))
    return ops.fori_loop(0, n_bits, fix_bit, start)


def _position(condition: Any, nth: Any) -> Any:
    """The index of the `nth` true entry, counted from 1."""
    padding = -condition.shape[0] % _ROW
    rows = ops.reshape(ops.pad(condition, [[0, padding]]), (-1, _ROW))
    counts = _row_counts(rows)
    until = ops.cumsum(counts)
    row = ops.sum(ops.cast(until < nth, "int32"))
    within = ops.cumsum(ops.cast(ops.take(rows, row, axis=0), "int32"))
    missing = nth - (ops.take(until, row) - ops.take(counts, row))
    return row * _ROW + ops.sum(ops.cast(within < missing, "int32"))


def count_true(condition: Any) -> Any:
    """The number of true entries, a scalar int32 tensor."""
    flat = ops.reshape(condition, [-1])
    if backend.backend() == "torch":  # whose sums of anything but floats are slow, and which counts well
        import torch

        return torch.count_nonzero(flat).to(torch.int32)
    whole = flat.shape[0] // _ROW * _ROW
    counts = _row_counts(ops.reshape(flat[:whole], (-1, _ROW)))
    return ops.sum(counts) + ops.sum(ops.cast(flat[whole:], "int32"))


def _row_counts(rows: Any) -> Any:
    """True entries of each row of `_ROW`, as int32. Summed as bytes: `keras.ops` would take four times the memory."""
    if backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.cast(tf.reduce_sum(tf.cast(rows, tf.uint8), axis=1), tf.int32)
    if backend.backend() == "jax":
        import jax.numpy as jnp

        return jnp.sum(rows, axis=1, dtype="uint8").astype("int32")
    return ops.count_nonzero(rows, axis=1)
