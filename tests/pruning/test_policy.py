"""Policies: what `PruneForLatencyOnXNNPack` lets through, and what it says of the rest."""

import keras
import numpy as np
import pytest
from keras import layers

from tb_sparsity import ConstantSparsity, PruneLowMagnitude, UpdatePruningStep, prune_low_magnitude, strip_pruning
from tb_sparsity.pruning.policy import PruneForLatencyOnXNNPack, PruningPolicy
from tb_sparsity.pruning.wrapper import collect_wrappers

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


# What follows, up to the mark below, is what tfmot's own tests of its policy try.


def test_no_start():
    model = model_of(pointwise(), begin=layers.Conv2D(16, 3, strides=2, padding="same"))
    assert "with it XNNPACK's sparse inference starts" in refused(model)


def test_no_end():
    model = model_of(pointwise(), end=layers.AveragePooling2D(2, name="pool"))
    text = refused(model)
    assert "needs a `GlobalAveragePooling2D` on every way to an output" in text
    assert "A way to output 'pool' of class AveragePooling2D" in text


def test_an_unsupported_layer_in_the_middle():
    model = model_of(lambda x: layers.MaxPooling2D(name="pool")(pointwise()(x)))
    assert "'pool' of class MaxPooling2D" in refused(model)


def sequence(*middle, inputs=()):
    return keras.Sequential(
        [
            *inputs,
            layers.ZeroPadding2D(1),
            layers.Conv2D(4, 3, strides=2, padding="valid"),
            *middle,
            layers.GlobalAveragePooling2D(),
        ]
    )


def test_sequential_models():
    middle = [layers.DepthwiseConv2D(3, padding="same"), pointwise(8, name="it")]
    unbuilt = sequence(*middle)
    assert "is unbuilt" in refused(unbuilt)
    unbuilt.build((None, 8, 8, 3))
    assert allowed(unbuilt) == ["it"]
    middle = [layers.DepthwiseConv2D(3, padding="same"), pointwise(8, name="it")]
    assert allowed(sequence(*middle, inputs=[keras.Input((8, 8, 3))])) == ["it"]


def test_nested_models():
    inner = keras.Sequential([pointwise(8, name="a"), pointwise(16, name="b")])
    assert sorted(allowed(sequence(inner, inputs=[keras.Input((8, 8, 3))]))) == ["a", "b"]


def reusing_a_layer():
    shared = pointwise(name="it")
    return model_of(lambda x: shared(shared(x)))


def test_a_layer_used_twice():
    assert allowed(reusing_a_layer()) == ["it"]


def test_nothing_to_prune():
    model = model_of(lambda x: layers.Activation("relu")(layers.DepthwiseConv2D(3, padding="same")(x)))
    assert allowed(model) == []


def branching():
    """Two inputs, two outputs, squeeze and excitation, a branch at half the resolution: 6 convolutions to prune."""
    inputs = [keras.Input((16, 16, 3)), keras.Input((16, 16, 3))]
    left = start(inputs[0])
    left = layers.Add()([layers.DepthwiseConv2D(3, padding="same")(left), pointwise(name="a")(left)])
    right = start(inputs[1], filters=8)
    right = layers.DepthwiseConv2D(3, strides=2)(layers.ZeroPadding2D(1)(right))
    gate = layers.Activation("sigmoid")(pointwise(32, name="b")(layers.GlobalAveragePooling2D(keepdims=True)(right)))
    right = layers.UpSampling2D(interpolation="bilinear")(pointwise(32, name="c")(right))
    right = pointwise(name="d")(layers.Multiply()([gate, right]))
    end = layers.GlobalAveragePooling2D(keepdims=True)(layers.Add()([left, right]))
    return keras.Model(inputs, [pointwise(7, name="e")(end), pointwise(3, name="f")(end)])


def test_a_branching_model():
    assert sorted(allowed(branching())) == list("abcdef")


def test_arithmetic_on_tensors():
    def middle(x):
        residual = pointwise(name="it")(x)
        return layers.Identity()(((x + residual) - residual) * residual)

    assert allowed(model_of(middle)) == ["it"]


def test_a_clone_that_shares_its_layers():
    model = model_of(pointwise(name="it"))
    clone = keras.models.clone_model(model, clone_function=lambda layer: layer)
    assert clone.get_layer("it") is model.get_layer("it")
    assert allowed(clone) == allowed(model) == ["it"]


