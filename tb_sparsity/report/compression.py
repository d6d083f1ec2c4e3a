"""Dense against pruned: bytes, accuracy and latency of each file that can be made of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import keras
import numpy as np

from tb_sparsity.events.reports import write_report
from tb_sparsity.pruning.api import strip_pruning
from tb_sparsity.pruning.models import is_graph
from tb_sparsity.pruning.wrapper import collect_wrappers
from tb_sparsity.report import tflite
from tb_sparsity.report.evaluation import Metrics, Samples, as_samples, evaluate, unharmed
from tb_sparsity.report.sizes import LayerSize, gzip_size, keras_file, layer_sizes
from tb_sparsity.report.stored import number, read, written
from tb_sparsity.tables import html_table, text_table

KERAS = "Keras"
FILES = (KERAS, *tflite.FILES)
DENSE, PRUNED = "dense", "pruned"


@dataclass(frozen=True)
class Variant:
    """One file of one model. What couldn't be made or measured is None, and `problem` says why.

    Attributes:
        model: `"dense"` or `"pruned"`.
        file: One of `"Keras"`, `"TFLite float32"`, `"TFLite float16"`, `"TFLite dynamic int8"`,
            `"TFLite dynamic int8 per tensor"` (one scale for a Dense kernel), `"TFLite int8"`.
        bytes: The file's size.
        gzip_bytes: Its size after `gzip -9`.
        ratio: How many times smaller that is than the dense Keras file after `gzip -9`.
        metrics: What the file, run, comes to on the data.
        latency: Time for one sample on one thread, as a share of what the dense float32 file takes; without a
            baseline, the pruned one.
        problem: Why something is missing.
    """

    model: str
    file: str
    bytes: int | None = None
    gzip_bytes: int | None = None
    ratio: float | None = None
    metrics: dict[str, float] | None = None
    latency: float | None = None
    problem: str | None = None


@dataclass(frozen=True)
class CompressionReport:
    """What pruning bought. Print it for a table; a notebook shows it as one.

    Attributes:
        variants: The files, the dense model's first.
        layers: What the pruned model's kernels take in sparse formats.
        samples: On how many samples the metrics were computed; 0 without data.
    """

    variants: tuple[Variant, ...]
    layers: tuple[LayerSize, ...]
    samples: int

    def variant(self, model: str, file: str) -> Variant:
        """The variant of a model (`"dense"`, `"pruned"`) as a file.

        Raises:
            KeyError: If the report has none.
        """
        for variant in self.variants:
            if (variant.model, variant.file) == (model, file):
                return variant
        have = sorted({v.model for v in self.variants}), sorted({v.file for v in self.variants})
        raise KeyError(f"No variant {(model, file)!r}. There are models {have[0]} as {have[1]}.")

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics' names, in order."""
        return tuple(dict.fromkeys(name for v in self.variants for name in v.metrics or ()))

    def to_json(self) -> str:
        """The report as JSON, as it stands in event files."""
        return written(self, self.metric_names)

    @classmethod
    def from_json(cls, text: str) -> CompressionReport:
        """The report of `to_json`.

        Raises:
            ValueError: If the text isn't one, or of a later format.
        """
        with read(text, "compression") as content:
            layers = [LayerSize(**(layer | {"shape": tuple(layer["shape"])})) for layer in content["layers"]]
            variants = [
                Variant(**v | {"metrics": v["metrics"] and {name: number(x) for name, x in v["metrics"].items()}})
                for v in content["variants"]
            ]
            return cls(tuple(variants), tuple(layers), content["samples"])

    def __str__(self) -> str:
        lines = [*text_table(self._rows(), left=(0, 1)), *self._sentences()]
        if self.layers:
            lines += ["", *text_table(self._layer_rows(), left=(0, 1))]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{escape(line)}</p>" for line in self._sentences())
        return html_table(self._rows(), left=(0, 1)) + said + html_table(self._layer_rows(), left=(0, 1))

    def _sentences(self) -> list[str]:
        lines = [f"{v.model}, {v.file}: {v.problem}" for v in self.variants if v.problem]
        return [*lines, f"Each file was run on {self.samples:,} samples."] if self.samples else lines

    def _rows(self) -> list[tuple[str, ...]]:
        names = self.metric_names
        rows: list[tuple[str, ...]] = [("model", "file", "bytes", "gzip, bytes", "smaller", *names, "latency")]
        for v in self.variants:
            metrics = v.metrics or {}
            rows.append(
                (
                    v.model,
                    v.file,
                    _number(v.bytes, "{:,}"),
                    _number(v.gzip_bytes, "{:,}"),
                    _number(v.ratio, "{:.2f}×"),
                    *(_number(metrics.get(name), "{:.4f}") for name in names),
                    _number(v.latency, "{:.2f}×"),
                )
            )
        return rows

    def _layer_rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("weight", "shape", "sparsity", "dense, bytes", "CSR, bytes", "bitmask, bytes")]
        for layer in self.layers:
            rows.append(
                (
                    layer.name,
                    "×".join(map(str, layer.shape)),
                    f"{100 * layer.zeros / max(layer.size, 1):.2f}%",
                    f"{layer.dense_bytes:,}",
                    f"{layer.csr_bytes:,}",
                    f"{layer.bitmask_bytes:,}",
                )
            )
        return rows


