"""`PruningSummaries` where something unusual counts the steps, makes the zeros or ends the fit."""

import copy
import pickle

import keras
import numpy as np
import pytest
from keras.backend import backend

from tb_sparsity import ConstantSparsity, PruningSummaries, UpdatePruningStep, prune_low_magnitude
from tests.event_files import read

SCHEDULE = ConstantSparsity(0.5, 2, frequency=100)


def test_an_optimizer_that_keras_wraps_for_mixed_precision(small_model, fit, tmp_path):
    summaries = PruningSummaries(tmp_path)
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.25), initial_scale=1.0)
    fit(small_model, [summaries], optimizer=optimizer)
    fit(small_model, [summaries], compiled=True, epochs=1)
    found, manifests = read(tmp_path)
    assert list(found["sparsity/hidden/kernel"]) == [10, 20, 30]
    assert found["metrics/learning_rate"] == {10: 0.25, 20: 0.25, 30: 0.25}
    assert [m["first_step"] for m in manifests] == [1, 21]


@pytest.mark.skipif(backend() != "tensorflow", reason="its training step is TensorFlow's")
@pytest.mark.parametrize("update_freq", ["epoch", 5])
def test_a_model_with_optimizers_of_its_own(small_data, tmp_path, update_freq):
    import tensorflow as tf

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.own = keras.layers.Dense(3, name="dense"), keras.optimizers.SGD()

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(self(data[0]) ** 2)
            self.own.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"loss": loss}

    model = Own()
    model.compile()
    model.optimizer = object()
    model.fit(*small_data, batch_size=4, epochs=3, verbose=0, callbacks=[PruningSummaries(tmp_path, update_freq)])
    found, _ = read(tmp_path)
    assert list(found["sparsity/dense/kernel"]) == ([10, 20, 30] if update_freq == "epoch" else [*range(5, 31, 5)])


@pytest.mark.parametrize("how", ["constraint", "optimizer"])
def test_zeros_that_are_made_on_purpose_are_counted_each_time(small_data, fit, tmp_path, how):
    constraint = keras.constraints.NonNeg() if how == "constraint" else None
    layers = [keras.layers.Dense(16, name="hidden", kernel_constraint=constraint), keras.layers.Dense(3)]
    pruned = prune_low_magnitude(keras.Sequential([keras.Input((8,)), *layers]), SCHEDULE)
    seen = []

    def look(batch, logs):
        layer = watch.model.layers[0]
        kernel = layer.layer.kernel.numpy() * layer.masks[0].numpy()
        seen.append(np.float32((kernel == 0).mean()))

    watch = keras.callbacks.LambdaCallback(on_train_batch_end=look)
    optimizer = (
        keras.optimizers.Ftrl(0.1, l1_regularization_strength=0.1) if how == "optimizer" else keras.optimizers.SGD(0.3)
    )
    fit(pruned, [UpdatePruningStep(), watch, PruningSummaries(tmp_path, "batch")], optimizer=optimizer)
    found, _ = read(tmp_path)
    assert list(found["sparsity/hidden/kernel"].values()) == seen
    assert len(set(seen[2:])) > 1  # between two updates


def test_a_fit_after_one_that_another_callback_has_ended(small_model, fit, tmp_path):
    pruned = prune_low_magnitude(small_model, SCHEDULE)

    class Failure(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 6:
                raise RuntimeError("enough")

    summaries, own = PruningSummaries(tmp_path), []
    with pytest.raises(RuntimeError, match="enough"):
        fit(pruned, [UpdatePruningStep(), summaries, Failure()], epochs=1)
    look = keras.callbacks.LambdaCallback(on_train_end=lambda logs: own.append(pruned.train_function))
    fit(pruned, [UpdatePruningStep(), summaries, look], compiled=True, epochs=1)
    found, manifests = read(tmp_path)
    assert list(found["sparsity/hidden/kernel"]) == [7, 17]
    assert [m["first_step"] for m in manifests] == [1, 8]
    assert type(own[0]).__name__ != "_Watched"


def test_another_callback_may_log_and_metrics_may_be_anything(small_model, fit, tmp_path):
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    summaries = PruningSummaries(tmp_path, "batch")

    class Extra(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            logs["huge"] = 10**400
            summaries.log(metrics={"extra": batch})

    fit(pruned, [UpdatePruningStep(), Extra(), summaries], epochs=1)
    found, _ = read(tmp_path)
    for name in ("metrics/extra", "metrics/loss", "sparsity/hidden/kernel"):
        assert list(found[name]) == list(range(1, 11))


def test_a_frozen_model_has_zeros_too(small_model, fit, tmp_path):
    for layer in small_model.layers[:-1]:
        layer.trainable = False
    small_model.layers[-1].trainable = backend() == "jax"  # which has nothing to derive otherwise
    fit(small_model, [PruningSummaries(tmp_path)], epochs=1)
    assert "sparsity/head/kernel" in read(tmp_path)[0]


def test_copies_begin_anew(small_model, fit, tmp_path):
    summaries = PruningSummaries(tmp_path / "a", 3)
    fit(small_model, [summaries], epochs=1)
    for made in (copy.deepcopy(summaries), pickle.loads(pickle.dumps(summaries))):
        assert (made.log_dir, made.update_freq, made._meter) == (tmp_path / "a", 3, None)
        made.log_dir = tmp_path / "b"
        fit(small_model, [made], epochs=1)
    assert list(read(tmp_path / "b")[0]["sparsity/head/kernel"]) == [3, 6, 9, 10]
