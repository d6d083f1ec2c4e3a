"""The meter against NumPy, and what it reads again."""

import keras
import numpy as np
import pytest
from keras.backend import backend

from tb_sparsity import (
    ConstantSparsity,
    OneShot,
    PolynomialDecay,
    PruningSchedule,
    UpdatePruningStep,
    prune_low_magnitude,
)
from tb_sparsity.measure import Meter
from tb_sparsity.pruning.wrapper import collect_wrappers


class Truth(keras.callbacks.Callback):
    """Measures after every step, quickly, and counts the same in NumPy."""

    def __init__(self):
        super().__init__()
        self.meter, self.full_readings, self.steps = None, [], 0

    def on_train_begin(self, logs=None):
        self.meter = Meter(self.model)
        read_all = self.meter._read_all

        def counted():
            self.full_readings.append(self.steps)
            return read_all()

        self.meter._read_all = counted

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        measured = self.meter.measure()
        values = dict(zip(measured.tags, measured.values.tolist(), strict=True))
        for wrapper in collect_wrappers(self.model):
            stored = keras.ops.convert_to_numpy(keras.ops.cast(wrapper.layer.kernel, "float32"))
            effective = np.where(keras.ops.convert_to_numpy(wrapper.masks[0]), stored, 0)
            name = wrapper.layer.name
            assert values[f"sparsity/{name}/kernel"] == np.float32((effective == 0).mean())
            assert values[f"threshold/{name}/kernel"] == keras.ops.convert_to_numpy(wrapper.thresholds[0])
            assert values[f"pruning_step/{name}"] == self.steps


def train(model, data, truth, **compile_arguments):
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), **compile_arguments)
    model.fit(*data, batch_size=4, epochs=2, verbose=0, callbacks=[UpdatePruningStep(), truth])
    return truth.full_readings


def test_weights_are_read_again_only_when_a_mask_may_have_changed(small_model, small_data):
    first = PolynomialDecay(0.1, 0.8, begin_step=2, end_step=13, frequency=4)
    joined = PruningSchedule.join(OneShot(0.3, 5), ConstantSparsity(0.5, 16, frequency=3))
    pruned = prune_low_magnitude(small_model, {"hidden": first, "head": joined})
    assert train(pruned, small_data, Truth()) == [1, 2, 5, 6, 10, 13, 16, 19]


def test_zeros_that_no_mask_guarantees_are_counted_each_time(small_model, small_data):
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.5, 5, frequency=100))
    kernel = pruned.layers[0].layer.kernel
    kernel.assign(np.zeros(kernel.shape))  # the optimizer may move them at any step: no mask has cut them
    assert train(pruned, small_data, Truth()) == list(range(1, 21))


class Whenever(PruningSchedule):
    """Updates at other steps than its attributes tell."""

    begin_step, end_step, frequency = 1, -1, 1000

    def __call__(self, step):
        return step == 7, 0.75

    def get_config(self):
        return {}


def test_a_schedule_of_ones_own_may_update_at_any_step(small_model, small_data):
    truth = Truth()
    assert train(prune_low_magnitude(small_model, Whenever()), small_data, truth) == list(range(1, 21))


def test_fresh_sees_what_was_assigned_by_hand(small_model, small_data):
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.5, 1, frequency=100))
    train(pruned, small_data, Truth())
    meter = Meter(pruned)

    def sparsity(**how):
        measured = meter.measure(**how)
        return dict(zip(measured.tags, measured.values, strict=True))["sparsity/hidden/kernel"]

    assert sparsity() == 0.5
    pruned.layers[0].layer.kernel.assign(np.zeros((8, 16)))
    assert sparsity() == 0.5  # nothing told it
    assert sparsity(fresh=True) == 1
    pruned.layers[0].layer.kernel.assign(np.ones((8, 16)))
    assert sparsity() == 0.5  # those zeros were no mask's: it looks each time


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_mixed_precision(small_data, policy):
    if policy == "mixed_float16" and backend() == "jax":
        pytest.skip("JAX has no float16 products on CPUs")
    layers = [keras.layers.Dense(16, name="hidden", dtype=policy), keras.layers.Dense(3, name="head", dtype=policy)]
    model = keras.Sequential([keras.Input((8,)), *layers])
    pruned = prune_low_magnitude(model, PolynomialDecay(0.1, 0.8, begin_step=2, end_step=13, frequency=4))
    assert train(pruned, small_data, Truth())[-1] >= 13


def test_compiled_with_xla_and_without(small_model, small_data):
    pruned = prune_low_magnitude(small_model, PolynomialDecay(0.1, 0.8, begin_step=2, end_step=13, frequency=4))
    for jit_compile in (True, False):
        if backend() != "torch" or not jit_compile:
            train(keras.models.clone_model(pruned), small_data, Truth(), jit_compile=jit_compile)


@pytest.mark.skipif(backend() != "tensorflow", reason="its raw operations are TensorFlow's")
def test_where_the_raw_operation_fails_the_function_measures(small_model, small_data, monkeypatch):
    import tensorflow as tf

    refused = []

    def refuse(**arguments):
        refused.append(arguments)
        raise tf.errors.UnimplementedError(None, None, "not on this device")

    monkeypatch.setattr(tf.raw_ops, "StatefulPartitionedCall", refuse)
    pruned = prune_low_magnitude(small_model, PolynomialDecay(0.1, 0.8, begin_step=2, end_step=13, frequency=4))
    train(pruned, small_data, Truth())
    assert len(refused) >= 20


def test_a_model_of_no_layers_that_can_be_pruned():
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(center=False)])
    measured = Meter(model).measure()
    assert dict(zip(measured.tags, measured.values, strict=True)) == {"sparsity_total/model": 0.0}


def test_histograms_have_an_edge_at_the_threshold(small_model, small_data):
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.5, 1, frequency=100))
    train(pruned, small_data, Truth())
    found = {name: (edges, counts) for name, edges, counts in Meter(pruned).histograms()}
    assert list(found) == ["hidden/kernel", "head/kernel"]
    edges, counts = found["hidden/kernel"]
    wrapper = pruned.layers[0]
    threshold = float(keras.ops.convert_to_numpy(wrapper.thresholds[0]))
    magnitudes = np.abs(keras.ops.convert_to_numpy(wrapper.layer.kernel * keras.ops.cast(wrapper.masks[0], "float32")))
    assert counts.sum() == 128
    at = np.flatnonzero(edges == threshold)
    assert len(at) == 1
    assert counts[0] >= 64  # what is cut
    np.testing.assert_array_equal(counts, np.histogram(magnitudes, edges)[0])
    assert edges[-1] == magnitudes.max()
