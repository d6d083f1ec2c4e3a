"""Which entries of a weight are cut together: single ones, blocks, N of each M, whole output channels.

Blocks, groups and channels are laid out on the weight's matrix: its output channels are the columns, all other
axes the rows. A convolution's `(H, W, I, O)` is the matrix `(H·W·I, O)`.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from tb_sparsity.pruning.masks import kept_count, magnitude_mask


class Layout(NamedTuple):
    """What the axes of a weight are; counted from its end, so negative.

    `outputs` are those of output channels, `input` is that of input channels, or None if there is none. A dense
    kernel's is the default.
    """

    outputs: tuple[int, ...] = (-1,)
    input: int | None = -2


class Pattern(abc.ABC):
    """What is cut together, and how its worth is measured."""

    has_threshold = True

    @abc.abstractmethod
    def mask(self, weight: Any, sparsity: Any, layout: Layout) -> tuple[Any, Any]:
        """The mask that gives `weight` the sparsity.

        Args:
            weight: Float tensor of static shape, all entries finite.
            sparsity: Share of units (weights, blocks, channels) to cut, scalar in [0, 1).
            layout: What the axes of `weight` are.

        Returns:
            `(mask, threshold)`: a bool tensor of `weight`'s shape, true where a weight stays, and the smallest
            score of a unit that stays, a scalar of `weight`'s dtype; zero for patterns without a threshold.
        """

    @abc.abstractmethod
    def complying(self, weight: np.ndarray, layout: Layout) -> tuple[int, int]:
        """How many units follow the pattern.

        Args:
            weight: The weight's values, zeros where it is pruned.
            layout: As for `mask`.

        Returns:
            `(complying, all)`: a block or channel complies if it is all zeros or was not cut at all, a group if it
            has its N zeros.
        """

    def target(self, shape: Sequence[int], sparsity: float, layout: Layout) -> float:
        """The share of `shape`'s entries that are zero once the pattern has the sparsity asked for."""
        return 1 - int(kept_count(prod(shape), sparsity)) / prod(shape)

    def supports(self, layout: Layout) -> bool:
        """Whether the pattern can be laid on such a weight."""
        return True


@dataclass(frozen=True)
class Element(Pattern):
    """Single weights."""

    def mask(self, weight: Any, sparsity: Any, layout: Layout) -> tuple[Any, Any]:
        return magnitude_mask(weight, sparsity)

    def complying(self, weight: np.ndarray, layout: Layout) -> tuple[int, int]:
        return weight.size, weight.size

    def __str__(self) -> str:
        return "element"


@dataclass(frozen=True)
class Block(Pattern):
    """Blocks of `height` rows × `width` columns, each worth its mean or largest magnitude.

    Where the block doesn't divide the matrix, those at its end are smaller; their mean is that of the entries
    they have.
    """

    height: int
    width: int
    pooling: str = "AVG"

    def mask(self, weight: Any, sparsity: Any, layout: Layout) -> tuple[Any, Any]:
        weight = ops.convert_to_tensor(weight)
        rows, columns = matrix_shape(weight.shape, layout)
        down, across = ceil(rows / self.height), ceil(columns / self.width)
        padding = ((0, down * self.height - rows), (0, across * self.width - columns))

        def blocks(matrix: Any) -> Any:
            return ops.reshape(ops.pad(matrix, padding), (down, self.height, across, self.width))

        magnitude = blocks(to_matrix(ops.abs(ops.cast(weight, _exact(weight))), layout))
        if self.pooling == "MAX":
            scores = ops.max(magnitude, axis=(1, 3))
        else:
            entries = np.pad(np.ones((rows, columns), "float32"), padding)
            entries = entries.reshape(down, self.height, across, self.width).sum((1, 3))
            scores = ops.sum(magnitude, axis=(1, 3)) / ops.cast(entries, magnitude.dtype)
        kept, threshold = magnitude_mask(scores, sparsity)
        wide = ops.broadcast_to(kept[:, None, :, None], magnitude.shape)
        wide = ops.reshape(wide, (down * self.height, across * self.width))[:rows, :columns]
        return from_matrix(wide, weight.shape, layout), ops.cast(threshold, weight.dtype)

    def complying(self, weight: np.ndarray, layout: Layout) -> tuple[int, int]:
        matrix = np.asarray(to_matrix(weight, layout, np)) != 0
        entries, nonzero = (_block_sums(m, self.height, self.width) for m in (np.ones_like(matrix), matrix))
        return int(((nonzero == 0) | (nonzero == entries)).sum()), entries.size

    def target(self, shape: Sequence[int], sparsity: float, layout: Layout) -> float:
        rows, columns = matrix_shape(shape, layout)
        n = ceil(rows / self.height) * ceil(columns / self.width)
        return 1 - int(kept_count(n, sparsity)) / n

    def __str__(self) -> str:
        return f"block {self.height}×{self.width} {self.pooling}"


