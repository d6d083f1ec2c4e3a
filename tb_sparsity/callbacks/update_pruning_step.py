"""The callback that goes with every training of a pruned model."""

from __future__ import annotations

import math
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from tb_sparsity.measure import training_step
from tb_sparsity.pruning.weights import tracked_weights
from tb_sparsity.pruning.wrapper import PruneLowMagnitude, collect_wrappers
from tb_sparsity.schedules import PruningSchedule

_SHORTFALL = 1e-6  # of sparsity, below which a schedule counts as having reached its end


class UpdatePruningStep(keras.callbacks.Callback):
    """Checks that pruning can do what it is configured to, and leaves exact zeros behind.

    Needed in every `fit` of a pruned model. At its start it warns, once, if the schedule doesn't fit into the
    steps that are trained; after the first epoch, if there are layers that it didn't train. At the end of each epoch
    and of training it sets the stored weights to zero where their masks cut them. (Counting steps and updating masks
    happen inside the training step.)

    Raises:
        FloatingPointError: After a mask update, if a weight has NaN or infinite values: it has no order, and keeps
            the mask it had.
        TypeError: As training begins, if a schedule can't be used in a compiled step.

    Example:

    ```python
    model.fit(x, y, callbacks=[tb_sparsity.UpdatePruningStep()])
    ```

    In a training loop of your own:

    ```python
    callback = tb_sparsity.UpdatePruningStep()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch in range(epochs):
        for x, y in batches:
            model.train_on_batch(x, y)
        callback.on_epoch_end(epoch)  # masks, and checks
    callback.on_train_end()
    ```
    """

    def __init__(self) -> None:
        super().__init__()
        self._start: int | None = None  # steps taken when an epoch of unknown length began
        self._checked = False
        self._step = self._epoch_start = 0  # training steps taken, and those when the epoch began
        self._counts: np.ndarray | None = None  # of each wrapper, when training began; None: they were checked
        self._schedules: list[PruningSchedule] = []

    def set_model(self, model: keras.Model) -> None:
        """Called by `fit` before anything is traced; lets the wrappers train."""
        super().set_model(model)
        self._allow_training(True)

    def on_train_begin(self, logs: Any = None) -> None:
        """Lets the wrappers train, if their schedules can be used in a training step."""
        self._allow_training(True)
        self._start = None
        self._checked = False
        self._counts = _counts(collect_wrappers(self.model))
        self._schedules = list({id(s): s for w in collect_wrappers(self.model) for s in [w.pruning_schedule]}.values())
        if not getattr(self.model, "run_eagerly", False):
            for schedule in self._schedules:
                _check_traceable(schedule)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Masks the stored weights, whatever was put into them; checks the schedules once their steps are known."""
        self._apply_masks()
        wrappers = collect_wrappers(self.model)
        step = self._step = self._epoch_start = training_step(self.model)
        if self._checked:
            return
        params = self.params or {}
        steps_per_epoch = params.get("steps")
        if steps_per_epoch is None and self._start is not None:  # a generator: the first epoch has told
            steps_per_epoch = step - self._start
        if "epochs" not in params or (wrappers and steps_per_epoch is None):
            self._start = step
            return
        self._checked = True
        last_step = step + (params["epochs"] - epoch) * (steps_per_epoch or 0)
        problems = _problems(wrappers, step, last_step, steps_per_epoch)
        if problems:
            warnings.warn("\n".join(problems), UserWarning, stacklevel=2)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Checks the weights after a mask update."""
        last_step, self._step = self._step, self._epoch_start + batch + 1
        if any((s.last_update(self._step) or 0) > last_step for s in self._schedules):
            self._check_finite()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Masks the stored weights."""
        self._apply_masks()
        self._check_finite()
        self._check_trained()

    def on_train_end(self, logs: Any = None) -> None:
        """Masks the stored weights; the next training needs the callback again."""
        self._apply_masks()
        self._allow_training(False)

    def _allow_training(self, allowed: bool) -> None:
        for wrapper in collect_wrappers(self.model):
            wrapper.has_step_callback = allowed

    def _apply_masks(self) -> None:
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        for wrapper in collect_wrappers(self.model):
            wrapper.apply_masks()

    def _check_finite(self) -> None:
        wrappers = collect_wrappers(self.model)
        thresholds = [ops.cast(t.value, "float32") for wrapper in wrappers if wrapper.built for t in wrapper.thresholds]
        if not thresholds or np.isfinite(ops.convert_to_numpy(ops.stack(thresholds))).all():
            return
        found = []
        for w in (w for w in tracked_weights(self.model) if w.pruned):
            values = ops.convert_to_numpy(ops.cast(w.variable, "float32"))
            if not np.isfinite(values).all():
                n_nan, n_infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
                found.append(f"'{w.name}' ({n_nan:,} NaN and {n_infinite:,} infinite of {w.size:,} values)")
        if not found:  # mended since; the next update will tell
            return
        raise FloatingPointError(
            f"No mask can be computed, by step {self._step:,}, from weights that aren't finite: {', '.join(found)}. "
            "They keep the masks they had. The training has diverged: lower the learning rate, or clip gradients, e.g. "
            "`keras.optimizers.Adam(clipnorm=1.0)`; `keras.callbacks.TerminateOnNaN()` ends such trainings early."
        )

    def _check_trained(self) -> None:
        """Once: a model that doesn't pass `training` on is silently not pruned."""
        wrappers = collect_wrappers(self.model)
        before, self._counts = self._counts, None
        if before is None or len(before) != len(wrappers):
            return
        idle = [w for w, moved in zip(wrappers, _counts(wrappers) > before, strict=True) if not moved]
        if idle:
            warnings.warn(
                f"These layers are not pruned: {_layers(idle)}. They weren't called with `training=True` in this "
                "epoch. Give your model's `call` an argument `training`, and pass it on where it calls them; in a loop "
                "of your own, call `model(x, training=True)`.",
                UserWarning,
                stacklevel=2,
            )


