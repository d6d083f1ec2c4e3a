"""What `tb_sparsity.legacy` logs of models that tfmot prunes, against NumPy, tfmot, and our own log of Keras 3."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tb_sparsity import PolynomialDecay, PruningSummaries, UpdatePruningStep, prune_low_magnitude
from tests.conftest import ROOT
from tests.event_files import events, read
from tests.parity.architectures import many_layers, nested_model

pytestmark = pytest.mark.parity

NAMES = [
    "conv2d/kernel",
    "thin/kernel",
    "backbone/lstm/lstm_cell/kernel",
    "backbone/lstm/lstm_cell/recurrent_kernel",
    "backbone/dense/kernel",
    "head/kernel",
]


def run_legacy(*arguments):
    """Runs tfmot's Python, with legacy Keras."""
    if "PARITY_PYTHON" not in os.environ:
        pytest.skip("LEGACY KERAS NOT TRIED: run `make parity`, which makes its virtual environment")
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    environment |= {"PYTHONPATH": str(ROOT), "TF_USE_LEGACY_KERAS": "1"}
    command = [os.environ["PARITY_PYTHON"], *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    assert "no longer logged" not in run.stderr, run.stderr


@pytest.fixture(scope="module")
def legacy(tmp_path_factory):
    """`(folder, notes)`: the logs of `legacy_trainings.py`, and what it noted."""
    folder = tmp_path_factory.mktemp("legacy")
    run_legacy(Path(__file__).with_name("legacy_trainings.py"), folder)
    return folder, dict(np.load(folder / "notes.npz"))


def test_every_point_is_what_numpy_says_of_the_model(legacy):
    folder, seen = legacy
    found, _ = read(folder / "pruned")
    sizes, zeros = seen["pruned_sizes"], seen["pruned_zeros"]
    series = {
        "sparsity_total/pruned": zeros.sum(1) / sizes.sum(),
        "sparsity_total/model": seen["pruned_model"],
        "metrics/loss": seen["pruned_loss"],
    }
    for i, name in enumerate(NAMES):
        series[f"sparsity/{name}"] = zeros[:, i] / sizes[i]
        series[f"threshold/{name}"] = seen["pruned_thresholds"][:, i]
        layer = name.partition("/lstm_cell")[0].removesuffix("/kernel")
        series[f"pruning_step/{layer}"] = seen["pruned_steps"][:, i]
    for tag, values in series.items():
        assert found[tag] == dict(zip(range(1, 41), np.float32(values), strict=True)), tag
    for i, name in enumerate(NAMES):
        churn = found[f"mask_churn/{name}"]
        assert list(churn) == [step for step in range(2, 41) if step not in (21, 31)]  # each session begins anew
        assert churn == {step: np.float32(seen["pruned_changed"][step - 1, i] / sizes[i]) for step in churn}
    assert found["metrics/val_loss"] == dict(zip((10, 20, 30, 40), np.float32(seen["validation"]), strict=True))
    assert seen["pruned_stored_zeros"].sum() < zeros.sum()  # tfmot leaves other weights than it trains with
    assert len(np.unique(zeros[:, 0])) == 7


def test_the_learning_rate_is_that_of_the_next_step(legacy):
    folder, seen = legacy
    rates = read(folder / "pruned")[0]["metrics/learning_rate"]
    assert {rates[step] for step in range(1, 31)} == {np.float32(0.001)}
    assert [rates[step] for step in range(31, 41)] == pytest.approx(seen["rates"], rel=1e-6)


def test_the_last_point_is_the_model_that_strip_pruning_gives(legacy):
    folder, seen = legacy
    found, _ = read(folder / "pruned")
    shares = seen["stripped_zeros"] / seen["pruned_sizes"]
    assert [found[f"sparsity/{name}"][40] for name in NAMES] == np.float32(shares).tolist()
    assert min(shares) > 0.7


def test_further_fits_go_on_where_the_last_one_ended(legacy):
    folder, _ = legacy
    _, manifests = read(folder / "pruned")
    assert [(m["first_step"], m["total_steps"]) for m in manifests] == [(1, 20), (21, 30), (31, 40)]
    steps = [event.step for event in events(folder / "pruned") if event.HasField("summary")]
    assert steps == sorted(steps)


def test_the_manifest_has_tfmots_schedule_and_tells_its_last_update(legacy):
    folder, seen = legacy
    manifest = read(folder / "pruned")[1][0]
    assert (manifest["keras_version"], manifest["keras_backend"]) == (seen["keras_version"], "tensorflow")
    assert [w["name"] for w in manifest["weights"]] == NAMES
    assert {w["schedule"] for w in manifest["weights"]} == {0}
    (schedule,) = manifest["schedules"]
    target = schedule.pop("target")
    assert schedule == {
        "class_name": "PolynomialDecay",
        "config": {
            "initial_sparsity": 0.1,
            "final_sparsity": 0.8,
            "power": 3,
            "begin_step": 2,
            "end_step": 30,
            "frequency": 5,
        },
        "begin_step": 2,
        "end_step": 30,
        "frequency": 5,
        "phases": [{"begin_step": 2, "end_step": 27, "frequency": 5}],
    }
    steps = np.arange(2, 60)
    assert np.abs(np.interp(steps, target["step"], target["value"]) - seen["targets"][2:]).max() < 0.001
    changed = seen["pruned_changed"].any(axis=1).nonzero()[0] + 1
    assert changed.tolist() == [2, 7, 12, 17, 22, 27]


def test_patterns_and_schedules_of_all_kinds_are_described(legacy):
    folder, seen = legacy
    found, (manifest,) = read(folder / "patterns")
    weights = {w["name"].partition("/")[0]: w for w in manifest["weights"]}
    schedules = {name: manifest["schedules"][w["schedule"]] for name, w in weights.items()}
    assert {name: w["pattern"] for name, w in weights.items()} == {
        "conv": {"type": "n_m", "n": 2, "m": 4},
        "blocks": {"type": "block", "height": 4, "width": 2, "pooling": "MAX"},
        "half": {"type": "element"},
        "groups": {"type": "n_m", "n": 2, "m": 4},
    }
    times = {n: (s["begin_step"], s["end_step"], s["frequency"]) for n, s in schedules.items()}
    # tfmot makes the masks of groups at step 1, whatever the schedule says
    assert times == {"conv": (1, 1, 1), "blocks": (2, 9, 1), "half": (4, None, 3), "groups": (1, 1, 1)}
    assert schedules["conv"]["config"] == schedules["half"]["config"]
    assert schedules["conv"]["target"] == {"step": [1], "value": [0.5]}
    assert schedules["blocks"]["target"] == {"step": [2, 5, 6, 9], "value": [0.25, 0.25, 0.5, 0.5]}
    assert {t.split("/")[1] for t in found if t.startswith("threshold")} == {"blocks", "half"}  # groups have none
    for i, name in enumerate(weights):
        share = seen["patterns_zeros"][:, i] / seen["patterns_sizes"][i]
        assert list(found[f"sparsity/{name}/kernel"].values()) == np.float32(share).tolist()
        assert share[-1] == pytest.approx(schedules[name]["target"]["value"][-1], abs=1e-6)
    assert set(found["metrics/learning_rate"].values()) == {np.float32(0.01)}


def test_a_layer_called_twice_in_a_step_does_not_change_the_axis(legacy):
    found, _ = read(legacy[0] / "shared")
    assert found["pruning_step/shared"] == {10: 20, 20: 40}  # as tfmot counts it
    assert found["pruning_step/head"] == {10: 10, 20: 20}


def test_of_a_model_without_pruning_the_zeros_of_its_kernels_are_logged(legacy):
    folder, _ = legacy
    found, (manifest,) = read(folder / "plain")
    sizes = {"block/dense/kernel": 32, "head/kernel": 12}
    assert {w["name"]: w["size"] for w in manifest["weights"]} == sizes
    assert {(w["layer_class"], w["schedule"]) for w in manifest["weights"]} == {("Dense", None)}
    assert found["sparsity/block/dense/kernel"] == {7: 0.875, 10: 0.875}
    assert found["sparsity/head/kernel"] == {7: 0, 10: 0}
    zeros = 28 + 4 + 4 + 3  # of the kernel, two biases, and the offsets of the normalisation
    assert found["sparsity_total/model"][10] == np.float32(zeros / (32 + 4 + 4 + 4 + 12 + 3))
    assert not {tag for tag in found if tag.startswith(("threshold", "pruning_step", "mask_churn"))}
    assert "sparsity_total/pruned" not in found


def test_of_steps_that_are_executed_together_the_last_is_logged(legacy):
    found, _ = read(legacy[0] / "jumping")
    assert list(found["sparsity/head/kernel"]) == [4, 8, 10, 14, 18, 20]


def test_a_training_that_breaks_off_has_its_last_state_in_the_log(legacy):
    folder, seen = legacy
    found, _ = read(folder / "broken")
    assert seen["broken"]
    # TensorFlow may count the step that broke: its counter doesn't wait for the data
    assert list(found["sparsity/head/kernel"]) in ([5], [6])


@pytest.mark.parametrize("way", ["loop", "called"])
def test_a_loop_of_ones_own_is_logged(legacy, way):
    found, _ = read(legacy[0] / way)
    assert found["pruning_step/dense"] == {1: 1, 2: 2, 3: 3}
    assert list(found["metrics/loss"]) == [1, 2, 3]
    assert found["sparsity/dense/kernel"] == {1: 0, 2: 0.5, 3: 0.5}


def test_histograms_hold_every_weight_once(legacy):
    folder, seen = legacy
    sums = {}
    for event in events(folder / "pruned"):
        for value in event.summary.value:
            if value.tag.startswith("magnitude/"):
                bins = np.frombuffer(value.tensor.tensor_content, "<f8").reshape(-1, 3)
                sums[event.step, value.tag.partition("/")[2]] = bins[:, 2].sum()
    assert sums == {(20, name): size for name, size in zip(NAMES, seen["pruned_sizes"], strict=True)}


def described(manifest):
    fields = ("name", "layer", "layer_class", "shape", "size", "dtype", "pattern", "schedule")
    return sorted([[w[field] for field in fields] for w in manifest["weights"]], key=str)


def test_series_and_manifest_are_those_of_keras_3(legacy, tmp_path):
    pruned = prune_low_magnitude(nested_model(keras), PolynomialDecay(0.1, 0.8, 2, 30, frequency=5))
    pruned.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    x, y = np.ones((8, 6, 6, 1), "float32"), np.zeros(8)
    callbacks = [UpdatePruningStep(), PruningSummaries(tmp_path, "batch")]
    with pytest.warns(UserWarning, match="schedule"):  # it doesn't fit into two steps
        pruned.fit(x, y, 4, validation_data=(x, y), verbose=0, callbacks=callbacks)
    ours, (manifest,) = read(tmp_path)
    found, (legacys, *_) = read(legacy[0] / "pruned")
    assert set(found) == set(ours)
    assert described(legacys) == described(manifest)


def test_weights_have_the_names_of_keras_3_in_layers_of_all_kinds(legacy, tmp_path):
    summaries = PruningSummaries(tmp_path)
    summaries.set_model(many_layers(keras))
    summaries.log(0)
    summaries.close()
    ours, (manifest,) = read(tmp_path)
    found, (legacys,) = read(legacy[0] / "many_layers")
    assert set(found) == set(ours)
    assert len(found) > 20
    assert described(legacys) == described(manifest)


def test_it_needs_neither_keras_3_nor_tfmot():
    needless = {"keras", "tensorflow_model_optimization", "tb_sparsity.measure", "tb_sparsity.pruning"}
    run_legacy("-c", f"import sys, tb_sparsity.legacy\nassert not {needless} & set(sys.modules)")


def test_a_model_of_keras_3_is_refused_with_the_way_out(legacy):
    message = str(legacy[1]["of_keras_3"])
    assert "`tb_sparsity.PruningSummaries`" in message
    assert "TF_USE_LEGACY_KERAS=1" in message
    assert message.endswith("keras.src.models.sequential.Sequential")


def test_without_legacy_keras_the_import_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    monkeypatch.delitem(sys.modules, "tb_sparsity.legacy", raising=False)
    with pytest.raises(ImportError, match="pip install tf-keras"):
        importlib.import_module("tb_sparsity.legacy")
