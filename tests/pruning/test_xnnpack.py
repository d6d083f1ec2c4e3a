"""Layer by layer: what `PruneForLatencyOnXNNPack` lets through, and what it says of the rest."""

import keras
import numpy as np
import pytest
from keras import layers

from tb_sparsity import (
    ConstantSparsity,
    PruneForLatencyOnXNNPack,
    PruneLowMagnitude,
)

HALF = ConstantSparsity(0.5, begin_step=0, frequency=1)
POLICY = PruneForLatencyOnXNNPack()


def pointwise(filters=16, **kwargs):
    return layers.Conv2D(filters, 1, **kwargs)


def start(inputs, filters=16, **kwargs):
    """What sparse inference starts with."""
    padded = layers.ZeroPadding2D(1)(inputs)
    return layers.Conv2D(filters, 3, **{"strides": 2, "padding": "valid", **kwargs})(padded)


def model_of(middle=lambda x: x, begin=start, end=None, shape=(16, 16, 3)):
    inputs = keras.Input(shape, name="images")
    end = end or layers.GlobalAveragePooling2D()
    return keras.Model(inputs, end(middle(begin(inputs))))


def allowed(model):
    """Names of the layers that the policy prunes, of a model that it must support; nested models' layers too."""
    POLICY.ensure_model_supports_pruning(model)
    flat = model._flatten_layers(include_self=False, recursive=True)
    return [layer.name for layer in flat if POLICY.allow_pruning(layer)]


def refused(model):
    with pytest.raises(ValueError, match="PruneForLatencyOnXNNPack") as error:
        POLICY.ensure_model_supports_pruning(model)
    return str(error.value)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (pointwise(), True),
        (layers.Conv2D(4, (1, 1), padding="same", activation="tanh"), True),
        (PruneLowMagnitude(pointwise(), HALF), True),
        (layers.Conv2D(4, 3), False),
        (layers.Conv2D(4, (1, 3)), False),
        (pointwise(4, strides=2), False),
        (pointwise(4, groups=2), False),
        (pointwise(4, dilation_rate=2), False),
        (pointwise(4, data_format="channels_first"), False),
        (layers.Conv1D(4, 1), False),
        (layers.Conv2DTranspose(4, 1), False),
        (layers.DepthwiseConv2D(1), False),
        (layers.SeparableConv2D(4, 1), False),
        (layers.Dense(4), False),
        (layers.ReLU(), False),
        (PruneLowMagnitude(layers.Dense(4), HALF), False),
    ],
)
def test_1x1_convolutions_are_pruned_and_nothing_else(layer, expected):
    assert POLICY.allow_pruning(layer) is expected


MIDDLES = {
    "1x1": pointwise(),
    "1x1, 'same'": pointwise(padding="same", activation="relu6"),
    "depthwise 3x3": layers.DepthwiseConv2D(3, padding="same", activation="relu"),
    "depthwise 5x5": layers.DepthwiseConv2D(5, padding="same"),
    "depthwise 3x3, padded": lambda x: layers.DepthwiseConv2D(3)(layers.ZeroPadding2D(1)(x)),
    "depthwise 3x3, strides 2": lambda x: layers.DepthwiseConv2D(3, strides=2)(layers.ZeroPadding2D(1)(x)),
    "depthwise 5x5, padded": lambda x: layers.DepthwiseConv2D(5)(layers.ZeroPadding2D(2)(x)),
    "depthwise 5x5, strides 2": lambda x: layers.DepthwiseConv2D(5, strides=2)(layers.ZeroPadding2D(2)(x)),
    "normalisation": layers.BatchNormalization(),
    "normalisation, axis 3": layers.BatchNormalization(axis=3),
    "up": layers.UpSampling2D(interpolation="bilinear"),
    "average": layers.GlobalAveragePooling2D(keepdims=True),
    "ReLU": layers.ReLU(),
    "ReLU6": layers.ReLU(6.0),
    "ReLU, sloped": layers.ReLU(negative_slope=0.1),
    "LeakyReLU": layers.LeakyReLU(0.2),
    "ELU": layers.ELU(),
    "Dropout": layers.Dropout(0.5),
    "SpatialDropout2D": layers.SpatialDropout2D(0.5),
    "Identity": layers.Identity(),
    "a sum of three": lambda x: layers.Add()([x, pointwise()(x), pointwise()(x)]),
    "a product": lambda x: layers.Multiply()([x, layers.Activation("sigmoid")(x)]),
    "arithmetic": lambda x: ((x + pointwise()(x)) - x) * x,
    "arithmetic with constants": lambda x: (2.0 * x + np.ones(16, "float32")) * np.ones((1, 1, 1, 16), "float32"),
    "a hard sigmoid": lambda x: x * (layers.ReLU(6.0)(x + 3.0) * (1 / 6)),
    "twice the same": lambda x: layers.Add()([x, x]),
    **{name: layers.Activation(name) for name in ["linear", "relu", "relu6", "leaky_relu", "elu", "sigmoid"]},
    "hard_swish": layers.Activation("hard_swish"),
}


