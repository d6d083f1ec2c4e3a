"""Which weights of which layer can be pruned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

_Getter = Callable[[Any], list[Any]]


def _attributes(*names: str) -> _Getter:
    return lambda layer: [getattr(layer, name) for name in names]


def _cell_weights(layer: Any) -> list[Any]:
    return [layer.cell.kernel, layer.cell.recurrent_kernel]


_KERNEL = _attributes("kernel")

# Matrix-like weights only: biases and normalisation weights are few, and pruning them costs accuracy.
_PRUNABLE: dict[type, _Getter] = {
    layers.Conv1D: _KERNEL,
    layers.Conv1DTranspose: _KERNEL,
    layers.Conv2D: _KERNEL,
    layers.Conv2DTranspose: _KERNEL,
    layers.Conv3D: _KERNEL,
    layers.Conv3DTranspose: _KERNEL,
    layers.Dense: _KERNEL,
    layers.DepthwiseConv1D: _KERNEL,
    layers.DepthwiseConv2D: _KERNEL,
    layers.EinsumDense: _KERNEL,
    layers.Embedding: _attributes("embeddings"),
    layers.GRU: _cell_weights,
    layers.LSTM: _cell_weights,
    layers.SeparableConv1D: _attributes("depthwise_kernel", "pointwise_kernel"),
    layers.SeparableConv2D: _attributes("depthwise_kernel", "pointwise_kernel"),
    layers.SimpleRNN: _cell_weights,
}

# Layers of Keras that hold matrices inside other layers; wrapping them needs more than a list of weights.
_NOT_YET = (
    layers.Bidirectional,
    layers.GroupQueryAttention,
    layers.MultiHeadAttention,
    layers.RNN,
    layers.TimeDistributed,
)


def is_prunable(layer: Any) -> bool:
    """Whether `layer` has weights to prune: a Keras layer with kernels, or one with `get_prunable_weights()`."""
    return hasattr(layer, "get_prunable_weights") or _getter(layer) is not None


def passes_through(layer: Any) -> bool:
    """Whether `layer` has nothing to prune: Keras's own layers without kernels, and layers without weights."""
    if is_prunable(layer) or isinstance(layer, _NOT_YET):
        return False
    of_keras = type(layer).__module__.partition(".")[0] == "keras"
    return of_keras or (layer.built and not layer.weights)


def prunable_weights(layer: Any) -> list[Any]:
    """The variables of a built `layer` that pruning may zero.

    Raises:
        TypeError: If `get_prunable_weights()` gives something other than Keras variables.
    """
    if hasattr(layer, "get_prunable_weights"):
        weights = list(layer.get_prunable_weights())
        strays = [w for w in weights if not isinstance(w, keras.Variable)]
        if strays:
            raise TypeError(
                f"`get_prunable_weights()` of layer '{layer.name}' must return a list of Keras variables, made "
                f"with `add_weight`. Received: {strays[0]!r}"
            )
        return weights
    getter = _getter(layer)
    return getter(layer) if getter else []


def _getter(layer: Any) -> _Getter | None:
    return next((_PRUNABLE[c] for c in type(layer).__mro__ if c in _PRUNABLE), None)
