"""A model -> one compact table of numbers: zeros, thresholds, churn and steps, read in one compiled call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from tb_sparsity.events.names import TOTAL_MODEL, TOTAL_PRUNED, tag
from tb_sparsity.pruning.masks import count_true
from tb_sparsity.pruning.weights import TrackedWeight, pruned_or_prunable, tracked_weights
from tb_sparsity.pruning.wrapper import collect_wrappers


def training_step(model: keras.Model) -> int:
    """Training steps taken: the wrappers' count, which goes on after recompiling; without any, the optimizer's."""
    _sync(model)
    counters = [wrapper.pruning_step for wrapper in collect_wrappers(model) if wrapper.built]
    optimizer = getattr(model, "optimizer", None)
    if not counters and optimizer is not None:
        # `iterations` itself is divided by the steps of gradient accumulation.
        counters = [getattr(optimizer, "_iterations", optimizer.iterations)]
    return int(ops.convert_to_numpy(ops.max(ops.stack([counter.value for counter in counters])))) if counters else 0


class Meter:
    """Measures a model's sparsity in one call, whatever the number of layers.

    Zeros are counted exactly, in the effective weights (the stored weight under its mask).

    Args:
        model: A built model. For churn the meter keeps the masks of the last measurement, 1 byte a weight.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        weights = tracked_weights(model)
        self.weights = pruned_or_prunable(weights)
        self._counted = [w for w in weights if w.variable.trainable or w.pruned]
        self._trainable = [w for w in weights if w.variable.trainable]
        self._steps = {w.layer_name: w.wrapper.pruning_step for w in self.weights if w.wrapper}
        self._pruned = [w for w in self.weights if w.pruned]
        self._with_threshold = [w for w in self._pruned if w.wrapper and w.wrapper.pattern.has_threshold]
        self._last_masks = [
            keras.Variable(_copy(w.pruned.mask), trainable=False, dtype="bool", name="last_mask")
            for w in self._pruned
            if w.pruned
        ]
        self._read = _compiled(self._table)
        self._measured_before = False

    def measure(self) -> dict[str, float]:
        """The values of this moment, under their tags.

        Returns:
            Shares in [0, 1] for `sparsity/…`, `sparsity_total/…` and `mask_churn/…` (from the second call on),
            magnitudes for `threshold/…`, steps for `pruning_step/…`.
        """
        _sync(self._model)
        counts, thresholds = (ops.convert_to_numpy(x) for x in self._read())
        zeros_array, changed, steps = np.split(
            counts.astype(np.int64), [len(self._counted), len(self._counted) + len(self._pruned)]
        )
        zeros = {w.name: int(z) for w, z in zip(self._counted, zeros_array, strict=True)}
        values = {tag("sparsity", w.name): zeros[w.name] / w.size for w in self.weights}
        for w, threshold in zip(self._with_threshold, thresholds, strict=True):
            values[tag("threshold", w.name)] = float(threshold)
        for layer_name, step in zip(self._steps, steps, strict=True):
            values[tag("pruning_step", layer_name)] = float(step)
        if self._measured_before:
            for w, n in zip(self._pruned, changed, strict=True):
                values[tag("mask_churn", w.name)] = n / w.size
        self._measured_before = True
        for name, members in ((TOTAL_PRUNED, self._pruned), (TOTAL_MODEL, self._trainable)):
            if members:
                total = sum(zeros[w.name] for w in members) / sum(w.size for w in members)
                values[tag("sparsity_total", name)] = total
        return values

    def _table(self) -> tuple[Any, Any]:
        """`(zeros…, changed mask entries…, steps…)` as int32 and the thresholds as float32."""
        zeros = [_zeros(w) for w in self._counted]
        changed = []
        for w, last_mask in zip(self._pruned, self._last_masks, strict=True):
            assert w.pruned is not None
            mask = ops.convert_to_tensor(w.pruned.mask)
            changed.append(count_true(ops.not_equal(mask, last_mask)))
            last_mask.assign(_copy(mask))
        thresholds = [ops.cast(w.pruned.threshold, "float32") for w in self._with_threshold if w.pruned]
        steps = [ops.cast(s, "int32") for s in self._steps.values()]
        counts = ops.stack([*zeros, *changed, *steps]) if self._counted else ops.zeros((0,), "int32")
        return counts, ops.stack(thresholds) if thresholds else ops.zeros((0,), "float32")


def _copy(mask: Any) -> Any:
    """The mask in memory of its own: JAX's training step takes back that of the model's variables."""
    return ops.copy(ops.convert_to_tensor(mask))


def _sync(model: keras.Model) -> None:
    """On JAX, variables are stale in callbacks until this."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()


def _zeros(w: TrackedWeight) -> Any:
    zero = ops.equal(w.variable, ops.zeros((), w.variable.dtype))
    if w.pruned:
        zero = ops.logical_or(zero, ops.logical_not(ops.convert_to_tensor(w.pruned.mask)))
    return count_true(zero)


def _compiled(function: Callable[[], Any]) -> Callable[[], Any]:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # The concrete function: TensorFlow would take one `tf.function` a fit for needless retracing, and say so.
        return tf.function(function, jit_compile=True).get_concrete_function()
    return function