@pytest.mark.parametrize("name", MIDDLES)
def test_what_may_be_in_between(name):
    POLICY.ensure_model_supports_pruning(model_of(MIDDLES[name]))


NOT_IN_BETWEEN = {
    "3x3": (layers.Conv2D(16, 3, name="it"), r"its `kernel_size` is \(3, 3\), not \(1, 1\)"),
    "1x1, strides": (pointwise(strides=2, name="it"), r"its `strides` is \(2, 2\), not \(1, 1\)"),
    "1x1, groups": (pointwise(groups=4, name="it"), "its `groups` is 4, not 1"),
    "1x1, activation": (
        pointwise(activation="tanh", name="it"),
        "its `activation` is 'tanh', not one of: linear, relu",
    ),
    "depthwise 7x7": (layers.DepthwiseConv2D(7, padding="same", name="it"), r"is \(7, 7\), not \(3, 3\) or \(5, 5\)"),
    "depthwise, dilated": (
        layers.DepthwiseConv2D(3, padding="same", dilation_rate=2, name="it"),
        r"`dilation_rate` is \(2, 2\)",
    ),
    "depthwise, twice": (
        layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="it"),
        "its `depth_multiplier` is 2, not 1",
    ),
    "depthwise, strides, 'same'": (
        layers.DepthwiseConv2D(5, strides=2, padding="same", name="it"),
        r"with `padding='same'`; put a `ZeroPadding2D\(2\)` in front of it and set `padding='valid'`",
    ),
    "depthwise, strides 3": (
        lambda x: layers.DepthwiseConv2D(3, strides=3, name="it")(layers.ZeroPadding2D(1)(x)),
        r"its `strides` are \(3, 3\), not \(1, 1\) or \(2, 2\)",
    ),
    "depthwise, not padded": (layers.DepthwiseConv2D(3, name="it"), r"no `ZeroPadding2D\(1\)` is right in front of it"),
    "depthwise, padded as keras.applications does": (
        lambda x: layers.DepthwiseConv2D(3, strides=2, name="it")(
            layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(x)
        ),
        r"'pad' in front of it pads by \(\(0, 1\), \(0, 1\)\), not 1 on each side",
    ),
    "depthwise, activation": (
        layers.DepthwiseConv2D(3, padding="same", activation="silu", name="it"),
        "its `activation` is 'silu'",
    ),
    "padding alone": (layers.ZeroPadding2D(1, name="it"), "it must lead into a single layer, a `DepthwiseConv2D`"),
    "padding of what pads itself": (
        lambda x: layers.DepthwiseConv2D(3, padding="same")(layers.ZeroPadding2D(1, name="it")(x)),
        "a `DepthwiseConv2D` with `padding='valid'`",
    ),
    "normalisation of rows": (layers.BatchNormalization(axis=1, name="it"), "its `axis` is 1, not -1"),
    "nearest": (layers.UpSampling2D(name="it"), "its `interpolation` is 'nearest', not 'bilinear'"),
    "ReLU3": (layers.ReLU(3.0, name="it"), "with max_value=3.0, negative_slope=0.0, threshold=0.0 it is neither"),
    "ReLU, threshold": (layers.ReLU(threshold=1.0, name="it"), "threshold=1.0 it is neither ReLU, ReLU6 nor leaky"),
    "ReLU6, sloped": (layers.ReLU(6.0, negative_slope=0.1, name="it"), "negative_slope=0.1"),
    "ELU": (layers.ELU(0.5, name="it"), "its `alpha` is 0.5, not 1"),
    "activation": (layers.Activation("softmax", name="it"), "its `activation` is 'softmax'"),
    "a function of one's own": (layers.Activation(lambda x: x, name="it"), "its `activation` is '<lambda>'"),
    "pooling": (layers.MaxPooling2D(name="it"), "it has no counterpart in XNNPACK's sparse inference"),
    "Subtract": (lambda x: layers.Subtract(name="it")([x, x]), "no counterpart"),
    "concatenation": (lambda x: layers.Concatenate(name="it")([x, x]), "no counterpart"),
}


@pytest.mark.parametrize("name", NOT_IN_BETWEEN)
def test_what_may_not_be_in_between_is_named_with_the_reason(name):
    middle, reason = NOT_IN_BETWEEN[name]
    model = model_of(middle)
    kind = type(model.get_layer("it")).__name__
    with pytest.raises(ValueError, match=f"PruneForLatencyOnXNNPack.*\n  - 'it' of class {kind}: .*{reason}"):
        POLICY.ensure_model_supports_pruning(model)


