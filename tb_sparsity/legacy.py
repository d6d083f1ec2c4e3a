"""`PruningSummaries` for legacy Keras (`tf_keras`): models that tfmot prunes, and models that nothing prunes.

Nothing here needs Keras 3, nor tfmot: its wrappers are known by their class's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np

import tb_sparsity
from tb_sparsity.callbacks.summaries import Summaries
from tb_sparsity.events.histogram import magnitude_bins
from tb_sparsity.events.manifest import LoggedWeight, describe_run
from tb_sparsity.events.manifest_pb2 import Block, Manifest, NOfM
from tb_sparsity.events.names import TOTAL_MODEL, TOTAL_PRUNED, tag

try:
    import tf_keras
except ImportError as error:
    raise ImportError(
        "tb_sparsity.legacy logs models of legacy Keras, which isn't installed: `pip install tf-keras`, and set "
        "TF_USE_LEGACY_KERAS=1 before TensorFlow is imported. Models of Keras 3 are logged by "
        "`tb_sparsity.PruningSummaries`."
    ) from error
import tensorflow as tf

__all__ = ["PruningSummaries"]


class PruningSummaries(Summaries, tf_keras.callbacks.Callback):
    """`tb_sparsity.PruningSummaries` for models of legacy Keras, pruned by tfmot or not at all.

    It writes the same series and the same manifest, so the Sparsity tab shows such a run like any other; arguments
    and behaviour are those of `tb_sparsity.PruningSummaries`. Zeros are counted in the weights under their masks,
    which is what the next forward pass uses: between two passes the weights that tfmot stores aren't zero.

    Args:
        log_dir: Directory of this run. Event files go to `<log_dir>/sparsity`.
        update_freq: When to log: `"epoch"`, `"batch"`, or a number N for each step that N divides. Defaults to
            `"epoch"`.
        histogram_freq: Epochs between histograms of the weights' magnitudes. Defaults to `0`: none.
        flush_secs: Seconds until what was logged can be read by others. Defaults to `1`, on remote file systems `30`.
        **kwargs: Other arguments of `tf_keras.callbacks.TensorBoard`; they have no effect.

    Raises:
        ValueError: If `log_dir` is empty, or another argument is none of the above.
        TypeError: If an argument is unknown; from `fit`, if the model is one of Keras 3.
        OSError: From `fit`, before the first step, if nothing can be written to `log_dir`.

    Example, with TF_USE_LEGACY_KERAS=1 in the environment:

    ```python
    import tensorflow_model_optimization as tfmot
    from tb_sparsity.legacy import PruningSummaries

    pruned = tfmot.sparsity.keras.prune_low_magnitude(model, schedule)
    pruned.compile("adam", "mse")
    pruned.fit(x, y, callbacks=[
        tfmot.sparsity.keras.UpdatePruningStep(),
        PruningSummaries("logs/run1", update_freq=50),
    ])
    ```
    """

    params: Any = None  # legacy Keras's callbacks have none before `fit` gives them

    def set_model(self, model: Any) -> None:
        """Called by `fit`."""
        if not isinstance(model, tf_keras.Model):
            raise TypeError(
                "tb_sparsity.legacy.PruningSummaries logs models of legacy Keras (`tf_keras`). For one of Keras 3 take "
                "`tb_sparsity.PruningSummaries`; or did you mean to set TF_USE_LEGACY_KERAS=1? "
                f"Received: model of class {type(model).__module__}.{type(model).__name__}"
            )
        super().set_model(model)

    def _implements_train_batch_hooks(self) -> bool:
        # Legacy Keras waits for each step if a callback wants to be called after it.
        return self._every is not None

    def _training_step(self) -> int:
        """By the wrappers, whose count the schedules go by: it goes on where recompiling makes a new optimizer.

        The smallest: a layer that is called twice in a step counts it twice. tfmot's counts begin with -1.
        """
        layers = self.model._flatten_layers()
        counts = [_number(w.pruning_step) for w in layers if _is_wrapper(w) and hasattr(w, "pruning_step")]
        optimizer = getattr(self.model, "optimizer", None)
        if counts or optimizer is None:
            return min((count for count in counts if count > 0), default=0)
        return _number(optimizer.iterations)

    def _make_meter(self) -> _Meter | None:
        return _Meter(self.model) if self.model.built else None

    def _describe(self, meter: _Meter, **fields: Any) -> Manifest:
        schedules: dict[tuple[int, bool], _Schedule] = {}  # shared, to be sampled once
        return describe_run(
            [_described(w, schedules) for w in meter.weights],
            writer_version=tb_sparsity.__version__,
            keras_version=tf_keras.__version__,
            keras_backend="tensorflow",
            **fields,
        )

    def _is_chief(self) -> bool:
        return bool(getattr(self.model.distribute_strategy.extended, "should_save_summary", True))


class _Weight(NamedTuple):
    name: str
    place: str  # of the layer
    layer: Any
    variable: Any
    wrapper: Any = None
    mask: Any = None  # None if it isn't pruned
    threshold: Any = None
    trained: bool = False

    @property
    def group(self) -> tuple[int, int] | None:
        """How many are cut, of how many, in an N:M pattern."""
        return getattr(self.wrapper, "sparsity_m_by_n", None)

    @property
    def is_kernel(self) -> bool:
        own_name = self.name.rpartition("/")[2]
        return len(self.variable.shape) >= 2 and ("kernel" in own_name or "embeddings" in own_name)

    def effective(self) -> Any:
        """The tensor that the forward pass uses."""
        stored = tf.convert_to_tensor(self.variable)
        return stored if self.mask is None else stored * tf.convert_to_tensor(self.mask)


class _Measurement(NamedTuple):
    tags: tuple[str, ...]
    values: np.ndarray


class _Meter:
    """Measures a model in one compiled call, with one small transfer."""

    def __init__(self, model: Any):
        self._model, self._optimizer = model, getattr(model, "optimizer", None)
        self._counted = _counted(model)
        self._sizes = np.array([prod(w.variable.shape) for w in self._counted], np.float64)
        pruned = np.array([w.mask is not None for w in self._counted], bool)
        self._shown = pruned if pruned.any() else np.array([w.trained and w.is_kernel for w in self._counted], bool)
        trained = np.array([w.trained for w in self._counted], bool)
        self._totals = {name: these for name, these in ((TOTAL_PRUNED, pruned), (TOTAL_MODEL, trained)) if these.any()}
        self.weights = [w for w, shown in zip(self._counted, self._shown, strict=True) if shown]
        self._pruned = [w for w in self._counted if w.mask is not None]
        self._with_threshold = [w for w in self._pruned if not w.group]  # tfmot writes 999 there
        self._wrappers = {w.place: w.wrapper for w in self._pruned}
        # Being asked, an optimizer of the old kind makes its variables: in a graph it couldn't.
        has_rate = hasattr(self._optimizer, "learning_rate") and hasattr(self._optimizer, "iterations")
        self._rates = [self._optimizer] if has_rate else []
        self._tags = (
            *(tag("sparsity", w.name) for w in self.weights),
            *(tag("threshold", w.name) for w in self._with_threshold),
            *(tag("pruning_step", place) for place in self._wrappers),
            *(tag("metrics", "learning_rate") for _ in self._rates),
            *(tag("sparsity_total", name) for name in self._totals),
        )
        self._tags_with_churn = self._tags + tuple(tag("mask_churn", w.name) for w in self._pruned)
        self._churn_known = False
        self._masks = [tf.ones(w.mask.shape, tf.bool) for w in self._pruned]  # of the last measurement
        # The concrete function: TensorFlow would take one `tf.function` a fit for needless retracing, and say so.
        self._read = tf.function(self._numbers, jit_compile=False).get_concrete_function(self._masks)

    def _numbers(self, last_masks: list[Any]) -> tuple[Any, list[Any]]:
        """What there is to know, as one row, and the masks. Of float64, which holds counts and float32 exactly."""
        masks = [tf.not_equal(tf.convert_to_tensor(w.mask), 0) for w in self._pruned]
        numbers = [
            *(tf.math.count_nonzero(w.effective()) for w in self._counted),
            *(tf.math.count_nonzero(tf.not_equal(*pair)) for pair in zip(masks, last_masks, strict=True)),
            *(tf.convert_to_tensor(w.threshold) for w in self._with_threshold),
            *(tf.convert_to_tensor(wrapper.pruning_step) for wrapper in self._wrappers.values()),
            *map(_learning_rate, self._rates),
        ]
        return tf.stack([tf.cast(number, tf.float64) for number in numbers]), masks

    def measure(self, fresh: bool = False) -> _Measurement:
        numbers, self._masks = self._read(self._masks)
        n, n_pruned = len(self._counted), len(self._pruned)
        nonzero, changed, others = np.split(numbers.numpy(), [n, n + n_pruned])
        zeros = self._sizes - nonzero
        totals = [zeros[these].sum() / self._sizes[these].sum() for these in self._totals.values()]
        row, tags = [(zeros / self._sizes)[self._shown], others, totals], self._tags
        if self._churn_known:
            tags = self._tags_with_churn
            row.append(changed / self._sizes[:n_pruned])
        self._churn_known = True
        return _Measurement(tags, np.concatenate(row).astype(np.float32))

    def histograms(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        for w in self.weights:
            threshold = 0.0 if w.threshold is None or w.group else float(w.threshold.numpy())
            yield w.name, *magnitude_bins(tf.cast(w.effective(), tf.float32).numpy(), threshold)

    def fits(self, model: Any) -> bool:
        same = model is self._model and getattr(model, "optimizer", None) is self._optimizer
        return same and list(map(_identity, _counted(model))) == list(map(_identity, self._counted))

    def restart(self) -> None:
        self._churn_known = False


class _Schedule:
    """tfmot's schedule as `describe_run` takes one: when it updates masks, and its target in NumPy."""

    def __init__(self, schedule: Any, once: bool):
        self._schedule = schedule
        self.__name__ = type(schedule).__name__
        own = [int(getattr(schedule, name, default)) for name, default in _TIMES.items()]
        # N:M masks are made at step 1, whatever the schedule says.
        self.begin_step, self.end_step, self.frequency = (1, 1, 1) if once else own

    def update_phases(self) -> list[tuple[int, int, int]]:
        """Ends at the last update, which is at `end_step` only where the frequency meets it."""
        beyond = (self.end_step - self.begin_step) % self.frequency if self.end_step >= 0 else 0
        return [(self.begin_step, self.end_step - beyond, self.frequency)]

    def get_config(self) -> Any:
        config = self._schedule.get_config()
        return config.get("config", config)

    def __call__(self, step: Any) -> np.ndarray:
        _, sparsity = self._schedule(tf.convert_to_tensor(step, tf.int64))
        return np.broadcast_to(np.asarray(sparsity), np.shape(step))  # where it is constant, it is one number


