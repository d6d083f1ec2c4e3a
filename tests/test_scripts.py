"""Whole scripts: the README's own, and one as people have written them for tfmot, with its import line changed."""

import re
import runpy
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import MNIST, ROOT


def run_blocks(page, folder, monkeypatch):
    """What the Python blocks of a page define, run one after another."""
    monkeypatch.chdir(folder)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2
    (folder / "page.py").write_text("\n".join(blocks))
    return runpy.run_path("page.py")


def test_the_readmes_python_runs_from_top_to_bottom(tmp_path, monkeypatch):
    names = run_blocks("README.md", tmp_path, monkeypatch)
    assert (tmp_path / "model.keras").exists()
    assert next((tmp_path / "logs" / "run1" / "sparsity").glob("*tfevents*"))
    kernel = names["stripped"].layers[0].kernel.numpy()
    assert (kernel == 0).sum() == 64 * 20 * 0.8


def test_so_does_that_of_the_page_on_pruning(tmp_path, monkeypatch):
    names = run_blocks("docs/pruning.md", tmp_path, monkeypatch)
    assert {"Block", "callback"} < set(names)


def test_so_does_that_of_the_page_on_logging(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    names = run_blocks("docs/logging.md", tmp_path, monkeypatch)
    assert list(names["runs"]) == ["fit", "loop", "torch"]
    assert names["points"].step.tolist() == list(range(1, 101))
    torch = names["runs"]["torch"].series
    assert torch["sparsity/0.weight"].value[-1] == np.float32(0.8)
    assert torch["sparsity_total/pruned"].value[-1] == np.float32((1024 + 205) / 1536)
    assert torch["metrics/loss"].step.tolist() == list(range(1, 251))


def test_so_does_that_of_the_page_on_what_pruning_bought(tmp_path, monkeypatch):
    names = run_blocks("docs/compression.md", tmp_path, monkeypatch)
    assert names["report"].variant("pruned", "TFLite int8").ratio > names["report"].variant("pruned", "Keras").ratio > 2
    assert (tmp_path / "logs" / "run1" / "sparsity_report").exists()


# The shape of a script for tfmot: per-layer wrapping with `input_shape`, step arithmetic with NumPy, a checkpoint
# loaded in `prune_scope`, `include_optimizer`, arguments of the TensorBoard callback, a gzip function.
SCRIPT = """
import os, tempfile, zipfile
import numpy as np
import tensorflow as tf
from tb_sparsity import tfmot

sparsity = tfmot.sparsity.keras
layers = tf.keras.layers

with np.load({data!r}) as arrays:
    x_train, y_train, x_test, y_test = (arrays[k] for k in ("x_train", "y_train", "x_test", "y_test"))
x_train, x_test = (x.astype("float32").reshape(-1, 28, 28, 1) / 255 for x in (x_train, x_test))
y_train, y_test = (tf.keras.utils.to_categorical(y, 10) for y in (y_train, y_test))

batch_size, epochs = 250, 2
end_step = np.ceil(1.0 * x_train.shape[0] * 0.8 / batch_size).astype(np.int32) * epochs
pruning_params = {{
    "pruning_schedule": sparsity.PolynomialDecay(
        initial_sparsity=0.0, final_sparsity=0.875, begin_step=0.2 * end_step, end_step=end_step, frequency=10
    )
}}
prune = sparsity.prune_low_magnitude
pruned_model = tf.keras.Sequential([
    prune(layers.Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)), **pruning_params),
    layers.MaxPooling2D((2, 2)),
    layers.Dropout(0.25),
    prune(layers.Conv2D(64, 3, activation="relu"), **pruning_params),
    layers.MaxPooling2D((2, 2)),
    layers.Dropout(0.25),
    layers.Flatten(),
    prune(layers.Dense(256, activation="relu"), **pruning_params),
    prune(layers.Dense(10, activation="softmax"), **pruning_params),
])
pruned_model.summary()
pruned_model.compile(loss=tf.keras.losses.categorical_crossentropy, optimizer="adam", metrics=["accuracy"])
callbacks = [
    sparsity.UpdatePruningStep(),
    sparsity.PruningSummaries(log_dir="logs", profile_batch=0),
]
pruned_model.fit(
    x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=0, validation_split=0.2, callbacks=callbacks
)
loss, accuracy = pruned_model.evaluate(x_test, y_test, verbose=0)

_, checkpoint = tempfile.mkstemp(".h5")
tf.keras.models.save_model(pruned_model, checkpoint, include_optimizer=True)
with sparsity.prune_scope():
    restored = tf.keras.models.load_model(checkpoint)
assert np.allclose(restored.evaluate(x_test, y_test, verbose=0)[1], accuracy)

def gzipped_size(file):
    _, zipped = tempfile.mkstemp(".zip")
    with zipfile.ZipFile(zipped, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.write(file)
    return os.path.getsize(zipped)

final_model = sparsity.strip_pruning(pruned_model)
final_model.summary()
sizes = {{}}
for end in (".h5", ".keras"):
    _, file = tempfile.mkstemp(end)
    tf.keras.models.save_model(final_model, file, include_optimizer=False)
    sizes[end] = gzipped_size(file), os.path.getsize(file)
    again = tf.keras.models.load_model(file)
    for weight in again.get_weights():
        if weight.ndim > 1:
            assert (weight == 0).sum() == weight.size * 0.875
print("RESULT", accuracy, sizes)
"""


def run(data, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(data=str(data)))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    accuracy, sizes = re.search(r"^RESULT (\S+) (.*)$", done.stdout, re.MULTILINE).groups()
    assert all(gzipped < size / 3.5 for gzipped, size in eval(sizes).values())
    return float(accuracy)


def test_a_script_for_tfmot_runs_with_its_import_line_changed(tmp_path):
    import numpy as np

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (3000, 28, 28), dtype="uint8"), rng.integers(0, 10, 3000)
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x[:500], y_test=y[:500])
    run(tmp_path / "data.npz", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.exists(), reason="NOT TRAINED ON REAL MNIST: ../shared/data/mnist.npz isn't here")
def test_the_same_on_real_mnist(tmp_path):
    assert run(MNIST, tmp_path) > 0.95
