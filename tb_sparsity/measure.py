"""A model -> one compact row of numbers: zeros, thresholds, churn and steps, read in one compiled call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from tb_sparsity.events.histogram import magnitude_bins
from tb_sparsity.events.names import TOTAL_MODEL, TOTAL_PRUNED, tag
from tb_sparsity.pruning.masks import count_true
from tb_sparsity.pruning.weights import TrackedWeight, pruned_or_prunable, tracked_weights
from tb_sparsity.pruning.wrapper import PruneLowMagnitude, collect_wrappers

_LITTLE = 2**14  # a copy of so many entries costs less than an operation of their own


def training_step(model: keras.Model) -> int:
    """Training steps taken: the wrappers' count, which goes on after recompiling; without any, the optimizer's."""
    _sync(model)
    counters = [wrapper.pruning_step for wrapper in collect_wrappers(model) if wrapper.built]
    if not counters:
        optimizer = _innermost(getattr(model, "optimizer", None))
        # `iterations` itself is divided by the steps of gradient accumulation.
        counter = getattr(optimizer, "_iterations", None)
        counter = getattr(optimizer, "iterations", None) if counter is None else counter
        counters = [] if counter is None else [counter]
    return int(ops.convert_to_numpy(ops.max(ops.stack([counter.value for counter in counters])))) if counters else 0


def _innermost(optimizer: Any) -> Any:
    """The optimizer itself: Keras wraps one for mixed precision, and the wrapper doesn't count."""
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer


@dataclass(frozen=True)
class Measurement:
    """Values of one moment under their tags, float32: shares in [0, 1], magnitudes, steps."""

    tags: tuple[str, ...]
    values: np.ndarray


