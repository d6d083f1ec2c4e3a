"""Pruning while a model trains on several devices: each prunes as one does on the same global batches."""

import json
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from tests import event_files
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="runs once, with the TensorFlow suite: it starts each backend itself",
)
needs_jax = pytest.mark.skipif(not find_spec("jax"), reason="NOT TESTED ON SEVERAL JAX DEVICES: jax isn't installed")
needs_torch = pytest.mark.skipif(not find_spec("torch"), reason="NOT TESTED WITH torch DDP: torch isn't installed")

MENDED = "once this passes, Keras has been mended: test pruning with it, and change docs/many-devices.md"


def run(backend, *arguments, each=({},), **environment):
    """Runs Python once with each environment in `each`, all at once: `(whether all worked, what they printed)`."""
    shared = {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", **environment}
    command = [sys.executable, *map(str, arguments)]
    with ThreadPoolExecutor() as pool, ExitStack() as stack:
        running, outputs = {}, []
        for own in each:
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **shared, **own}, **pipes)
            stack.callback(process.kill)
            running[pool.submit(process.communicate)] = process
        for ended in as_completed(running):
            outputs.append(ended.result()[0])
            if running[ended].returncode:
                stack.close()  # the others would wait for it
                return False, outputs[-1]
    return True, "\n".join(outputs)


def run_script(backend, script, *arguments, **kwargs):
    worked, output = run(backend, "-m", f"tests.pruning.devices.{script}", *arguments, **kwargs)
    assert worked, output
    return output


def script_in_the_docs(about, folder):
    """The script of docs/many-devices.md that has these words in it, as a file."""
    text = (ROOT / "docs" / "many-devices.md").read_text(encoding="utf-8")
    (script,) = [s for s in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if about in s]
    (folder / "script.py").write_text(script, encoding="utf-8")
    return folder / "script.py"


