"""Runs in tfmot's virtual environment: answers with tfmot what `test_parity.py` asks.

python oracle.py QUESTIONS.npz ANSWERS.npz LOG_DIR
"""

import json
import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_impl

sparsity_api = tfmot.sparsity.keras


def mask_of(weight, sparsity, block_size=(1, 1), block_pooling_type="AVG", sparsity_m_by_n=None):
    """tfmot's own mask update of one weight."""
    schedule = sparsity_api.ConstantSparsity(float(sparsity), 0)
    pattern = (block_size, block_pooling_type, sparsity_m_by_n)
    pruning = pruning_impl.Pruning(lambda: tf.constant(1, tf.int64), [], schedule, *pattern)
    threshold, mask = pruning._maybe_update_block_mask(tf.constant(weight))
    return np.asarray(threshold), mask.numpy().astype(bool)


def masks_in_training(kernel, steps):
    """tfmot's mask after each step of a training that changes nothing."""
    dense = tf.keras.layers.Dense(kernel.shape[1], use_bias=False, input_shape=(kernel.shape[0],))
    model = tf.keras.Sequential([dense])
    dense.set_weights([kernel])
    schedule = sparsity_api.PolynomialDecay(0.1, 0.9, begin_step=4, end_step=24, frequency=5)
    pruned = sparsity_api.prune_low_magnitude(model, schedule)
    pruned.compile(tf.keras.optimizers.SGD(0.0), "mse")
    seen = []

    class Look(tf.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            wrapper = self.model.layers[0]
            seen.append(wrapper.pruning_vars[0][1].numpy().astype(bool))

    x = np.ones((steps, kernel.shape[0]), "float32")
    y = np.ones((steps, kernel.shape[1]), "float32")
    pruned.fit(x, y, batch_size=1, verbose=0, callbacks=[sparsity_api.UpdatePruningStep(), Look()])
    return np.stack(seen)


def masks_of_wrapped_layers(kernels, cases, steps):
    """Mask and threshold of layers that are each wrapped as their case says, after a training that changes nothing."""
    inputs, outputs, wrappers = [], [], []
    for kernel, case in zip(kernels, cases, strict=True):
        size, layers = kernel.shape, tf.keras.layers
        if kernel.ndim == 2:
            layer = layers.Dense(size[-1], use_bias=False)
        else:
            layer = layers.Conv2D(size[-1], size[:2], use_bias=False)
        schedule = sparsity_api.ConstantSparsity(case["sparsity"], 0, frequency=1)
        wrappers.append(sparsity_api.prune_low_magnitude(layer, schedule, **case["pattern"]))
        inputs.append(tf.keras.Input(kernel.shape[:-1]))
        outputs.append(wrappers[-1](inputs[-1]))
        layer.set_weights([kernel])
    model = tf.keras.Model(inputs, outputs)
    model.compile(tf.keras.optimizers.SGD(0.0), "mse")
    x = [np.ones((steps, *tensor.shape[1:]), "float32") for tensor in inputs]
    y = [np.ones((steps, *tensor.shape[1:]), "float32") for tensor in outputs]
    model.fit(x, y, batch_size=1, verbose=0, callbacks=[sparsity_api.UpdatePruningStep()])
    state = [wrapper.pruning_vars[0] for wrapper in wrappers]
    return [(threshold.numpy(), mask.numpy().astype(bool)) for _, mask, threshold in state]


def log_a_training(log_dir):
    """tfmot's own callback writes a log of 3 epochs of 10 steps."""
    layers = [tf.keras.layers.Conv2D(4, 3, input_shape=(8, 8, 1)), tf.keras.layers.Flatten(), tf.keras.layers.Dense(3)]
    schedule = sparsity_api.PolynomialDecay(0.0, 0.8, begin_step=0, end_step=30, frequency=2)
    pruned = sparsity_api.prune_low_magnitude(tf.keras.Sequential(layers), schedule)
    pruned.compile("adam", "mse")
    x, y = np.ones((80, 8, 8, 1), "float32"), np.ones((80, 3), "float32")
    callbacks = [sparsity_api.UpdatePruningStep(), sparsity_api.PruningSummaries(log_dir)]
    pruned.fit(x, y, batch_size=8, epochs=3, verbose=0, callbacks=callbacks)


def main(questions_path, answers_path, log_dir):
    """Answers every question of the file."""
    log_a_training(log_dir)
    questions = np.load(questions_path)
    answers = {}
    for i in range(int(questions["n_weights"])):
        for j, sparsity in enumerate(questions["sparsities"]):
            answers[f"threshold_{i}_{j}"], answers[f"mask_{i}_{j}"] = mask_of(questions[f"weight_{i}"], sparsity)
    cases = json.loads(str(questions["cases"]))
    kernels = [questions[f"kernel_{i}"] for i in range(len(cases))]
    for i, (kernel, case) in enumerate(zip(kernels, cases, strict=True)):
        answers[f"pattern_threshold_{i}"], answers[f"pattern_mask_{i}"] = mask_of(
            kernel, case["sparsity"], **case["pattern"]
        )
    in_layers = masks_of_wrapped_layers(kernels, cases, int(questions["layer_steps"]))
    for i, (threshold, mask) in enumerate(in_layers):
        answers[f"layer_threshold_{i}"], answers[f"layer_mask_{i}"] = threshold, mask
    for name, arguments in (("polynomial", (0.1, 0.9, 4, 240, 3, 7)), ("cubic_root", (0.5, 0.2, 0, 99, 1 / 3, 1))):
        schedule = sparsity_api.PolynomialDecay(*arguments)
        due, target = zip(*(schedule(tf.constant(s, tf.int64)) for s in questions["steps"]), strict=True)
        answers[f"{name}_due"], answers[f"{name}_target"] = np.array(due), np.array(target)
    answers["training"] = masks_in_training(questions["kernel"], int(questions["training_steps"]))
    np.savez(answers_path, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
