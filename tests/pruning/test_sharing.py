"""Models that share layers, classes of one's own, wrappers in unusual places: what could go wrong silently."""

import keras
import numpy as np
import pytest
from keras import layers

from tb_sparsity import ConstantSparsity, PruneLowMagnitude, UpdatePruningStep, prune_low_magnitude, strip_pruning
from tb_sparsity.pruning.wrapper import collect_wrappers

HALF = ConstantSparsity(0.5, begin_step=0, frequency=1)
X = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")


def train(model, x=X):
    model.compile("sgd", "mse")
    model.fit(x, np.ones((len(x), 1)), batch_size=4, verbose=0, callbacks=[UpdatePruningStep()])


def zeros(variable):
    return int((variable.numpy() == 0).sum())


def encoder_and_whole():
    inputs = keras.Input((6,))
    code = layers.Dense(4, name="code")(inputs)
    return keras.Model(inputs, code, name="encoder"), keras.Model(inputs, layers.Dense(1, name="head")(code))


def test_models_of_one_list_share_their_layers_still():
    encoder, whole = prune_low_magnitude(list(encoder_and_whole()), HALF)
    train(whole)
    (wrapper,) = collect_wrappers(encoder)
    assert wrapper is collect_wrappers(whole)[0]
    assert zeros(wrapper.layer.kernel) == 12
    dense = layers.Dense(3)
    first, second = prune_low_magnitude([dense, dense], HALF)
    assert first is second


class Both(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder, self.whole = encoder_and_whole()
        self.code = self.whole.layers[1]

    def call(self, inputs, training=None):
        return self.whole(inputs, training=training)


def test_parts_of_a_subclassed_model_share_their_layers_before_and_after():
    model = prune_low_magnitude(Both(), HALF)
    train(model)
    assert [w.layer.name for w in collect_wrappers(model)] == ["code", "head"]
    assert model.code is model.encoder.layers[1] is model.whole.layers[1]
    code = model.encoder(X)
    strip_pruning(model)
    assert not collect_wrappers(model)
    assert model.code is model.encoder.layers[1] is model.whole.layers[1]
    assert np.allclose(keras.ops.convert_to_numpy(model.encoder(X)), keras.ops.convert_to_numpy(code), atol=1e-6)
    assert zeros(model.code.kernel) == 12


def test_a_model_that_cannot_be_pruned_whole_is_left_as_it_was():
    class NoConfig(layers.Layer):
        def __init__(self, function):
            super().__init__()

        def call(self, inputs):
            return inputs

    class Broken(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Dense(4, name="first")
            self.rest = keras.Sequential([keras.Input((4,)), NoConfig(len), layers.Dense(1)])

        def call(self, inputs, training=None):
            return self.rest(self.first(inputs))

    model = Broken()
    with pytest.raises(ValueError, match=r"(?s)NoConfig can't be copied.*get_config"):
        prune_low_magnitude(model, HALF)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Sequential"]
    model(X)


class Counting(keras.Sequential):
    def doubled(self, inputs):
        return 2 * self(inputs)


def test_a_class_of_ones_own_keeps_its_methods():
    pruned = prune_low_magnitude(Counting([keras.Input((6,)), layers.Dense(1)]), HALF)
    train(pruned)
    stripped = strip_pruning(pruned)
    for model in (pruned, stripped):
        assert type(model) is Counting
        assert np.allclose(keras.ops.convert_to_numpy(model.doubled(X)), 2 * pruned.predict(X, verbose=0), atol=1e-6)


def test_a_wrapper_inside_another_layer_is_stripped_and_not_wrapped_again():
    inner = PruneLowMagnitude(layers.Dense(4, name="inner"), HALF)
    model = keras.Sequential(
        [keras.Input((3, 2)), layers.TimeDistributed(inner), layers.Flatten(), layers.Dense(1, name="head")]
    )
    pruned = prune_low_magnitude(model, HALF)
    assert [w.layer.name for w in collect_wrappers(pruned)] == ["inner", "head"]
    x = X.reshape(8, 3, 2)
    train(pruned, x)
    stripped = strip_pruning(pruned)
    assert not collect_wrappers(stripped)
    assert np.allclose(stripped.predict(x, verbose=0), pruned.predict(x, verbose=0), atol=1e-6)


def test_what_is_pruned_by_a_lambda_can_be_copied_again():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dense(1, name="head")])
    pruned = prune_low_magnitude(prune_low_magnitude(model, lambda step: 0.5, frequency=1, exclude="head"), HALF)
    train(pruned)
    assert [zeros(w.layer.kernel) for w in collect_wrappers(pruned)] == [12, 2]


def test_a_function_that_leaves_the_range_prunes_all_but_one_or_none():
    for share, expected in ((2.0, 5), (-1.0, 0)):
        model = keras.Sequential([keras.Input((6,)), layers.Dense(1)])
        pruned = prune_low_magnitude(model, lambda step, share=share: share + 0 * step, frequency=1)
        train(pruned)
        assert zeros(collect_wrappers(pruned)[0].layer.kernel) == expected


def test_several_layers_as_one_key_and_arguments_that_contradict_each_other():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4, name="a"), layers.Dense(1, name="b")])
    assert len(collect_wrappers(prune_low_magnitude(model, {("a", "b"): HALF}))) == 2
    with pytest.raises(ValueError, match="a schedule has its own"):
        prune_low_magnitude(model, {"a": HALF}, frequency=5)
    with pytest.raises(ValueError, match="`sparsity_m_by_n`"):
        prune_low_magnitude(model, HALF, distribution="erk", sparsity_m_by_n=(2, 4))


def test_after_the_weights_are_mended_training_goes_on(small_model, fit):
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.5, 5, end_step=5))
    wrapper = collect_wrappers(pruned)[1]
    good = pruned.get_weights()
    spoilt = wrapper.layer.kernel.numpy() * np.nan
    wrapper.layer.kernel.assign(spoilt)
    with pytest.raises(FloatingPointError):
        fit(pruned, [UpdatePruningStep()], epochs=1)
    pruned.set_weights(good)
    wrapper.thresholds[0].assign(float("nan"))
    fit(pruned, [UpdatePruningStep()], epochs=1)