@pytest.mark.parametrize(
    ("middle", "line"),
    [
        (keras.ops.tanh, "'tanh' of class Tanh: it has no counterpart"),
        (lambda x: x / 2, "of class TrueDivide: it has no counterpart"),
        (
            lambda x: x * np.ones((1, 8, 8, 1), "float32"),
            "of class Multiply: it takes a constant of shape (1, 8, 8, 1)",
        ),
        (
            lambda x: x * layers.GlobalAveragePooling2D(name="squeeze")(x)[:, None, None],
            "'squeeze' of class GlobalAveragePooling2D: its `keepdims` is False, not True",
        ),
    ],
)
def test_operations_without_a_layer_are_named_too(middle, line):
    assert line in refused(model_of(middle))


def test_all_that_is_wrong_is_said_at_once_up_to_a_few():
    model = model_of(lambda x: layers.MaxPooling2D(name="b", pool_size=1)(layers.Softmax(name="a")(x)))
    lines = refused(model).splitlines()
    assert [line[:7] for line in lines[1:-1]] == ["  - 'a'", "  - 'b'"]

    def many(x):
        for _ in range(8):
            x = layers.Softmax()(x)
        return x

    lines = refused(model_of(many)).splitlines()
    assert lines[-2] == "  - and 3 more"
    assert len(lines) == 8


def test_shared_padding_is_padding_of_its_own():
    def middle(x):
        padded = layers.ZeroPadding2D(1, name="pad")(x)
        return layers.Add()([layers.DepthwiseConv2D(3, name="it")(padded), layers.DepthwiseConv2D(3)(padded)])

    text = refused(model_of(middle))
    assert "'pad' of class ZeroPadding2D: it must lead into a single layer" in text
    assert "'it' of class DepthwiseConv2D: 'pad' in front of it pads for other layers too" in text


def test_each_use_of_a_layer_is_checked():
    for uses in ([0, 1], [1, 0]):
        shared = layers.DepthwiseConv2D(3, name="it")

        def middle(x, uses=uses, shared=shared):
            for padding in uses:
                x = shared(layers.ZeroPadding2D(1)(x) if padding else x)
            return x

        assert "'it' of class DepthwiseConv2D: no `ZeroPadding2D(1)`" in refused(model_of(middle))


def padded(convolution, width=1):
    return lambda x: convolution(layers.ZeroPadding2D(width, name="pad")(x))


BEGINNINGS = {
    "padding": (layers.Conv2D(16, 3, strides=2, padding="same", name="it"), "its `padding` is 'same', not 'valid'"),
    "not padded": (layers.Conv2D(16, 3, strides=2, name="it"), r"no `ZeroPadding2D\(1\)` is right in front of it"),
    "padded more": (padded(layers.Conv2D(16, 3, strides=2, name="it"), 2), r"'pad' .* pads by \(\(2, 2\), \(2, 2\)\)"),
    "kernel": (padded(layers.Conv2D(16, 5, strides=2, name="it")), r"its `kernel_size` is \(5, 5\), not \(3, 3\)"),
    "strides": (padded(layers.Conv2D(16, 3, name="it")), r"its `strides` is \(1, 1\), not \(2, 2\)"),
    "groups": (padded(layers.Conv2D(9, 3, strides=2, groups=3, name="it")), "its `groups` is 3, not 1"),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_beginning_that_is_none_is_named_with_the_reason(name):
    begin, reason = BEGINNINGS[name]
    text = (
        r"PruneForLatencyOnXNNPack needs on every way from an input a `Conv2D` .* The way from input 'images' of class "
        r"InputLayer to 'gap' of class \w+ has none\. The nearest is 'it' of class Conv2D, but "
    )
    with pytest.raises(ValueError, match=text + reason):
        POLICY.ensure_model_supports_pruning(model_of(begin=begin, end=layers.GlobalAveragePooling2D(name="gap")))


def test_a_beginning_takes_3_channels_and_an_activation_that_is_known():
    assert "it has 1 input channels, not 3" in refused(model_of(shape=(16, 16, 1)))
    assert "'it' of class Conv2D: its `activation` is 'tanh'" in refused(
        model_of(begin=lambda x: start(x, activation="tanh", name="it"))
    )
    channels_first = model_of(begin=lambda x: start(x, data_format="channels_first"), shape=(3, 16, 16))
    assert "its `data_format` is 'channels_first', not 'channels_last'" in refused(channels_first)


def test_before_the_start_and_after_the_end_anything_goes():
    model = model_of(
        pointwise(name="inside"),
        begin=lambda x: start(layers.Rescaling(1 / 255)(layers.MaxPooling2D()(x))),
        end=lambda x: layers.Dense(4)(pointwise(name="head")(layers.GlobalAveragePooling2D(keepdims=True)(x))),
    )
    assert allowed(model) == ["inside", "head"]
