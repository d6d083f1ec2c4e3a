"""What is in a model file: zeros, the patterns that they follow, and bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from math import lgamma, log
from pathlib import Path

import numpy as np

from tb_sparsity.pruning.patterns import Layout, NOfM, to_matrix
from tb_sparsity.report.model_files import StoredWeight, read_model
from tb_sparsity.report.sizes import LayerSize, gzip_size, layer_size
from tb_sparsity.tables import html_table, text_table

_CHANCE = log(1e-9)  # zeros that would lie like this by chance, as often as this or more, follow no pattern
_GROUPS = (2, 4, 8, 16)


@dataclass(frozen=True)
class InspectedWeight:
    """A weight of a file.

    Attributes:
        size: Its name, shape, zeros and bytes.
        dtype: What its entries are.
        patterns: What all of its zeros follow, and not by chance: `2:4`, `block 4×1`, `channel`.
        zero_channels: Output channels that are all zero.
        channels: Its output channels; 0 where the file doesn't tell which axes they are.
    """

    size: LayerSize
    dtype: str
    patterns: tuple[str, ...]
    zero_channels: int
    channels: int

    @property
    def sparsity(self) -> float:
        """Share of zeros."""
        return self.size.zeros / max(self.size.size, 1)

    @property
    def is_vector(self) -> bool:
        """Whether it is no matrix, such as a bias."""
        return len(self.size.shape) < 2


@dataclass(frozen=True)
class Inspection:
    """What is in a model file. Print it for a table; a notebook shows it as one.

    Attributes:
        kind: What kind of file it is.
        bytes: Its size.
        gzip_bytes: Its size after `gzip -9`.
        optimizer_bytes: What the optimizer's state takes of it, before compression.
        weights: Its weights.
        left_out: Constants of types that weren't looked into.
    """

    kind: str
    bytes: int
    gzip_bytes: int
    optimizer_bytes: int
    weights: tuple[InspectedWeight, ...]
    left_out: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of entries of all weights."""
        return sum(w.size.size for w in self.weights)

    @property
    def zeros(self) -> int:
        """Exact zeros in them."""
        return sum(w.size.zeros for w in self.weights)

    def to_json(self) -> str:
        """It as JSON."""
        weights = [
            {**asdict(w.size), "size": w.size.size, "sparsity": w.sparsity}
            | {key: value for key, value in asdict(w).items() if key != "size"}
            for w in self.weights
        ]
        content = {"format": 1, **asdict(self), "size": self.size, "zeros": self.zeros, "weights": weights}
        return json.dumps(content, indent=2)

    def __str__(self) -> str:
        return "\n".join([*text_table(self._rows(), left=(0, 1, 2, 6)), "", *self._sentences()])

    def _repr_html_(self) -> str:
        return html_table(self._rows(), left=(0, 1, 2, 6)) + f"<p>{escape(' '.join(self._sentences()))}</p>"

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [
            ("weight", "shape", "dtype", "size", "zeros", "sparsity", "pattern", "dense, bytes", "CSR", "bitmask")
        ]
        for w in self.weights:
            if w.is_vector:
                continue
            rows.append(
                (
                    w.size.name,
                    "×".join(map(str, w.size.shape)),
                    w.dtype,
                    f"{w.size.size:,}",
                    f"{w.size.zeros:,}",
                    f"{100 * w.sparsity:.2f}%",
                    ", ".join(w.patterns) or _channels(w),
                    f"{w.size.dense_bytes:,}",
                    f"{w.size.csr_bytes:,}",
                    f"{w.size.bitmask_bytes:,}",
                )
            )
        return rows

    def _sentences(self) -> list[str]:
        zeros = f"{self.zeros:,} of all {self.size:,} entries are zero ({100 * self.zeros / max(self.size, 1):.2f}%)"
        vectors = sum(w.is_vector for w in self.weights)
        zeros += f"; {vectors} vectors, such as biases, aren't in the table." if vectors else "."
        said = [zeros, f"{self.kind}: {self.bytes:,} bytes, {self.gzip_bytes:,} after gzip."]
        if self.optimizer_bytes:
            said.append(f"{self.optimizer_bytes:,} bytes of it are the optimizer's state: save the model uncompiled.")
        if self.left_out:
            said.append(f"Not looked into: {', '.join(self.left_out)}.")
        return said


