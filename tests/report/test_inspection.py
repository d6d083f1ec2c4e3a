"""What `inspect_file` says of model files, against NumPy, h5py, gzip and TensorFlow's own interpreter."""

import dataclasses
import json
import subprocess
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tb_sparsity
from tb_sparsity.pruning.patterns import Layout, make_pattern
from tb_sparsity.pruning.registry import prunable_weights
from tb_sparsity.report import tflite
from tb_sparsity.report.inspection import find_patterns, inspect_file
from tb_sparsity.report.model_files import UnreadableFileError
from tests.conftest import examples

DENSE = Layout()


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    dense = keras.Sequential(
        [
            keras.Input((8, 8, 16)),
            layers.Conv2D(32, 3, name="groups"),
            layers.DepthwiseConv2D(3, name="deep"),
            layers.Conv2DTranspose(16, 3, name="up"),
            layers.Flatten(),
            layers.Dense(24, name="blocks"),
            layers.Dense(40, name="channels"),
            layers.Dense(10, name="plain", dtype="bfloat16"),
        ]
    )
    cuts = {
        "groups": {"sparsity_m_by_n": (2, 4)},
        "up": {"sparsity_m_by_n": (3, 4)},
        "blocks": {"block_size": (4, 2)},
        "channels": {"structure": "channel"},
        "plain": {},
        "deep": {},
    }
    for layer in dense.layers:
        if layer.name in cuts:
            weight, layout = prunable_weights(layer)[0]
            mask, _ = make_pattern(**cuts[layer.name]).mask(weight.value, 0.5, layout)
            weight.assign(weight * keras.ops.cast(mask, weight.dtype))
    return dense


PATTERNS = {
    "groups/kernel": ("2:4",),
    "up/kernel": ("3:4",),
    "blocks/kernel": ("block 4×2",),
    "channels/kernel": ("channel",),
    "plain/kernel": (),
    "deep/kernel": (),
}


def kernels(found):
    return {w.size.name: w for w in found.weights if w.channels}


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.weights.h5"])
def test_keras_files_are_told_weight_by_weight(model, tmp_path, name):
    path = tmp_path / name
    (model.save_weights if "weights" in name else model.save)(path)
    found = inspect_file(path)
    stored = {f"{layer.name}/{v.name}": np.asarray(v, "float32") for layer in model.layers for v in layer.weights}
    assert {w.size.name: w.size.shape for w in found.weights} == {n: v.shape for n, v in stored.items()}
    assert {w.size.name: w.size.zeros for w in found.weights} == {n: int((v == 0).sum()) for n, v in stored.items()}
    assert {n: w.patterns for n, w in kernels(found).items()} == PATTERNS
    assert kernels(found)["plain/kernel"].dtype == "bfloat16"
    assert kernels(found)["plain/kernel"].size.dense_bytes == 2 * 400
    assert (kernels(found)["channels/kernel"].zero_channels, kernels(found)["channels/kernel"].channels) == (20, 40)
    assert found.bytes == path.stat().st_size
    packed = subprocess.run(["gzip", "-9nc", str(path)], capture_output=True, check=True).stdout
    assert found.gzip_bytes == pytest.approx(len(packed), rel=0.01)
    assert (found.size, found.zeros) == (
        sum(v.size for v in stored.values()),
        sum((v == 0).sum() for v in stored.values()),
    )
    told = json.loads(found.to_json())
    assert {w["name"]: w["sparsity"] for w in told["weights"]} == {n: (v == 0).mean() for n, v in stored.items()}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TFLite files are made with Keras on TensorFlow")