_TIMES = {"begin_step": 0, "end_step": -1, "frequency": 1}


def _described(w: _Weight, schedules: dict[tuple[int, bool], _Schedule]) -> LoggedWeight:
    shape: tuple[int, ...] = tuple(w.variable.shape)
    pattern: Any = None
    fixed_target = schedule = None
    if w.mask is not None:
        own = w.wrapper.pruning_schedule
        schedule = schedules.setdefault((id(own), bool(w.group)), _Schedule(own, once=bool(w.group)))
        if w.group:
            n, m = w.group
            whole, rest = divmod(shape[-2], m)  # groups run along the input channels
            pattern, fixed_target = NOfM(n=n, m=m), (whole * n + max(rest - (m - n), 0)) / shape[-2]
        elif tuple(w.wrapper.block_size) != (1, 1):
            height, width = w.wrapper.block_size
            pattern = Block(height=height, width=width, pooling=w.wrapper.block_pooling_type)
    return LoggedWeight(
        name=w.name,
        shape=shape,
        layer=w.place,
        layer_class=type(w.layer).__name__,
        dtype=w.variable.dtype.name,
        pattern=pattern,
        schedule=schedule,
        fixed_target=fixed_target,
    )


def _counted(model: Any) -> list[_Weight]:
    """The weights that are pruned, then those that are trained only, under the names that Keras 3 would give them."""
    trainable = {id(v) for v in model.trainable_weights}
    found: dict[int, _Weight] = {}
    names: set[str] = set()
    for weight in _walk(model, "", None, None):
        if id(weight.variable) in found:
            continue
        name, n = weight.name, 1
        while name in names:  # two sublayers of one name in one layer
            name, n = f"{weight.name}_{n}", n + 1
        names.add(name)
        found[id(weight.variable)] = weight._replace(name=name, trained=id(weight.variable) in trainable)
    counted = [w for w in found.values() if w.trained or w.mask is not None]
    return sorted(counted, key=lambda w: w.mask is None)