def inspect_file(path: str | os.PathLike[str]) -> Inspection:
    """Looks into a `.keras`, `.weights.h5`, `.h5` or `.tflite` file. Nothing in it is run.

    Raises:
        UnreadableFileError: If it is none of these, or damaged.
    """
    stored = read_model(Path(path))
    with Path(path).open("rb") as file:
        packed = gzip_size(file)
    return Inspection(
        kind=stored.kind,
        bytes=Path(path).stat().st_size,
        gzip_bytes=packed,
        optimizer_bytes=stored.optimizer_bytes,
        weights=tuple(map(_inspected, stored.weights)),
        left_out=stored.left_out,
    )


def _channels(weight: InspectedWeight) -> str:
    """Channels may be gone without all zeros being in them: quantising makes more."""
    return f"{weight.zero_channels:,} of {weight.channels:,} channels zero" if weight.zero_channels else ""


def _inspected(weight: StoredWeight) -> InspectedWeight:
    kept = weight.entries != 0
    layout = weight.layout if kept.ndim > 1 else None
    matrix = to_matrix(kept, layout, np) if layout else kept.reshape(-1, 1)
    return InspectedWeight(
        size=layer_size(weight.name, weight.entries),
        dtype=weight.dtype,
        patterns=tuple(find_patterns(kept, layout)) if layout else (),
        zero_channels=int((~matrix.any(axis=0)).sum()) if layout and matrix.size else 0,
        channels=matrix.shape[1] if layout else 0,
    )


def find_patterns(kept: np.ndarray, layout: Layout) -> Iterator[str]:
    """The patterns that all zeros of a weight follow, where chance wouldn't do that.

    Of several that follow from one another the strictest is told.

    Args:
        kept: Where the weight isn't zero.
        layout: What its axes are.

    Example:

    >>> kept = np.tile(np.eye(4, dtype=bool), (64, 8)) | np.tile(np.eye(4, k=1, dtype=bool), (64, 8))
    >>> list(find_patterns(kept, Layout()))
    ['2:4']
    """
    zeros = kept.size - int(np.count_nonzero(kept))
    if not 0 < zeros < kept.size:
        return
    yield from _groups(kept, layout, zeros / kept.size)
    yield from _blocks(to_matrix(kept, layout, np), zeros)


def _groups(kept: np.ndarray, layout: Layout, share: float) -> Iterator[str]:
    if layout.input is None:
        return
    inputs = kept.shape[layout.input]
    found: list[tuple[int, int]] = []
    for m in _GROUPS:
        if found and m > inputs:
            break  # one group, filled up with zeros
        for n in range(m - 1, 0, -1):
            if any(n <= most * (m // small) for most, small in found):
                break  # follows from what was found
            if _by_chance(n, m, inputs, kept.size // inputs, share) > _CHANCE:
                continue
            complying, groups = NOfM(n, m).complying(kept, layout)
            if complying == groups:
                # One zero less in a group leaves one less for any part of it.
                found = [(most, small) for most, small in found if most > small - (m - n)]
                found.append((n, m))
                break
    yield from (f"{n}:{m}" for n, m in found)


def _by_chance(n: int, m: int, inputs: int, rows: int, share: float) -> float:
    """Logarithm of the probability that each group has its zeros, were each entry zero by itself."""
    whole, rest = divmod(inputs, m)
    chance = 0.0
    for length, count in ((m, whole), (rest, 1)):
        needed = n - (m - length)
        if length and needed > 0:
            one = sum(
                np.exp(_choices(length, k)) * share**k * (1 - share) ** (length - k) for k in range(needed, length + 1)
            )
            chance += rows * count * log(min(max(float(one), 1e-300), 1.0))
    return chance


def _blocks(kept: np.ndarray, zeros: int) -> Iterator[str]:
    """Blocks lie on a grid from the first entry, so every change between neighbours lies on its lines."""
    rows, columns = kept.shape
    height = int(np.gcd.reduce(np.flatnonzero((kept[1:] != kept[:-1]).any(axis=1)) + 1)) or rows
    width = int(np.gcd.reduce(np.flatnonzero((kept[:, 1:] != kept[:, :-1]).any(axis=0)) + 1)) or columns
    if height * width == 1:
        return
    blocks = kept[::height, ::width]
    cut = blocks.size - int(np.count_nonzero(blocks))
    if _choices(blocks.size, cut) - _choices(kept.size, zeros) > _CHANCE:
        return
    yield "channel" if height == rows and width == 1 else f"block {height}×{width}"


def _choices(n: int, k: int) -> float:
    """Logarithm of the number of ways to choose k of n."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