@dataclass(frozen=True)
class Channel(Pattern):
    """Whole output channels, so that a following step could remove them; each worth its mean magnitude.

    Source: Li et al. 2017, "Pruning Filters for Efficient ConvNets", arXiv:1608.08710, section 3.1 (the L1 norm,
    which orders as the mean does).
    """

    def _as_block(self, shape: Sequence[int], layout: Layout) -> Block:
        return Block(matrix_shape(shape, layout)[0], 1)

    def mask(self, weight: Any, sparsity: Any, layout: Layout) -> tuple[Any, Any]:
        return self._as_block(weight.shape, layout).mask(weight, sparsity, layout)

    def complying(self, weight: np.ndarray, layout: Layout) -> tuple[int, int]:
        return self._as_block(weight.shape, layout).complying(weight, layout)

    def target(self, shape: Sequence[int], sparsity: float, layout: Layout) -> float:
        return self._as_block(shape, layout).target(shape, sparsity, layout)

    def __str__(self) -> str:
        return "channel"


@dataclass(frozen=True)
class NOfM(Pattern):
    """`n` zeros among each `m` consecutive weights along the input channels, whatever sparsity is asked for.

    As 2:4 on NVIDIA's sparse tensor cores: Mishra et al. 2021, "Accelerating Sparse Deep Neural Networks",
    arXiv:2104.08378. A last group with fewer than `m` weights keeps up to `m - n` of them.
    """

    n: int
    m: int
    has_threshold = False

    def mask(self, weight: Any, sparsity: Any, layout: Layout) -> tuple[Any, Any]:
        weight = ops.convert_to_tensor(weight)
        magnitude = ops.abs(ops.cast(weight, _exact(weight)))
        groups = self._groups(magnitude, layout, ops)
        # A weight stays if fewer than m - n of its group come before it: by magnitude, in a tie by index.
        mine, other = groups[..., :, None], groups[..., None, :]
        earlier = np.tri(self.m, k=-1, dtype=bool)
        before = ops.logical_or(other > mine, ops.logical_and(other == mine, earlier))
        kept = ops.sum(ops.cast(before, "int32"), axis=-1) < self.m - self.n
        return self._ungrouped(kept, weight.shape, layout), ops.zeros((), weight.dtype)

    def complying(self, weight: np.ndarray, layout: Layout) -> tuple[int, int]:
        nonzero = (self._groups(weight, layout, np) != 0).sum(-1)
        return int((nonzero <= self.m - self.n).sum()), nonzero.size

    def target(self, shape: Sequence[int], sparsity: float, layout: Layout) -> float:
        assert layout.input is not None
        n_inputs = shape[layout.input]
        whole, rest = divmod(n_inputs, self.m)
        return (whole * self.n + max(rest - (self.m - self.n), 0)) / n_inputs

    def supports(self, layout: Layout) -> bool:
        """Whether there are input channels: depthwise kernels have none to take N of M from."""
        return layout.input is not None

    def _groups(self, weight: Any, layout: Layout, numpy: Any) -> Any:
        """The weight as `(…, groups, m)`, padded with zeros at the end of its last input axis."""
        rolled = numpy.moveaxis(weight, layout.input, -1)
        shape = tuple(rolled.shape)
        n_groups = ceil(shape[-1] / self.m)
        padding = [(0, 0)] * (len(shape) - 1) + [(0, n_groups * self.m - shape[-1])]
        return numpy.reshape(numpy.pad(rolled, padding), (*shape[:-1], n_groups, self.m))

    def _ungrouped(self, kept: Any, shape: Sequence[int], layout: Layout) -> Any:
        assert layout.input is not None
        flat = ops.reshape(kept, (*kept.shape[:-2], kept.shape[-2] * self.m))
        return ops.moveaxis(flat[..., : shape[layout.input]], -1, layout.input)

    def __str__(self) -> str:
        return f"{self.n} of {self.m}"