class Meter:
    """Measures a model's sparsity in one call, whatever the number of layers.

    Zeros are counted exactly, in the effective weights (the stored weight under its mask). Between two mask updates
    pruned weights aren't read again, if at the last reading all their zeros were the mask's: those are zeros for
    certain, as the mask multiplies the weight in every forward pass, and it is written only at the schedule's
    updates. What that can't see (a kept weight that chance makes exactly 0.0, a mask that is assigned by hand) is
    seen with `fresh=True`. What may make zeros on purpose, or update masks when it likes, has all weights read each
    time: a constraint of the layer's own, an optimizer that isn't Keras's or is Ftrl, a schedule of a user's own.

    Args:
        model: A built model. For churn the meter keeps the masks of the last measurement, 1 byte a weight.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        weights = tracked_weights(model)
        self.weights = pruned_or_prunable(weights)
        self._seen = _identity(model)
        self._pruned = [w for w in self.weights if w.pruned]
        shown = {w.name for w in self.weights}
        others = [w for w in weights if not w.pruned and (w.variable.trainable or w.name in shown)]
        # Biases and the like are counted together, as if they were one weight.
        self._little = [w for w in others if w.name not in shown and w.size <= _LITTLE]
        self._others = [w for w in others if w.name in shown or w.size > _LITTLE]
        self._wrappers = {w.layer_name: w.wrapper for w in self.weights if w.wrapper}
        self._with_threshold = [w for w in self._pruned if w.wrapper and w.wrapper.pattern.has_threshold]
        optimizer = getattr(model, "optimizer", None)
        self._optimizer = optimizer if hasattr(optimizer, "learning_rate") else None
        self._last_masks = [
            keras.Variable(_copy(w.pruned.mask), trainable=False, dtype="bool", name="last_mask")
            for w in self._pruned
            if w.pruned
        ]
        self._read_all = self._compiled(self._all_inputs, _all_numbers)
        self._read_rest = self._compiled(self._rest_inputs, _rest_numbers)
        self._lay_out()
        self.restart()

    def _lay_out(self) -> None:
        """What stands where: in the numbers that are read, and in a row of values."""
        counted = [*self._pruned, *self._others]
        place = {w.name: i for i, w in enumerate(counted)}
        together = [sum(w.size for w in self._little)] if self._little else []
        n, others, thresholds = len(self._pruned), len(self._others) + len(together), len(self._with_threshold)
        read = (others, len(self._wrappers), self._optimizer is not None, n, n, n, thresholds)
        ends = np.cumsum([0, *read])
        names = ("others", "steps", "learning_rate", "zeros", "masked", "changed", "thresholds")
        self._at = {name: slice(*ends[i : i + 2]) for i, name in enumerate(names)}
        self._rest = slice(ends[3])
        self._numbers = np.zeros(ends[-1], np.int32)

        self._sizes = np.array([w.size for w in counted] + together)
        self._shown = np.array([place[w.name] for w in self.weights], np.int64)
        in_model = [w.variable.trainable for w in counted] + [True] * len(together)
        totals = {TOTAL_PRUNED: np.arange(len(self._sizes)) < n, TOTAL_MODEL: np.array(in_model, bool)}
        totals = {name: members for name, members in totals.items() if members.any()}
        self._totals = np.array(list(totals.values()), np.float64).reshape(len(totals), len(self._sizes))
        self._total_sizes = self._totals @ self._sizes
        self._tags = (
            *(tag("sparsity", w.name) for w in self.weights),
            *(tag("threshold", w.name) for w in self._with_threshold),
            *(tag("pruning_step", layer_name) for layer_name in self._wrappers),
            *(tag("sparsity_total", name) for name in totals),
            *([tag("metrics", "learning_rate")] if self._optimizer is not None else ()),
        )
        self._tags_with_churn = self._tags + tuple(tag("mask_churn", w.name) for w in self._pruned)

    def fits(self, model: keras.Model) -> bool:
        """Whether this is the meter of the model as it is now."""
        return model is self.model and _identity(model) == self._seen

    def restart(self) -> None:
        """Forgets earlier measurements: churn starts anew."""
        guarded = all(_is_guarded(w) for w in self._pruned) and _makes_no_zeros(self._optimizer)
        self._predictable = guarded and all(map(_follows_its_phases, self._wrappers.values()))
        self._churn_known = self._reusable = False

    def measure(self, fresh: bool = False) -> Measurement:
        """The values of this moment.

        Args:
            fresh: Whether to read all weights, also where nothing can have changed.
        """
        _sync(self.model)
        numbers, at = self._numbers, self._at
        if fresh or not self._reusable or self._outdated(rest := self._read_rest()):
            numbers[:] = self._read_all()
            self._reusable = self._predictable and bool((numbers[at["zeros"]] == numbers[at["masked"]]).all())
        else:
            numbers[self._rest] = rest
            numbers[at["changed"]] = 0
        zeros = np.concatenate([numbers[at["zeros"]], numbers[at["others"]]])
        parts = [
            (zeros / self._sizes)[self._shown],
            numbers[at["thresholds"]].view(np.float32),
            numbers[at["steps"]],
            self._totals @ zeros / self._total_sizes,
            numbers[at["learning_rate"]].view(np.float32),
        ]
        tags = self._tags
        if self._churn_known:
            tags = self._tags_with_churn
            parts.append(numbers[at["changed"]] / self._sizes[: len(self._pruned)])
        self._churn_known = True
        return Measurement(tags, np.concatenate(parts, dtype=np.float32, casting="unsafe"))

    def histograms(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """`(name, edges, counts)` of each weight's magnitudes."""
        for w in self.weights:
            stored = ops.cast(ops.convert_to_tensor(w.variable), "float32")
            threshold = 0.0
            if w.pruned:
                stored = ops.where(ops.convert_to_tensor(w.pruned.mask), stored, 0.0)
                if w in self._with_threshold:
                    threshold = float(ops.convert_to_numpy(ops.cast(w.pruned.threshold, "float32")))
            yield w.name, *magnitude_bins(ops.convert_to_numpy(stored), threshold)

    def _outdated(self, rest: np.ndarray) -> bool:
        """Whether a mask may have changed since the last reading."""
        steps = self._at["steps"]
        for wrapper, before, now in zip(
            self._wrappers.values(), self._numbers[steps].tolist(), rest[steps].tolist(), strict=True
        ):
            update = wrapper.pruning_schedule.last_update(now)
            if now < before or (update is not None and update > before):
                return True
        return False

    def _rest_inputs(self) -> dict[str, Any]:
        """What may change at any step: weights without a mask, counters, the learning rate."""
        rate = [ops.convert_to_tensor(self._optimizer.learning_rate)] if self._optimizer is not None else []
        return {
            "others": [ops.convert_to_tensor(w.variable) for w in self._others],
            "little": [ops.convert_to_tensor(w.variable) for w in self._little],
            "steps": [ops.convert_to_tensor(w.pruning_step) for w in self._wrappers.values()],
            "rate": rate,
        }

    def _all_inputs(self) -> dict[str, Any]:
        pruned = [(w, w.pruned) for w in self._pruned if w.pruned]
        return {
            **self._rest_inputs(),
            "weights": [ops.convert_to_tensor(w.variable) for w, _ in pruned],
            "masks": [ops.convert_to_tensor(p.mask) for _, p in pruned],
            "last_masks": [ops.convert_to_tensor(mask) for mask in self._last_masks],
            "thresholds": [ops.convert_to_tensor(w.pruned.threshold) for w in self._with_threshold if w.pruned],
        }

    def _compiled(self, inputs: Callable[[], Any], numbers: Callable[[Any], Any]) -> Callable[[], np.ndarray]:
        """One compiled function of the model's variables, that keeps the masks it has seen."""

        def read() -> Any:
            values, masks = numbers(inputs())
            for last_mask, mask in zip(self._last_masks, masks, strict=False):
                last_mask.assign(mask)
            return values

        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            # The concrete function: TensorFlow would take one `tf.function` a fit for needless retracing, and say so.
            # Without XLA: its counting isn't spread over the cores.
            function = tf.function(read, autograph=False, jit_compile=False).get_concrete_function()
            inputs_of_call = function.captured_inputs

            def call() -> np.ndarray:
                try:  # without the Python of a function's call, which takes as long again
                    (result,) = tf.raw_ops.StatefulPartitionedCall(args=inputs_of_call, Tout=[tf.int32], f=function)
                except tf.errors.OpError:
                    result = function()
                return result.numpy()

            return call
        if keras.backend.backend() == "jax":
            import jax

            numbers = jax.jit(numbers)
            return lambda: np.asarray(read())
        import torch

        read_detached = torch.no_grad()(read)
        return lambda: read_detached().numpy(force=True)


