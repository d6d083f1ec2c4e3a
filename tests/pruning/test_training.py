"""A pruned model in training: exact counts, exact zeros, in every way that Keras trains."""

import keras
import numpy as np
import pytest
from keras import layers
from keras.backend import backend

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
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
# On JAX the optimizer can't see the masks: stored weights are masked in each forward pass and at each epoch's end.
STORED_MASKED = backend() != "jax"


def zeros(variable):
    return int((variable.numpy() == 0).sum())


class Watch(keras.callbacks.Callback):
    """Looks after every batch: masked is zero, and the count is the schedule's."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        for wrapper in collect_wrappers(self.model):
            for weight, mask, *_ in wrapper.pruned_weights:
                kept = mask.numpy()
                assert not STORED_MASKED or np.all(weight.numpy()[~kept] == 0)
        self.seen.append((int(wrapper.pruning_step.numpy()), float(1 - kept.mean())))


OPTIMIZERS = {
    "sgd": lambda: "sgd",
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: "adam",
    "adamw": lambda: keras.optimizers.AdamW(weight_decay=0.1),
    "clipped": lambda: keras.optimizers.Adam(global_clipnorm=0.1),
    "average": lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9),
}
WAYS = {
    "compiled": {"jit_compile": True},
    "not compiled": {"jit_compile": False},
    "eagerly": {"run_eagerly": True},
}


@pytest.mark.parametrize(("optimizer", "way"), [*((o, "auto") for o in OPTIMIZERS), *(("adam", w) for w in WAYS)])
def test_after_every_step_weights_are_masked_and_counts_follow_the_schedule(small_model, fit, optimizer, way):
    schedule = PolynomialDecay(0.2, 0.9, begin_step=3, end_step=17, power=1, frequency=4)
    pruned = prune_low_magnitude(small_model, schedule)
    pruned.compile(OPTIMIZERS[optimizer](), LOSS, **WAYS.get(way, {}))
    watch = Watch()
    fit(pruned, [UpdatePruningStep(), watch], compiled=True)
    expected, current = [], 0.0
    for step in range(1, 21):
        due, sparsity = schedule(step)
        current = 1 - float32_count(48, sparsity) / 48 if due else current
        expected.append((step, current))
    assert [step for step, _ in watch.seen] == list(range(1, 21))
    assert [s for _, s in watch.seen] == pytest.approx([s for _, s in expected])
    assert [n for n in range(1, 20) if expected[n][1] != expected[n - 1][1]] == [2, 6, 10, 14, 16]
    for wrapper in collect_wrappers(pruned):  # at the end on JAX too, and whatever the optimizer put in their place
        for weight, mask, *_ in wrapper.pruned_weights:
            assert np.all(weight.numpy()[~mask.numpy()] == 0)


@pytest.mark.parametrize("several", [{"steps_per_execution": 10}, {"gradient_accumulation": 4}])
def test_several_batches_at_once(small_model, fit, several):
    if backend() == "torch" and "steps_per_execution" in several:
        pytest.skip("Keras takes one step at a time on PyTorch")
    schedule = PolynomialDecay(0.0, 0.75, begin_step=0, end_step=20, frequency=7)
    pruned = prune_low_magnitude(small_model, schedule)
    accumulation = several.pop("gradient_accumulation", None)
    pruned.compile(keras.optimizers.Adam(gradient_accumulation_steps=accumulation), LOSS, **several)
    fit(pruned, [UpdatePruningStep()], compiled=True)
    for wrapper in collect_wrappers(pruned):
        assert int(wrapper.pruning_step.numpy()) == 20
        assert zeros(wrapper.layer.kernel) == wrapper.layer.kernel.numpy().size * 0.75


def test_the_first_forward_pass_after_an_update_is_masked_already(small_data):
    """With a learning rate of zero the loss tells which weights the step has used."""
    x, _ = small_data
    inner = layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((8,)), prune_low_magnitude(inner, ConstantSparsity(0.75, 2))])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    callback = UpdatePruningStep()
    callback.set_model(model)
    callback.on_train_begin()
    losses = []
    for _ in range(2):
        model.reset_metrics()  # Keras 3.12 gives the mean of all steps, else
        losses.append(float(model.train_on_batch(x, np.zeros((40, 1)))))
    assert losses == pytest.approx([(x.sum(1) ** 2).mean(), (x[:, :2].sum(1) ** 2).mean()], rel=1e-3)


def test_the_mask_cuts_the_smallest_magnitudes_as_they_were_before_the_step(small_model, fit):
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.75, begin_step=1, frequency=100))
    before = small_model.get_layer("hidden").kernel.numpy()
    fit(pruned, [UpdatePruningStep()], epochs=1)
    wrapper = collect_wrappers(pruned)[0]
    order = np.sort(np.abs(before).ravel())
    assert np.array_equal(wrapper.masks[0].numpy(), np.abs(before) >= order[96])
    assert wrapper.thresholds[0].numpy() == order[96]


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
        assert True not in traced
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


def test_a_second_fit_goes_on_counting(small_model, fit):
    pruned = prune_low_magnitude(small_model, PolynomialDecay(0.0, 0.9, 5, 60, frequency=5))
    for _ in range(3):
        fit(pruned, [UpdatePruningStep()], compiled=pruned.compiled)
    assert [int(w.pruning_step.numpy()) for w in collect_wrappers(pruned)] == [60, 60]
    assert zeros(collect_wrappers(pruned)[0].layer.kernel) == 128 - float32_count(128, 0.9)


def test_a_loop_with_gradients_of_ones_own(small_model, small_data):
    if backend() != "tensorflow":
        pytest.skip("GradientTape is TensorFlow's")
    import tensorflow as tf

    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.5, 0, frequency=3))
    optimizer = keras.optimizers.Adam()
    callback = UpdatePruningStep()
    callback.set_model(pruned)
    callback.on_train_begin()

    @tf.function
    def train(x, y):
        with tf.GradientTape() as tape:
            loss = LOSS(y, pruned(x, training=True))
        variables = pruned.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    for _ in range(6):
        train(*small_data)
        pruned(small_data[0])  # inference doesn't count
    callback.on_epoch_end(0)
    callback.on_train_end()
    wrapper = collect_wrappers(pruned)[0]
    assert int(wrapper.pruning_step.numpy()) == 6
    assert zeros(wrapper.layer.kernel) == 64


def test_a_loop_of_pytorchs_own(small_model, small_data):
    if backend() != "torch":
        pytest.skip("its optimizers are PyTorch's")
    import torch

    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.5, 0, frequency=3))
    optimizer = torch.optim.Adam(pruned.parameters())
    callback = UpdatePruningStep()
    callback.set_model(pruned)
    callback.on_train_begin()
    x, y = torch.tensor(small_data[0]), torch.tensor(small_data[1])
    for _ in range(6):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(pruned(x, training=True), y).backward()
        optimizer.step()
    callback.on_epoch_end(0)
    callback.on_train_end()
    wrapper = collect_wrappers(pruned)[0]
    assert int(wrapper.pruning_step.numpy()) == 6
    assert zeros(wrapper.layer.kernel) == 64


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("pattern", [{}, {"block_size": (2, 2)}, {"sparsity_m_by_n": (2, 4)}])
def test_weights_that_are_not_finite_are_named_and_keep_their_masks(small_model, fit, bad, pattern):
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.5, 0, frequency=5), **pattern)
    wrapper = collect_wrappers(pruned)[1]

    class Spoil(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 6:
                self.masks = [w.masks[0].numpy() for w in collect_wrappers(self.model)]
                kernel = wrapper.layer.kernel.numpy()
                kernel[np.argwhere(wrapper.masks[0].numpy())[0][0]] = bad
                wrapper.layer.kernel.assign(kernel)

    spoil = Spoil()
    with pytest.raises(
        FloatingPointError, match=r"by step 10,.*'head/kernel' \(\d+ NaN and \d+ infinite of 48.*clipnorm"
    ):
        fit(pruned, [UpdatePruningStep(), spoil], epochs=1)
    assert np.array_equal(wrapper.masks[0].numpy(), spoil.masks[1])


class WithoutTraining(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = prune_low_magnitude(layers.Dense(8, name="first"), HALF)
        self.second = prune_low_magnitude(layers.Dense(3, name="second"), HALF)

    def call(self, inputs):
        return self.second(self.first(inputs))


class HalfWithoutTraining(WithoutTraining):
    def call(self, inputs, training=None):
        return self.second(self.first(inputs, training=False), training=training)


@pytest.mark.parametrize(("model", "named"), [(WithoutTraining, "first, second"), (HalfWithoutTraining, "first")])
def test_layers_that_a_model_calls_without_training_are_named(model, named, small_data):
    model = model()
    model.compile("sgd", LOSS)
    with pytest.warns(UserWarning, match=rf"not pruned: {named}\. They weren't called with `training=True`"):
        model.fit(*small_data, epochs=2, verbose=0, callbacks=[UpdatePruningStep()])


def test_at_zero_sparsity_training_is_as_without_pruning(small_model, fit):
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.0, 0, frequency=1))
    for model, callbacks in ((small_model, []), (pruned, [UpdatePruningStep()])):
        model.layers[1].rate = 0.0  # dropout would draw other numbers
        fit(model, callbacks, shuffle=False)
    for a, b in zip(small_model.get_weights(), strip_pruning(pruned).get_weights(), strict=True):
        assert np.allclose(a, b, atol=1e-6)
    assert all(wrapper.masks[0].numpy().all() for wrapper in collect_wrappers(pruned))


def test_the_default_schedule_is_tfmots(small_model):
    schedule = collect_wrappers(prune_low_magnitude(small_model))[0].pruning_schedule
    assert repr(schedule) == "ConstantSparsity(target_sparsity=0.5, begin_step=0, end_step=-1, frequency=100)"
