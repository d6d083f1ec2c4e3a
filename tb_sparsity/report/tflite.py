"""Models as TensorFlow Lite files: made of Keras models, and run."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from tb_sparsity.report.evaluation import Samples

_PER_TENSOR = "TFLite dynamic int8 per tensor"
FILES = ("TFLite float32", "TFLite float16", "TFLite dynamic int8", _PER_TENSOR, "TFLite int8")
# Of the converter: a Dense kernel has one scale rather than one for each output.
_ONE_SCALE = "_experimental_disable_per_channel_quantization_for_dense_layers"
CALIBRATION_SAMPLES = 200
_BATCH = 256
_ROUNDS = (5, 100)  # of timing, at least and at most
_TIMING_SECS = 10.0


def convert(model: keras.Model, kind: str, inputs: Sequence[tuple[Any, ...]], calibration: Samples | None) -> bytes:
    """The TFLite file of a model.

    Args:
        model: A built model, without pruning wrappers.
        kind: One of `FILES`. Of the quantised ones, `dynamic` keeps activations in float32; the last has them,
            inputs and outputs in int8 too. `per tensor` gives a Dense kernel one scale, so that fewer of the 256
            numbers are in use and the file compresses better; kernels of convolutions keep a scale for each channel.
        inputs: `(shape of a sample, dtype)` of each input.
        calibration: Inputs by which the ranges of activations are found; for int8 only.

    Raises:
        RuntimeError: If Keras doesn't run on TensorFlow.
        Exception: What TensorFlow's converter raises where it can't.
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"TFLite files are made with Keras on TensorFlow; here it runs on {keras.backend.backend()}")
    import tensorflow as tf

    structure = inputs_of(model)
    signature = [tf.TensorSpec((None, *shape), dtype, _input(i)) for i, (shape, dtype) in enumerate(inputs)]

    @tf.function(input_signature=signature, autograph=False)
    def call(*arrays: Any) -> Any:
        result = model(keras.tree.pack_sequence_as(structure, arrays) if structure is not None else arrays[0])
        return {f"output_{i:03}": output for i, output in enumerate(keras.tree.flatten(result))}

    owner = tf.Module()
    owner.state = [variable.value for variable in model.variables]  # TensorFlow doesn't find them in a Keras 3 model
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()], owner)
    if kind != "TFLite float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "TFLite float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == _PER_TENSOR:
        if not hasattr(converter, _ONE_SCALE):
            raise RuntimeError(f"this version of TensorFlow's converter has no {_ONE_SCALE}")
        setattr(converter, _ONE_SCALE, True)
    if kind == "TFLite int8":
        if calibration is None:
            raise ValueError("int8 needs samples by which the ranges of activations are found: give `data`")
        converter.representative_dataset = lambda: _single_samples(calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter's own old parts
        return bytes(converter.convert())


def inputs_of(model: keras.Model) -> Any:
    """The structure in which a model takes its inputs; None for one array."""
    structure = getattr(model, "_inputs_struct", None)
    return structure if keras.tree.is_nested(structure) else None


def in_order(samples: Samples | None, model: keras.Model) -> Samples | None:
    """Samples as a model takes them: a dictionary may be given to one that has a list of inputs."""
    structure = inputs_of(model)
    if samples is None or not isinstance(samples.x, dict) or not isinstance(structure, (list, tuple)):
        return samples
    return Samples([samples.x[tensor.name] for tensor in structure], samples.y)


def _single_samples(samples: Samples) -> Iterator[dict[str, np.ndarray]]:
    flat = keras.tree.flatten(samples.x)
    for i in range(min(len(samples), CALIBRATION_SAMPLES)):
        parts = (array[i : i + 1] for array in flat)
        yield {_input(n): part.astype("float32") if part.dtype.kind == "f" else part for n, part in enumerate(parts)}


def _input(n: int) -> str:
    return f"input_{n:03}"


def predict(content: bytes, samples: Samples) -> list[np.ndarray]:
    """A file's outputs for all samples, as float32, in the order of the model's."""
    runner = _interpreter(content).get_signature_runner()
    inputs, outputs = runner.get_input_details(), runner.get_output_details()

    def run(part: Samples) -> list[np.ndarray]:
        arrays = {_input(n): array for n, array in enumerate(keras.tree.flatten(part.x))}
        found = runner(**{name: _quantised(array, inputs[name]) for name, array in arrays.items()})
        return [_real(found[name], outputs[name]) for name in sorted(found)]

    size = _BATCH
    try:
        run(samples.part(0, size))
    except (RuntimeError, ValueError):  # some models are made for one sample at a time
        size = 1
    parts = [run(samples.part(start, start + size)) for start in range(0, len(samples), size)]
    return [np.concatenate(found) for found in zip(*parts, strict=True)]


def latencies(contents: Sequence[bytes], sample: Samples) -> list[float | Exception]:
    """Seconds for one sample on one thread, the median of each file; the files take turns. Or why it can't run.

    Args:
        contents: The files.
        sample: One sample.
    """
    interpreters = [_ready(content, sample) for content in contents]
    times: list[list[float]] = [[] for _ in contents]
    end = time.perf_counter() + _TIMING_SECS
    for i in range(_ROUNDS[1]):
        for interpreter, own in zip(interpreters, times, strict=True):
            if not isinstance(interpreter, Exception):
                start = time.perf_counter()
                interpreter.invoke()
                own.append(time.perf_counter() - start)
        if i + 1 >= _ROUNDS[0] and time.perf_counter() > end:
            break
    return [
        ready if isinstance(ready, Exception) else float(np.median(own))
        for ready, own in zip(interpreters, times, strict=True)
    ]


def _ready(content: bytes, sample: Samples) -> Any:
    """An interpreter that has run the sample once: the first time is slower. Or why it can't."""
    arrays = {_input(n): array for n, array in enumerate(keras.tree.flatten(sample.x))}
    try:
        interpreter = _interpreter(content)
        details = [
            (d, next(array for name, array in arrays.items() if name in d["name"]))
            for d in interpreter.get_input_details()
        ]
        for d, array in details:
            interpreter.resize_tensor_input(d["index"], array.shape)
        interpreter.allocate_tensors()
        for d, array in details:
            interpreter.set_tensor(d["index"], _quantised(array, d))
        interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        return error
    return interpreter


def _interpreter(content: bytes) -> Any:
    """A file in an interpreter of one thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's tells of its successor
        try:
            from ai_edge_litert import interpreter as runtime
        except ImportError:
            from tensorflow import lite as runtime
        return runtime.Interpreter(model_content=content, num_threads=1)


def _quantised(array: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero = details["quantization"]
    dtype = details["dtype"]
    if not scale:
        return np.asarray(array, dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.round(array / scale + zero), limits.min, limits.max).astype(dtype)


def _real(array: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero = details["quantization"]
    return (array.astype(np.float32) - zero) * np.float32(scale) if scale else array