def _identity(model: keras.Model) -> list[Any]:
    """What the compiled functions were made for."""
    optimizer = _innermost(getattr(model, "optimizer", None))
    weights = [(w.name, id(w.variable), w.variable.trainable) for w in tracked_weights(model)]
    return [id(optimizer), id(getattr(optimizer, "_learning_rate", None)), weights]


def _is_guarded(w: TrackedWeight) -> bool:
    """Whether no constraint but the mask's own touches the weight."""
    constraint = w.variable.constraint
    return getattr(constraint, "inner", constraint) is None


def _makes_no_zeros(optimizer: Any) -> bool:
    """Whether zeros are no aim of the optimizer's; of one that isn't Keras's nobody knows."""
    kind = type(_innermost(optimizer))
    return kind.__module__.startswith("keras.") and kind.__name__ != "Ftrl"


def _follows_its_phases(wrapper: PruneLowMagnitude) -> bool:
    follows = getattr(wrapper.pruning_schedule, "follows_its_phases", None)
    return bool(follows and follows())


def _rest_numbers(inputs: dict[str, Any]) -> tuple[Any, list[Any]]:
    """`(zeros of the others…, steps…, learning rate)` as int32, the float's bits as they are; and no masks."""
    zeros = [count_true(_is_zero(w)) for w in inputs["others"]]
    if inputs["little"]:
        are_zero = [ops.reshape(_is_zero(w), [-1]) for w in inputs["little"]]
        zeros.append(count_true(ops.concatenate(are_zero)))
    steps = [ops.cast(step, "int32") for step in inputs["steps"]]
    return _packed([*zeros, *steps], inputs["rate"]), []


def _all_numbers(inputs: dict[str, Any]) -> tuple[Any, list[Any]]:
    """The same, then `(zeros…, masked…, changed mask entries…, thresholds…)`; and the masks."""
    rest, _ = _rest_numbers(inputs)
    zeros, masked, changed = [], [], []
    for weight, mask, last_mask in zip(inputs["weights"], inputs["masks"], inputs["last_masks"], strict=True):
        cut = ops.logical_not(mask)
        zeros.append(count_true(ops.logical_or(_is_zero(weight), cut)))
        masked.append(count_true(cut))
        changed.append(count_true(ops.not_equal(mask, last_mask)))
    numbers = _packed([*zeros, *masked, *changed], inputs["thresholds"])
    return ops.concatenate([rest, numbers]), [_copy(mask) for mask in inputs["masks"]]


def _packed(counts: list[Any], numbers: list[Any]) -> Any:
    """Counts, then the bits of numbers as float32: together they are one transfer."""
    parts = [ops.stack(counts)] if counts else []
    if numbers:
        parts.append(ops.view(ops.stack([ops.cast(number, "float32") for number in numbers]), "int32"))
    return ops.concatenate(parts) if parts else ops.zeros((0,), "int32")


def _is_zero(weight: Any) -> Any:
    return ops.equal(weight, ops.zeros((), keras.backend.standardize_dtype(weight.dtype)))


def _copy(mask: Any) -> Any:
    """The mask in memory of its own: JAX's training step takes back that of the model's variables."""
    return ops.copy(ops.convert_to_tensor(mask))


def _sync(model: keras.Model) -> None:
    """On JAX, variables are stale in callbacks until this."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
