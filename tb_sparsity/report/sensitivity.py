"""Which weights could take more: each is pruned alone, in one shot, and the metric looked at."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import keras
import numpy as np

from tb_sparsity.events.reports import write_report
from tb_sparsity.pruning.patterns import NOfM, parse_pattern
from tb_sparsity.pruning.registry import prunable_weights
from tb_sparsity.pruning.weights import TrackedWeight, pruned_or_prunable, tracked_weights
from tb_sparsity.report.compression import bare_model
from tb_sparsity.report.evaluation import Metrics, as_samples, evaluate, is_lower_better, unharmed
from tb_sparsity.report.stored import number, read, written
from tb_sparsity.schedules import PolynomialDecay
from tb_sparsity.tables import html_table, text_table

_BATCH = 256
_ROUNDING = 1e-9  # 0.4 - 0.3 is more than 0.1


@dataclass(frozen=True)
class Curve:
    """What pruning one weight does to the metrics.

    Attributes:
        weight: The weight, as in the log: `conv2d/kernel`.
        layer: Its layer.
        size: Number of its entries.
        pattern: What is cut together: `element`, `block 4×1`, `2:4`, `channel`.
        target: Shares of zeros that were asked for, ascending.
        sparsity: What came out, as near as the pattern gets.
        metrics: Name -> value at each of them.
    """

    weight: str
    layer: str
    size: int
    pattern: str
    target: tuple[float, ...]
    sparsity: tuple[float, ...]
    metrics: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class SensitivityReport:
    """How fragile each weight is, by itself. Print it for a table; a notebook shows it as one.

    Attributes:
        curves: One for each weight and pattern, the most fragile first.
        baseline: Metrics of the model as it was.
        samples: On how many samples.
    """

    curves: tuple[Curve, ...]
    baseline: dict[str, float]
    samples: int

    def suggest(
        self, tolerance: float = 0.01, metric: str | None = None, pattern: str | None = None
    ) -> dict[str, float]:
        """The highest sparsity that each weight takes alone: up to it, the metric stays within the tolerance.

        Weights suffer together more than alone: train with these as targets, don't cut in one shot.

        Args:
            tolerance: How much worse than the baseline the metric may be, in its own unit: `0.01` is one point of an
                accuracy.
            metric: Its name. Defaults to the first.
            pattern: Which, of `Curve.pattern`, if the report has several.

        Returns:
            Weight -> sparsity; `0.0` where not even the lowest is within the tolerance.

        Raises:
            ValueError: If there is no such metric, several patterns and none is named, or the tolerance is negative.
        """
        name, curves = self._metric(metric), self._curves(pattern)
        if not tolerance >= 0:
            raise ValueError(f"`tolerance` must not be negative. Received: tolerance={tolerance!r}")
        suggested = {}
        for curve in curves:
            good = 0.0
            for sparsity, cost in zip(curve.target, _costs(curve, name, self.baseline[name]), strict=True):
                if not cost <= tolerance + _ROUNDING:  # also where it isn't a number
                    break
                good = sparsity
            suggested[curve.weight] = good
        return suggested

    def schedules(
        self,
        begin_step: int,
        end_step: int,
        tolerance: float = 0.01,
        metric: str | None = None,
        pattern: str | None = None,
        frequency: int = 100,
    ) -> dict[str, PolynomialDecay]:
        """Schedules for `prune_low_magnitude`: each layer from 0 to what is suggested for it.

        A layer with several weights gets the lowest suggestion among them; one with none above 0 isn't pruned.

        Example:

        ```python
        report = tb_sparsity.sensitivity(model, (x_test, y_test))
        pruned = tb_sparsity.prune_low_magnitude(model, report.schedules(begin_step=0, end_step=1000))
        ```
        """
        suggested = self.suggest(tolerance, metric, pattern)
        targets: dict[str, float] = {}
        for curve in self._curves(pattern):
            targets[curve.layer] = min(suggested[curve.weight], targets.get(curve.layer, 1.0))
        return {
            glob.escape(layer): PolynomialDecay(0.0, target, begin_step, end_step, frequency=frequency)
            for layer, target in targets.items()
            if target > 0
        }

    def to_json(self) -> str:
        """The report as JSON, as it stands in event files."""
        return written(self, self.baseline)

    @classmethod
    def from_json(cls, text: str) -> SensitivityReport:
        """The report of `to_json`; what wasn't a finite number is NaN.

        Raises:
            ValueError: If the text isn't one, or of a later format.
        """
        with read(text, "sensitivity") as content:
            curves = [
                Curve(
                    **curve
                    | {"target": tuple(curve["target"]), "sparsity": tuple(curve["sparsity"])}
                    | {"metrics": {name: tuple(map(number, v)) for name, v in curve["metrics"].items()}}
                )
                for curve in content["curves"]
            ]
            baseline = {name: number(value) for name, value in content["baseline"].items()}
            return cls(tuple(curves), baseline, content["samples"])

    def __str__(self) -> str:
        return "\n".join([*text_table(self._rows(), left=(0, 1)), self._sentence()])

    def _repr_html_(self) -> str:
        return html_table(self._rows(), left=(0, 1)) + f"<p>{escape(self._sentence())}</p>"

    def _rows(self) -> list[tuple[str, ...]]:
        name = self._metric(None)
        shares = sorted({share for curve in self.curves for share in curve.target})
        rows: list[tuple[str, ...]] = [("weight", "pattern", "size", *(f"{100 * s:.4g}%" for s in shares))]
        for curve in self.curves:
            values = dict(zip(curve.target, curve.metrics[name], strict=True))
            cells = (f"{values[s]:.4f}" if s in values else "" for s in shares)
            rows.append((curve.weight, curve.pattern, f"{curve.size:,}", *cells))
        return rows

    def _sentence(self) -> str:
        name = self._metric(None)
        return f"{name}, each weight pruned alone; {self.baseline[name]:.4f} as it is, on {self.samples:,} samples."

    def _metric(self, name: str | None) -> str:
        if name is None:
            return next(iter(self.baseline))
        if name not in self.baseline:
            raise ValueError(f"The report has no metric {name!r}. It has {list(self.baseline)}.")
        return name

    def _curves(self, pattern: str | None) -> list[Curve]:
        patterns = sorted({curve.pattern for curve in self.curves})
        if (pattern is None and len(patterns) > 1) or (pattern is not None and pattern not in patterns):
            raise ValueError(f"`pattern` must be one of {patterns}. Received: pattern={pattern!r}")
        return [curve for curve in self.curves if pattern in (None, curve.pattern)]


def sensitivity(
    model: keras.Model,
    data: Any,
    sparsities: Sequence[float] = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
    patterns: Sequence[str | tuple[int, int]] = ("element",),
    metrics: Metrics | None = None,
    *,
    log_dir: str | os.PathLike[str] | None = None,
    verbose: int = 1,
) -> SensitivityReport:
    """Prunes each weight alone, in one shot and by magnitude, and looks what becomes of the metric.

    The analysis of Li et al. 2017, "Pruning Filters for Efficient ConvNets" (arXiv:1608.08710, section 3.2), for any
    pattern. The model is the same afterwards, to the bit, also after an error or Ctrl-C.

    Args:
        model: A built model, in pruning wrappers or not.
        data: `(x, y)`, or batches of such. A thousand samples are often enough.
        sparsities: Shares of zeros to try, in (0, 1). Defaults to six from 0.5 to 0.95.
        patterns: What to cut together: `"element"`, `"channel"`, `"2:4"` for 2 zeros in each 4, which has a sparsity
            of its own, or `(rows, columns)` of a block. Defaults to single weights.
        metrics: What `compile` takes as metrics, a list of such, or a mapping of names to them. Defaults to accuracy
            where the labels are classes, else to the mean squared error.
        log_dir: The run's log directory, as given to `PruningSummaries`: TensorBoard then shows the report. Defaults
            to `None`.
        verbose: `0` for no progress bar. Defaults to `1`.

    Returns:
        A `SensitivityReport`.

    Raises:
        ValueError: If an argument isn't what it should be, or the model has no weight that can be pruned.
        OSError: If the report can't be written to `log_dir`.

    Example:

    ```python
    report = tb_sparsity.sensitivity(model, (x_test, y_test), log_dir="logs/dense")
    print(report)
    report.suggest(tolerance=0.005)  # {'conv2d/kernel': 0.6, 'dense/kernel': 0.95, …}
    ```
    """
    shares = sorted({float(s) for s in sparsities})
    if not shares or not all(0 < s < 1 for s in shares):
        raise ValueError(f"`sparsities` must be shares in (0, 1), at least one. Received: sparsities={sparsities!r}")
    cuts = [parse_pattern(spec) for spec in patterns]
    samples = as_samples(data)
    if samples.y is None:
        raise ValueError("`data` must have labels: without them there is no metric.")
    bare = bare_model("given", model)
    weights = pruned_or_prunable(tracked_weights(bare))
    tasks = [
        (w, cut, layout, [cut.n / cut.m] if isinstance(cut, NOfM) else shares)
        for w in weights
        for cut in cuts
        if cut.supports(layout := _layout(w))
    ]
    if not tasks:
        raise ValueError(f"Model '{model.name}' has no weight that can be pruned like this: patterns={patterns!r}")
    progress = keras.utils.Progbar(
        1 + sum(len(own) for *_, own in tasks), unit_name="trial", verbose=1 if verbose else 0
    )

    def measured() -> dict[str, float]:
        result = evaluate(metrics, samples.y, bare.predict(samples.x, batch_size=_BATCH, verbose=0))
        progress.add(1)
        return result

    with unharmed(bare):
        baseline = measured()
    curves = []
    for w, cut, layout, own in tasks:
        found = []
        with unharmed(bare), _restored(w.variable):
            original = keras.ops.copy(keras.ops.convert_to_tensor(w.variable))
            for share in own:
                mask, _ = cut.mask(original, share, layout)
                w.variable.assign(keras.ops.where(mask, original, keras.ops.zeros_like(original)))
                found.append((_zeros(w.variable), measured()))
        curves.append(
            Curve(
                weight=w.name,
                layer=w.layer_name,
                size=w.size,
                pattern=str(cut),
                target=tuple(own),
                sparsity=tuple(zeros for zeros, _ in found),
                metrics={name: tuple(values[name] for _, values in found) for name in baseline},
            )
        )
    first = next(iter(baseline))
    curves.sort(key=lambda curve: -_fragility(curve, first, baseline[first]))
    report = SensitivityReport(tuple(curves), baseline, len(samples))
    if log_dir is not None:
        write_report(log_dir, "sensitivity", report.to_json())
    return report


@contextmanager
def _restored(variable: keras.Variable) -> Iterator[None]:
    original = np.array(keras.ops.convert_to_numpy(variable))
    try:
        yield
    finally:
        variable.assign(original)


def _layout(w: TrackedWeight) -> Any:
    return next(p.layout for p in prunable_weights(w.layer) if p.weight is w.variable)


def _zeros(variable: keras.Variable) -> float:
    return float(np.mean(keras.ops.convert_to_numpy(variable) == 0))


def _costs(curve: Curve, metric: str, baseline: float) -> list[float]:
    """How much worse than the baseline the metric is at each sparsity."""
    sign = -1 if is_lower_better(metric) else 1
    return [sign * (baseline - value) for value in curve.metrics[metric]]


def _fragility(curve: Curve, metric: str, baseline: float) -> float:
    costs = _costs(curve, metric, baseline)
    return float(np.mean([cost if np.isfinite(cost) else np.inf for cost in costs]))
