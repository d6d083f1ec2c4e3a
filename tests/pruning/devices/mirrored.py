"""Trains on one CPU, and under MirroredStrategy on two virtual ones: `mirrored FOLDER CASE…`."""

import sys
from contextlib import nullcontext
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers

import tb_sparsity
from tests.pruning.devices import training

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


def shared_model():
    """The second call of the shared layer comes after one replica has waited for the other."""
    inputs = keras.Input((8,))
    shared = layers.Dense(8, name="shared")
    outputs = layers.Dense(4, name="head")(shared(layers.BatchNormalization(synchronized=True)(shared(inputs))))
    return tb_sparsity.prune_low_magnitude(keras.Model(inputs, outputs), training.SCHEDULE)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.a = layers.Dense(16, activation="tanh", name="a")
        self.b = layers.Dense(4, name="b")

    def build(self, input_shape):
        self.a.build(input_shape)
        self.b.build((None, 16))

    def call(self, x, training=None):
        return self.b(self.a(x))


def subclassed_model():
    model = Subclassed()
    model.build((None, 8))
    return model


def adam(**options):
    return lambda: keras.optimizers.Adam(0.02, **options)


# What makes the model in the strategy's scope, what prunes it outside, the optimizer, and what else is compiled.
CASES = {
    "sgd": (training.pruned_model, None, lambda: keras.optimizers.SGD(0.1), {}),
    "adam": (training.pruned_model, None, adam(), {}),
    "shared": (shared_model, None, adam(), {}),
    "outside": (training.dense_model, tb_sparsity.prune_low_magnitude, adam(), {}),
    "subclassed-outside": (subclassed_model, tb_sparsity.prune_low_magnitude, adam(), {}),
    "jit_compile": (training.pruned_model, None, adam(), {"jit_compile": True}),
    "steps_per_execution": (training.pruned_model, None, adam(), {"steps_per_execution": 5}),
    "gradient_accumulation_steps": (training.pruned_model, None, adam(gradient_accumulation_steps=2), {}),
    "ema_overwrite_frequency": (training.pruned_model, None, adam(use_ema=True, ema_overwrite_frequency=4), {}),
}


def train(case, strategy, path):
    make, prune_outside, optimizer, options = CASES[case]
    with strategy.scope() if strategy else nullcontext():
        model = make()
    if prune_outside:
        model = prune_outside(model, training.SCHEDULE)
    with strategy.scope() if strategy else nullcontext():
        training.start_alike(model)
        model.compile(optimizer(), "mse", **options)
    training.fit(model, path)
    tb_sparsity.strip_pruning(model).save(path.with_suffix(".keras"))


if __name__ == "__main__":
    folder, cases = Path(sys.argv[1]), sys.argv[2:]
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])  # for all: several confuse TensorFlow's collectives
    for case in cases:
        train(case, None, folder / f"{case}-one.npz")
        train(case, two, folder / f"{case}-two.npz")
