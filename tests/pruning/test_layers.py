"""Layer by layer: what is pruned of each that Keras has, and how custom ones say what may be."""

import inspect
import itertools

import keras
import numpy as np
import pytest
from keras import layers, ops

from tb_sparsity import ConstantSparsity, PruneLowMagnitude, UpdatePruningStep, prune_low_magnitude, strip_pruning
from tb_sparsity.pruning.registry import PrunableLayer, prunable_weights, register_prunable, supported_layers
from tb_sparsity.pruning.wrapper import collect_wrappers
from tests.pruning.test_masks import float32_count

HALF = ConstantSparsity(0.5, begin_step=0, frequency=1)
RNG = np.random.default_rng(0)


def zeros(variable):
    return int((ops.convert_to_numpy(variable) == 0).sum())


def outputs_of(model, x):
    return ops.convert_to_numpy(model(x, training=False))


def same(a, b):
    return np.allclose(a, b, rtol=1e-4, atol=1e-5)


def unwrapped(layer):
    return layer.layer if isinstance(layer, PruneLowMagnitude) else layer


def with_random_weights(model):
    """Without a single zero, biases and normalisation included."""
    model.set_weights([RNG.uniform(0.1, 1.0, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def train(model, x, batch_size=3):
    model.compile("adam", "mse")
    y = np.ones((len(x), 1), "float32")
    model.fit(x, y, batch_size=batch_size, epochs=2, verbose=0, callbacks=[UpdatePruningStep()])


def attention_scores(x):
    attended, scores = layers.MultiHeadAttention(2, 2)(query=x, value=x, return_attention_scores=True)
    return layers.Concatenate()([layers.Flatten()(attended), layers.Flatten()(scores)])


def cross_attention(x):
    query = layers.Dense(3)(x[:, :2])
    near = ops.greater(ops.matmul(x[:, :2], ops.transpose(x, (0, 2, 1))), 20)
    return layers.MultiHeadAttention(2, 2)(query=query, value=x, key=x * 2, attention_mask=near)


def encoder_and_decoder(x):
    sequence, *state = layers.LSTM(3, return_sequences=True, return_state=True)(x)
    return layers.LSTM(3)(sequence, initial_state=state)


def both_ways(x, **kwargs):
    embedding = layers.ReversibleEmbedding(7, 4, **kwargs)
    return embedding(embedding(x), reverse=True)


LAYERS = {
    "Dense": (lambda x: layers.Dense(4)(x), (6,)),
    "EinsumDense": (lambda x: layers.EinsumDense("abc,cde->abde", (2, 2, 3), bias_axes="de")(x), (2, 4)),
    "Embedding": (lambda x: layers.Embedding(7, 4)(x), (5,)),
    "ReversibleEmbedding": (both_ways, (5,)),
    "ReversibleEmbedding, untied": (lambda x: both_ways(x, tie_weights=False), (5,)),
    "Conv1D": (lambda x: layers.Conv1D(3, 2)(x), (6, 2)),
    "Conv2D": (lambda x: layers.Conv2D(4, 2, groups=2)(x), (4, 4, 2)),
    "Conv3D": (lambda x: layers.Conv3D(3, 2)(x), (3, 3, 3, 2)),
    "Conv1DTranspose": (lambda x: layers.Conv1DTranspose(3, 2)(x), (4, 2)),
    "Conv2DTranspose": (lambda x: layers.Conv2DTranspose(3, 2)(x), (3, 3, 2)),
    "Conv3DTranspose": (lambda x: layers.Conv3DTranspose(3, 2)(x), (2, 2, 2, 2)),
    "DepthwiseConv1D": (lambda x: layers.DepthwiseConv1D(3)(x), (6, 2)),
    "DepthwiseConv2D": (lambda x: layers.DepthwiseConv2D(2, depth_multiplier=2)(x), (4, 4, 2)),
    "SeparableConv1D": (lambda x: layers.SeparableConv1D(3, 2)(x), (6, 2)),
    "SeparableConv2D": (lambda x: layers.SeparableConv2D(3, 2)(x), (4, 4, 2)),
    "SimpleRNN": (lambda x: layers.SimpleRNN(3)(x), (4, 2)),
    "LSTM": (lambda x: layers.LSTM(3)(x), (4, 2)),
    "LSTM, states out and in": (encoder_and_decoder, (4, 2)),
    "GRU": (lambda x: layers.GRU(3)(x), (4, 2)),
    "RNN": (lambda x: layers.RNN(layers.GRUCell(3))(x), (4, 2)),
    "RNN, stacked": (lambda x: layers.RNN([layers.LSTMCell(3), layers.SimpleRNNCell(2)])(x), (4, 2)),
    "ConvLSTM1D": (lambda x: layers.ConvLSTM1D(2, 2)(x), (2, 4, 2)),
    "ConvLSTM2D": (lambda x: layers.ConvLSTM2D(2, 2)(x), (2, 3, 3, 2)),
    "ConvLSTM3D": (lambda x: layers.ConvLSTM3D(2, 2)(x), (2, 2, 2, 2, 2)),
    "Bidirectional": (lambda x: layers.Bidirectional(layers.LSTM(3))(x), (4, 2)),
    "TimeDistributed": (lambda x: layers.TimeDistributed(layers.Dense(3))(x), (4, 2)),
    "TimeDistributed, Conv2D": (lambda x: layers.TimeDistributed(layers.Conv2D(2, 2))(x), (2, 3, 3, 2)),
    "MultiHeadAttention": (lambda x: layers.MultiHeadAttention(2, 2)(query=x, value=x, use_causal_mask=True), (3, 4)),
    "MultiHeadAttention, cross": (cross_attention, (3, 4)),
    "MultiHeadAttention, scores": (attention_scores, (3, 4)),
    "GroupQueryAttention": (lambda x: layers.GroupQueryAttention(2, 4, 2)(query=x, value=x, key=x), (3, 4)),
    "SpectralNormalization": (lambda x: layers.SpectralNormalization(layers.Dense(4))(x), (6,)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_each_supported_layer_is_pruned_to_the_exact_count_and_survives_saving(name, tmp_path):
    if name.startswith("Reversible") and not hasattr(layers, "ReversibleEmbedding"):
        pytest.skip("this Keras has no ReversibleEmbedding yet")
    call, shape = LAYERS[name]
    inputs = keras.Input(shape)
    hidden = layers.BatchNormalization()(layers.Flatten()(call(inputs)))
    model = with_random_weights(keras.Model(inputs, layers.Dense(1)(hidden)))
    pruned = prune_low_magnitude(model, ConstantSparsity(0.6, 0, frequency=3))
    x = RNG.integers(1, 7, size=(6, *shape)).astype("float32")
    train(pruned, x)

    assert [int(w.pruning_step.numpy()) for w in collect_wrappers(pruned)] == [4] * len(collect_wrappers(pruned))
    kernels = 0
    for weight in [weight for layer in pruned.layers for weight in unwrapped(layer).weights]:
        size = int(np.prod(weight.shape))
        is_kernel = weight.name.endswith(("kernel", "embeddings"))
        kernels += is_kernel
        assert zeros(weight) == (size - float32_count(size, 0.6) if is_kernel else 0), weight.path
    assert kernels >= 2  # with that of the last layer

    predictions = outputs_of(pruned, x)
    stripped = strip_pruning(pruned)
    assert [str(layer) for layer in stripped.layers] == [str(layer) for layer in model.layers]  # classes and names
    assert same(outputs_of(stripped, x), predictions)
    for saved in (pruned, stripped):
        saved.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert all(np.array_equal(a, b) for a, b in zip(saved.get_weights(), loaded.get_weights(), strict=True))
        assert same(outputs_of(loaded, x), predictions)


MASKED = {
    "LSTM": lambda x: layers.LSTM(3)(x),
    "Bidirectional": lambda x: layers.Bidirectional(layers.GRU(3))(x),
    "TimeDistributed": lambda x: layers.RNN(layers.LSTMCell(3))(layers.TimeDistributed(layers.Dense(3))(x)),
    "Attention": lambda x: layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 2)(query=x, value=x)),
}


@pytest.mark.parametrize("head", MASKED)
def test_masked_time_steps_stay_masked(head):
    inputs = keras.Input((None,))
    model = keras.Model(inputs, MASKED[head](layers.Embedding(9, 4, mask_zero=True)(inputs)))
    pruned = prune_low_magnitude(model, HALF)
    x = RNG.integers(1, 9, size=(3, 5))
    padded = np.pad(x, ((0, 0), (0, 4)))
    assert same(outputs_of(pruned, padded), outputs_of(model, x))
    assert same(outputs_of(pruned, padded), outputs_of(model, padded))
    assert same(outputs_of(strip_pruning(pruned), padded), outputs_of(model, x))


def test_a_stateful_layer_keeps_its_state_between_batches():
    model = keras.Sequential([keras.Input(batch_shape=(2, 3, 2)), layers.LSTM(3, stateful=True), layers.Dense(1)])
    plain = keras.Sequential([keras.Input((6, 2)), layers.LSTM(3), layers.Dense(1)])
    plain.set_weights(model.get_weights())
    x = RNG.normal(size=(2, 6, 2)).astype("float32")
    pruned = prune_low_magnitude(model, HALF)
    for stateful in (pruned, strip_pruning(pruned)):
        for _ in range(2):
            unwrapped(stateful.layers[0]).reset_state()
            first, second = outputs_of(stateful, x[:, :3]), outputs_of(stateful, x[:, 3:])
            assert same(second, outputs_of(plain, x))
            assert not same(first, second)
    if keras.backend.backend() == "torch":
        pytest.skip("on PyTorch, Keras cannot train a stateful layer for more than one step, pruned or not")
    train(pruned, x[:, :3], batch_size=2)
    assert [zeros(w) for w in strip_pruning(pruned).layers[0].trainable_weights] == [12, 18, 0]


class Scale(layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1], 4), name="scale")
        self.shift = self.add_weight(shape=(4,), name="shift")

    def call(self, inputs):
        return inputs @ self.scale + self.shift


class PrunableScale(Scale):
    def get_prunable_weights(self):
        return [self.scale]


DerivedScale = type("DerivedScale", (PrunableScale, PrunableLayer), {})
NamedScale, FunctionScale = (type(name, (Scale,), {}) for name in ("NamedScale", "FunctionScale"))


class Block(layers.Layer):
    """Made of layers that are built when they are first called."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = layers.Dense(8, activation="relu"), PrunableScale()
        self.normalization = layers.LayerNormalization()

    def call(self, inputs):
        return self.normalization(self.second(self.first(inputs)))


register_prunable(NamedScale, ["scale"])
register_prunable(FunctionScale, lambda layer: [layer.scale])
register_prunable(Block)


@pytest.mark.parametrize("layer_class", [PrunableScale, DerivedScale, NamedScale, FunctionScale, Block])
def test_custom_layers_say_what_to_prune(fit, small_data, tmp_path, layer_class):
    expected = {"kernel": 32, "scale": 16} if layer_class is Block else {"scale": 16}
    model = keras.Sequential([keras.Input((8,)), layer_class(name="custom"), layers.Dense(3, name="head")])
    pruned = prune_low_magnitude(with_random_weights(model), HALF)
    fit(pruned, [UpdatePruningStep()])
    stripped = strip_pruning(pruned)
    assert [type(layer) for layer in stripped.layers] == [layer_class, layers.Dense]
    found = {weight.name: zeros(weight) for weight in stripped.get_layer("custom").weights}
    assert {name: count for name, count in found.items() if count} == expected
    assert same(outputs_of(stripped, small_data[0]), outputs_of(pruned, small_data[0]))
    pruned.save(tmp_path / "pruned.keras")
    loaded = keras.models.load_model(tmp_path / "pruned.keras", custom_objects={layer_class.__name__: layer_class})
    assert same(outputs_of(loaded, small_data[0]), outputs_of(pruned, small_data[0]))
    again = prune_low_magnitude(stripped.get_layer("custom"), HALF)  # by itself, with its weights
    assert sum(zeros(mask) for mask in again.masks) == sum(expected.values())


class Cell(layers.Layer):
    state_size = output_size = 4

    def build(self, input_shape):
        self.mixing = self.add_weight(shape=(input_shape[-1] + 4, 4), name="mixing")

    def call(self, inputs, states):
        output = ops.tanh(ops.concatenate([inputs, states[0]], -1) @ self.mixing)
        return output, [output]


class PrunableCell(Cell):
    def get_prunable_weights(self):
        return [self.mixing]


def test_custom_recurrent_cells_say_what_to_prune(small_data):
    def model_of(cells):
        return keras.Sequential([keras.Input((4, 2)), layers.RNN(cells, name="recurrent"), layers.Dense(1)])

    pruned = prune_low_magnitude(model_of([PrunableCell(), layers.GRUCell(2)]), HALF)
    x = small_data[0].reshape(40, 4, 2)
    train(pruned, x, batch_size=20)
    stripped = strip_pruning(pruned)
    assert [zeros(w) for w in stripped.get_layer("recurrent").weights[:3]] == [12, 12, 6]
    assert same(outputs_of(stripped, x), outputs_of(pruned, x))
    for cells in (Cell(name="mine"), [layers.LSTMCell(3), Cell(name="mine")]):
        with pytest.raises(ValueError, match=r"'mine' of class Cell, part of layer 'recurrent' of class RNN"):
            prune_low_magnitude(model_of(cells), HALF)


def test_a_layer_that_says_nothing_is_named_with_what_to_do_about_it(small_data, fit):
    model = keras.Sequential([keras.Input((8,)), Scale(name="mine"), layers.Dense(3, name="head")])
    for remedy in ("get_prunable_weights", r"register_prunable\(Scale\)", "on_unsupported='skip'"):
        with pytest.raises(ValueError, match=rf"(?s)'mine' of class Scale has weights.*{remedy}"):
            prune_low_magnitude(model, HALF)
    with pytest.raises(ValueError, match=r"'mine' of class Scale, part of layer 'each' of class TimeDistributed"):
        prune_low_magnitude(layers.TimeDistributed(Scale(name="mine"), name="each"), HALF)
    pruned = prune_low_magnitude(model, HALF, on_unsupported="skip")
    fit(pruned, [UpdatePruningStep()])
    assert [type(layer) for layer in pruned.layers] == [Scale, PruneLowMagnitude]
    assert [zeros(w) for w in strip_pruning(pruned).weights] == [0, 0, 6, 0]


def test_mistakes_in_what_may_be_pruned_are_named():
    class Wrong(Scale):
        def get_prunable_weights(self):
            return ["scale"]

    forgotten = type("Forgotten", (Scale, PrunableLayer), {})
    adapted = layers.Dense(4)
    adapted.build((None, 8))
    adapted.enable_lora(2)
    with pytest.raises(TypeError, match=r"must be Keras variables.*'scale'"):
        prune_low_magnitude(Wrong(), HALF).build((None, 8))
    with pytest.raises(TypeError, match=r"abstract.*get_prunable_weights"):
        forgotten()
    with pytest.raises(TypeError, match="LoRA"):
        prune_low_magnitude(adapted, HALF)
    for value in ("Dense", Scale(), int):
        with pytest.raises(TypeError, match="`layer_class` must be a class of Keras layers"):
            register_prunable(value)


def test_layers_without_kernels_pass_through():
    elementwise = [layers.Activation("relu"), layers.Dropout(0.5), layers.PReLU(), layers.Rescaling(2.0)]
    normalising = [layers.BatchNormalization(), layers.GroupNormalization(2), layers.LayerNormalization()]
    others = [layers.AdditiveAttention(), layers.Flatten(), layers.MaxPooling2D(), layers.Normalization()]
    of_these = [layers.TimeDistributed(layers.BatchNormalization()), layers.Pipeline([layers.Dropout(0.5)])]
    given = elementwise + normalising + others + of_these
    assert all(a is b for a, b in zip(prune_low_magnitude(given, HALF), given, strict=True))


# What constructors want to be given, by the parameters' names.
ARGUMENTS = {
    "cell": lambda: layers.LSTMCell(3),
    "cells": lambda: [layers.LSTMCell(3), layers.GRUCell(3)],
    "equation": lambda: "...b,bc->...c",
    "units": lambda: 3,
}
# Weights with two axes or more, biases aside, that aren't there to multiply vectors by, and so aren't pruned.
NO_KERNELS = {"PReLU/alpha", "SpectralNormalization/vector_u"}


def made(layer_class, shape):
    """The layer, called on one or several inputs of `shape`; None if it can't be."""
    parameters = list(inspect.signature(layer_class.__init__).parameters.values())[1:]
    required = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    x, *states = [keras.Input(batch_shape=of_one) for of_one in (shape, (2, 3), (2, 3))]
    inner = [lambda: layers.LSTM(3), lambda: layers.Dense(3)] if "layer" in required else [None]
    for args, make in itertools.product(((x,), (x, x), ([x, x],), (x, states), (x, [states, states[:1]])), inner):
        arguments = {**ARGUMENTS, "layer": make}
        try:
            layer = layer_class(**{name: arguments.get(name, lambda: 2)() for name in required})
            layer(*args)
        except Exception:
            continue
        return layer
    return None


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="Keras's layers have the same weights on all backends"
)
def test_no_layer_of_keras_has_a_kernel_that_is_not_known():
    found, missed = set(), set()
    for layer_class in {c for c in vars(layers).values() if isinstance(c, type) and issubclass(c, keras.Layer)}:
        for shape in [(2, *[6] * n, 4) for n in range(5)]:
            layer = made(layer_class, shape)
            if layer is None or not layer.weights:
                continue
            known = {id(p.weight) for p in prunable_weights(layer)}
            found.add(layer_class.__name__)
            others = [w.name for w in layer.weights if len(w.shape) > 1 and id(w) not in known and w.name != "bias"]
            missed |= {f"{layer_class.__name__}/{name}" for name in others}
    assert missed == NO_KERNELS
    assert {name for name in supported_layers() if hasattr(layers, name)} <= found  # so that all were looked at


def test_what_is_supported_can_be_listed():
    supported = supported_layers()
    assert list(supported) == sorted(supported)
    assert supported["SeparableConv2D"] == "depthwise_kernel, pointwise_kernel"
    assert supported["MultiHeadAttention"] == supported["Block"] == "those of its parts"
    assert supported["NamedScale"] == "as registered"


class Derived(layers.Dense):
    """Adds nothing; people add much."""


@pytest.mark.parametrize("pattern", [{}, {"sparsity_m_by_n": (2, 4)}])
def test_layers_derived_from_one_that_is_known_are_pruned_as_it_is(pattern, fit):
    model = keras.Sequential([keras.Input((8,)), Derived(16), layers.Dense(3)])
    pruned = prune_low_magnitude(model, HALF, **pattern)
    fit(pruned, [UpdatePruningStep()])
    stripped = strip_pruning(pruned)
    assert type(stripped.layers[0]) is Derived
    assert [int((w == 0).sum()) for w in stripped.get_weights()[::2]] == [64, 24]
