"""Policies on whole models: those that XNNPACK runs sparse, and policies of one's own."""

import keras
import numpy as np
import pytest
from keras import layers

from tb_sparsity import PruneLowMagnitude, PruningPolicy, UpdatePruningStep, prune_low_magnitude, strip_pruning
from tb_sparsity.pruning.wrapper import collect_wrappers
from tests.pruning.test_xnnpack import HALF, POLICY, allowed, model_of, padded, pointwise, refused, start

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