def test_a_model_that_is_pruned_already():
    def wrapped(layer):
        return PruneLowMagnitude(layer, HALF) if POLICY.allow_pruning(layer) else layer

    model = keras.models.clone_model(branching(), clone_function=wrapped)
    assert len(collect_wrappers(model)) == 6
    POLICY.ensure_model_supports_pruning(model)
    start_wrapped = model_of(begin=padded(PruneLowMagnitude(layers.Conv2D(16, 3, strides=2), HALF)))
    POLICY.ensure_model_supports_pruning(start_wrapped)
    wrong = model_of(PruneLowMagnitude(pointwise(activation="tanh", name="it"), HALF))
    assert "'it' of class Conv2D: its `activation` is 'tanh'" in refused(wrong)


# Graphs that tfmot's tests don't try.


def test_only_the_given_models_connections_count():
    model = model_of(pointwise(name="it"))
    _ = layers.MaxPooling2D()(model.get_layer("it").output)  # leads nowhere
    other = keras.Model(model.inputs, layers.Flatten()(model.get_layer("it").output))
    assert allowed(model) == ["it"]
    assert "on every way to an output" in refused(other)
    backbone = keras.Model(model.get_layer("it").output, model.output)
    assert "on every way from an input" in refused(backbone)


def test_every_input_needs_a_start_and_every_output_an_end():
    inputs = [keras.Input((16, 16, 3)), keras.Input((8, 8, 16), name="features")]
    merged = layers.Add()([start(inputs[0]), inputs[1]])
    text = refused(keras.Model(inputs, layers.GlobalAveragePooling2D()(merged)))
    assert "The way from input 'features' of class InputLayer to" in text
    inputs = keras.Input((16, 16, 3))
    x = pointwise(name="last")(start(inputs))
    text = refused(keras.Model(inputs, [layers.GlobalAveragePooling2D()(x), x]))
    assert "A way to output 'last' of class Conv2D has none" in text
    skip = layers.Add(name="skip")([layers.GlobalAveragePooling2D(keepdims=True)(x), x])
    assert "A way to output 'skip'" in refused(keras.Model(inputs, skip))
    assert "on every way from an input" in refused(keras.Model(inputs, inputs))


def test_an_end_that_is_in_between_for_another_output_is_checked_as_such():
    inputs = keras.Input((16, 16, 3))
    x = start(inputs)
    small = layers.GlobalAveragePooling2D(keepdims=True, name="small")(x)
    gate = layers.Activation("tanh", name="gate")(small)
    outputs = [layers.Dense(2)(small), layers.GlobalAveragePooling2D()(layers.Multiply()([gate, x]))]
    assert "'gate' of class Activation" in refused(keras.Model(inputs, outputs))


def test_what_is_inside_nested_models_is_found():
    def backbone(*middle):
        return keras.Sequential(
            [
                keras.Input((16, 16, 3)),
                layers.ZeroPadding2D(1),
                layers.Conv2D(16, 3, strides=2),
                *middle,
            ],
            name="backbone",
        )

    def top():
        inputs = {"a": keras.Input((8, 8, 16), name="a"), "b": keras.Input((8, 8, 16), name="b")}
        merged = layers.Add()([pointwise(name="p")(inputs["a"]), layers.ReLU()(inputs["b"])])
        return keras.Model(
            inputs, {"y": layers.GlobalAveragePooling2D()(merged), "z": layers.GlobalMaxPooling2D()(merged)}
        )

    def whole(*middle, keys=("y",)):
        inputs = keras.Input((16, 16, 3))
        features = backbone(*middle)(inputs)
        outputs = top()({"b": features, "a": features})
        return keras.Model(inputs, [layers.Dense(2, name=key)(outputs[key]) for key in keys])

    assert allowed(whole(pointwise(name="q"))) == ["q", "p"]
    assert "'it' of class Softmax" in refused(whole(layers.Softmax(name="it")))
    assert "A way to output 'z' of class Dense" in refused(whole(keys=("y", "z")))


def test_a_nested_model_used_twice():
    shared = keras.Sequential([keras.Input((8, 8, 16)), pointwise(name="it"), layers.ReLU()])
    assert allowed(model_of(lambda x: layers.Add()([shared(x), shared(shared(x))]))) == ["it"]


