"""Data and metrics: what a model's predictions are worth."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

Metric = Any  # a name, a `keras.metrics.Metric`, or a function `(y_true, y_pred) -> number(s)`
Metrics = Metric | Sequence[Metric] | Mapping[str, Metric]

# The page judges metrics by the same words: `betterOf` in `frontend/src/data/tradeoff.ts`.
_LOWER = re.compile(
    r"loss|error|perplexity|entropy|divergence|deviation|hinge|poisson|cosh|false_(posi|nega)tives"
    r"|(^|[^a-z])(mse|mae|mape|msle|rmse|kld|nll|ppl|err|cost|wer|cer|fid)($|[^a-z])"
)


def is_lower_better(metric: str) -> bool:
    """Whether a metric of this name is better the lower it is: losses, errors, divergences.

    Example:

    >>> is_lower_better("val_loss"), is_lower_better("accuracy")
    (True, False)
    """
    return bool(_LOWER.search(metric.lower()))


@dataclass(frozen=True)
class Samples:
    """Inputs of a model, and what it should make of them.

    Attributes:
        x: An array, or a list, tuple or dict of arrays, as the model takes them; first axis: samples.
        y: The labels, of the structure of the model's output; None where there are none.
    """

    x: Any
    y: Any = None

    def __len__(self) -> int:
        return len(keras.tree.flatten(self.x)[0])

    def part(self, start: int, stop: int) -> Samples:
        """The samples from `start` up to `stop`."""
        return Samples(
            *(keras.tree.map_structure(lambda a: None if a is None else a[start:stop], p) for p in (self.x, self.y))
        )


def as_samples(data: Any, argument: str = "data", most: int | None = None) -> Samples:
    """Gathers data into arrays.

    Args:
        data: `(x, y)`; or batches `(x, y)`, as a `tf.data.Dataset`, a `keras.utils.PyDataset` or any iterable has them.
        argument: What the caller calls it, for errors.
        most: Samples that are enough. Defaults to `None`: all.

    Raises:
        ValueError: If it is anything else, holds no sample, has no end, or x and y aren't equally long.
    """
    wanted = f"`{argument}` must be `(x, y)`, or batches of such."
    if isinstance(data, Samples):
        return data
    if isinstance(data, tuple):
        if len(data) != 2:
            raise ValueError(f"{wanted} Received: a tuple of {len(data)}")
        samples = Samples(*(keras.tree.map_structure(_array, part) for part in data))
    elif isinstance(data, Iterable) and not isinstance(data, (str, bytes, Mapping, np.ndarray)):
        cardinality = getattr(data, "cardinality", None)
        if most is None and callable(cardinality) and int(cardinality()) == -1:
            raise ValueError(f"{wanted} Received: a dataset without an end; give `dataset.take(batches)`")
        batches = list(_batches(data, wanted, most))
        if not batches:
            raise ValueError(f"{wanted} Received: no batch at all")
        samples = Samples(*(_joined([batch[i] for batch in batches]) for i in (0, 1)))
    else:
        raise ValueError(f"{wanted} Received: {type(data).__name__}")
    lengths = {len(a) if a.ndim else 0 for a in keras.tree.flatten((samples.x, samples.y)) if a is not None}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"{wanted} All arrays must be equally long. Received lengths: {sorted(lengths)}")
    return samples if most is None else samples.part(0, most)


def _batches(data: Iterable[Any], wanted: str, most: int | None) -> Iterable[tuple[Any, Any]]:
    # A PyDataset may go on for ever, once iterated over: its length says where it ends.
    count = len(data) if isinstance(data, Sized) and hasattr(data, "__getitem__") else None
    taken = 0
    for i, batch in enumerate(data):
        if i == count or (most is not None and taken >= most):
            return
        if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
            raise ValueError(f"{wanted} Received: a batch of type {type(batch).__name__}")
        x, y = (keras.tree.map_structure(_array, part) for part in batch[:2])  # without sample weights
        taken += len(keras.tree.flatten(x)[0])
        yield x, y


def _array(values: Any) -> Any:
    return values if values is None or isinstance(values, np.ndarray) else keras.ops.convert_to_numpy(values)


def _joined(parts: list[Any]) -> Any:
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


@contextmanager
def unharmed(model: keras.Model) -> Iterator[None]:
    """Where a prediction fails on JAX, Keras has handed the model's variables over and lost them: they come back."""
    kept = []
    if keras.backend.backend() == "jax":
        kept = [(variable, np.array(keras.ops.convert_to_numpy(variable))) for variable in model.variables]
    try:
        yield
    except BaseException:
        if kept:
            model._jax_state = None
        for variable, value in kept:
            variable.assign(value)
        raise


def evaluate(metrics: Metrics | None, y: Any, predicted: Any) -> dict[str, float]:
    """The metrics of predictions, by name.

    Args:
        metrics: What `compile` takes as metrics, functions `(y_true, y_pred) -> number(s)`, a list of them, or a
            mapping of names to them. None: accuracy where `y` are classes, else the mean squared error.
        y: The labels.
        predicted: What the model made of the inputs, of the same structure.

    Raises:
        ValueError: If a metric isn't known.
    """
    if metrics is None:
        metrics = ["accuracy" if _are_classes(y, predicted) else "mean_squared_error"]
    named: Iterable[tuple[str | None, Metric]]
    if isinstance(metrics, Mapping):
        named = metrics.items()
    else:
        named = [(None, m) for m in (metrics if isinstance(metrics, (list, tuple)) else [metrics])]
    results = {}
    for name, metric in named:
        results[name or _name(metric)] = _result(metric, y, predicted)
    return results


def _name(metric: Metric) -> str:
    if isinstance(metric, str):
        return "accuracy" if metric == "acc" else metric
    return str(getattr(metric, "name", None) or getattr(metric, "__name__", type(metric).__name__))


def _result(metric: Metric, y: Any, predicted: Any) -> float:
    if isinstance(metric, str):
        metric = _accuracy(y, predicted) if metric in ("accuracy", "acc") else keras.metrics.get(metric)
    if isinstance(metric, type):
        metric = metric()
    if isinstance(metric, keras.metrics.Metric):
        metric.reset_state()
        metric.update_state(y, predicted)
        value = metric.result()
    elif callable(metric) and not inspect.isclass(metric):
        value = metric(y, predicted)
    else:
        raise ValueError(
            f"A metric must be a name, a `keras.metrics.Metric` or a function `(y_true, y_pred)`. Received: {metric!r}"
        )
    return float(np.mean(_array(value)))


def _accuracy(y: Any, predicted: Any) -> Callable[[Any, Any], Any]:
    """Which accuracy the shapes mean, as in `compile`."""
    if predicted.shape[-1] == 1:
        return keras.metrics.binary_accuracy
    if np.shape(y)[-1:] == predicted.shape[-1:] and np.ndim(y) == predicted.ndim:
        return keras.metrics.categorical_accuracy
    return keras.metrics.sparse_categorical_accuracy


def _are_classes(y: Any, predicted: Any) -> bool:
    if keras.tree.is_nested(y) or keras.tree.is_nested(predicted):
        return False
    whole = y.dtype.kind in "uib"
    one_hot = y.shape == predicted.shape and y.ndim > 1 and bool(((y == 0) | (y == 1)).all() and (y.sum(-1) == 1).all())
    return (whole and (predicted.shape[-1] > 1 or set(np.unique(y)) <= {0, 1})) or one_hot
