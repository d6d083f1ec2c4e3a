"""What pruning bought, against files on disk, GNU gzip, and an interpreter loop of the test's own."""

import json
import shutil
import subprocess
import warnings

import keras
import numpy as np
import pytest

import tb_sparsity
from tb_sparsity.events.logs import read_logs
from tb_sparsity.report.compression import FILES, CompressionReport
from tb_sparsity.report.sizes import gzip_size, layer_size
from tb_sparsity.report.tflite import convert

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TFLite files are made with Keras on TensorFlow"
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 8, 8, 1)).astype("float32")
    return x, (x[:, :4].mean((1, 2, 3)) > x[:, 4:].mean((1, 2, 3))).astype("int64") + (x[:, 0, 0, 0] > 1)


@pytest.fixture(scope="module")
def models(data):
    """A dense CNN, and a copy of it pruned to 80 %."""
    keras.utils.set_random_seed(0)
    dense = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, activation="relu", name="conv"),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu", name="hidden"),
            keras.layers.Dense(3, activation="softmax", name="head"),
        ]
    )
    dense.compile("adam", "sparse_categorical_crossentropy")
    dense.fit(*data, batch_size=50, epochs=8, verbose=0)
    pruned = tb_sparsity.prune_low_magnitude(dense, tb_sparsity.ConstantSparsity(0.8, 1, frequency=1))
    pruned.compile("adam", "sparse_categorical_crossentropy")
    pruned.fit(*data, batch_size=50, epochs=2, verbose=0, callbacks=[tb_sparsity.UpdatePruningStep()])
    return dense, pruned


@pytest.fixture(scope="module")
def report(models, data, tmp_path_factory):
    log_dir = tmp_path_factory.mktemp("logs") / "run"
    dense, pruned = models
    found = tb_sparsity.compression_report(pruned, dense, data, log_dir=log_dir, verbose=0)
    return found, log_dir


