"""What pruning and logging add to a training step, against the dense model and against tfmot, all in turn.

python benchmarks/training_step.py [cnn|resnet50] [ROUNDS]
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from side_by_side import Peer, table

from tb_sparsity import ConstantSparsity, PruningSummaries, UpdatePruningStep, prune_low_magnitude
from tb_sparsity.pruning.wrapper import collect_wrappers


class Clock(keras.callbacks.Callback):
    """Takes the time of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        """Starts the clock."""
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Stops it. First in the list of callbacks, it would not see the others' work: it comes last."""
        self.steps.append(time.perf_counter() - self.start)


def cnn() -> keras.Model:
    """The article's CNN."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
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


def resnet50() -> keras.Model:
    """As `keras.applications` has it."""
    return keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=10)


def summaries() -> list[keras.callbacks.Callback]:
    """Logs every step."""
    return [PruningSummaries(tempfile.mkdtemp(), update_freq="batch")]


class EveryOther(PruningSummaries):
    """Logs the steps with an odd number, so that steps with and without logging are neighbours."""

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Passes on every other call."""
        if batch % 2:
            super().on_train_batch_end(batch, logs)


def added_by_logging(model: keras.Model, data: tuple[np.ndarray, np.ndarray], batch: int, epochs: int) -> None:
    """Prints what logging adds to a step: neighbours in one fit, which a noisy machine slows down alike."""
    clock = Clock()
    logged = EveryOther(tempfile.mkdtemp(), update_freq="batch")
    model.fit(*data, batch_size=batch, epochs=epochs, verbose=0, callbacks=[UpdatePruningStep(), logged, clock])
    steps = np.array(clock.steps[len(clock.steps) // epochs :]).reshape(-1, 2)  # the first epoch compiles
    added = np.median(steps[:, 1] - steps[:, 0]) / np.median(steps[:, 0])
    print(f"Logging adds {100 * added:.2f} % to a step, median of {len(steps)} pairs of neighbours.")


class OneByOne(keras.callbacks.Callback):
    """Logs every step in tfmot's way: each mask read whole, each value a call of tf.summary."""

    def __init__(self) -> None:
        super().__init__()
        self.writer = tf.summary.create_file_writer(tempfile.mkdtemp())
        self.step = 0

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Writes sparsity and threshold of each mask."""
        self.step += 1
        with self.writer.as_default(self.step):
            for wrapper in collect_wrappers(self.model):
                for mask, threshold in zip(wrapper.masks, wrapper.thresholds, strict=True):
                    tf.summary.scalar(f"{wrapper.name}/mask/sparsity", 1 - np.mean(mask.numpy()))
                    tf.summary.scalar(f"{wrapper.name}/threshold", threshold.numpy())


def main(name: str = "cnn", rounds: int = 7) -> None:
    """Prints the median step of each variant, and its ratio to the dense one's within rounds."""
    make, batch, steps = {"cnn": (cnn, 250, 30), "resnet50": (resnet50, 32, 5)}[name]
    peer = Peer()
    rare, always = ConstantSparsity(0.875, 1, frequency=10**6), ConstantSparsity(0.875, 1, frequency=1)
    variants = {
        "dense": (make(), list),
        "pruned, between mask updates": (prune_low_magnitude(make(), rare), list),
        "pruned, masks updated every step": (prune_low_magnitude(make(), always), list),
        "pruned, every step logged": (prune_low_magnitude(make(), rare), summaries),
        "pruned, every step logged in tfmot's way": (prune_low_magnitude(make(), rare), lambda: [OneByOne()]),
    }
    of_peer = {
        "tfmot: dense": 0,
        "tfmot: pruned, between mask updates": 10**6,
        "tfmot: pruned, masks updated every step": 1,
    }
    rng = np.random.default_rng(0)
    x = rng.random((batch * steps, *variants["dense"][0].input_shape[1:]), dtype="float32")
    y = rng.integers(0, 10, batch * steps)
    times: dict[str, list[float]] = {}
    for model, _ in variants.values():
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x[: 2 * batch], y[: 2 * batch], batch_size=batch, verbose=0, callbacks=[UpdatePruningStep()])
    for i in range(rounds + 1):
        for variant, (model, more) in variants.items():
            clock = Clock()
            model.fit(x, y, batch_size=batch, verbose=0, callbacks=[UpdatePruningStep(), *more(), clock])
            if i:
                times.setdefault(variant, []).append(1e3 * statistics.median(clock.steps))
        for variant, frequency in of_peer.items():
            answer = peer.ask("training_step", model=name, frequency=frequency, steps=steps, batch=batch)
            if i and answer:
                times.setdefault(variant, []).append(answer["ms"])
    print(f"A training step of the {name}, batch {batch}, {rounds} rounds of {steps} steps:")
    table(times, "dense")
    table({k: v for k, v in times.items() if "logged" in k or "between" in k}, "pruned, between mask updates")
    added_by_logging(variants["pruned, between mask updates"][0], (x, y), batch, 1 + 10 * 30 // steps)
    if "tfmot: dense" in times:
        table({k: v for k, v in times.items() if k.startswith("tfmot")}, "tfmot: dense")


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore", category=UserWarning)  # of dense models and schedules made for timing
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]))