@pytest.mark.parametrize("kind", tflite.FILES)
def test_tflite_files_have_the_same_zeros_and_patterns(tmp_path, kind):
    import tensorflow as tf

    from tb_sparsity.report.evaluation import Samples

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    small = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, name="a"), keras.layers.Dense(48, name="b")])
    for layer, options in zip(small.layers, ({"sparsity_m_by_n": (2, 4)}, {"structure": "channel"}), strict=True):
        mask, _ = make_pattern(**options).mask(layer.kernel, 0.5, DENSE)
        layer.kernel.assign(layer.kernel * keras.ops.cast(mask, "float32"))
    samples = Samples(rng.normal(size=(8, 64)).astype("float32"))
    path = tmp_path / "model.tflite"
    path.write_bytes(tflite.convert(small, kind, [((64,), "float32")], samples))
    found = {w.size.shape: w for w in kernels(inspect_file(path)).values()}
    # Quantising may make zeros of small weights too; then not all zeros are whole channels.
    assert found[32, 64].patterns == ("2:4",)
    assert found[48, 32].patterns == ("channel",) or "int8" in kind
    assert (found[48, 32].zero_channels, found[48, 32].channels) == (24, 48)
    seen = set()
    interpreter = tf.lite.Interpreter(str(path))
    for details in interpreter.get_tensor_details():
        shape = tuple(details["shape"])
        if shape in found:
            try:
                values = interpreter.get_tensor(details["index"])
            except ValueError:  # no constant, but what will be made of one
                continue
            points = np.append(details["quantization_parameters"]["zero_points"], 0)
            assert found[shape].size.zeros == (values == points[0]).sum()
            assert found[shape].size.dense_bytes == values.nbytes
            seen.add(shape)
    assert seen == set(found)
    if kind == "TFLite float32":
        assert found[32, 64].size.zeros == 1024
        assert found[48, 32].size.zeros == 24 * 32


@given(
    st.sampled_from([(2, 4), (1, 4), (3, 4), (4, 8), (1, 2), (7, 8)]),
    st.sampled_from([(64, 24), (3, 3, 16, 8), (62, 24)]),
)
@examples(20)
def test_groups_are_found_as_they_were_cut(group, shape):
    weight = np.random.default_rng(0).normal(size=shape).astype("float32")
    mask, _ = make_pattern(sparsity_m_by_n=group).mask(weight, 0.5, DENSE)
    assert list(find_patterns(np.asarray(mask), DENSE)) == ["{}:{}".format(*group)]


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.875, 0.95, 0.99])
@pytest.mark.parametrize("shape", [(4, 4), (8, 3), (64, 64), (3, 3, 1, 32), (3, 3, 4, 8), (784, 256), (1, 1)])
def test_zeros_by_chance_follow_no_pattern(shape, sparsity):
    for seed in range(5):
        kept = np.random.default_rng(seed).random(shape) >= sparsity
        assert list(find_patterns(kept, DENSE)) == []


def test_what_is_all_zero_or_has_none_is_no_pattern():
    assert list(find_patterns(np.zeros((64, 64), bool), DENSE)) == []
    assert list(find_patterns(np.ones((64, 64), bool), DENSE)) == []


def test_an_optimizer_and_masks_are_no_weights(tmp_path, small_model, fit):
    pruned = tb_sparsity.prune_low_magnitude(small_model, tb_sparsity.OneShot(0.5, 1))
    fit(pruned, [tb_sparsity.UpdatePruningStep()], epochs=1)
    pruned.save(tmp_path / "model.keras")
    found = inspect_file(tmp_path / "model.keras")
    assert {n: (w.size.zeros, w.size.size) for n, w in kernels(found).items()} == {
        "hidden/kernel": (64, 128),
        "head/kernel": (24, 48),
    }
    assert not any("mask" in w.size.name or w.dtype == "bool" for w in found.weights)
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        archive.extract("model.weights.h5", tmp_path)
    with h5py.File(tmp_path / "model.weights.h5") as file:
        state = sum(d.nbytes for d in file["optimizer/vars"].values())
    assert found.optimizer_bytes == state
    assert f"{state:,} bytes of it are the optimizer's state" in str(found)


def test_custom_layers_are_not_made_and_nothing_is_run(tmp_path, monkeypatch):
    class Odd(keras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1], 4), name="w")

        def call(self, x):
            return x @ self.w

    def never(*_, **__):
        raise AssertionError("a model was loaded")

    model = keras.Sequential([keras.Input((8,)), Odd(name="odd"), keras.layers.Lambda(lambda x: x + 1)])
    model.save(tmp_path / "model.keras")
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", never)
    monkeypatch.setattr(keras.models, "load_model", never)
    assert [(w.size.name, w.size.shape) for w in inspect_file(tmp_path / "model.keras").weights] == [("odd/0", (8, 4))]


def damaged(path, at, length=200):
    content = bytearray(path.read_bytes())
    content[at : at + length] = b"\xff" * length
    path.write_bytes(content)


