"""Weights in TFLite files: the constants that operations take, read from the flatbuffer itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from tb_sparsity.pruning.patterns import Layout
from tb_sparsity.report.model_files import StoredWeight

_NUMPY = {"FLOAT32": "float32", "FLOAT16": "float16", "BFLOAT16": "uint16", "FLOAT64": "float64"} | {
    name.upper(): name for name in ("int8", "uint8", "int16", "int32")
}
# TFLite has output channels first, and depthwise kernels with their outputs last.
_LAYOUTS = {
    "CONV_2D": Layout(outputs=(0,), input=-1),
    "CONV_3D": Layout(),
    "FULLY_CONNECTED": Layout(outputs=(0,), input=-1),
    "TRANSPOSE_CONV": Layout(outputs=(0,), input=-1),
    "DEPTHWISE_CONV_2D": Layout(outputs=(-1,), input=None),
}


def read_tflite(content: bytes) -> tuple[tuple[StoredWeight, ...], int, tuple[str, ...]]:
    """The weights, no optimizer's bytes, and the constants of types that can't be looked into."""
    schema = _schema()
    model = schema.Model.GetRootAs(content, 0)
    types, operators = _names(schema.TensorType), _names(schema.BuiltinOperator)
    weights: list[StoredWeight] = []
    left_out: list[str] = []
    for s in range(model.SubgraphsLength()):
        graph = model.Subgraphs(s)
        uses = _uses(model, graph, operators)
        for t in range(graph.TensorsLength()):
            tensor = graph.Tensors(t)
            shape = tuple(int(n) for n in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
            data = _data(content, model.Buffers(tensor.Buffer()))
            dtype = types.get(tensor.Type(), str(tensor.Type()))
            quantization = tensor.Quantization()
            scaled = quantization is not None and quantization.ScaleLength() > 0
            if not data or not shape or not (dtype.startswith(("FLOAT", "BFLOAT")) or scaled):
                continue
            name = _clean((tensor.Name() or b"").decode("utf-8", "replace")) or f"tensor {t}"
            if dtype not in _NUMPY or tensor.Sparsity() is not None:
                left_out.append(f"{name} ({dtype.lower()}{', stored sparse' if tensor.Sparsity() else ''})")
                continue
            entries = np.frombuffer(data, _NUMPY[dtype]).reshape(shape)
            if dtype == "BFLOAT16":
                entries = entries & 0x7FFF
            if scaled and quantization.ZeroPointLength():
                entries = _without_zero_points(entries, quantization)
            weights.append(StoredWeight(name, dtype.lower(), entries, _layout(uses.get(t, ""), len(shape))))
    return tuple(weights), 0, tuple(left_out)


def _schema() -> Any:
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError:
        from tensorflow.lite.python import schema_py_generated
    return schema_py_generated


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if not name.startswith("_")}


def _uses(model: Any, graph: Any, operators: dict[int, str]) -> dict[int, str]:
    """Tensor -> the operation that takes it, looked for behind what makes float32 of it."""
    uses: dict[int, str] = {}
    same: dict[int, int] = {}
    for op in _operations(graph):
        code = model.OperatorCodes(op.OpcodeIndex())
        kind = operators.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "")
        for i in range(op.InputsLength()):
            uses.setdefault(op.Inputs(i), kind)
            if kind == "DEQUANTIZE":
                same[op.Inputs(i)] = op.Outputs(0)
    return {t: uses.get(same[t], kind) if t in same else kind for t, kind in uses.items()}


def _operations(graph: Any) -> Iterator[Any]:
    return (graph.Operators(i) for i in range(graph.OperatorsLength()))


def _data(content: bytes, buffer: Any) -> bytes:
    if buffer.Offset() > 1:  # of models beyond 2 GB: behind the flatbuffer
        return content[buffer.Offset() : buffer.Offset() + buffer.Size()]
    return bytes(buffer.DataAsNumpy()) if buffer.DataLength() else b""


def _without_zero_points(entries: np.ndarray, quantization: Any) -> np.ndarray:
    """Zero where the weight is: quantised zeros are at the zero point."""
    points = quantization.ZeroPointAsNumpy()
    if len(points) > 1:
        shape = [1] * entries.ndim
        shape[quantization.QuantizedDimension()] = len(points)
        points = points.reshape(shape)
    return np.asarray(entries != points).astype(entries.dtype) if np.any(points) else entries


def _layout(operation: str, rank: int) -> Layout:
    layout = _LAYOUTS.get(operation, Layout())
    return Layout(tuple(axis - rank if axis >= 0 else axis for axis in layout.outputs), layout.input)


def _clean(name: str) -> str:
    """The converter's joined names are long: `a/b;c/d` says the same twice."""
    return re.sub(r";.*", "", name)
