"""Runs in tfmot's virtual environment: trains models of legacy Keras, logs them, and notes what NumPy says of them.

python legacy_trainings.py FOLDER
"""

import os
import sys
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras
from architectures import many_layers, nested_model
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_wrapper import collect_prunable_layers
from tf_keras import layers

from tb_sparsity.legacy import PruningSummaries

sparsity_api = tfmot.sparsity.keras
RATE = tf_keras.optimizers.schedules.ExponentialDecay(0.01, 5, 0.5)


class Stairs(sparsity_api.PruningSchedule):
    """A schedule as users write them: for one step at a time."""

    begin_step, end_step, frequency = 2, 9, 1

    def __call__(self, step):
        sparsity = tf.cond(step < 6, lambda: tf.constant(0.25), lambda: tf.constant(0.5))
        return self._should_prune_in_step(step, self.begin_step, self.end_step, self.frequency), sparsity

    def get_config(self):
        return {"class_name": "Stairs", "config": {}}


class Look(tf_keras.callbacks.Callback):
    """Notes after each batch what NumPy says of the model."""

    def __init__(self):
        super().__init__()
        self.rows = []
        self.masks = None

    def on_train_batch_end(self, batch, logs=None):
        wrappers = collect_prunable_layers(self.model)
        pruned = [variables for wrapper in wrappers for variables in wrapper.pruning_vars]
        weights, masks = ([variables[i].numpy() for variables in pruned] for i in (0, 1))
        effective = [weight * mask for weight, mask in zip(weights, masks, strict=True)]
        others = [v.numpy() for v in self.model.trainable_weights if all(v is not variables[0] for variables in pruned)]
        before, self.masks = self.masks or masks, masks
        row = {
            "loss": logs["loss"],
            "zeros": [(w == 0).sum() for w in effective],
            "stored_zeros": [(w == 0).sum() for w in weights],
            "changed": [(now != then).sum() for now, then in zip(masks, before, strict=True)],
            "thresholds": [threshold.numpy() for *_, threshold in pruned],
            "steps": [wrapper.pruning_step.numpy() for wrapper in wrappers for _ in wrapper.pruning_vars],
            "model": sum((w == 0).sum() for w in effective + others) / sum(w.size for w in effective + others),
        }
        self.rows.append(row)

    def noted(self, name):
        """Of each thing an array, a row a batch."""
        sizes = np.array([mask.size for mask in self.masks])
        return {f"{name}_sizes": sizes} | {f"{name}_{k}": np.array([row[k] for row in self.rows]) for k in self.rows[0]}


