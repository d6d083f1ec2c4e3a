"""What a training leaves in the event files, read by TensorBoard's own reader."""

import json

import keras
import numpy as np
import pytest

from tb_sparsity import (
    ConstantSparsity,
    PolynomialDecay,
    PruningSchedule,
    PruningSummaries,
    UpdatePruningStep,
    prune_low_magnitude,
    strip_pruning,
)
from tb_sparsity.events.names import MANIFEST_TAG, TAG_PREFIXES
from tests.event_files import events, read

SCHEDULE = PolynomialDecay(0.1, 0.8, begin_step=2, end_step=20, frequency=3)
MEASURED = {
    "sparsity/hidden/kernel",
    "sparsity/head/kernel",
    "threshold/hidden/kernel",
    "threshold/head/kernel",
    "pruning_step/hidden",
    "pruning_step/head",
    "sparsity_total/pruned",
    "sparsity_total/model",
    "metrics/learning_rate",
}
CHURN = {"mask_churn/hidden/kernel", "mask_churn/head/kernel"}
METRICS = {"metrics/loss", "metrics/accuracy"}
LATE_METRICS = {"metrics/val_loss", "metrics/val_accuracy"}


@pytest.mark.parametrize(
    ("update_freq", "measured_at", "late_at"),
    [("epoch", [10, 20], [10, 20]), ("batch", list(range(1, 21)), [10, 20]), (7, [7, 14, 20], [10, 20])],
)
def test_writes_exactly_the_tags_and_steps_of_the_format(
    small_model, fit, small_data, tmp_path, serve_both, update_freq, measured_at, late_at
):
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    summaries = PruningSummaries(tmp_path, update_freq)
    history = fit(pruned, [UpdatePruningStep(), summaries], validation_data=small_data).history
    found, manifests = read(tmp_path)
    expected = {
        **dict.fromkeys(MEASURED | METRICS, measured_at),
        **dict.fromkeys(CHURN, measured_at[1:]),
        **dict.fromkeys(LATE_METRICS, late_at),
    }
    assert {tag: list(points) for tag, points in found.items()} == expected
    assert len(manifests) == 1
    for server in serve_both(tmp_path):
        run = server.index(lambda runs: runs.get("sparsity", {}).get("last_step") == 20)["sparsity"]
        assert {TAG_PREFIXES[kind] + name for kind, names in run["tags"].items() for name in names} == set(expected)
        answer = server.series(*(("sparsity", t) for t in expected))
        for series in answer["series"]:
            steps = answer["axes"][series["axis"]]["step"]
            assert dict(zip(steps, np.float32(series["value"]), strict=True)) == found[series["tag"]]
        assert run["manifest"] == manifests[0]

    # the last point is the truth about the model that comes out
    stripped = strip_pruning(pruned)
    kernels = {"hidden": stripped.get_layer("hidden").kernel.numpy(), "head": stripped.get_layer("head").kernel.numpy()}
    for name, kernel in kernels.items():
        assert found[f"sparsity/{name}/kernel"][20] == np.float32((kernel == 0).mean())
        assert found[f"threshold/{name}/kernel"][20] <= np.abs(kernel[kernel != 0]).max()
        assert found[f"pruning_step/{name}"][20] == 20
    zeros = sum((k == 0).sum() for k in kernels.values())
    assert found["sparsity_total/pruned"][20] == np.float32(zeros / (128 + 48))
    trainable = [w.numpy() for w in stripped.trainable_variables]
    all_zeros = sum((w == 0).sum() for w in trainable) / sum(w.size for w in trainable)
    assert found["sparsity_total/model"][20] == np.float32(all_zeros)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert found[f"metrics/{name}"][20] == pytest.approx(history[name][-1], rel=1e-6)


def test_every_point_is_the_state_after_its_step(small_model, fit, tmp_path):
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    seen, masks = {}, [np.ones((8, 16), bool)]

    def look(batch, logs):
        layer = watch.model.layers[0]  # on JAX, asking the callback for its model brings the variables up to date
        mask, kernel = layer.masks[0].numpy(), layer.layer.kernel.numpy() * layer.masks[0].numpy()
        churn = (mask != masks[-1]).mean()
        masks.append(mask)
        seen[len(seen) + 1] = ((kernel == 0).mean(), float(layer.thresholds[0].numpy()), churn)

    watch = keras.callbacks.LambdaCallback(on_train_batch_end=look)
    fit(pruned, [UpdatePruningStep(), watch, PruningSummaries(tmp_path, "batch")])
    found, _ = read(tmp_path)
    for i, tag in enumerate(("sparsity", "threshold", "mask_churn")):
        points = found[f"{tag}/hidden/kernel"]
        assert points == {step: np.float32(values[i]) for step, values in seen.items() if step in points}
    assert len(set(found["sparsity/hidden/kernel"].values())) == 7  # 0 and seven updates, the last without effect


