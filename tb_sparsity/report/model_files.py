"""Weights in model files, read without the model: no layer is made, and nothing that a file brings is run."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped,unused-ignore]
import numpy as np

from tb_sparsity.pruning.patterns import Layout

_WEIGHTS = "model.weights.h5"  # in a `.keras` file
_OPTIMIZERS = ("optimizer", "optimizer_weights")
_WRAPPER = "prune_low_magnitude"
_MOST_COMPRESSED = 1100  # HDF5's deflate makes nothing smaller than this part of it

_PROJECTION, _ATTENTION = Layout((-2, -1), -3), ("group_query_attention", "multi_head_attention")
_PROJECTIONS = {"query", "key", "value", "gate"}
_PARTS = {f"{part}_dense": part for part in _PROJECTIONS} | {"output_dense": "attention_output"}
_TRANSPOSED, _DEPTHWISE = Layout(outputs=(-2,), input=-1), Layout(outputs=(-2, -1), input=None)
# Keras numbers variables in the order in which a layer makes them; groups are named after the layer's class.
_VARIABLES = {
    r"(dense|einsum_dense|(depthwise_)?conv[123]d(_transpose)?)": ("kernel", "bias"),
    r"embedding": ("embeddings",),
    r"separable_conv[12]d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    r"(lstm|gru|simple_rnn)_cell|cell": ("kernel", "recurrent_kernel", "bias"),
}


class UnreadableFileError(Exception):
    """A model file that can't be used; its text is for the user."""


@dataclass(frozen=True)
class StoredWeight:
    """A weight as it stands in a file.

    Attributes:
        name: Its name, as in the log where the file tells it.
        dtype: What its entries are.
        entries: Its entries, of the width that they have in the file; zero where the weight is zero.
        layout: What its axes are; None where the file doesn't tell.
    """

    name: str
    dtype: str
    entries: np.ndarray
    layout: Layout | None


@dataclass(frozen=True)
class StoredModel:
    """What a model file holds.

    Attributes:
        kind: What kind of file it is.
        weights: The weights, in the file's order.
        optimizer_bytes: What the optimizer's state takes.
        left_out: Constants that are no weights to look at, such as of packed types.
    """

    kind: str
    weights: tuple[StoredWeight, ...]
    optimizer_bytes: int = 0
    left_out: tuple[str, ...] = ()


def read_model(path: Path) -> StoredModel:
    """The weights in a `.keras`, `.weights.h5`, `.h5` or `.tflite` file; its content tells which it is.

    Raises:
        UnreadableFileError: If it is none of these, or damaged.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            if start.startswith(b"PK"):
                return StoredModel("Keras model", *_keras_archive(path))
            if start == b"\x89HDF\r\n\x1a\n":
                with h5py.File(file) as h5:
                    if "model_weights" not in h5:
                        return StoredModel("Keras weights", *_hdf5(h5, {}))
                    return StoredModel("Keras model, HDF5", *_hdf5(h5, _classes(h5.attrs.get("model_config", "{}"))))
            if start[4:] == b"TFL3":
                from tb_sparsity.report.tflite_file import read_tflite

                file.seek(0)
                return StoredModel("TFLite model", *read_tflite(file.read()))
    except FileNotFoundError:
        raise UnreadableFileError(f"{path} doesn't exist") from None
    except UnreadableFileError as error:
        raise UnreadableFileError(f"{path} can't be used: {error}") from None
    except OSError as error:
        if error.errno:
            raise UnreadableFileError(f"{path} can't be read ({error.strerror})") from None
        raise UnreadableFileError(f"{path} is damaged ({_first_line(error)})") from None
    except Exception as error:  # a damaged file fails in a dozen ways
        raise UnreadableFileError(f"{path} is damaged ({_first_line(error)})") from None
    raise UnreadableFileError(f"{path} is no model: expected a .keras, .weights.h5, .h5 or .tflite file")


def _keras_archive(path: Path) -> tuple[tuple[StoredWeight, ...], int]:
    with zipfile.ZipFile(path) as archive:
        if _WEIGHTS not in archive.namelist():
            raise UnreadableFileError(f"it is no Keras model, for it has no {_WEIGHTS} in it")
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _most(path.stat().st_size):
            raise UnreadableFileError(f"it unpacks to {unpacked:,} bytes, more than a model would")
        classes = _classes(archive.read("config.json")) if "config.json" in archive.namelist() else {}
        with h5py.File(io.BytesIO(archive.read(_WEIGHTS))) as h5:
            return _hdf5(h5, classes)


def _classes(config: str | bytes) -> dict[str, str]:
    """Layer -> its class as groups are named after it, by the model's configuration."""
    found: dict[str, str] = {}
    rest = [json.loads(config)]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            own, name = part.get("config"), part.get("class_name")
            if isinstance(name, str) and isinstance(own, dict) and isinstance(own.get("name"), str):
                found[own["name"]] = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", name).lower()
            rest += part.values()
        elif isinstance(part, list):
            rest += part
    return found