def compression_report(
    model: keras.Model,
    baseline: keras.Model | None = None,
    data: Any = None,
    metrics: Metrics | None = None,
    *,
    files: Sequence[str] = FILES,
    representative_data: Any = None,
    log_dir: str | os.PathLike[str] | None = None,
    verbose: int = 1,
) -> CompressionReport:
    """Makes each file of a pruned model and of the dense one, weighs it, runs it, and compares.

    A file with zeros is as large as one without: what pruning buys shows after compression.

    Args:
        model: A pruned model, in its wrappers or stripped. It stays as it is.
        baseline: The dense model. Without it nothing is compared. Defaults to `None`.
        data: `(x, y)`, or batches of such (a `tf.data.Dataset`, a `PyDataset`): what the files are run on. The first
            samples are also what int8 is calibrated with and latency measured with. Defaults to `None`: metrics
            and full int8 are left out.
        metrics: What `compile` takes as metrics, a list of such, or a mapping of names to them. Defaults to accuracy
            where the labels are classes, else to the mean squared error.
        files: Which files to make, of `Variant.file`. Defaults to all.
        representative_data: Calibrates int8 in place of `data`, better training data; inputs and labels as in `data`.
        log_dir: The run's log directory, as given to `PruningSummaries`: TensorBoard then shows the report. Defaults
            to `None`.
        verbose: `0` for no progress bar. Defaults to `1`.

    Returns:
        A `CompressionReport`. What can't be made is a `Variant` whose `problem` says why.

    Raises:
        ValueError: If an argument isn't what it should be.
        OSError: If the report can't be written to `log_dir`.

    Example:

    ```python
    report = tb_sparsity.compression_report(pruned, baseline=dense, data=(x_test, y_test), log_dir="logs/run1")
    print(report)
    print(report.variant("pruned", "TFLite dynamic int8").ratio)
    ```
    """
    unknown = [name for name in files if name not in FILES]
    if unknown or not files:
        raise ValueError(f"`files` must be of {list(FILES)}. Received: files={files!r}")
    samples = None if data is None else as_samples(data)
    calibration = samples
    if representative_data is not None:
        calibration = as_samples(representative_data, "representative_data", tflite.CALIBRATION_SAMPLES)
    models = {DENSE: baseline, PRUNED: model} if baseline is not None else {PRUNED: model}
    bare = {name: bare_model(name, given) for name, given in models.items()}
    samples, calibration = (tflite.in_order(given, bare[PRUNED]) for given in (samples, calibration))
    progress = keras.utils.Progbar(len(bare) * len(files) + 1, unit_name="file", verbose=1 if verbose else 0)
    found: list[tuple[Variant, bytes | None]] = []
    for name, given in bare.items():
        for kind in files:
            found.append(_variant(name, given, kind, samples, calibration, metrics))
            progress.add(1)
    latencies = _latencies(found, samples or _any_sample(bare[PRUNED]))
    progress.add(1)
    dense_size = next((v.gzip_bytes for v, _ in found if (v.model, v.file) == (DENSE, KERAS)), None)
    if dense_size is None and baseline is not None:
        dense_size = gzip_size(keras_file(bare[DENSE]))
    report = CompressionReport(
        variants=tuple(
            Variant(
                **asdict(v)
                | {"ratio": dense_size / v.gzip_bytes if dense_size and v.gzip_bytes else None}
                | latencies.get(i, {})
            )
            for i, (v, _) in enumerate(found)
        ),
        layers=layer_sizes(bare[PRUNED]),
        samples=len(samples) if samples else 0,
    )
    if log_dir is not None:
        write_report(log_dir, "compression", report.to_json())
    return report


