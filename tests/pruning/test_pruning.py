"""Pruning as a user meets it: wrap, train, look at the zeros, strip, save."""

import gzip

import keras
import numpy as np
import pytest
from keras import layers

import tb_sparsity
from tb_sparsity import (
    ConstantSparsity,
    PolynomialDecay,
    PruneLowMagnitude,
    UpdatePruningStep,
    prune_low_magnitude,
    strip_pruning,
)
from tb_sparsity.pruning.wrapper import collect_wrappers
from tests.pruning.test_masks import float32_count

HALF = ConstantSparsity(0.5, begin_step=0, frequency=1)


def zeros(variable):
    return int((keras.ops.convert_to_numpy(variable) == 0).sum())


class Watch(keras.callbacks.Callback):
    """Checks after every batch: masked is zero, and the count is the schedule's."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        step = len(self.seen) + 1
        for wrapper in collect_wrappers(self.model):
            assert int(wrapper.pruning_step.numpy()) == step
            for weight, mask, threshold in wrapper.pruned_weights:
                values, kept = weight.numpy(), mask.numpy()
                assert np.all(values[~kept] == 0)
                self.last = (values, kept, float(threshold.numpy()))
        self.seen.append(float(1 - kept.mean()))


@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_after_every_step_the_stored_kernels_are_masked_and_counts_follow_the_schedule(
    small_model, fit, optimizer, jit_compile, small_data
):
    schedule = PolynomialDecay(0.2, 0.9, begin_step=3, end_step=17, power=1, frequency=4)
    pruned = prune_low_magnitude(small_model, schedule)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    pruned.compile(optimizer, loss, jit_compile=jit_compile)
    watch = Watch()
    fit(pruned, [UpdatePruningStep(), watch], compiled=True)
    expected, current = [], 0.0
    for step in range(1, 21):
        due, sparsity = schedule(step)
        current = 1 - float32_count(48, sparsity) / 48 if due else current
        expected.append(current)
    assert watch.seen == pytest.approx(expected)
    assert [s for s in range(1, 21) if expected[s - 1] != ([0.0, *expected])[s - 1]] == [3, 7, 11, 15, 17]


def test_the_mask_cuts_the_smallest_magnitudes_as_they_were_before_the_step(small_model, fit):
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.75, begin_step=1, frequency=100))
    before = small_model.get_layer("hidden").kernel.numpy()
    fit(pruned, [UpdatePruningStep()], epochs=1)
    wrapper = collect_wrappers(pruned)[0]
    order = np.sort(np.abs(before).ravel())
    assert np.array_equal(wrapper.masks[0].numpy(), np.abs(before) >= order[96])
    assert wrapper.thresholds[0].numpy() == order[96]


def test_a_model_is_copied_and_the_callers_stays_as_it_was(small_model, fit, small_data):
    fit(small_model, [])
    weights, predictions = small_model.get_weights(), small_model.predict(small_data[0], verbose=0)
    optimizer = small_model.optimizer
    pruned = prune_low_magnitude(small_model, HALF)
    assert np.array_equal(pruned.predict(small_data[0], verbose=0), predictions)
    assert not pruned.compiled
    fit(pruned, [UpdatePruningStep()])
    assert all(np.array_equal(a, b) for a, b in zip(weights, small_model.get_weights(), strict=True))
    assert small_model.optimizer is optimizer
    assert small_model.compiled
    fit(small_model, [], compiled=True)  # still trains


def test_only_layers_with_something_to_prune_are_wrapped(small_model):
    pruned = prune_low_magnitude(small_model, HALF)
    assert [type(layer).__name__ for layer in pruned.layers] == [
        "PruneLowMagnitude",
        "Dropout",
        "BatchNormalization",
        "PruneLowMagnitude",
    ]
    assert [w.layer.name for w in collect_wrappers(prune_low_magnitude(pruned, HALF))] == ["hidden", "head"]
    dropout = layers.Dropout(0.5)
    assert prune_low_magnitude(dropout, HALF) is dropout


LAYERS = {
    "Dense": (lambda: layers.Dense(4), (6,)),
    "EinsumDense": (lambda: layers.EinsumDense("ab,bc->ac", 4), (6,)),
    "Embedding": (lambda: layers.Embedding(7, 4), (5,)),
    "Conv1D": (lambda: layers.Conv1D(3, 2), (6, 2)),
    "Conv2D": (lambda: layers.Conv2D(3, 2), (6, 6, 2)),
    "Conv3D": (lambda: layers.Conv3D(3, 2), (4, 4, 4, 2)),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(3, 2), (4, 4, 2)),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(2), (6, 6, 2)),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(3, 2), (6, 6, 2)),
    "SimpleRNN": (lambda: layers.SimpleRNN(3), (4, 2)),
    "LSTM": (lambda: layers.LSTM(3), (4, 2)),
    "GRU": (lambda: layers.GRU(3), (4, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_each_supported_layer_is_pruned_to_the_exact_count_and_survives_saving(name, tmp_path):
    make, shape = LAYERS[name]
    inputs = keras.Input(shape)
    outputs = layers.Dense(1)(layers.Flatten()(make()(inputs)))
    model = keras.Model(inputs, outputs)
    pruned = prune_low_magnitude(model, ConstantSparsity(0.6, 0, frequency=2))
    x = np.random.default_rng(0).integers(0, 7, size=(12, *shape)).astype("float32")
    pruned.compile("adam", "mse")
    pruned.fit(x, np.ones((12, 1)), batch_size=3, verbose=0, callbacks=[UpdatePruningStep()])
    wrapper = collect_wrappers(pruned)[0]
    assert wrapper.pruned_weights
    for weight, mask, _ in wrapper.pruned_weights:
        size = mask.numpy().size
        assert zeros(weight) == size - float32_count(size, 0.6)
    predictions = pruned.predict(x, verbose=0)
    stripped = strip_pruning(pruned)
    assert [type(layer) for layer in stripped.layers] == [type(layer) for layer in model.layers]
    assert [layer.name for layer in stripped.layers] == [layer.name for layer in model.layers]
    assert np.allclose(stripped.predict(x, verbose=0), predictions, atol=1e-6)
    for saved in (pruned, stripped):
        saved.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert np.allclose(loaded.predict(x, verbose=0), predictions, atol=1e-6)


def test_nested_and_branching_models_with_a_shared_layer(small_data):
    backbone = keras.Sequential([keras.Input((8,)), layers.Dense(8, name="inner")], name="backbone")
    inputs = [keras.Input((8,), name="left"), keras.Input((8,), name="right")]
    shared = layers.Dense(8, name="shared")
    merged = layers.Add()([backbone(shared(inputs[0])), shared(inputs[1])])
    model = keras.Model(inputs, {"a": layers.Dense(1, name="a")(merged), "b": layers.Dense(2, name="b")(merged)})
    pruned = prune_low_magnitude(model, HALF)
    x = small_data[0]
    assert all(
        np.allclose(pruned.predict([x, x], verbose=0)[key], model.predict([x, x], verbose=0)[key]) for key in "ab"
    )
    pruned.compile("sgd", {"a": "mse", "b": "mse"})
    pruned.fit([x, x], {"a": x[:, :1], "b": x[:, :2]}, batch_size=10, verbose=0, callbacks=[UpdatePruningStep()])
    wrappers = {w.layer.name: w for w in collect_wrappers(pruned)}
    assert sorted(wrappers) == ["a", "b", "inner", "shared"]
    for wrapper in wrappers.values():
        assert int(wrapper.pruning_step.numpy()) == 4  # a shared layer counts a step once
        assert zeros(wrapper.layer.kernel) == wrapper.masks[0].numpy().size / 2
    stripped = strip_pruning(pruned)
    assert not collect_wrappers(stripped)
    assert stripped.get_layer("backbone").get_layer("inner").kernel.shape == (8, 8)
    assert np.allclose(stripped.predict([x, x], verbose=0)["a"], pruned.predict([x, x], verbose=0)["a"])


def test_a_model_of_wrapped_layers_without_an_input_shape(fit, small_data):
    first, second = prune_low_magnitude([layers.Dense(16, input_shape=(8,)), layers.Dense(3)], HALF)
    model = keras.Sequential([first, second])
    assert model.built
    fit(model, [UpdatePruningStep()])
    assert zeros(first.layer.kernel) == 64
    unbuilt = prune_low_magnitude(keras.Sequential([layers.Dense(16), layers.Dense(3)]), HALF)
    fit(unbuilt, [UpdatePruningStep()])
    assert [zeros(w.layer.kernel) for w in collect_wrappers(unbuilt)] == [64, 24]


def test_a_layer_that_has_weights_is_copied(small_model, fit, small_data):
    before = small_model.get_layer("hidden").kernel.numpy()
    wrapper = prune_low_magnitude(small_model.get_layer("hidden"), HALF)
    assert np.array_equal(wrapper.layer.kernel.numpy(), before)
    model = keras.Sequential([keras.Input((8,)), wrapper, layers.Dense(3)])
    fit(model, [UpdatePruningStep()])
    assert zeros(wrapper.layer.kernel) == 64
    assert np.array_equal(small_model.get_layer("hidden").kernel.numpy(), before)


def test_tfmots_way_to_prune_some_layers(small_model, fit):
    def choose(layer):
        return prune_low_magnitude(layer, HALF) if isinstance(layer, layers.Dense) and layer.name == "hidden" else layer

    model = keras.models.clone_model(small_model, clone_function=choose)
    fit(model, [UpdatePruningStep()])
    assert zeros(model.layers[0].layer.kernel) == 64
    assert not collect_wrappers(strip_pruning(model))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_half_precision_policies(policy, fit, small_data):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, dtype=policy), layers.Dense(3, dtype="float32")])
    pruned = prune_low_magnitude(model, ConstantSparsity(0.7, 0, frequency=3))
    assert pruned.layers[0].output.dtype == model.layers[0].output.dtype
    before = collect_wrappers(pruned)[0].layer.kernel.numpy().astype("float64")
    fit(pruned, [UpdatePruningStep()], optimizer=keras.optimizers.SGD(0.0))
    after = collect_wrappers(pruned)[0].layer.kernel.numpy().astype("float64")
    assert (after != 0).sum() == float32_count(128, 0.7)
    assert np.array_equal(after[after != 0], before[after != 0])  # not rounded to the compute dtype


def test_constraints_of_the_layers_own_still_hold(fit):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, kernel_constraint="non_neg"), layers.Dense(3)])
    pruned = prune_low_magnitude(model, HALF)
    fit(pruned, [UpdatePruningStep()])
    kernel = pruned.layers[0].layer.kernel.numpy()
    assert kernel.min() >= 0
    assert (kernel[~pruned.layers[0].masks[0].numpy()] == 0).all()


def test_evaluating_and_predicting_change_nothing(small_model, fit, small_data):
    pruned = prune_low_magnitude(small_model, HALF)
    fit(pruned, [UpdatePruningStep()], epochs=1)
    weights = pruned.get_weights()
    pruned.evaluate(*small_data, verbose=0)
    pruned.predict(small_data[0], verbose=0)
    pruned(small_data[0])
    assert all(np.array_equal(a, b) for a, b in zip(weights, pruned.get_weights(), strict=True))


def test_a_second_fit_and_a_loaded_model_go_on_counting(small_model, fit, tmp_path):
    pruned = prune_low_magnitude(small_model, PolynomialDecay(0.0, 0.9, 5, 60, frequency=5))
    fit(pruned, [UpdatePruningStep()])
    fit(pruned, [UpdatePruningStep()])
    pruned.save(tmp_path / "pruned.keras")
    loaded = keras.models.load_model(tmp_path / "pruned.keras")
    fit(loaded, [UpdatePruningStep()], compiled=True)
    assert [int(w.pruning_step.numpy()) for w in collect_wrappers(loaded)] == [60, 60]
    assert zeros(collect_wrappers(loaded)[0].layer.kernel) == 128 - float32_count(128, 0.9)


def test_saved_files_shrink_and_hold_no_optimizer(small_model, fit, tmp_path):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(2000), layers.Dense(3)])
    fit(model, [], epochs=1)
    pruned = prune_low_magnitude(model, ConstantSparsity(0.9, 0, frequency=1))
    fit(pruned, [UpdatePruningStep()])
    stripped = strip_pruning(pruned)
    assert not stripped.compiled
    assert pruned.compiled
    for name in ("model.keras", "model.h5"):
        stripped.save(tmp_path / name)
        assert (tmp_path / name).stat().st_size < 4 * model.count_params() + 40_000
        stripped.load_weights(tmp_path / name)
        plain = tmp_path / f"dense-{name}"
        strip_pruning(model).save(plain)
        small, large = (len(gzip.compress(path.read_bytes())) for path in (tmp_path / name, plain))
        assert small < large / 3


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_fit_without_the_callback_names_the_line_to_add_and_the_corrected_fit_works(small_model, fit, run_eagerly):
    traced = []

    class Trace(layers.Layer):
        def call(self, inputs, training=None):
            traced.append(training)
            return inputs

    model = keras.Sequential([keras.Input((8,)), Trace(), *small_model.layers])
    pruned = prune_low_magnitude(model, HALF)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    pruned.compile("adam", loss, run_eagerly=run_eagerly)
    traced.clear()
    for attempt in range(2):
        with pytest.raises(RuntimeError, match=r"callbacks=\[tb_sparsity.UpdatePruningStep\(\)\]"):
            fit(pruned, [], compiled=True)
        assert not traced
        fit(pruned, [UpdatePruningStep()], compiled=True)
        assert int(collect_wrappers(pruned)[0].pruning_step.numpy()) == 20 * (attempt + 1)
        traced.clear()


def test_without_the_callback_models_wrapped_by_hand_or_loaded_fail_too(small_model, fit, tmp_path):
    prune_low_magnitude(small_model, HALF).save(tmp_path / "pruned.keras")
    by_hand = keras.Sequential([keras.Input((8,)), PruneLowMagnitude(layers.Dense(3), HALF)])
    for model in (by_hand, keras.models.load_model(tmp_path / "pruned.keras")):
        for attempt in range(2):
            with pytest.raises(RuntimeError, match="UpdatePruningStep"):
                fit(model, [], compiled=attempt > 0)
            fit(model, [UpdatePruningStep()], compiled=True)
            assert int(collect_wrappers(model)[0].pruning_step.numpy()) == 20 * (attempt + 1)


def test_a_training_loop_of_ones_own(small_model, small_data):
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.5, 0, frequency=3))
    pruned.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(RuntimeError, match="set_model"):
        pruned.train_on_batch(*small_data)
    callback = UpdatePruningStep()
    callback.set_model(pruned)
    callback.on_train_begin()
    for epoch in range(2):
        for _ in range(3):
            pruned.train_on_batch(*small_data)
        callback.on_epoch_end(epoch)
    callback.on_train_end()
    wrapper = collect_wrappers(pruned)[0]
    assert int(wrapper.pruning_step.numpy()) == 6
    assert zeros(wrapper.layer.kernel) == 64


class Scale(layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1], 4), name="scale")

    def call(self, inputs):
        return inputs @ self.scale


class PrunableScale(Scale):
    def get_prunable_weights(self):
        return [self.scale]


def test_custom_layers_say_what_to_prune(fit):
    unknown = keras.Sequential([keras.Input((8,)), Scale(name="mine"), layers.Dense(3)])
    with pytest.raises(ValueError, match=r"'mine' of class Scale.*get_prunable_weights.*one by one"):
        prune_low_magnitude(unknown, HALF)
    with pytest.raises(ValueError, match="MultiHeadAttention"):
        prune_low_magnitude(layers.MultiHeadAttention(2, 2), HALF)
    pruned = prune_low_magnitude(keras.Sequential([keras.Input((8,)), PrunableScale(), layers.Dense(3)]), HALF)
    fit(pruned, [UpdatePruningStep()])
    assert zeros(collect_wrappers(pruned)[0].layer.scale) == 16

    class Wrong(Scale):
        def get_prunable_weights(self):
            return ["scale"]

    with pytest.raises(TypeError, match=r"must return a list of Keras variables.*'scale'"):
        prune_low_magnitude(Wrong(), HALF).build((None, 8))


def test_what_cannot_be_pruned_is_named(small_model):
    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match=r"class Subclassed is subclassed"):
        prune_low_magnitude(Subclassed(), HALF)
    with pytest.raises(ValueError, match="Received: 3 of type int"):
        prune_low_magnitude(3, HALF)
    with pytest.raises(ValueError, match="`pruning_schedule` must be"):
        prune_low_magnitude(small_model, 0.5)
    with pytest.raises(ValueError, match="strip_pruning"):
        strip_pruning("model.keras")


def test_of_tfmots_further_arguments_only_the_defaults_are_taken(small_model):
    tfmots = {"block_size": (1, 1), "block_pooling_type": "AVG", "sparsity_m_by_n": None, "pruning_policy": None}
    assert len(collect_wrappers(prune_low_magnitude(small_model, HALF, **tfmots))) == 2
    for name, value in {"block_size": (4, 4), "sparsity_m_by_n": (2, 4), "pruning_policy": object()}.items():
        with pytest.raises(ValueError, match=f"`{name}` can only be"):
            prune_low_magnitude(small_model, HALF, **{name: value})


def test_the_default_schedule_is_tfmots(small_model):
    schedule = collect_wrappers(tb_sparsity.prune_low_magnitude(small_model))[0].pruning_schedule
    assert repr(schedule) == "ConstantSparsity(target_sparsity=0.5, begin_step=0, end_step=-1, frequency=100)"


def test_a_layer_shared_with_a_nested_model_stays_shared(small_data):
    shared = layers.Dense(8, name="shared")
    inner_input = keras.Input((8,))
    inner = keras.Model(inner_input, shared(inner_input), name="inner")
    inputs = keras.Input((8,))
    model = keras.Model(inputs, layers.Add()([inner(inputs), shared(inputs)]))
    pruned = prune_low_magnitude(model, HALF)
    pruned.compile("sgd", "mse")
    pruned.fit(small_data[0], small_data[0], batch_size=10, verbose=0, callbacks=[UpdatePruningStep()])
    assert [int(w.pruning_step.numpy()) for w in collect_wrappers(pruned)] == [4]
    assert strip_pruning(pruned).count_params() == model.count_params() == 72


def test_a_layer_pinned_to_training_mode(small_data):
    inputs = keras.Input((4, 2))
    outputs = layers.Dense(1)(layers.LSTM(3, dropout=0.2)(inputs, training=True))
    pruned = prune_low_magnitude(keras.Model(inputs, outputs), HALF)
    pruned.compile("sgd", "mse")
    x = small_data[0].reshape(40, 4, 2)
    pruned.fit(x, x[:, 0, :1], batch_size=10, verbose=0, callbacks=[UpdatePruningStep()])
    pruned.predict(x, verbose=0)
    assert [int(w.pruning_step.numpy()) for w in collect_wrappers(pruned)] == [4, 4]
