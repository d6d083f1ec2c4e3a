"""`PruningSummaries` in every kind of training, and however it ends."""

import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
from keras.backend import backend

from tb_sparsity import (
    ConstantSparsity,
    PolynomialDecay,
    PruningSummaries,
    UpdatePruningStep,
    prune_low_magnitude,
)
from tb_sparsity.measure import Meter
from tests.event_files import read

SCHEDULE = PolynomialDecay(0.1, 0.8, begin_step=2, end_step=20, frequency=3)


def test_several_executions_at_once_and_an_odd_last_batch(small_model, small_data, tmp_path):
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    pruned.compile("adam", loss, steps_per_execution=1 if backend() == "torch" else 4)
    callbacks = [UpdatePruningStep(), PruningSummaries(tmp_path, "batch")]
    pruned.fit(*small_data, batch_size=4, epochs=2, verbose=0, callbacks=callbacks)
    found, _ = read(tmp_path)
    steps = found["pruning_step/hidden"]
    assert all(step == value for step, value in steps.items())
    assert list(steps)[-1] == 20
    assert found["sparsity_total/pruned"][20] == np.float32((128 - 26 + 48 - 10) / 176)


def test_a_generator_of_unknown_length(small_model, small_data, tmp_path):
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices(small_data).batch(4).filter(lambda x, y: True)
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    pruned.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    pruned.fit(data, epochs=2, verbose=0, callbacks=[UpdatePruningStep(), PruningSummaries(tmp_path, 6)])
    found, (manifest,) = read(tmp_path)
    # On TensorFlow, Keras's optimizer counts one step more an epoch as the data's end is found; so does pruning.
    last = 22 if backend() == "tensorflow" else 20
    assert int(pruned.optimizer.iterations.numpy()) == last
    assert list(found["sparsity/hidden/kernel"]) == [6, 12, 18, last]
    assert manifest["steps_per_epoch"] is None
    assert manifest["total_steps"] is None


def test_a_second_fit_goes_on_where_the_first_stopped(small_model, fit, tmp_path):
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    summaries = PruningSummaries(tmp_path)
    fit(pruned, [UpdatePruningStep(), summaries], epochs=1)
    fit(pruned, [UpdatePruningStep(), summaries], epochs=1)  # compiled anew: the optimizer counts from 0 again
    found, manifests = read(tmp_path)
    assert list(found["sparsity_total/pruned"]) == [10, 20]
    assert [m["first_step"] for m in manifests] == [1, 11]
    assert [m["total_steps"] for m in manifests] == [10, 20]


def test_a_training_loop_of_ones_own_is_logged(small_model, small_data, tmp_path):
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.5, 0, frequency=1))
    pruned.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callbacks = [UpdatePruningStep(), PruningSummaries(tmp_path)]
    for callback in callbacks:
        callback.set_model(pruned)
        callback.on_train_begin()
    for epoch in range(3):
        pruned.train_on_batch(*small_data)
        for callback in callbacks:
            callback.on_epoch_end(epoch)
    for callback in callbacks:
        callback.on_train_end()
    found, _ = read(tmp_path)
    assert found["sparsity/hidden/kernel"] == {1: 0.5, 2: 0.5, 3: 0.5}


def test_early_stopping_keeps_the_time_line_straight(small_model, fit, tmp_path, small_data):
    stop = keras.callbacks.EarlyStopping(monitor="loss", mode="max", patience=0, restore_best_weights=True)
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    with pytest.warns(UserWarning, match="now has the weights of step 10.*state after step 20"):
        fit(pruned, [UpdatePruningStep(), stop, PruningSummaries(tmp_path, 7)], epochs=5)
    found, _ = read(tmp_path)  # asserts that no step comes twice or goes back
    assert max(found["sparsity_total/pruned"]) == 20


def test_gradient_accumulation_does_not_change_the_axis(small_model, fit, tmp_path):
    for name, model in (("dense", small_model), ("pruned", prune_low_magnitude(small_model, SCHEDULE))):
        summaries = PruningSummaries(tmp_path / name)
        fit(model, [UpdatePruningStep(), summaries], optimizer=keras.optimizers.Adam(gradient_accumulation_steps=4))
        fit(model, [UpdatePruningStep(), summaries], compiled=True)
        found, _ = read(tmp_path / name)
        assert list(found["sparsity_total/model"]) == [10, 20, 30, 40]