def bare_model(name: str, model: Any) -> keras.Model:
    """The model without wrappers and without an optimizer, and the one given as it was."""
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(f"The {name} model must be a built Keras 3 model. Received: {model!r}")
    if is_graph(model):
        return strip_pruning(model)
    if collect_wrappers(model):
        raise ValueError(
            f"Model '{model.name}' is subclassed and in its pruning wrappers: give `strip_pruning(model)`, which takes "
            "them off in place."
        )
    return model


def _variant(
    name: str,
    model: keras.Model,
    kind: str,
    samples: Samples | None,
    calibration: Samples | None,
    metrics: Metrics | None,
) -> tuple[Variant, bytes | None]:
    """The variant, without what needs the others; and the TFLite file."""
    try:
        inputs = _inputs(model, samples or calibration)
        content = keras_file(model) if kind == KERAS else tflite.convert(model, kind, inputs, calibration)
    except Exception as error:  # converters raise whatever they like
        return Variant(name, kind, problem=_reason(error)), None
    results, problem = None, None
    if samples is not None and samples.y is not None:
        try:
            results = evaluate(metrics, samples.y, _predictions(model, kind, content, samples))
        except Exception as error:
            problem = _reason(error)
    variant = Variant(name, kind, len(content), gzip_size(content), metrics=results, problem=problem)
    return variant, None if kind == KERAS else content


def _predictions(model: keras.Model, kind: str, content: bytes, samples: Samples) -> Any:
    if kind == KERAS:
        with unharmed(model):
            return model.predict(samples.x, verbose=0)
    outputs = tflite.predict(content, samples)
    structure = getattr(model, "_outputs_struct", None)
    return keras.tree.pack_sequence_as(structure, outputs) if keras.tree.is_nested(structure) else outputs[0]


def _inputs(model: keras.Model, samples: Samples | None) -> list[tuple[Any, ...]]:
    if samples is not None:
        return [
            (array.shape[1:], "float32" if array.dtype.kind == "f" else array.dtype.name)
            for array in keras.tree.flatten(samples.x)
        ]
    if not is_graph(model):
        raise ValueError("a subclassed model doesn't tell its inputs: give `data`")
    return [(tensor.shape[1:], keras.backend.standardize_dtype(tensor.dtype)) for tensor in model.inputs]


def _any_sample(model: keras.Model) -> Samples | None:
    if not is_graph(model) or any(None in tensor.shape[1:] for tensor in model.inputs):
        return None
    return Samples([np.ones((1, *tensor.shape[1:]), _dtype(tensor)) for tensor in model.inputs])


def _dtype(tensor: Any) -> str:
    return str(keras.backend.standardize_dtype(tensor.dtype))


def _latencies(
    found: Sequence[tuple[Variant, bytes | None]], samples: Samples | None
) -> dict[int, dict[str, float | str]]:
    """Place of a variant -> its latency as a share of the first model's float32 file's, or why it has none."""
    contents = {i: content for i, (_, content) in enumerate(found) if content is not None}
    first = next((i for i, (v, _) in enumerate(found) if v.file == "TFLite float32"), None)
    if first not in contents or samples is None:
        return {}
    seconds = dict(zip(contents, tflite.latencies(list(contents.values()), samples.part(0, 1)), strict=True))
    reference = seconds[first]
    told: dict[int, dict[str, float | str]] = {}
    for i, own in seconds.items():
        variant, _ = found[i]
        if isinstance(own, Exception):
            # Where it ran for the metrics, one number less is no problem.
            told[i] = {"problem": _reason(own)} if variant.problem is None and not variant.metrics else {}
        elif not isinstance(reference, Exception):
            told[i] = {"latency": own / reference}
    return told


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