def _identity(w: _Weight) -> tuple[int, int, bool]:
    return id(w.variable), id(w.mask), w.trained


def _walk(layer: Any, path: str, whole: tuple[str, Any] | None, wrapper: Any) -> Iterator[_Weight]:
    """All weights; `whole` is the layer that `layer` is a part of, such as the cell of an LSTM, with its path."""
    if _is_wrapper(layer):
        yield from _walk(layer.layer, path, None, layer)
        return
    of_keras = type(layer).__module__.partition(".")[0] == "tf_keras" and not isinstance(layer, tf_keras.Model)
    if whole is None and (wrapper is not None or of_keras):
        whole = path, layer
    pruned = {id(weight): state for weight, *state in wrapper.pruning_vars} if wrapper is not None else {}
    for variable in layer._trainable_weights + layer._non_trainable_weights:
        own_name = variable.name.partition(":")[0].rpartition("/")[2]
        name = f"{path}/{own_name}" if path else own_name
        yield _Weight(name, *(whole or (path, layer)), variable, wrapper, *pruned.get(id(variable), ()))
    for part in layer._flatten_layers(recursive=False, include_self=False):
        name = part.layer.name if _is_wrapper(part) else part.name
        yield from _walk(part, f"{path}/{name}" if path else name, whole, wrapper)


def _is_wrapper(layer: Any) -> bool:
    """Whether it is tfmot's wrapper around a layer."""
    return hasattr(layer, "pruning_vars") and any(c.__name__ == "PruneLowMagnitude" for c in type(layer).__mro__)


def _learning_rate(optimizer: Any) -> Any:
    """The rate of the next step."""
    schedules = tf_keras.optimizers.schedules.LearningRateSchedule
    rate = getattr(optimizer, "_learning_rate", None)  # `learning_rate` would be that of the last step
    if not isinstance(rate, schedules):
        rate = optimizer.learning_rate
    return rate(optimizer.iterations) if isinstance(rate, schedules) else tf.convert_to_tensor(rate)


def _number(variable: Any) -> int:
    return int(variable.numpy())  # of a replicated variable, `int` alone can't be taken