def interpreted(content, x):
    """Class of each sample, one at a time, as TensorFlow's guide to inference does it."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    classes = []
    for real in x:
        sample = real
        if source["dtype"] == np.int8:
            scale, zero = source["quantization"]
            sample = np.clip(np.round(real / scale) + zero, -128, 127).astype("int8")
        interpreter.set_tensor(source["index"], sample[None])
        interpreter.invoke()
        classes.append(interpreter.get_tensor(target["index"])[0].argmax())
    return np.array(classes)


@pytest.mark.parametrize("file", FILES[1:])
def test_each_file_is_really_run(models, data, report, file):
    x, y = data
    stripped = tb_sparsity.strip_pruning(models[1])
    content = convert(stripped, file, [((8, 8, 1), "float32")], tb_sparsity.report.evaluation.Samples(x))
    variant = report[0].variant("pruned", file)
    assert variant.bytes == len(content)
    assert variant.metrics["accuracy"] == pytest.approx((interpreted(content, x) == y).mean(), abs=1e-6)
    assert 0.05 < variant.latency < 20


def test_a_file_that_does_not_run_says_why(models, monkeypatch):
    """As one does with an operation that the interpreter lacks."""
    monkeypatch.setattr(
        "tb_sparsity.report.tflite.convert",
        lambda model, kind, *rest: b"no" if kind.endswith("16") else convert(model, kind, *rest),
    )
    files = ["Keras", "TFLite float32", "TFLite float16"]
    report = tb_sparsity.compression_report(models[1], models[0], files=files, verbose=False)
    broken, whole = report.variant("pruned", "TFLite float16"), report.variant("pruned", "TFLite float32")
    assert (broken.bytes, broken.latency) == (2, None)
    assert broken.problem.startswith("ValueError: ")
    assert f"pruned, TFLite float16: {broken.problem}" in str(report)
    assert whole.problem is None
    assert whole.latency > 0


def test_per_tensor_gives_a_dense_kernel_one_scale(models, report):
    import tensorflow as tf

    def scales(file):
        content = convert(tb_sparsity.strip_pruning(models[1]), file, [((8, 8, 1), "float32")], None)
        details = tf.lite.Interpreter(model_content=content).get_tensor_details()
        kernels = [d for d in details if d["dtype"] == np.int8 and len(d["shape"]) in (2, 4)]
        return {tuple(d["shape"]): len(set(d["quantization_parameters"]["scales"].tolist())) for d in kernels}

    assert scales("TFLite dynamic int8") == {(64, 576): 64}
    assert scales("TFLite dynamic int8 per tensor") == {(64, 576): 1}
    sizes = [report[0].variant("pruned", f"TFLite dynamic int8{end}").gzip_bytes for end in ("", " per tensor")]
    assert sizes[1] < sizes[0]


def test_sizes_are_those_of_the_files(models, report, tmp_path):
    path = tmp_path / "model.keras"
    tb_sparsity.strip_pruning(models[1]).save(path)
    variant = report[0].variant("pruned", "Keras")
    assert variant.bytes == path.stat().st_size
    packed = len(subprocess.run([shutil.which("gzip"), "-9nc", path], stdout=subprocess.PIPE, check=True).stdout)
    # Two programs of one format, and the time in the file differs.
    assert variant.gzip_bytes == pytest.approx(packed, rel=0.005)
    assert gzip_size(path.read_bytes()) == pytest.approx(packed, rel=0.005)


def test_ratios_are_to_the_dense_file_after_gzip(report):
    report, _ = report
    dense = report.variant("dense", "Keras").gzip_bytes
    for variant in report.variants:
        assert variant.problem is None
        assert variant.ratio == dense / variant.gzip_bytes
    assert [v.ratio for v in report.variants if v.model == "dense" and v.file == "Keras"] == [1]
    assert report.variant("pruned", "TFLite dynamic int8").ratio > report.variant("pruned", "Keras").ratio > 2
    assert report.variant("dense", "TFLite float32").latency == 1


def test_accuracy_of_the_keras_files_is_what_keras_says(models, data, report):
    for name, model in zip(("dense", "pruned"), models, strict=True):
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        _, accuracy = model.evaluate(*data, verbose=0)
        assert report[0].variant(name, "Keras").metrics["accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_the_model_stays_as_it_is(models, data):
    dense, pruned = models
    before = [np.array(w) for w in pruned.get_weights()]
    optimizer = pruned.optimizer
    tb_sparsity.compression_report(pruned, dense, data, files=("Keras", "TFLite float32"), verbose=0)
    assert pruned.compiled
    assert pruned.optimizer is optimizer
    for old, new in zip(before, pruned.get_weights(), strict=True):
        assert old.tobytes() == new.tobytes()


def test_sparse_formats_by_hand():
    values = np.zeros((3, 300), "float32")
    values[0, :7] = 1
    size = layer_size("w", values)
    assert (size.size, size.zeros, size.dense_bytes) == (900, 893, 3600)
    assert size.csr_bytes == 7 * 4 + 7 * 2 + 4 * 4  # columns need 2 bytes; 3 rows and the end
    assert size.bitmask_bytes == 7 * 4 + 113


def test_the_report_is_logged_printed_and_read_back(report):
    report, log_dir = report
    (run,) = read_logs(log_dir.parent).values()
    assert run.compression == json.loads(report.to_json())
    assert CompressionReport.from_json(report.to_json()) == report
    assert json.loads(report.to_json())["lower_is_better"] == []
    text = str(report)
    for variant in report.variants:
        assert f"{variant.gzip_bytes:,}" in text
        assert f"{variant.ratio:.2f}×" in text
    assert "<td" in report._repr_html_()


def test_what_cannot_be_made_is_a_row_with_its_reason(models, data, monkeypatch):
    _, pruned = models
    without_data = tb_sparsity.compression_report(pruned, verbose=0, files=("Keras", "TFLite int8"))
    keras_file, int8 = without_data.variants
    assert keras_file.problem is None
    assert (keras_file.ratio, keras_file.metrics) == (None, None)
    assert int8.bytes is None
    assert "give `data`" in int8.problem

    def broken(*arguments):
        raise RuntimeError("no such operation\nand more")

    monkeypatch.setattr("tb_sparsity.report.tflite.convert", broken)
    failed = tb_sparsity.compression_report(pruned, data=data, verbose=0, files=FILES[1:2]).variants[0]
    assert failed.problem == "RuntimeError: no such operation"
    assert "no such operation" in str(tb_sparsity.CompressionReport((failed,), (), 0))


def test_several_inputs_outputs_and_batches(tmp_path):
    rng = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    left, right = keras.Input((4,), name="z"), keras.Input((3,), name="a")
    shared = keras.layers.Dense(8, activation="relu")(keras.layers.concatenate([left, right]))
    model = keras.Model({"z": left, "a": right}, {"one": keras.layers.Dense(2)(shared)})
    x = {"z": rng.normal(size=(300, 4)).astype("float32"), "a": rng.normal(size=(300, 3)).astype("float32")}
    y = model.predict(x, verbose=0)
    batches = [
        ({k: v[i : i + 100] for k, v in x.items()}, {k: v[i : i + 100] for k, v in y.items()})
        for i in range(0, 300, 100)
    ]

    def error(y_true, y_pred):
        return np.abs(y_true["one"] - y_pred["one"]).mean()

    report = tb_sparsity.compression_report(
        model, data=batches, metrics={"error": error}, verbose=0, files=("Keras", "TFLite float32", "TFLite int8")
    )
    assert [variant.problem for variant in report.variants] == [None] * 3
    exact, float32, int8 = (variant.metrics["error"] for variant in report.variants)
    assert exact == 0
    assert float32 < 1e-5
    assert 0 < int8 < 0.03


def test_a_dictionary_reaches_a_list_of_inputs_by_name():
    keras.utils.set_random_seed(0)
    query, document = keras.Input((5,), name="query"), keras.Input((5,), name="document")
    model = keras.Model([query, document], keras.layers.Dense(1)(query) - 3 * keras.layers.Dense(1)(document))
    rng = np.random.default_rng(0)
    x = {"query": rng.normal(size=(50, 5)), "document": rng.normal(size=(50, 5))}  # float64, as from a division
    y = model.predict(x, verbose=0)
    report = tb_sparsity.compression_report(model, data=(x, y), metrics="mean_absolute_error", verbose=0)
    for variant in report.variants:
        assert variant.problem is None
        assert variant.metrics["mean_absolute_error"] < (0.3 if "int8" in variant.file else 0.01)


def test_calibration_takes_what_it_needs_of_endless_data(models, data):
    import tensorflow as tf

    endless = tf.data.Dataset.from_tensor_slices(data).batch(64).repeat()
    given = {"files": ("TFLite int8",), "representative_data": endless, "verbose": 0}
    assert tb_sparsity.compression_report(models[1], data=data, **given).variants[0].problem is None
    with pytest.raises(ValueError, match="without an end"):
        tb_sparsity.compression_report(models[1], data=endless, verbose=0)


def test_a_report_that_cannot_be_written_is_an_error(models, data, tmp_path):
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(OSError, match="file"):
        tb_sparsity.compression_report(models[1], data=data, files=("Keras",), log_dir=tmp_path / "file", verbose=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": 3}, "must be `\\(x, y\\)`"),
        ({"data": (np.zeros((3, 8, 8, 1)), np.zeros(4))}, "equally long"),
        ({"data": []}, "no batch"),
        ({"files": ("zip",)}, "must be of"),
        ({"baseline": "dense"}, "built Keras 3 model"),
    ],
)
def test_wrong_arguments_are_told(models, change, message):
    with pytest.raises(ValueError, match=message):
        tb_sparsity.compression_report(models[1], verbose=0, **change)
