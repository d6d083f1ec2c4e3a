import json
import os
import threading
import urllib.error
import urllib.request
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import hypothesis
import numpy as np
import pytest

# Examples that take a compiler's time are no failures; what CI tries is the same each time.
hypothesis.settings.register_profile("here", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("here")

ROOT = Path(__file__).parents[1]
MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"


def wait_until(condition, tries=600):
    """Asks until the answer is truthy, and gives it."""
    pause = threading.Event()
    for _ in range(tries):
        answer = condition()
        if answer:
            return answer
        pause.wait(0.1)
    raise AssertionError(f"never true: {condition}")


class Server:
    """A real TensorBoard on a log directory, asked over HTTP."""

    def __init__(self, logdir, load_fast, *flags):
        from tensorboard import program

        tensorboard = program.TensorBoard()
        load = f"--load_fast={'true' if load_fast else 'false'}"
        argv = ["tensorboard", "--logdir", str(logdir), load, "--port=0", "--reload_interval=1", *flags]
        tensorboard.configure(argv=argv)
        self.url = tensorboard.launch()

    def request(self, path, body=None, method=None):
        """`(status, JSON or text)` of a route of the plugin."""
        url = f"{self.url}data/plugin/sparsity/{path}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method)) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else text.decode()

    def index(self, when=lambda runs: runs):
        """Runs by name, as soon as `when` holds for them."""

        def ask():
            runs = {run["run"]: run for run in self.request("index")[1]["runs"]}
            return runs if when(runs) else None

        return wait_until(ask)

    def series(self, *wanted, points=1000):
        return self.request("series", {"series": [{"run": r, "tag": t} for r, t in wanted], "points": points})[1]


@pytest.fixture(params=[True, False], ids=["rust", "python"])
def serve(request):
    """Starts TensorBoard with either data server: `serve(logdir)`."""
    return lambda logdir, *flags: Server(logdir, request.param, *flags)


@pytest.fixture
def serve_both():
    """Starts TensorBoard with each data server: `rust, python = serve_both(logdir)`."""
    return lambda logdir, *flags: (Server(logdir, True, *flags), Server(logdir, False, *flags))


@pytest.fixture
def small_data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 8)).astype("float32"), rng.integers(0, 3, size=40)


@pytest.fixture
def small_model():
    import keras

    keras.utils.set_random_seed(0)
    keras.backend.clear_session()
    return keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu", name="hidden"),
            keras.layers.Dropout(0.1),
            keras.layers.BatchNormalization(),
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