def free_addresses(count):
    """Addresses on this machine whose ports nobody uses."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return ["{}:{}".format(*free.getsockname()) for free in sockets]


def two_workers():
    """The environments of two workers of TensorFlow."""
    workers = free_addresses(2)
    tasks = [{"cluster": {"worker": workers}, "task": {"type": "worker", "index": i}} for i in range(2)]
    return [{"TF_CONFIG": json.dumps(task)} for task in tasks]


def two_ranks():
    """The environments of two processes of PyTorch."""
    host, port = free_addresses(1)[0].split(":")
    return [{"MASTER_ADDR": host, "MASTER_PORT": port, "WORLD_SIZE": "2", "RANK": rank} for rank in "01"]


def read(*paths):
    """What happened, on all devices of all processes: arrays of (time, device, …)."""
    diaries = [np.load(path) for path in paths]
    return {key: np.concatenate([diary[key] for diary in diaries], axis=1) for key in diaries[0]}


def assert_pruned_as_on_one_device(many, one, mask=2, weight=2, step=2, zeros_after="batch"):
    """`mask`, `weight`, `step`: on how many devices; one, if each has a part."""
    layers = sorted({key.split("/")[1] for key in many})
    assert len(layers) == 2
    for layer in layers:
        for when, count in {"batch": np.arange(1, 16), "epoch": np.array([5, 10, 15])}.items():
            masks, weights, steps = (many[f"{when}/{layer}/{name}"] for name in ("mask", "weight", "step"))
            assert (masks.shape[1], weights.shape[1], steps.shape[1]) == (mask, weight, step)
            assert (steps == count[:, None]).all()
            assert (masks == one[f"{when}/{layer}/mask"]).all()  # so they are the same on all devices, too
            assert np.allclose(weights, one[f"{when}/{layer}/weight"], atol=1e-4)
            if when in (zeros_after, "epoch"):
                assert (np.where(masks, 0, weights) == 0).all()
        kept = many[f"batch/{layer}/mask"][:, 0].sum(axis=(1, 2))
        size = masks[0, 0].size
        changed = [i + 1 for i, (before, after) in enumerate(zip([size, *kept], kept, strict=False)) if before != after]
        assert changed == [5, 8, 11, 14]  # at step 2 the schedule begins, with none
        assert kept[-1] == round(size * 0.2)


def assert_logged_as_on_one_device(many, one):
    """What is in the two logs, the loss excepted: that depends on where it is averaged."""
    (found, _), (expected, _) = event_files.read(many), event_files.read(one)
    for tag, points in expected.items():
        if tag.startswith("threshold/"):
            assert found[tag] == pytest.approx(points, rel=1e-3)
        elif not tag.startswith("metrics/"):
            assert found[tag] == points, tag
    assert len(expected["sparsity_total/pruned"]) == 15


CASES = ["sgd", "adam", "shared", "outside", "subclassed-outside"]


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """The folder with what happened on one device and on two."""
    folder = tmp_path_factory.mktemp("mirrored")
    run_script("tensorflow", "mirrored", folder, *CASES)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_mirrored_strategy_prunes_each_replica_as_one_device_is_pruned(case, mirrored):
    assert_pruned_as_on_one_device(read(mirrored / f"{case}-two.npz"), read(mirrored / f"{case}-one.npz"))
    assert_logged_as_on_one_device(mirrored / f"{case}-two", mirrored / f"{case}-one")


def test_what_two_devices_trained_is_stripped_to_an_ordinary_model(mirrored):
    model, last = keras.models.load_model(mirrored / "adam-two.keras"), read(mirrored / "adam-two.npz")
    assert [layer.name for layer in model.layers] == ["a", "b"]
    for layer in model.layers:
        assert np.array_equal(layer.kernel.numpy(), last[f"epoch/{layer.name}/weight"][-1, 0])


@pytest.fixture(scope="module")
def plain_keras(tmp_path_factory):
    """What a plain model does with each option under MirroredStrategy: `works`, or `fails with …`."""
    script = script_in_the_docs("steps_per_execution", tmp_path_factory.mktemp("docs"))
    worked, output = run("tensorflow", script)
    assert worked, output
    found = dict(re.findall(r"^(.+?) (works|fails with \w+)$", output, re.MULTILINE))
    assert found.pop("nothing of these") == "works"
    return found


@pytest.mark.parametrize(
    "option", ["jit_compile", "steps_per_execution", "gradient_accumulation_steps", "ema_overwrite_frequency"]
)
def test_options_that_keras_itself_cant_train_with_under_mirrored_strategy(option, plain_keras, tmp_path):
    if plain_keras[option] != "works":
        pytest.xfail(f"{MENDED}: a plain model with `{option}` {plain_keras[option]}")
    run_script("tensorflow", "mirrored", tmp_path, option)
    many, one = read(tmp_path / f"{option}-two.npz"), read(tmp_path / f"{option}-one.npz")
    for layer in "ab":
        masks, weights = many[f"epoch/{layer}/mask"], many[f"epoch/{layer}/weight"]
        assert (masks == one[f"epoch/{layer}/mask"]).all()
        assert (np.where(masks, 0, weights) == 0).all()


@pytest.mark.slow
def test_two_workers_prune_as_one_device_does_in_a_loop_of_ones_own(mirrored, tmp_path):
    run_script("tensorflow", "workers", tmp_path, "loop", each=two_workers())
    assert_pruned_as_on_one_device(read(tmp_path / "0.npz", tmp_path / "1.npz"), read(mirrored / "adam-one.npz"))
    assert len(list((tmp_path / "logs").rglob("*tfevents*"))) == 1  # of the chief
    assert_logged_as_on_one_device(tmp_path / "logs", mirrored / "adam-one")


@pytest.mark.slow
def test_two_workers_with_fit(mirrored, tmp_path):
    worked, output = run("tensorflow", script_in_the_docs("MultiWorkerMirroredStrategy", tmp_path), each=two_workers())
    if not worked:
        assert "PerReplica" in output, output
        pytest.xfail(f"{MENDED}: `fit` of a plain model fails on several workers (keras issue 20585)")
    run_script("tensorflow", "workers", tmp_path, "fit", each=two_workers())
    assert_pruned_as_on_one_device(read(tmp_path / "0.npz", tmp_path / "1.npz"), read(mirrored / "adam-one.npz"))


@pytest.fixture(scope="module")
def jax_devices(tmp_path_factory):
    """`(folder with what happened, on which shapes each device had)`."""
    folder = tmp_path_factory.mktemp("jax")
    four = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    return folder, run_script("jax", "jax_devices", folder, XLA_FLAGS=four)


@needs_jax
@pytest.mark.parametrize(
    ("distribution", "shapes", "copies"),
    [
        ("data", "kernel (8, 16), mask (8, 16)", {"mask": 2, "weight": 2, "step": 2}),
        ("model", "kernel (8, 8), mask (8, 16)", {"mask": 4, "weight": 1, "step": 4}),
        ("model-and-masks", "kernel (8, 8), mask (8, 8)", {"mask": 1, "weight": 1, "step": 4}),
    ],
)
def test_jax_devices_prune_as_one_does(distribution, shapes, copies, jax_devices):
    folder, output = jax_devices
    assert f"{distribution}: {shapes}\n" in output
    many, one = read(folder / f"{distribution}.npz"), read(folder / "one.npz")
    assert_pruned_as_on_one_device(many, one, **copies, zeros_after="epoch")
    assert_logged_as_on_one_device(folder / distribution, folder / "one")


@needs_torch
@pytest.mark.slow
def test_two_processes_with_torch_ddp_prune_as_one_does(tmp_path):
    run_script("torch", "torch_processes", tmp_path, each=two_ranks())
    many, one = read(tmp_path / "0.npz", tmp_path / "1.npz"), read(tmp_path / "one.npz")
    assert_pruned_as_on_one_device(many, one, zeros_after="epoch")
    assert len(list((tmp_path / "logs-2").rglob("*tfevents*"))) == 1  # of rank 0
    assert_logged_as_on_one_device(tmp_path / "logs-2", tmp_path / "logs-1")


@needs_torch
@pytest.mark.slow
def test_fit_of_a_model_in_torch_ddp(tmp_path):
    worked, output = run("torch", script_in_the_docs("DistributedDataParallel", tmp_path), each=two_ranks())
    assert worked, output
    first, second = re.findall(r"^bias of process \d is (.*)$", output, re.MULTILINE)
    assert first != second, f"{MENDED}: the processes trained one model"