def test_files_that_are_none_get_a_sentence(tmp_path, small_model):
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "empty.h5").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("a", "b")
    small_model.save(tmp_path / "cut.keras")
    small_model.save(tmp_path / "cut.h5")
    for name in ("cut.keras", "cut.h5"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    (tmp_path / "bad.tflite").write_bytes(b"\xff\xff\xff\x7fTFL3" + b"\xff" * 100)
    for name, said in {
        "none.keras": "doesn't exist",
        "text.keras": r"is no model: expected a \.keras",
        "empty.h5": "is no model",
        "other.keras": r"has no model\.weights\.h5",
        "cut.keras": "is damaged",
        "cut.h5": "is damaged",
        "bad.tflite": "is damaged",
        "": "can't be read",
    }.items():
        with pytest.raises(UnreadableFileError, match=said):
            inspect_file(tmp_path / name)


def test_a_weight_that_claims_more_than_there_is_costs_no_memory(tmp_path):
    with h5py.File(tmp_path / "vast.weights.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", (10**6, 10**6), "float32", chunks=(100, 100))
    with pytest.raises(UnreadableFileError, match="layers/dense/vars/0 claims to be larger than it can be"):
        inspect_file(tmp_path / "vast.weights.h5")


def test_weights_in_other_files_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(400))
    with h5py.File(tmp_path / "linked.weights.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", (10, 10), "float32", external=[(str(secret), 0, 400)])
    with pytest.raises(UnreadableFileError, match="in other files"):
        inspect_file(tmp_path / "linked.weights.h5")
    with h5py.File(tmp_path / "soft.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(tmp_path / "linked.weights.h5"), "/layers/dense/vars/0")
    assert inspect_file(tmp_path / "soft.weights.h5").weights == ()


def test_attention_is_named_and_laid_out_as_in_training(tmp_path):
    x = keras.Input((6, 16))
    y = keras.layers.MultiHeadAttention(4, 8, name="mha")(x, x)
    y = keras.layers.EinsumDense("abc,dc->abd", output_shape=(None, 32), name="einsum")(y)
    attention = keras.Model(x, y)
    for prunable in (p for layer in attention.layers for p in prunable_weights(layer)):
        mask, _ = make_pattern(sparsity_m_by_n=(2, 4)).mask(prunable.weight.value, 0.5, prunable.layout)
        prunable.weight.assign(prunable.weight * keras.ops.cast(mask, "float32"))
    names = {f"mha/{part}/kernel" for part in ("query", "key", "value", "attention_output")}
    for name in ("model.keras", "model.h5", "model.weights.h5"):
        (attention.save_weights if "weights" in name else attention.save)(tmp_path / name)
        found = inspect_file(tmp_path / name)
        patterns = {w.size.name: w.patterns for w in found.weights if w.size.name.endswith("kernel")}
        assert patterns == dict.fromkeys(names, ("2:4",)) | {"einsum/kernel": ()}
        assert "einsum/kernel" in str(found)


def test_names_in_a_notebook_are_text(tmp_path, small_model):
    small_model.save_weights(tmp_path / "model.weights.h5")
    found = dataclasses.replace(inspect_file(tmp_path / "model.weights.h5"), left_out=("<script>",))
    assert "&lt;script&gt;" in found._repr_html_()
    assert "<script>" not in found._repr_html_()


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path, small_model):
    small_model.save(tmp_path / "bomb.keras")
    with zipfile.ZipFile(tmp_path / "bomb.keras", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets", bytes(2**25))
    with pytest.raises(UnreadableFileError, match=r"unpacks to 33,[0-9,]+ bytes, more than a model would"):
        inspect_file(tmp_path / "bomb.keras")


def test_data_sets_are_read_once_and_no_more_than_the_file_can_hold(tmp_path):
    with h5py.File(tmp_path / "shared.weights.h5", "w") as file:
        file.create_dataset("layers/dense/vars/0", data=np.ones((8, 8), "float32"))
        file["layers/dense_1"] = file["layers/dense"]
        file["layers/dense/vars/1"] = file["layers/dense/vars/0"]
        file["layers/dense/loop"] = file["layers"]
    assert [w.size.name for w in inspect_file(tmp_path / "shared.weights.h5").weights] == ["dense/kernel"]
    with h5py.File(tmp_path / "many.weights.h5", "w") as file:
        for i in range(20):
            file.create_dataset(f"layers/dense_{i}/vars/0", (1000, 1000), "float32", chunks=(1000, 1000))
    with pytest.raises(UnreadableFileError, match="claims to be larger than it can be"):
        inspect_file(tmp_path / "many.weights.h5")


def test_the_size_is_found_without_reading_the_file_whole(tmp_path, small_model, monkeypatch):
    small_model.save(tmp_path / "model.keras")
    monkeypatch.setattr(Path, "read_bytes", None)
    assert inspect_file(tmp_path / "model.keras").bytes == (tmp_path / "model.keras").stat().st_size
