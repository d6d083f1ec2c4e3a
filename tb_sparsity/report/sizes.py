"""How many bytes a model takes, and could take."""

from __future__ import annotations

import io
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import keras
import numpy as np

from tb_sparsity.pruning.models import uncompiled
from tb_sparsity.pruning.weights import tracked_weights


def gzip_size(data: bytes | BinaryIO) -> int:
    """Bytes after `gzip -9`, of a file without reading it whole."""
    file = io.BytesIO(data) if isinstance(data, (bytes, bytearray)) else data
    packer = zlib.compressobj(9, wbits=31)  # with gzip's header
    return sum(len(packer.compress(part)) for part in iter(lambda: file.read(2**20), b"")) + len(packer.flush())


def keras_file(model: keras.Model) -> bytes:
    """The model's `.keras` file, without optimizer state."""
    with tempfile.TemporaryDirectory() as folder, uncompiled(model):
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


@dataclass(frozen=True)
class LayerSize:
    """A weight, and the bytes that its matrix takes in sparse formats.

    Attributes:
        name: The weight, as in the log: `conv2d/kernel`.
        shape: Its shape; as a matrix it has the last axis as columns.
        zeros: Exact zeros in it.
        dense_bytes: All its entries.
        csr_bytes: Compressed sparse rows: the entries that aren't zero, a column for each, in 1, 2 or 4 bytes as the
            number of columns needs, and 4 bytes for the begin of each row and the end.
        bitmask_bytes: The entries that aren't zero, and a bit for each entry.
    """

    name: str
    shape: tuple[int, ...]
    zeros: int
    dense_bytes: int
    csr_bytes: int
    bitmask_bytes: int

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape, dtype=np.int64))


def layer_size(name: str, values: np.ndarray) -> LayerSize:
    """What a weight takes.

    Example:

    >>> layer_size("dense/kernel", np.eye(8, dtype="float32")).csr_bytes  # 8 numbers, 8 columns, 9 row ends
    76
    """
    kept = int(np.count_nonzero(values))
    width = values.itemsize
    columns = values.shape[-1] if values.ndim else 1
    rows = values.size // max(columns, 1)
    index = 1 if columns <= 2**8 else 2 if columns <= 2**16 else 4
    return LayerSize(
        name=name,
        shape=tuple(values.shape),
        zeros=values.size - kept,
        dense_bytes=values.size * width,
        csr_bytes=kept * (width + index) + 4 * (rows + 1),
        bitmask_bytes=kept * width + -(-values.size // 8),
    )


def layer_sizes(model: keras.Model) -> tuple[LayerSize, ...]:
    """Each kernel-like weight of a model without pruning wrappers."""
    return tuple(
        layer_size(w.name, keras.ops.convert_to_numpy(w.variable)) for w in tracked_weights(model) if w.prunable
    )
