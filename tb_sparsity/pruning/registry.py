"""Which weights of which layer can be pruned, and what their axes are."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
from keras import layers
from keras.src.layers.rnn.conv_lstm import ConvLSTMCell  # keras has no public name for it

from tb_sparsity.pruning.patterns import Layout


class Prunable(NamedTuple):
    """A variable that pruning may zero, and what its axes are."""

    weight: keras.Variable
    layout: Layout


class PrunableLayer(abc.ABC):
    """Base of custom layers that say what may be pruned; having the method is enough.

    Example:

    ```python
    class Scale(keras.layers.Layer, tb_sparsity.PrunableLayer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(input_shape[-1], 4), name="scale")

        def call(self, inputs):
            return inputs @ self.scale

        def get_prunable_weights(self):
            return [self.scale]
    ```
    """

    @abc.abstractmethod
    def get_prunable_weights(self) -> Sequence[keras.Variable]:
        """The variables that may be pruned, of a layer that is built. May be empty."""


_Entry = Mapping[str, Any] | Callable[[Any], Iterable[Any]] | None

# An attribute's name and the layout of its weight, or a function from the layer to that; None: those of its parts.
_DENSE = Layout()
_TRANSPOSED = Layout(outputs=(-2,), input=-1)
_DEPTHWISE = Layout(outputs=(-2, -1), input=None)


def _einsum_layout(layer: Any) -> Layout:
    kernel, output = layer.equation.split(",")[1].split("->")
    axes = range(-len(kernel), 0)
    outputs = tuple(axis for axis in axes if kernel[axis] in output)
    inputs = [axis for axis in axes if kernel[axis] not in output]
    return Layout(outputs or (-1,), inputs[-1] if inputs and outputs else None)


# Matrix-like weights only: biases and normalisation weights are few, and pruning them costs accuracy.
_PRUNABLE: dict[type, _Entry] = {
    layers.Bidirectional: None,
    layers.Conv1D: {"kernel": _DENSE},
    layers.Conv1DTranspose: {"kernel": _TRANSPOSED},
    layers.Conv2D: {"kernel": _DENSE},
    layers.Conv2DTranspose: {"kernel": _TRANSPOSED},
    layers.Conv3D: {"kernel": _DENSE},
    layers.Conv3DTranspose: {"kernel": _TRANSPOSED},
    ConvLSTMCell: {"kernel": _DENSE, "recurrent_kernel": _DENSE},
    layers.Dense: {"kernel": _DENSE},
    layers.DepthwiseConv1D: {"kernel": _DEPTHWISE},
    layers.DepthwiseConv2D: {"kernel": _DEPTHWISE},
    layers.EinsumDense: {"kernel": _einsum_layout},
    layers.Embedding: {"embeddings": _DENSE},
    layers.GRUCell: {"kernel": _DENSE, "recurrent_kernel": _DENSE},
    layers.GroupQueryAttention: None,
    layers.LSTMCell: {"kernel": _DENSE, "recurrent_kernel": _DENSE},
    layers.MultiHeadAttention: None,
    layers.RNN: None,
    layers.SeparableConv1D: {"depthwise_kernel": _DEPTHWISE, "pointwise_kernel": _DENSE},
    layers.SeparableConv2D: {"depthwise_kernel": _DEPTHWISE, "pointwise_kernel": _DENSE},
    layers.SimpleRNNCell: {"kernel": _DENSE, "recurrent_kernel": _DENSE},
    layers.SpectralNormalization: None,
    layers.StackedRNNCells: None,
    layers.TimeDistributed: None,
}
if hasattr(layers, "ReversibleEmbedding"):  # since Keras 3.13
    _PRUNABLE[layers.ReversibleEmbedding] = lambda layer: (
        [layer.embeddings] if layer.tie_weights else [layer.embeddings, layer.reverse_embeddings]
    )
_MADE_AS_BUILT = (layers.GroupQueryAttention, layers.MultiHeadAttention)  # their parts
# Layers of Keras around something of another framework, whose weights could be anything.
_OPAQUE = tuple(
    getattr(layers, name)
    for name in ("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper")
    if hasattr(layers, name)
)


def register_prunable(
    layer_class: type, weights: Sequence[str] | Callable[[Any], Sequence[keras.Variable]] | None = None
) -> None:
    """Makes a layer class known whose source you can't or don't want to change.

    Args:
        layer_class: The class; subclasses count too.
        weights: Names of the attributes that hold the prunable variables; or a function from the layer to a list
            of them; or None (the default) for those of the layers it is made of.

    Raises:
        TypeError: If `layer_class` isn't a class of Keras layers.

    Example:

    ```python
    tb_sparsity.register_prunable(TransformerBlock)  # its Dense and attention layers' kernels
    tb_sparsity.register_prunable(Scale, ["scale"])
    ```
    """
    if not isinstance(layer_class, type) or not issubclass(layer_class, keras.Layer):
        raise TypeError(f"`layer_class` must be a class of Keras layers. Received: layer_class={layer_class!r}")
    if weights is None or callable(weights):
        _PRUNABLE[layer_class] = weights
        return
    names = [weights] if isinstance(weights, str) else list(weights)
    _PRUNABLE[layer_class] = lambda layer: [getattr(layer, name) for name in names]


def supported_layers() -> dict[str, str]:
    """What can be pruned: class names, and the weights of each.

    Example:

    >>> supported_layers()["LSTMCell"]
    'kernel, recurrent_kernel'
    """
    return {
        layer_class.__name__: ", ".join(entry)
        if isinstance(entry, Mapping)
        else "those of its parts"
        if entry is None
        else "as registered"
        for layer_class, entry in sorted(_PRUNABLE.items(), key=lambda item: item[0].__name__)
    }


def is_prunable(layer: Any) -> bool:
    """Whether `layer` has weights to prune, or will have them once it is built."""
    if hasattr(layer, "get_prunable_weights"):
        return True
    known, entry = _entry(layer)
    if not known or entry is not None:
        return known
    parts = _parts(layer)
    return any(map(is_prunable, parts)) or (not parts and isinstance(layer, _MADE_AS_BUILT))


def unsupported(layer: Any) -> Any:
    """The layer, it or one of its parts, that has weights of which nothing is known; None if there is none."""
    if hasattr(layer, "get_prunable_weights"):
        return None
    known, entry = _entry(layer)
    if known:
        return next(filter(None, map(unsupported, _parts(layer))), None) if entry is None else None
    of_keras = type(layer).__module__.partition(".")[0] == "keras" and not isinstance(layer, _OPAQUE)
    return None if of_keras or not _may_have_weights(layer) else layer


def prunable_weights(layer: Any) -> list[Prunable]:
    """The variables of a built `layer` that pruning may zero.

    Raises:
        TypeError: If `get_prunable_weights()` gives something other than Keras variables.
    """
    own = getattr(layer, "get_prunable_weights", None)
    known, entry = (True, lambda _: own()) if own else _entry(layer)
    if not known:
        return []
    if entry is None:
        found = [p for part in _parts(layer) for p in prunable_weights(part)]
        return list({id(p.weight): p for p in found}.values())  # of parts that share weights: once
    if isinstance(entry, Mapping):
        found = [Prunable(getattr(layer, name), layout) for name, layout in entry.items()]
        found = [Prunable(w, layout(layer) if callable(layout) else layout) for w, layout in found]
        source = "Is it quantized, or has it LoRA weights? Strip the pruned model first, then add those"
    else:
        found = [Prunable(w, _layout(w)) for w in entry(layer)]
        source = "`get_prunable_weights()`, or what it was registered with, must give a list of those"
    strays = [w for w, _ in found if not isinstance(w, keras.Variable)]
    if strays:
        raise TypeError(
            f"What may be pruned of layer '{layer.name}' of class {type(layer).__name__} must be Keras variables, made "
            f"with `add_weight`. {source}. Received: {strays[0]!r}"
        )
    return found


def _layout(weight: Any) -> Layout:
    rank = len(getattr(weight, "shape", ()))
    return _DENSE if rank > 1 else Layout(outputs=(-1,) * rank, input=None)


def _entry(layer: Any) -> tuple[bool, Any]:
    """Whether the layer's class or one of its bases is registered, and as what."""
    return next(((True, _PRUNABLE[c]) for c in type(layer).__mro__ if c in _PRUNABLE), (False, None))


def _parts(layer: Any) -> list[Any]:
    """The layers that a layer is made of; of models among them, their layers."""
    direct = layer._flatten_layers(include_self=False, recursive=False)
    return [p for part in direct for p in (_parts(part) if isinstance(part, keras.Model) else [part])]


def _may_have_weights(layer: Any) -> bool:
    if layer.weights or layer.built:
        return bool(layer.weights)
    return type(layer).build is not keras.Layer.build or any(map(_may_have_weights, _parts(layer)))
