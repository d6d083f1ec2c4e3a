"""What pruning and logging add to a training step of the MNIST CNN: all variants in turn, in one run.

python benchmarks/training_step.py [ROUNDS]
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
from keras import layers

from tb_sparsity import ConstantSparsity, PruningSummaries, UpdatePruningStep, prune_low_magnitude

BATCH, STEPS = 250, 30


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


def main(rounds: int = 7) -> None:
    """Prints the median step of each variant, and its ratio to the dense one's within rounds."""
    folder = tempfile.mkdtemp()

    def summaries() -> list[keras.callbacks.Callback]:
        return [PruningSummaries(folder, update_freq="batch")]

    rare, always = ConstantSparsity(0.875, 1, frequency=10**6), ConstantSparsity(0.875, 1, frequency=1)
    variants = {
        "dense": (cnn(), list),
        "pruned, between mask updates": (prune_low_magnitude(cnn(), rare), list),
        "pruned, masks updated every step": (prune_low_magnitude(cnn(), always), list),
        "pruned, every step logged": (prune_low_magnitude(cnn(), rare), summaries),
    }
    rng = np.random.default_rng(0)
    x = rng.random((BATCH * STEPS, 28, 28, 1), dtype="float32")
    y = rng.integers(0, 10, BATCH * STEPS)
    medians: dict[str, list[float]] = {name: [] for name in variants}
    for model, _ in variants.values():
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x[: 2 * BATCH], y[: 2 * BATCH], batch_size=BATCH, verbose=0, callbacks=[UpdatePruningStep()])
    for _ in range(rounds):
        for name, (model, more) in variants.items():
            clock = Clock()
            model.fit(x, y, batch_size=BATCH, verbose=0, callbacks=[UpdatePruningStep(), *more(), clock])
            medians[name].append(statistics.median(clock.steps))
    for name, steps in medians.items():
        ratio = statistics.median(a / b for a, b in zip(steps, medians["dense"], strict=True))
        print(f"{name:<36}{1e3 * statistics.median(steps):>8.1f} ms{ratio:>8.3f}")


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore", category=UserWarning)  # of dense models and schedules made for timing
    main(*map(int, sys.argv[1:2]))
