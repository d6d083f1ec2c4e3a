"""`PruningSummaries` in every kind of training, and however it ends."""

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
    from tb_sparsity.measure import Meter

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
