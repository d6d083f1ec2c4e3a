"""tfmot's side of the comparisons: runs in its own virtual environment and answers line by line, in JSON.

Asked by `mask_update.py` and `training_step.py`, which start it with the Python that PARITY_PYTHON names.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_impl

sparsity = tfmot.sparsity.keras
layers = tf.keras.layers
_prepared: dict[tuple, tuple] = {}


def cnn() -> tf.keras.Model:
    """The article's CNN."""
    return tf.keras.Sequential(
        [
            layers.Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def resnet50() -> tf.keras.Model:
    """As `tf.keras.applications` has it."""
    return tf.keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=10)


def mask_update(n: int, share: float) -> dict:
    """Milliseconds of one mask update, the mask, and by how many bytes it raised the peak of memory."""
    key = ("mask", n, share)
    if key not in _prepared:
        weight = tf.Variable(np.random.default_rng(0).normal(size=n).astype("float32"))
        schedule = sparsity.ConstantSparsity(share, 0)
        pruning = pruning_impl.Pruning(lambda: tf.constant(1, tf.int64), [], schedule, [1, 1], "AVG")
        _prepared[key] = (tf.function(lambda: pruning._update_mask(weight)),)
    (update,) = _prepared[key]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    _, mask = update()
    mask = mask.numpy()
    seconds = time.perf_counter() - start
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
    return {
        "ms": 1e3 * seconds,
        "kept": int(mask.sum()),
        "bits": np.packbits(mask.astype(bool)).tobytes().hex(),
        "grown": grown,
    }


class Clock(tf.keras.callbacks.Callback):
    """Takes the time of each step."""

    def on_train_begin(self, logs=None):
        self.steps = []

    def on_train_batch_begin(self, batch, logs=None):
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(time.perf_counter() - self.start)


def training_step(model: str, frequency: int, steps: int, batch: int) -> dict:
    """Median milliseconds of a step; `frequency` of mask updates, 0 for the dense model."""
    key = ("step", model, frequency)
    if key not in _prepared:
        net = {"cnn": cnn, "resnet50": resnet50}[model]()
        callbacks = []
        if frequency:
            net = sparsity.prune_low_magnitude(net, sparsity.ConstantSparsity(0.875, 1, frequency=frequency))
            callbacks = [sparsity.UpdatePruningStep()]
        net.compile("adam", "sparse_categorical_crossentropy")
        rng = np.random.default_rng(0)
        x = rng.random((batch * steps, *net.input_shape[1:]), dtype="float32")
        data = x, rng.integers(0, 10, batch * steps)
        net.fit(x[: 2 * batch], data[1][: 2 * batch], batch_size=batch, verbose=0, callbacks=callbacks)
        _prepared[key] = net, data, callbacks
    net, (x, y), callbacks = _prepared[key]
    clock = Clock()
    net.fit(x, y, batch_size=batch, verbose=0, callbacks=[*callbacks, clock])
    return {"ms": 1e3 * statistics.median(clock.steps)}


def main() -> None:
    """Answers until there are no more questions."""
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        what, arguments = json.loads(line)
        answer = {"mask_update": mask_update, "training_step": training_step}[what](**arguments)
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