def test_all_values_of_a_step_are_in_one_event(small_model, fit, small_data, tmp_path):
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    fit(pruned, [UpdatePruningStep(), PruningSummaries(tmp_path, 5)], validation_data=small_data)
    by_step = {}
    for event in events(tmp_path):
        if event.HasField("summary") and event.summary.value[0].tag != MANIFEST_TAG:
            by_step.setdefault(event.step, []).append({v.tag for v in event.summary.value})
    assert by_step == {
        5: [MEASURED | METRICS],
        10: [MEASURED | CHURN | METRICS, LATE_METRICS],
        15: [MEASURED | CHURN | METRICS],
        20: [MEASURED | CHURN | METRICS, LATE_METRICS],
    }


def test_the_manifest_says_what_the_run_is(small_model, fit, tmp_path):
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    fit(pruned, [UpdatePruningStep(), PruningSummaries(tmp_path, 7)])
    _, (manifest,) = read(tmp_path)
    target = manifest["schedules"][0].pop("target")
    assert target["step"][0] == 2
    assert target["step"][-1] == 20
    at = np.arange(2, 21)
    assert np.abs(np.interp(at, target["step"], target["value"]) - SCHEDULE(at)[1]).max() < 0.001
    assert manifest == {
        "format_version": "1.1",
        "newer": False,
        "writer_version": manifest["writer_version"],
        "keras_version": keras.__version__,
        "keras_backend": keras.backend.backend(),
        "update_freq": "7",
        "first_step": 1,
        "steps_per_epoch": 10,
        "total_steps": 20,
        "weights": [
            {
                "name": f"{name}/kernel",
                "layer": name,
                "layer_class": "Dense",
                "shape": shape,
                "size": shape[0] * shape[1],
                "dtype": "float32",
                "pattern": {"type": "element"},
                "schedule": 0,
            }
            for name, shape in (("hidden", [8, 16]), ("head", [16, 3]))
        ],
        "schedules": [
            {
                "class_name": "PolynomialDecay",
                "config": json.loads(json.dumps(SCHEDULE.get_config())),
                "begin_step": 2,
                "end_step": 20,
                "frequency": 3,
                "phases": [],
            }
        ],
    }


def test_names_leave_out_model_and_wrappers_so_that_runs_share_tags(fit, tmp_path):
    inner = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="deep")], name="backbone")
    model = keras.Sequential(
        [
            keras.Input((8,)),
            inner,
            keras.layers.Reshape((2, 2)),
            keras.layers.LSTM(2, name="lstm"),
            keras.layers.Dense(3, name="head"),
        ],
        name="whole",
    )
    fit(model, [PruningSummaries(tmp_path / "dense")], epochs=1)
    pruned = prune_low_magnitude(model, ConstantSparsity(0.5, 0, frequency=2))
    fit(pruned, [UpdatePruningStep(), PruningSummaries(tmp_path / "pruned")], epochs=1)
    dense, _ = read(tmp_path / "dense")
    sparse, _ = read(tmp_path / "pruned")
    weights = {
        "backbone/deep/kernel",
        "lstm/lstm_cell/kernel",
        "lstm/lstm_cell/recurrent_kernel",
        "head/kernel",
    }
    assert {t.removeprefix("sparsity/") for t in dense if t.startswith("sparsity/")} == weights
    assert {t.removeprefix("sparsity/") for t in sparse if t.startswith("sparsity/")} == weights
    assert {t for t in sparse if t.startswith("pruning_step/")} == {
        f"pruning_step/{n}" for n in ("backbone/deep", "lstm", "head")
    }
    assert dense["sparsity_total/model"] == {10: 0.0}
    assert "sparsity_total/pruned" not in dense
    assert sparse["sparsity/lstm/lstm_cell/kernel"] == {10: 0.5}