def _hdf5(h5: Any, classes: Mapping[str, str]) -> tuple[tuple[StoredWeight, ...], int]:
    old = "model_weights" in h5
    root = h5["model_weights"] if old else h5
    datasets = _Datasets(h5)
    weights: list[StoredWeight] = []
    names: set[str] = set()
    for path, dataset in datasets.below(root, () if old else _OPTIMIZERS):
        bits = _bits(dataset)
        if bits is None:
            continue
        name, layout = (_old_name if old else _name)(root, path, classes)
        unique, n = name, 1
        while unique in names:
            unique, n = f"{name}_{n}", n + 1
        names.add(unique)
        weights.append(StoredWeight(unique, *bits, layout))
    states = (d for name in _OPTIMIZERS if name in h5 for _, d in datasets.below(h5[name], ()))
    return tuple(weights), sum(d.size * d.dtype.itemsize for d in states)


def _most(size: int) -> int:
    """What a model in a file of this size may take in memory: sparse ones pack well, but not as well as zeros alone."""
    return 100 * size + 2**20


class _Datasets:
    """The data sets of a file, each once, and no more than the file can hold."""

    def __init__(self, h5: Any):
        self._left = _most(h5.id.get_filesize())
        self._seen: set[int] = set()

    def below(
        self, group: Any, without: tuple[str, ...], path: tuple[str, ...] = ()
    ) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Those below a group, numbers in order; links to other files aren't followed."""
        self._is_new(group)
        for key in sorted(group, key=_numbered):
            if (not path and key in without) or not isinstance(group.get(key, getlink=True), h5py.HardLink):
                continue
            child = group[key]
            if isinstance(child, h5py.Group):
                if self._is_new(child):
                    yield from self.below(child, without, (*path, key))
            elif isinstance(child, h5py.Dataset) and self._is_new(child):
                if child.external or child.is_virtual:
                    raise UnreadableFileError("it keeps weights in other files, which aren't read")
                claimed = child.size * child.dtype.itemsize
                self._left -= claimed
                if self._left < 0 or claimed > _MOST_COMPRESSED * (child.id.get_storage_size() + 4096):
                    raise UnreadableFileError(f"{'/'.join((*path, key))} claims to be larger than it can be")
                yield (*path, key), child

    def _is_new(self, item: Any) -> bool:
        address = h5py.h5o.get_info(item.id).addr
        new = address not in self._seen
        self._seen.add(address)
        return new


def _numbered(key: str) -> tuple[Any, ...]:
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.findall(r"\d+|\D+", key))


def _bits(dataset: Any) -> tuple[str, np.ndarray] | None:
    """`(dtype, entries)`, without the sign of zeros; None for what is no weight: masks, counters, seeds."""
    dtype = dataset.dtype
    if dataset.ndim == 0:
        return None
    if dtype.kind == "f":
        return dtype.name, np.asarray(dataset[()])
    if dtype == np.int8:
        return "int8", np.asarray(dataset[()])
    if dtype.kind == "V" and dtype.itemsize in (1, 2) and dtype.fields is None:  # NumPy has no name for these
        bits = np.asarray(dataset[()]).view(f"u{dtype.itemsize}")
        told = dataset.attrs.get("dtype", "bfloat16" if dtype.itemsize == 2 else "float8")
        return str(told), bits & (0x7FFF if dtype.itemsize == 2 else 0x7F)
    return None


def _name(root: Any, path: tuple[str, ...], classes: Mapping[str, str]) -> tuple[str, Layout | None]:
    """The name in Keras 3's own files, made of the layers' names as the log's is; and the axes by class."""
    *groups, variables, index = path if len(path) > 1 else ("", *path)
    if variables != "vars":
        return "/".join(path), Layout()
    parts, place, part = [], root, ""
    for group in groups:
        part = _PARTS.get(group, "") if _PARTS.keys() - {"gate_dense"} <= set(place) else ""
        place = place[group]
        if group == "layers" or group.startswith(_WRAPPER):
            continue
        told = place["vars"].attrs.get("name") if "vars" in place else None
        parts.append(told if isinstance(told, str) else part or group)
    by_group = re.sub(r"_\d+$", "", groups[-1]) if groups else ""
    layer_class = "einsum_dense" if part else classes.get(parts[-1], by_group) if parts else ""
    known = next((own for pattern, own in _VARIABLES.items() if re.fullmatch(pattern, layer_class)), ())
    variable = known[int(index)] if index.isdecimal() and int(index) < len(known) else index
    return "/".join([*parts, variable]), _layout(layer_class, variable, part, root["/".join(path)].ndim)


def _old_name(root: Any, path: tuple[str, ...], classes: Mapping[str, str]) -> tuple[str, Layout | None]:
    """`dense/sequential/dense/kernel` of an `.h5` file: the model's name is left out."""
    layer, *rest = path
    at = max((i for i, part in enumerate(rest) if part == layer), default=-1)
    layer_class = classes.get(layer, "")
    part = path[-2] if layer_class in _ATTENTION else ""
    return "/".join([layer, *rest[at + 1 :]]), _layout(layer_class, path[-1], part, root["/".join(path)].ndim)


def _layout(layer_class: str, variable: str, part: str, rank: int) -> Layout | None:
    if part in _PROJECTIONS:
        return _PROJECTION if rank == 3 else None
    if part == "attention_output":
        return Layout() if rank == 3 else None
    if layer_class == "einsum_dense":
        return None
    if layer_class.startswith("depthwise") or variable.startswith("depthwise"):
        return _DEPTHWISE
    return _TRANSPOSED if layer_class.endswith("_transpose") else Layout()


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
