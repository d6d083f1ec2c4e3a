"""Masks, thresholds, schedules and the timing of updates, against tfmot run in a venv of its own.

Ours run on whatever backend of Keras is active.
"""

import json
import os
import subprocess
from functools import partial
from itertools import product
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from tb_sparsity import ConstantSparsity, PolynomialDecay, PruneLowMagnitude, UpdatePruningStep, prune_low_magnitude
from tb_sparsity.pruning.masks import magnitude_mask
from tb_sparsity.pruning.patterns import Layout, make_pattern
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
LAYER_STEPS = 3


def case(shape, sparsity, **pattern):
    return {"shape": shape, "sparsity": sparsity, "pattern": pattern}


# Blocks divide the kernel: of others, tfmot takes the worth from one place and cuts in another. None is as long as an
# axis: there tfmot fails. Groups divide the input channels in some and don't in others.
BLOCKS = [(4, 4), (1, 8), (8, 1), (2, 2), (16, 2), (32, 3)]
GROUPS = [(2, 4), (1, 2), (1, 4), (3, 4), (4, 8)]
GROUPED = [(64, 48), (30, 7), (3, 3, 16, 8), (2, 3, 7, 5), (1, 1, 1, 4)]
CASES = [
    *(
        case((96, 48), sparsity, block_size=block, block_pooling_type=pooling)
        for block, pooling, sparsity in product(BLOCKS, ["AVG", "MAX"], [0.3, 0.75])
    ),
    *(case(shape, 0.5, sparsity_m_by_n=group) for shape, group in product(GROUPED, GROUPS)),
]


def in_numpy(function, *arguments):
    return map(keras.ops.convert_to_numpy, function(*map(keras.ops.convert_to_tensor, arguments)))


# How a training step runs a function on the active backend.
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    RUNS = {"xla": partial(tf.function, jit_compile=True), "graph": tf.function}
elif keras.backend.backend() == "jax":
    import jax

    RUNS = {"xla": jax.jit}
else:
    RUNS = {"eager": lambda function: function}
compiled = next(iter(RUNS.values()))


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
        "cases": json.dumps(CASES),
        **{f"kernel_{i}": tie_free(rng, case["shape"]) for i, case in enumerate(CASES)},
        "layer_steps": LAYER_STEPS,
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


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_masks_and_thresholds_are_bit_for_bit_tfmots(questions, answers, run):
    ours = run(magnitude_mask)
    for i in range(questions["n_weights"]):
        for j, sparsity in enumerate(SPARSITIES):
            mask, threshold = in_numpy(ours, questions[f"weight_{i}"], sparsity)
            assert np.array_equal(mask, answers[f"mask_{i}_{j}"]), (i, sparsity)
            assert threshold.tobytes() == answers[f"threshold_{i}_{j}"].tobytes(), (i, sparsity)


def assert_is_tfmots(case, mask, threshold, tfmots_mask, tfmots_threshold):
    assert np.array_equal(mask, tfmots_mask), case
    if "sparsity_m_by_n" in case["pattern"]:
        assert (threshold, tfmots_threshold) == (0, 999), case  # there is none
    elif case["pattern"]["block_pooling_type"] == "MAX":
        assert threshold == tfmots_threshold, case
    else:  # a mean of other partial sums
        assert np.allclose(threshold, tfmots_threshold, rtol=1e-6, atol=0), case


def test_masks_of_blocks_and_groups_are_tfmots(questions, answers):
    for i, case in enumerate(CASES):
        ours = compiled(partial(make_pattern(**case["pattern"]).mask, layout=Layout()))
        mask, threshold = in_numpy(ours, questions[f"kernel_{i}"], np.float32(case["sparsity"]))
        assert_is_tfmots(case, mask, threshold, answers[f"pattern_mask_{i}"], answers[f"pattern_threshold_{i}"])


def test_wrapped_layers_get_tfmots_masks_of_blocks_and_groups(questions, answers):
    kernels = [questions[f"kernel_{i}"] for i in range(len(CASES))]
    inputs, outputs, wrappers = [], [], []
    for kernel, case in zip(kernels, CASES, strict=True):
        size = kernel.shape
        conv = len(size) == 4
        layer = layers.Conv2D(size[-1], size[:2], use_bias=False) if conv else layers.Dense(size[-1], use_bias=False)
        schedule = ConstantSparsity(case["sparsity"], 0, frequency=1)
        wrappers.append(PruneLowMagnitude(layer, schedule, **case["pattern"]))
        inputs.append(keras.Input(size[:-1]))
        outputs.append(wrappers[-1](inputs[-1]))
        layer.set_weights([kernel])
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x, y = ([np.ones((LAYER_STEPS, *t.shape[1:]), "float32") for t in tensors] for tensors in (inputs, outputs))
    model.fit(x, y, batch_size=1, verbose=0, callbacks=[UpdatePruningStep()])
    for i, (wrapper, kernel) in enumerate(zip(wrappers, kernels, strict=True)):
        weight, mask, threshold = map(keras.ops.convert_to_numpy, wrapper.pruned_weights[0][:3])
        assert_is_tfmots(CASES[i], mask, threshold, answers[f"layer_mask_{i}"], answers[f"layer_threshold_{i}"])
        assert np.array_equal(weight, kernel * mask)


def test_targets_are_tfmots_and_updates_differ_only_at_the_end_step(questions, answers):
    for name, arguments in (("polynomial", (0.1, 0.9, 4, 240, 3, 7)), ("cubic_root", (0.5, 0.2, 0, 99, 1 / 3, 1))):
        schedule = PolynomialDecay(*arguments)
        due, target = schedule(keras.ops.convert_to_tensor(questions["steps"], "int32"))
        assert np.allclose(keras.ops.convert_to_numpy(target), answers[f"{name}_target"], atol=1e-7, rtol=0)
        differ = np.flatnonzero(keras.ops.convert_to_numpy(due) != answers[f"{name}_due"])
        reached = (schedule.end_step - schedule.begin_step) % schedule.frequency == 0
        assert differ.tolist() == ([] if reached else [schedule.end_step])


def test_in_training_the_masks_are_tfmots_at_every_step(questions, answers):
    kernel = questions["kernel"]
    model = keras.Sequential([keras.Input((kernel.shape[0],)), layers.Dense(kernel.shape[1], use_bias=False)])
    model.set_weights([kernel])
    pruned = prune_low_magnitude(model, PolynomialDecay(0.1, 0.9, begin_step=4, end_step=24, frequency=5))
    pruned.compile(keras.optimizers.SGD(0.0), "mse")
    seen = []

    def look(batch, logs):
        if keras.backend.backend() == "jax":
            pruned.jax_state_sync()
        seen.append(keras.ops.convert_to_numpy(collect_wrappers(pruned)[0].masks[0]))

    x = np.ones((TRAINING_STEPS, kernel.shape[0]), "float32")
    y = np.ones((TRAINING_STEPS, kernel.shape[1]), "float32")
    callbacks = [UpdatePruningStep(), keras.callbacks.LambdaCallback(on_train_batch_end=look)]
    pruned.fit(x, y, batch_size=1, verbose=0, callbacks=callbacks)
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
