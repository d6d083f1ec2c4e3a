"""Masks, thresholds, schedules and the timing of updates, against tfmot run in a venv of its own."""

import os
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_sparsity import PolynomialDecay, UpdatePruningStep, prune_low_magnitude
from tb_sparsity.pruning.masks import magnitude_mask
from tb_sparsity.pruning.wrapper import collect_wrappers

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(
        "PARITY_PYTHON" not in os.environ,
        reason="NOT COMPARED WITH TFMOT: run `make parity`, which makes its virtual environment",
    ),
]

SPARSITIES = np.array([0.0, 0.1, 0.25, 1 / 3, 0.5, 0.7, 0.8, 0.875, 0.95, 0.999], "float32")
SHAPES = [(3, 3, 1, 32), (64, 33), (1000,), (7,), (1,), (3, 3, 32, 64), (400, 257), (2, 3, 5, 7), (17, 19), (2,)]
TRAINING_STEPS = 30


def tie_free(rng, shape):
    size = int(np.prod(shape))
    magnitudes = np.unique(np.abs(rng.normal(size=2 * size + 10).astype("float32")))
    return (rng.permutation(magnitudes)[:size] * rng.choice([-1, 1], size)).reshape(shape).astype("float32")


@pytest.fixture(scope="module")
def questions():
    rng = np.random.default_rng(2026)
    weights = [tie_free(rng, shape) for shape in SHAPES * 2]
    return {
        "n_weights": len(weights),
        **{f"weight_{i}": weight for i, weight in enumerate(weights)},
        "sparsities": SPARSITIES,
        "steps": np.arange(0, 300),
        "kernel": tie_free(rng, (23, 11)),
        "training_steps": TRAINING_STEPS,
    }


@pytest.fixture(scope="module")
def answers(questions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parity")
    np.savez(folder / "questions.npz", **questions)
    oracle = Path(__file__).with_name("oracle.py")
    paths = [oracle, folder / "questions.npz", folder / "answers.npz", folder / "logs" / "legacy"]
    command = [os.environ["PARITY_PYTHON"], *map(str, paths)]
    environment = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "PYTHONPATH")}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    return {**np.load(folder / "answers.npz"), "logs": folder / "logs"}


@pytest.mark.parametrize("jit_compile", [True, False])
def test_masks_and_thresholds_are_bit_for_bit_tfmots(questions, answers, jit_compile):
    ours = tf.function(magnitude_mask, jit_compile=jit_compile)
    for i in range(questions["n_weights"]):
        for j, sparsity in enumerate(SPARSITIES):
            mask, threshold = ours(tf.constant(questions[f"weight_{i}"]), tf.constant(sparsity))
            assert np.array_equal(mask, answers[f"mask_{i}_{j}"]), (i, sparsity)
            assert threshold.numpy().tobytes() == answers[f"threshold_{i}_{j}"].tobytes(), (i, sparsity)


def test_targets_are_tfmots_and_updates_differ_only_at_the_end_step(questions, answers):
    for name, arguments in (("polynomial", (0.1, 0.9, 4, 240, 3, 7)), ("cubic_root", (0.5, 0.2, 0, 99, 1 / 3, 1))):
        schedule = PolynomialDecay(*arguments)
        due, target = schedule(tf.constant(questions["steps"], tf.int32))
        assert np.allclose(target, answers[f"{name}_target"], atol=1e-7, rtol=0)
        differ = np.flatnonzero(due.numpy() != answers[f"{name}_due"])
        reached = (schedule.end_step - schedule.begin_step) % schedule.frequency == 0
        assert differ.tolist() == ([] if reached else [schedule.end_step])


def test_in_training_the_masks_are_tfmots_at_every_step(questions, answers):
    kernel = questions["kernel"]
    model = keras.Sequential([keras.Input((kernel.shape[0],)), keras.layers.Dense(kernel.shape[1], use_bias=False)])
    model.set_weights([kernel])
    pruned = prune_low_magnitude(model, PolynomialDecay(0.1, 0.9, begin_step=4, end_step=24, frequency=5))
    pruned.compile(keras.optimizers.SGD(0.0), "mse")
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(collect_wrappers(pruned)[0].masks[0].numpy())
    )
    x = np.ones((TRAINING_STEPS, kernel.shape[0]), "float32")
    y = np.ones((TRAINING_STEPS, kernel.shape[1]), "float32")
    pruned.fit(x, y, batch_size=1, verbose=0, callbacks=[UpdatePruningStep(), look])
    assert len({mask.tobytes() for mask in seen}) > 4
    assert np.array_equal(np.stack(seen), answers["training"])


def test_the_log_of_tfmots_own_callback_is_read(answers, serve):
    server = serve(answers["logs"])
    run = server.index(lambda runs: runs.get("legacy/metrics", {}).get("last_step") == 20)["legacy/metrics"]
    assert (run["name"], run["source"], run["manifest"]) == ("legacy", "tfmot", None)
    assert run["tags"]["sparsity"] == run["tags"]["threshold"] == ["conv2d/kernel", "dense/kernel"]
    answer = server.series(("legacy/metrics", "sparsity/dense/kernel"))
    assert answer["axes"][0]["step"] == [0, 10, 20]  # the state at step 30, the end, tfmot doesn't write
    schedule = PolynomialDecay(0.0, 0.8, 0, 30, frequency=2)
    assert answer["series"][0]["value"] == pytest.approx([0, schedule(10)[1], schedule(20)[1]], abs=1 / 432)
