"""What `UpdatePruningStep` warns of, at the start of `fit`."""

import warnings

import keras
import numpy as np
import pytest
from keras.backend import backend

from tb_sparsity import ConstantSparsity, PolynomialDecay, PruningSchedule, UpdatePruningStep, prune_low_magnitude


def warnings_of(fit, model, **kwargs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(model, [UpdatePruningStep()], **kwargs)
    ours = [w for w in caught if issubclass(w.category, UserWarning) and "tb_sparsity" not in w.filename]
    return [str(w.message) for w in ours if "Triggered internally" not in str(w.message)]  # by PyTorch, once a process


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (ConstantSparsity(0.5, 21), ["steps 1 to 20", "hidden, head", "at step 21", "1 more epoch of 10 steps"]),
        (ConstantSparsity(0.5, 0), ["steps 1 to 20", "nothing will be pruned", "at step 100", "frequency=100"]),
        (ConstantSparsity(0.5, 0, end_step=0), ["nothing will be pruned"]),
        (
            PolynomialDecay(0.0, 0.8, 2, 60, power=1, frequency=5),
            ["ends at step 60 with 80.0 %", "at step 17, sets 20.7 %", "`end_step` to 20", "4 more epochs"],
        ),
    ],
)
def test_one_warning_with_the_numbers_when_the_schedule_does_not_fit(small_model, fit, schedule, expected):
    found = warnings_of(fit, prune_low_magnitude(small_model, schedule))
    assert len(found) == 1
    for words in expected:
        assert words in found[0]


@pytest.mark.parametrize(
    "schedule",
    [
        ConstantSparsity(0.5, 20),
        ConstantSparsity(0.5, 10, end_step=1000, frequency=7),
        PolynomialDecay(0.0, 0.8, 0, 20),
        PolynomialDecay(0.8, 0.2, 0, 40, frequency=10),  # falls: what this fit reaches is more than the end
    ],
)
def test_no_warning_when_it_fits(small_model, fit, schedule):
    assert warnings_of(fit, prune_low_magnitude(small_model, schedule)) == []


def test_no_layer_pruned_is_said(small_model, fit):
    found = warnings_of(fit, small_model)
    assert len(found) == 1
    assert "No layer of this model is pruned" in found[0]


def test_two_schedules_that_do_not_fit_still_give_one_warning(fit):
    first, second = keras.layers.Dense(4, name="first"), keras.layers.Dense(3, name="second")
    late = ConstantSparsity(0.5, 500)
    long = PolynomialDecay(0.0, 0.5, 0, 70, frequency=5)
    model = keras.Sequential([keras.Input((8,)), prune_low_magnitude(first, late), prune_low_magnitude(second, long)])
    found = warnings_of(fit, model)
    assert len(found) == 1
    assert "- first: nothing will be pruned" in found[0]
    assert "- second: the schedule ends at step 70" in found[0]


def test_steps_already_taken_and_later_first_epochs_count(small_model, fit):
    pruned = prune_low_magnitude(small_model, PolynomialDecay(0.0, 0.8, 0, 30, frequency=5))
    assert len(warnings_of(fit, pruned)) == 1
    assert warnings_of(fit, pruned, initial_epoch=1, epochs=2) == []  # steps 21 to 30
    assert warnings_of(fit, pruned) == []  # past the end: all is done


def test_a_generator_of_unknown_length_is_judged_after_its_first_epoch(small_model, small_data, fit):
    import tensorflow as tf

    def batches():
        for i in range(0, 40, 4):
            yield small_data[0][i : i + 4], small_data[1][i : i + 4]

    spec = (tf.TensorSpec((None, 8)), tf.TensorSpec((None,), tf.int64))
    data = tf.data.Dataset.from_generator(batches, output_signature=spec)
    pruned = prune_low_magnitude(small_model, ConstantSparsity(0.5, 100))
    pruned.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = UpdatePruningStep()
    # 10 batches an epoch, and on TensorFlow the step at which Keras finds the data's end
    epoch = 11 if backend() == "tensorflow" else 10
    for last_step in (4 * epoch, 8 * epoch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pruned.fit(data, epochs=4, verbose=0, callbacks=[callback])
        (found,) = [str(w.message) for w in caught if "Pruning can't finish" in str(w.message)]
        assert f"to {last_step}:" in found
        assert "at step 100, after the last step" in found
        assert f"epochs of {epoch} steps" in found or f"epoch of {epoch} steps" in found


def test_weights_are_masked_at_the_end_whatever_touched_them(small_model, fit):
    """Here an optimizer that averages weights: Keras overwrites them with the average at the end of `fit`."""
    pruned = prune_low_magnitude(small_model, PolynomialDecay(0.0, 0.8, 0, 20, frequency=1))
    fit(pruned, [UpdatePruningStep()], optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
    for layer in pruned.layers:
        if hasattr(layer, "pruned_weights"):
            weight, mask, *_ = layer.pruned_weights[0]
            assert np.all(weight.numpy()[~mask.numpy()] == 0)


class Own(PruningSchedule):
    """Takes tensors only, and can't even be described."""

    begin_step, end_step, frequency = 0, 1000, 1

    def __call__(self, step):
        assert step.dtype
        return self._should_prune_in_step(step), keras.ops.cast(step, "float32") / 2000

    def get_config(self):
        raise KeyError("nothing")


def test_the_check_works_with_schedules_of_ones_own(fit):
    model = keras.Sequential([keras.Input((8,)), prune_low_magnitude(keras.layers.Dense(3), Own())])
    (found,) = warnings_of(fit, model)
    assert "ends at step 1,000 with 50.0 %" in found
    assert "at step 20, sets 1.0 %" in found


def test_a_schedule_that_no_compiled_step_can_use_is_named_before_anything_is_compiled(fit, small_data):
    if backend() == "torch":
        pytest.skip("PyTorch's steps aren't compiled: any Python will do")

    class Plain(Own):
        def __call__(self, step):
            return self._should_prune_in_step(step), 0.5 if step > 5 else 0.25

    def make():
        return keras.Sequential([keras.Input((8,)), prune_low_magnitude(keras.layers.Dense(3), Plain())])

    with pytest.raises(TypeError, match=r"(?s)Plain.*can't be used in a compiled training step.*keras.ops.where"):
        fit(make(), [UpdatePruningStep()])
    model = make()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    fit(model, [UpdatePruningStep()], compiled=True)
    assert np.sum(model.layers[0].layer.kernel.numpy() == 0) == 12
