import gc
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import hypothesis
import numpy as np
import pytest

from tests.servers import Server

# Examples that take a compiler's time are no failures; what CI tries is the same each time.
hypothesis.settings.register_profile("here", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("here")


def examples(n):
    """So many examples for a Hypothesis test; on JAX, which compiles each shape anew, a tenth."""
    return hypothesis.settings(max_examples=n // 10 if os.environ["KERAS_BACKEND"] == "jax" else n)


def pytest_collection_finish():
    """What was imported stays: the garbage collector need not look through it again and again."""
    gc.freeze()


ROOT = Path(__file__).parents[1]
MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"


@pytest.fixture(scope="session")
def tensorboard():
    """Starts a real TensorBoard, once for each log directory and set of flags: `tensorboard(logdir, fast=False)`."""
    command = [sys.executable, "-m", "tests.servers"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as servers:

        @cache
        def start(logdir, *flags, fast=True):
            print(json.dumps([str(logdir), fast, *flags]), file=servers.stdin, flush=True)
            return Server(json.loads(servers.stdout.readline()))

        yield start
        servers.stdin.close()


@pytest.fixture(params=[True, False], ids=["rust", "python"])
def serve(request, tensorboard):
    """Starts TensorBoard with either data server: `serve(logdir)`."""
    return lambda logdir: tensorboard(logdir, fast=request.param)


@pytest.fixture
def serve_both(tensorboard):
    """Starts TensorBoard with each data server: `rust, python = serve_both(logdir)`."""
    return lambda logdir: (tensorboard(logdir, fast=True), tensorboard(logdir, fast=False))


@pytest.fixture
def small_data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 8)).astype("float32"), rng.integers(0, 3, size=40)


@pytest.fixture
def small_model():
    import keras

    keras.utils.set_random_seed(0)
    # All named: what Keras names by itself it counts through a whole session.
    return keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu", name="hidden"),
            keras.layers.Dropout(0.1, name="dropout"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(3, name="head"),
        ]
    )


@pytest.fixture
def fit(small_data):
    """Compiles and fits: `fit(model, callbacks, epochs=2, …)`; 10 steps an epoch."""
    import keras

    def run(model, callbacks, compiled=False, **kwargs):
        if not compiled:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(kwargs.pop("optimizer", "adam"), loss, metrics=["accuracy"])
        kwargs = {"batch_size": 4, "epochs": 2, "verbose": 0, **kwargs}
        return model.fit(*small_data, callbacks=callbacks, **kwargs)

    return run
