import os
import shutil

import numpy as np
import pytest
from playwright.sync_api import expect

import tb_sparsity
from tests.browser import logs
from tests.browser.loaded import wait_until_loaded
from tests.browser.tab import Tab

# The headless shell has the same engine without the browser's own windows, which take a third of all the time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
NO_CHROMIUM = "NO CHROMIUM: THE TAB WAS NOT TESTED IN A BROWSER (set CHROMIUM to its path, or install it)"


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


def is_ours(said):
    """TensorBoard looks for its own fonts in the wrong place under a path prefix."""
    return said.type == "error" and "/font-roboto/" not in said.location["url"]


@pytest.fixture
def page(browser):
    """A window of a user who was never here. Whatever a test does, nothing may go wrong in its console."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    window = context.new_page()
    wrong = []
    window.on("pageerror", lambda error: wrong.append(f"exception: {error}"))
    window.on("console", lambda said: wrong.append(f"console: {said.text} {said.location}") if is_ours(said) else None)
    yield window
    pwned = [frame.url for frame in window.frames if frame.evaluate("'pwned' in window")]
    context.close()
    assert not wrong
    assert not pwned


@pytest.fixture
def open_tab(page, tensorboard):
    """Opens the tab over a log directory, once the server knows all that its files hold."""

    def open_it(logdir, link="", **kwargs):
        tab = Tab(page, wait_until_loaded(tensorboard(logdir, **kwargs), logdir).url, link)
        expect(tab.main).to_have_attribute("data-state", "ready", timeout=20_000)
        return tab

    return open_it


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A log directory with two really trained runs, `polynomial` and `constant`."""
    logdir = tmp_path_factory.mktemp("trained")
    logs.train(logdir / "polynomial", tb_sparsity.PolynomialDecay(**logs.POLYNOMIAL))
    logs.train(logdir / "constant", tb_sparsity.ConstantSparsity(**logs.CONSTANT))
    return logdir


@pytest.fixture(scope="session")
def reported(tmp_path_factory):
    """`(log directory, sizes, sensitivity)` of the run `pruned`: a model really trained, and what was said of it."""
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, size=200)
    x = (np.eye(3)[y] @ rng.normal(size=(3, 32)) + rng.normal(size=(200, 32))).astype("float32")
    layers = [keras.layers.Dense(64, activation="relu", name="hidden"), keras.layers.Dense(3, "softmax", name="head")]
    dense = keras.Sequential([keras.Input((32,)), *layers])
    dense.compile("adam", "sparse_categorical_crossentropy")
    dense.fit(x, y, epochs=5, verbose=0)
    pruned = tb_sparsity.prune_low_magnitude(dense, tb_sparsity.ConstantSparsity(0.8, begin_step=0, frequency=1))
    pruned.compile("adam", "sparse_categorical_crossentropy")
    logdir = tmp_path_factory.mktemp("reported")
    callbacks = [tb_sparsity.UpdatePruningStep(), tb_sparsity.PruningSummaries(logdir / "pruned")]
    pruned.fit(x, y, epochs=2, verbose=0, callbacks=callbacks)
    given = {"metrics": ["accuracy", "sparse_categorical_crossentropy"], "verbose": 0, "log_dir": logdir / "pruned"}
    files = ("Keras", "TFLite float32", "TFLite int8")
    sizes = tb_sparsity.compression_report(pruned, dense, (x, y), files=files, **given)
    return logdir, sizes, tb_sparsity.sensitivity(dense, (x, y), patterns=("channel", "element"), **given)


@pytest.fixture(scope="session")
def drifting(tmp_path_factory):
    """A run of 1,200 steps in which `dense/kernel` stays at what its masks were at step 400."""
    logdir = tmp_path_factory.mktemp("drifting")
    schedule = tb_sparsity.PolynomialDecay(0.0, 0.8, begin_step=100, end_step=1000, frequency=50)
    points = []
    for step in range(10, 1201, 10):
        conv, dense = ((logs.due(schedule, s) or (0, 0.0))[1] for s in (step, min(step, 400)))
        total = (1000 * conv + 3000 * dense) / 4000
        points.append((step, {"sparsity/conv/kernel": conv, "sparsity/dense/kernel": dense, logs.TOTAL: total}))
    logs.write(logdir / "drift", {"conv/kernel": 1000, "dense/kernel": 3000}, points, schedule, total_steps=1200)
    return logdir