def _counts(wrappers: list[PruneLowMagnitude]) -> np.ndarray:
    """The steps that each wrapper has counted; 0 before it is built."""
    counts = [w.pruning_step.value if w.built else ops.zeros((), "int32") for w in wrappers]
    return ops.convert_to_numpy(ops.stack(counts)) if counts else np.empty(0)


def _problems(wrappers: list[PruneLowMagnitude], step: int, last_step: int, steps_per_epoch: int | None) -> list[str]:
    """What this fit, of the steps `step + 1` to `last_step`, can't do; nothing if all is well."""
    if not wrappers:
        return [
            "No layer of this model is pruned: `UpdatePruningStep` has nothing to do. Pass the model through "
            "`prune_low_magnitude` before `compile`, and train what it returns."
        ]
    layers_of: dict[str, list[PruneLowMagnitude]] = {}
    for wrapper in wrappers:
        layers_of.setdefault(repr(wrapper.pruning_schedule), []).append(wrapper)
    found = []
    for members in layers_of.values():
        problem = _problem(members[0].pruning_schedule, step, last_step, steps_per_epoch)
        if problem:
            found.append(f"- {_layers(members)}: {problem}")
    if not found:
        return []
    return [f"Pruning can't finish in this fit, which trains steps {step + 1:,} to {last_step:,}:", *found]


def _problem(schedule: PruningSchedule, step: int, last_step: int, steps_per_epoch: int | None) -> str | None:
    due = schedule.last_update(last_step)
    if due is None:
        first = schedule.first_update()
        if first is None:
            return "nothing will be pruned. Its only mask update is at step 0, and training begins with step 1."
        begin, _, frequency = [phase for phase in schedule.update_phases() if phase[0] <= first][-1]
        return (
            f"nothing will be pruned. The first mask update is at step {first:,}, after the last step "
            f"(begin_step={begin:,}, frequency={frequency:,}). "
            f"Lower `begin_step` or `frequency`, or {_train_until(first, last_step, steps_per_epoch)}."
        )
    end = schedule.end_step
    if not step < end or end <= last_step:
        return None
    try:
        reached, final = _sparsity_at(schedule, due), _sparsity_at(schedule, end)
    except Exception:  # of a user's own schedule: the check must not end the training that it is for
        return None
    if reached >= final - _SHORTFALL:
        return None
    return (
        f"the schedule ends at step {end:,} with {_percent(final)} sparsity, but the last mask update in this fit, "
        f"at step {due:,}, sets {_percent(reached)}. Set `end_step` to {last_step:,} or less, or "
        f"{_train_until(end, last_step, steps_per_epoch)}."
    )


def _sparsity_at(schedule: PruningSchedule, step: int) -> float:
    sparsity = schedule(keras.ops.convert_to_tensor(step, "int32"))[1]
    return float(keras.ops.convert_to_numpy(sparsity))


class _Traced(keras.Operation):
    """A schedule as Keras traces it."""

    def __init__(self, schedule: PruningSchedule):
        super().__init__()
        self.schedule = schedule

    def call(self, step: Any) -> Any:
        return tuple(keras.ops.convert_to_tensor(answer) for answer in self.schedule(step))


def _check_traceable(schedule: PruningSchedule) -> None:
    """Raises what the compiled step would raise, in words, before anything is compiled."""
    try:
        _Traced(schedule).compute_output_spec(keras.KerasTensor((), "int32"))
    except Exception as error:
        raise TypeError(
            f"{schedule!r} can't be used in a compiled training step, where it is given a tensor: "
            f"{type(error).__name__}: {error}\n"
            "Write its `__call__` with `keras.ops`, e.g. `keras.ops.where(step >= 1000, 0.75, 0.5)` in place of `if`, "
            "or compile the model with `run_eagerly=True`."
        ) from error


def _train_until(target: int, last_step: int, steps_per_epoch: int | None) -> str:
    if not steps_per_epoch:
        return f"train until step {target:,}"
    more = math.ceil((target - last_step) / steps_per_epoch)
    return f"train until step {target:,} ({more} more epoch{'s' if more > 1 else ''} of {steps_per_epoch:,} steps)"


def _layers(wrappers: list[PruneLowMagnitude]) -> str:
    names = [w.layer.name for w in wrappers]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