class OneByOne(PruningSchedule):
    """Takes single steps only, and can't be described."""

    begin_step, end_step, frequency = 0, -1, 2

    def __call__(self, step):
        if tuple(step.shape if hasattr(step, "shape") else ()):
            raise TypeError("one step, please")
        return self._should_prune_in_step(step), 0.75


def test_schedules_of_ones_own_are_sampled_too(fit, tmp_path):
    layer = keras.layers.Dense(3)
    model = keras.Sequential([keras.Input((8,)), prune_low_magnitude(layer, OneByOne())])
    fit(model, [UpdatePruningStep(), PruningSummaries(tmp_path)], epochs=1)
    found, (manifest,) = read(tmp_path)
    assert found["sparsity_total/pruned"] == {10: 0.75}
    assert manifest["schedules"] == [
        {
            "class_name": "OneByOne",
            "config": {},
            "begin_step": 0,
            "end_step": None,
            "frequency": 2,
            "target": {"step": [0, 10], "value": [0.75, 0.75]},
            "phases": [],
        }
    ]


def test_schedules_are_told_apart_by_what_they_do(fit, tmp_path):
    class Levelled(ConstantSparsity):
        """Its config doesn't have all of it."""

        level = 0.25

        def __call__(self, step):
            due, sparsity = super().__call__(step)
            return due, sparsity * 0 + self.level

    schedules = [Levelled(0.5, 1, frequency=1) for _ in range(3)]
    schedules[2].level = 0.75
    wrapped = [prune_low_magnitude(keras.layers.Dense(8, name=f"d{i}"), s) for i, s in enumerate(schedules)]
    fit(keras.Sequential([keras.Input((8,)), *wrapped]), [UpdatePruningStep(), PruningSummaries(tmp_path)])
    _, (manifest,) = read(tmp_path)
    assert [w["schedule"] for w in manifest["weights"]] == [0, 0, 1]
    assert [s["target"]["value"][0] for s in manifest["schedules"]] == [0.25, 0.75]


def test_nan_metrics_and_metrics_that_are_no_numbers(small_model, fit, tmp_path):
    pruned = prune_low_magnitude(small_model, SCHEDULE)

    class Extra(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs.update(lost=float("nan"), words="none", vector=np.ones(3))

    fit(pruned, [UpdatePruningStep(), Extra(), PruningSummaries(tmp_path)], epochs=1)
    found, _ = read(tmp_path)
    assert np.isnan(found["metrics/lost"][10])
    assert {tag for tag in found if tag.startswith("metrics/")} == {*METRICS, "metrics/lost", "metrics/learning_rate"}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"log_dir": ""}, ValueError, "log_dir=''"),
        ({"log_dir": 3}, ValueError, "log_dir=3"),
        ({"log_dir": "x", "update_freq": 0}, ValueError, "update_freq=0"),
        ({"log_dir": "x", "update_freq": True}, ValueError, "update_freq=True"),
        ({"log_dir": "x", "update_freq": "step"}, ValueError, "update_freq='step'"),
        ({"log_dir": "x", "histogram_freq": -1}, ValueError, "histogram_freq=-1"),
        ({"log_dir": "x", "flush_secs": 0}, ValueError, "flush_secs=0"),
        ({"log_dir": "x", "freq": 1}, TypeError, "no argument 'freq'"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        PruningSummaries(**arguments)


def test_tfmots_arguments_for_its_base_class_are_taken():
    PruningSummaries(log_dir="logs", profile_batch=0)


def test_histograms_of_magnitudes_every_so_many_epochs(small_model, fit, tmp_path, serve_both):
    pruned = prune_low_magnitude(small_model, SCHEDULE)
    fit(pruned, [UpdatePruningStep(), PruningSummaries(tmp_path, histogram_freq=2)], epochs=5)
    kernel = keras.ops.convert_to_numpy(pruned.layers[0].layer.kernel)
    for server in serve_both(tmp_path):
        server.index(lambda runs: runs.get("sparsity", {}).get("last_step") == 50)
        histograms = server.get("data/plugin/histograms/histograms?run=sparsity&tag=magnitude/hidden/kernel")
        assert [step for _, step, _ in histograms] == [20, 40]
        bins = np.array(histograms[-1][2])
        assert bins[:, 2].sum() == kernel.size
        assert bins[0, 0] == 0
        assert bins[0, 2] >= (kernel == 0).sum()
        np.testing.assert_array_equal(bins[:-1, 1], bins[1:, 0])