def compiled(model, optimizer="adam", **kwargs):
    """The model, compiled."""
    model.compile(optimizer, tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"], **kwargs)
    return model


def data(*shape):
    """Ten batches of four."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, *shape)).astype("float32"), rng.integers(0, 3, 40)


def train_pruned(folder):
    """A nested model in three fits: the second with the same callback, the third compiled anew."""
    end_step = np.ceil(29.5).astype(np.int32)  # as tfmot's guides have it
    schedule = sparsity_api.PolynomialDecay(0.1, 0.8, begin_step=2, end_step=end_step, frequency=5)
    pruned = compiled(sparsity_api.prune_low_magnitude(nested_model(tf_keras), schedule))
    x, y = data(6, 6, 1)
    look, validation = Look(), []

    def fit(summaries, **kwargs):
        callbacks = [sparsity_api.UpdatePruningStep(), look, summaries]
        history = pruned.fit(x, y, 4, verbose=0, validation_data=(x, y), callbacks=callbacks, **kwargs).history
        validation.extend(history["val_loss"])

    summaries = PruningSummaries(folder / "pruned", "batch", histogram_freq=2)
    fit(summaries, epochs=2)
    fit(summaries)
    compiled(pruned, tf_keras.optimizers.SGD(RATE))
    fit(PruningSummaries(folder / "pruned", "batch"))
    stripped = sparsity_api.strip_pruning(pruned)
    kernels = [w.numpy() for w in stripped.trainable_weights if "kernel" in w.name]
    return {
        **look.noted("pruned"),
        "validation": validation,
        "rates": [RATE(step).numpy() for step in range(1, 11)],
        "stripped_zeros": [(w == 0).sum() for w in kernels],
        "targets": [schedule(tf.constant(step, tf.int64))[1].numpy() for step in range(60)],
    }


def train_patterns(folder):
    """Layers in other patterns and with other schedules, by an optimizer of the old kind."""
    prune, constant = sparsity_api.prune_low_magnitude, sparsity_api.ConstantSparsity(0.5, 4, frequency=3)
    stack = [
        prune(layers.Conv2D(6, 2, name="conv"), constant, sparsity_m_by_n=(2, 4), input_shape=(3, 3, 4)),
        layers.Flatten(),
        prune(layers.Dense(8, name="blocks"), Stairs(), block_size=(4, 2), block_pooling_type="MAX"),
        prune(layers.Dense(7, name="half"), constant),
        prune(layers.Dense(3, name="groups"), constant, sparsity_m_by_n=(2, 4)),
    ]
    model = compiled(tf_keras.Sequential(stack), tf_keras.optimizers.legacy.Adam(0.01))
    look = Look()
    callbacks = [sparsity_api.UpdatePruningStep(), look, PruningSummaries(folder / "patterns", "batch")]
    model.fit(*data(3, 3, 4), 4, verbose=0, callbacks=callbacks)
    return look.noted("patterns")


def train_shared(folder):
    """A layer that is called twice in each step."""
    prune, constant = sparsity_api.prune_low_magnitude, sparsity_api.ConstantSparsity(0.5, 0)
    shared = prune(layers.Dense(8, name="shared"), constant)
    inputs = tf_keras.Input((8,))
    outputs = prune(layers.Dense(3, name="head"), constant)(shared(shared(inputs)))
    callbacks = [sparsity_api.UpdatePruningStep(), PruningSummaries(folder / "shared")]
    compiled(tf_keras.Model(inputs, outputs)).fit(*data(8), 4, epochs=2, verbose=0, callbacks=callbacks)
    return {}


def plain_model(**kwargs):
    """A model that isn't pruned, with 28 zeros of 32 in one of its kernels."""
    block = tf_keras.Sequential([layers.Dense(4, name="dense", input_shape=(8,))], name="block")
    block.layers[0].kernel.assign(np.eye(8, 4))
    return compiled(tf_keras.Sequential([block, layers.BatchNormalization(), layers.Dense(3, name="head")]), **kwargs)


def train_plain(folder):
    """Models without pruning, in the ways that `fit` may go."""
    x, y = data(8)
    still = tf_keras.optimizers.SGD(0.0)
    plain_model(optimizer=still).fit(x, y, 4, verbose=0, callbacks=[PruningSummaries(folder / "plain", 7)])
    jumping = plain_model(steps_per_execution=4)
    jumping.fit(x, y, 4, epochs=2, verbose=0, callbacks=[PruningSummaries(folder / "jumping", 3)])

    def batches():
        for i in range(5):
            yield x[i : i + 4], y[i : i + 4]
        raise RuntimeError("the data can't be read")

    kinds = (tf.TensorSpec((None, 8), tf.float32), tf.TensorSpec((None,), tf.int64))
    stream = tf.data.Dataset.from_generator(batches, output_signature=kinds)
    try:
        plain_model().fit(stream, verbose=0, callbacks=[PruningSummaries(folder / "broken")])
    except tf.errors.OpError as error:
        return {"broken": "the data can't be read" in str(error)}
    return {}


def log_in_a_loop(folder):
    """A training loop of one's own, as tfmot's guide has it: logged by `log`, and by the methods that `fit` calls."""
    dense = tf_keras.Sequential([layers.Dense(3, name="dense", input_shape=(8,))])
    model = sparsity_api.prune_low_magnitude(dense, sparsity_api.ConstantSparsity(0.5, 0, frequency=2))
    optimizer = tf_keras.optimizers.SGD(0.1)
    update, called = sparsity_api.UpdatePruningStep(), PruningSummaries(folder / "called", "batch")
    summaries = PruningSummaries(folder / "loop")
    for callback in (update, called, summaries):
        callback.set_model(model)
    update.on_train_begin()
    called.on_train_begin()
    called.on_epoch_begin(0)
    for batch in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(data(8)[0], training=True) ** 2)
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        summaries.log(metrics={"loss": loss})
        called.on_train_batch_end(batch, {"loss": loss})
    called.on_epoch_end(0)
    called.on_train_end()
    summaries.close()
    return {}


def log_untrained(folder):
    """A model of many kinds of layers; and one of Keras 3."""
    summaries = PruningSummaries(folder / "many_layers")
    summaries.set_model(many_layers(tf_keras))
    summaries.log(0)
    summaries.close()

    import keras

    try:
        PruningSummaries(folder / "keras_3").set_model(keras.Sequential([keras.layers.Dense(1)]))
    except TypeError as error:
        return {"of_keras_3": str(error)}
    return {}


def main(folder):
    """All of it."""
    tf_keras.utils.set_random_seed(0)
    notes = {"keras_version": tf_keras.__version__}
    for run in (train_pruned, train_patterns, train_shared, train_plain, log_in_a_loop, log_untrained):
        notes |= run(folder)
    np.savez(folder / "notes.npz", **notes)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