def test_a_log_that_cannot_be_begun_is_an_error_before_training(small_model, fit, tmp_path):
    (tmp_path / "file").write_text("not a directory")
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    with pytest.raises(NotADirectoryError, match=r"file/logs"):
        fit(pruned, [UpdatePruningStep(), PruningSummaries(tmp_path / "file" / "logs", "batch")])
    assert int(pruned.layers[0].pruning_step.numpy()) == 0


def test_training_survives_a_measurement_that_fails(small_model, fit, tmp_path, monkeypatch):
    def broken(self, fresh):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(Meter, "measure", broken)
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    with pytest.warns(UserWarning, match="out of luck"):
        fit(pruned, [UpdatePruningStep(), PruningSummaries(tmp_path, "batch")])
    assert int(pruned.layers[0].pruning_step.numpy()) == 20


def test_beside_keras_own_tensorboard_callback(small_model, fit, tmp_path):
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    callbacks = [keras.callbacks.TensorBoard(tmp_path), UpdatePruningStep(), PruningSummaries(tmp_path)]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fit(pruned, callbacks)
    found, _ = read(tmp_path)
    assert list(found["sparsity_total/pruned"]) == [10, 20]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sparsity", "train"]


def test_a_model_that_its_first_step_builds(fit, tmp_path):
    model = keras.Sequential([keras.layers.Dense(16), keras.layers.Dense(3)])
    pruned = prune_low_magnitude(model, ConstantSparsity(0.5, 1, frequency=1))
    fit(pruned, [UpdatePruningStep(), PruningSummaries(tmp_path, "batch")], epochs=1)
    found, (manifest,) = read(tmp_path)
    assert list(found["sparsity_total/pruned"].values()) == [0.5] * 10
    assert manifest["first_step"] == 1


def test_a_fit_that_begins_in_a_later_epoch(small_model, fit, tmp_path, small_data):
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    fit(
        pruned,
        [UpdatePruningStep(), PruningSummaries(tmp_path, 5)],
        initial_epoch=3,
        epochs=6,
        validation_data=small_data,
        validation_freq=2,
    )
    found, (manifest,) = read(tmp_path)
    assert list(found["sparsity_total/pruned"]) == [5, 10, 15, 20, 25, 30]
    assert list(found["metrics/val_loss"]) == [10, 30]  # Keras counts its epochs from 1
    assert manifest["total_steps"] == 30


def test_the_learning_rate_is_that_of_the_next_step(small_model, fit, tmp_path):
    rate = keras.optimizers.schedules.PolynomialDecay(0.1, 20, 0.001)
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    fit(pruned, [UpdatePruningStep(), PruningSummaries(tmp_path / "a", 4)], optimizer=keras.optimizers.SGD(rate))
    found, _ = read(tmp_path / "a")
    expected = {step: 0.1 - 0.099 * step / 20 for step in (4, 8, 12, 16, 20)}
    assert found["metrics/learning_rate"] == pytest.approx(expected, rel=1e-5)

    # Keras's own callbacks log it too, under the same name: once is enough
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5**epoch)
    fit(pruned, [UpdatePruningStep(), scheduler, PruningSummaries(tmp_path / "b")], optimizer="sgd")
    found, _ = read(tmp_path / "b")
    assert found["metrics/learning_rate"] == {30: 1, 40: 0.5}


def test_several_callbacks_at_once(small_model, fit, tmp_path):
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    train_function = []
    look = keras.callbacks.LambdaCallback(on_train_end=lambda logs: train_function.append(pruned.train_function))
    callbacks = [PruningSummaries(tmp_path / name, freq) for name, freq in (("a", "batch"), ("b", 5), ("a", "epoch"))]
    with pytest.warns(UserWarning, match=r"Another writer is at work in .*a.sparsity; .* writes to .*sparsity_2"):
        fit(pruned, [UpdatePruningStep(), *callbacks, look])
    found = [read(tmp_path / "a", "sparsity_2")[0], read(tmp_path / "b")[0], read(tmp_path / "a")[0]]
    assert [len(series["sparsity/hidden/kernel"]) for series in found] == [20, 4, 2]
    assert found[0]["sparsity/hidden/kernel"][20] == found[2]["sparsity/hidden/kernel"][20]
    assert type(train_function[0]).__name__ != "_Watched"  # the model's own again