def make_pattern(
    block_size: Sequence[int] = (1, 1),
    block_pooling_type: str = "AVG",
    sparsity_m_by_n: Sequence[int] | None = None,
    structure: str | None = None,
) -> Pattern:
    """The pattern that the arguments of `prune_low_magnitude` describe.

    Raises:
        ValueError: If an argument isn't what it should be, or two ask for different patterns.
    """
    size = _two_ints("block_size", block_size)
    if min(size) < 1:
        raise ValueError(f"`block_size` must be two numbers of 1 or more. Received: block_size={block_size!r}")
    if block_pooling_type not in ("AVG", "MAX"):
        raise ValueError(
            f"`block_pooling_type` must be 'AVG' or 'MAX'. Received: block_pooling_type={block_pooling_type!r}"
        )
    if structure not in (None, "channel"):
        raise ValueError(f"`structure` must be 'channel' or None. Received: structure={structure!r}")
    asked = [size != (1, 1), sparsity_m_by_n is not None, structure is not None]
    if sum(asked) > 1:
        raise ValueError(
            "`block_size`, `sparsity_m_by_n` and `structure` each ask for another pattern: give one of them. Received: "
            f"block_size={block_size!r}, sparsity_m_by_n={sparsity_m_by_n!r}, structure={structure!r}"
        )
    if sparsity_m_by_n is not None:
        n, m = _two_ints("sparsity_m_by_n", sparsity_m_by_n)
        if not 0 < n < m:
            raise ValueError(
                "`sparsity_m_by_n` must be (zeros, group size) with fewer zeros than the group has weights, such as "
                f"(2, 4). Received: sparsity_m_by_n={sparsity_m_by_n!r}"
            )
        return NOfM(n, m)
    if structure:
        return Channel()
    return Element() if size == (1, 1) else Block(*size, block_pooling_type)


def parse_pattern(spec: str | Sequence[int]) -> Pattern:
    """The pattern of a short description: `"element"`, `"channel"`, `"2:4"`, or `(rows, columns)` of a block.

    Raises:
        ValueError: If it is none of these.

    Example:

    >>> parse_pattern("2:4")
    NOfM(n=2, m=4)
    """
    if isinstance(spec, str):
        n, _, m = spec.partition(":")
        if n.isdecimal() and m.isdecimal():
            return make_pattern(sparsity_m_by_n=(int(n), int(m)))
        if spec in ("element", "channel"):
            return make_pattern(structure="channel" if spec == "channel" else None)
    elif len(spec) == 2:
        return make_pattern(block_size=spec)
    raise ValueError(f"A pattern must be 'element', 'channel', 'n:m' or (rows, columns). Received: {spec!r}")


def matrix_shape(shape: Sequence[int], layout: Layout) -> tuple[int, int]:
    """`(rows, columns)` of the matrix of a weight: all other axes, and the output channels."""
    columns = prod(shape[axis] for axis in layout.outputs)
    return prod(shape) // columns, columns


def to_matrix(weight: Any, layout: Layout, numpy: Any = ops) -> Any:
    """The weight as its matrix of `matrix_shape`."""
    return numpy.reshape(numpy.transpose(weight, _order(weight.shape, layout)), matrix_shape(weight.shape, layout))


def from_matrix(matrix: Any, shape: Sequence[int], layout: Layout) -> Any:
    """The matrix as a weight of `shape` again."""
    order = _order(shape, layout)
    return ops.transpose(ops.reshape(matrix, [shape[axis] for axis in order]), np.argsort(order).tolist())


def _order(shape: Sequence[int], layout: Layout) -> list[int]:
    columns = [axis % len(shape) for axis in layout.outputs]
    return [axis for axis in range(len(shape)) if axis not in columns] + columns


def _block_sums(matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    rows = np.add.reduceat(matrix.astype(int), np.arange(0, matrix.shape[0], height), axis=0)
    return np.add.reduceat(rows, np.arange(0, matrix.shape[1], width), axis=1)


def _exact(weight: Any) -> str:
    return "float64" if "float64" in str(weight.dtype) else "float32"


def _two_ints(name: str, value: Any) -> tuple[int, int]:
    try:
        first, second = value
    except (TypeError, ValueError):
        first = second = None
    if not all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in (first, second)):
        raise ValueError(f"`{name}` must be two whole numbers. Received: {name}={value!r}")
    return int(first), int(second)