def test_many_branches_are_each_gone_through_once():
    def middle(x):
        for _ in range(30):  # 2**30 ways
            x = layers.Add()([x, layers.ReLU()(x)])
        return x

    POLICY.ensure_model_supports_pruning(model_of(middle))


def test_a_saved_model(tmp_path):
    branching().save(tmp_path / "model.keras")
    assert sorted(allowed(keras.models.load_model(tmp_path / "model.keras"))) == list("abcdef")


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


def test_models_without_a_graph_are_named():
    assert "subclassed models don't. Received: <Subclassed" in refused(Subclassed())
    assert "of class Dense" in refused(layers.Dense(3))
    assert "'inside' of class Subclassed: it has no counterpart" in refused(model_of(Subclassed(name="inside")))


def test_of_kerass_mobile_net_the_padding_is_in_the_way():
    model = keras.applications.MobileNetV2(weights=None, alpha=0.35, input_shape=(32, 32, 3), classes=2)
    assert "The nearest is 'Conv1' of class Conv2D, but its `padding` is 'same', not 'valid'" in refused(model)


class AllButTheHead(PruningPolicy):
    def allow_pruning(self, layer):
        return layer.name != "head"

    def ensure_model_supports_pruning(self, model):
        if "head" not in [layer.name for layer in model.layers]:
            raise ValueError(f"No layer of model '{model.name}' is named `head`.")


def test_policies_of_ones_own():
    with pytest.raises(TypeError, match="abstract"):
        PruningPolicy()
    assert [AllButTheHead().allow_pruning(layers.Dense(1, name=name)) for name in ("head", "other")] == [False, True]


# Through `prune_low_magnitude`.


def pruned_names(model, policy=POLICY):
    return [w.layer.name for w in collect_wrappers(prune_low_magnitude(model, HALF, pruning_policy=policy))]


def test_pruning_wraps_what_the_policy_allows():
    assert pruned_names(
        model_of(pointwise(name="it"), end=lambda x: layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    ) == ["it"]
    assert sorted(pruned_names(branching())) == list("abcdef")
    assert pruned_names(reusing_a_layer()) == ["it"]
    inner = keras.Sequential([pointwise(8, name="a"), pointwise(16, name="b")])
    assert sorted(pruned_names(sequence(inner, inputs=[keras.Input((8, 8, 3))]))) == ["a", "b"]
    assert pruned_names(model_of(layers.ReLU())) == []


def test_pruning_refuses_what_the_policy_does():
    with pytest.raises(ValueError, match="'it' of class MaxPooling2D"):
        pruned_names(model_of(layers.MaxPooling2D(name="it")))
    with pytest.raises(ValueError, match="is unbuilt"):
        pruned_names(sequence(pointwise()))
    with pytest.raises(ValueError, match=r"No layer of model .* is named `head`"):
        pruned_names(model_of(), AllButTheHead())


def test_pruning_twice_under_the_policy_wraps_once():
    once = prune_low_magnitude(branching(), HALF, pruning_policy=POLICY)
    assert sorted(pruned_names(once)) == list("abcdef")


def test_pruning_asks_a_policy_of_ones_own(small_model):
    assert pruned_names(small_model, AllButTheHead()) == ["hidden"]


def test_pruned_under_the_policy_trained_and_stripped():
    model = model_of(pointwise(name="it"), end=lambda x: layers.Dense(1)(layers.GlobalAveragePooling2D()(x)))
    first, last = model.layers[2].name, model.layers[-1].name
    pruned = prune_low_magnitude(model, HALF, pruning_policy=POLICY)
    pruned.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(8, 16, 16, 3)).astype("float32")
    pruned.fit(x, x[:, 0, 0, :1], batch_size=4, verbose=0, callbacks=[UpdatePruningStep()])
    stripped = strip_pruning(pruned)
    zeros = {w.path: int((keras.ops.convert_to_numpy(w) == 0).sum()) for w in stripped.weights if "kernel" in w.path}
    assert zeros == {f"{first}/kernel": 0, "it/kernel": 128, f"{last}/kernel": 0}
    POLICY.ensure_model_supports_pruning(stripped)