def test_a_meter_is_compiled_once_for_many_fits(small_model, fit, tmp_path, monkeypatch):
    made = []
    compiled = Meter._compiled
    monkeypatch.setattr(Meter, "_compiled", lambda self, *args: made.append(1) or compiled(self, *args))
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    summaries = PruningSummaries(tmp_path)
    fit(pruned, [UpdatePruningStep(), summaries], epochs=1)
    once = len(made)
    for _ in range(2):
        fit(pruned, [UpdatePruningStep(), summaries], epochs=1, compiled=True)
    assert len(made) == once
    assert "mask_churn/hidden/kernel" not in read(tmp_path)[0]  # no fit has a second point
    fit(pruned, [UpdatePruningStep(), summaries], epochs=1)  # another optimizer: another learning rate
    assert len(made) == 2 * once
    pruned.layers[-2].trainable = False  # other weights count
    fit(pruned, [UpdatePruningStep(), summaries], epochs=1)
    assert len(made) == 3 * once


def test_a_loop_of_ones_own_logs_with_one_call_a_step(small_model, small_data, tmp_path):
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.5, 2, frequency=1))
    pruned.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    update, summaries = UpdatePruningStep(), PruningSummaries(tmp_path)
    with pytest.raises(RuntimeError, match="call `set_model"):
        summaries.log(1)
    for callback in (update, summaries):
        callback.set_model(pruned)
    update.on_train_begin()
    for step in range(1, 5):
        loss = pruned.train_on_batch(*small_data)
        summaries.log(step, {"loss": loss})
        summaries.log(step, {"loss": -1, "late": 2 * step})
    summaries.log(3, {"loss": 7.0})  # from a checkpoint
    summaries.log(metrics={"loss": 8.0})  # the model's own count: 4
    summaries.close()
    found, manifests = read(tmp_path)
    assert [m["first_step"] for m in manifests] == [1, 3]
    assert found["sparsity/hidden/kernel"] == {1: 0, 2: 0.5, 3: 0.5, 4: 0.5}
    assert found["metrics/late"] == {1: 2, 2: 4}
    assert found["metrics/loss"][3] == 7
    assert found["metrics/loss"][4] == 8


FIT = """
import os, signal, sys
import keras, numpy as np
import tb_sparsity

signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background ignores it

class Interruption(keras.layers.Layer):
    calls = 0

    def call(self, x, training=False):
        self.calls += bool(training)
        if self.calls == 38 and sys.argv[2] == "ctrl-c":
            os.kill(os.getpid(), signal.SIGINT)
        return x

class Failure(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 36 and sys.argv[2] == "exception":
            raise ValueError("enough")

def state():
    mask = keras.ops.cast(pruned.layers[1].masks[0], "float32")
    print(int(pruned.layers[1].pruning_step.numpy()), float(1 - keras.ops.mean(mask)))
    sys.stdout.flush()

layers = [Interruption(), keras.layers.Dense(16, name="hidden"), keras.layers.Dense(3)]
schedule = tb_sparsity.PolynomialDecay(0.0, 0.9, 0, 200, frequency=1)
pruned = tb_sparsity.prune_low_magnitude(keras.Sequential([keras.Input((8,)), *layers]), schedule)
pruned.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
pruned.layers[0].calls = 0
x, y = np.random.normal(size=(200, 8)), np.random.randint(0, 3, 200)
callbacks = [tb_sparsity.UpdatePruningStep(), tb_sparsity.PruningSummaries(sys.argv[1], flush_secs=1000), Failure()]
try:
    pruned.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=callbacks)
except KeyboardInterrupt:
    state()
    os._exit(0)  # nothing may be left to do
finally:
    state()
"""


@pytest.mark.parametrize("end", ["ctrl-c", "exception"])
def test_what_ends_a_training_in_mid_epoch_still_logs_the_last_state(tmp_path, end):
    child = subprocess.run([sys.executable, "-c", FIT, str(tmp_path), end], stdout=subprocess.PIPE, text=True)
    assert child.returncode == (end == "exception")
    step, sparsity = map(float, child.stdout.split())
    assert step == 37
    found, _ = read(tmp_path)
    assert found["sparsity/hidden/kernel"] == {37: pytest.approx(sparsity)}
    assert found["pruning_step/hidden"] == {37: 37}
