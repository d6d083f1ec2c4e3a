"""The wrapper that prunes one layer while it trains."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

import keras
from keras import ops

from tb_sparsity.pruning.masks import magnitude_mask
from tb_sparsity.pruning.registry import prunable_weights
from tb_sparsity.schedules import PruningSchedule

MISSING_CALLBACK = (
    "A pruned model is trained with the callback `UpdatePruningStep`, which is missing here. Add this line:\n"
    "    model.fit(..., callbacks=[tb_sparsity.UpdatePruningStep()])\n"
    "In a loop of your own, before the first step:\n"
    "    callback = tb_sparsity.UpdatePruningStep(); callback.set_model(model); callback.on_train_begin()"
)


class PrunedWeight(NamedTuple):
    """A weight and what the wrapper knows of it: `mask` (bool, its shape) and `threshold` (scalar)."""

    weight: keras.Variable
    mask: keras.Variable
    threshold: keras.Variable


@keras.saving.register_keras_serializable("tb_sparsity")
class PruneLowMagnitude(keras.layers.Wrapper):
    """Prunes the weights of a layer by magnitude, on a schedule, while the layer trains.

    At the start of every training step the wrapper counts the step and, where the schedule says so, recomputes
    mask and threshold; all of it inside the compiled step. Weights that the mask cuts are zero in the forward
    pass, and stored as exact zeros after the optimizer's update.

    `prune_low_magnitude` wraps for you; wrap by hand to build a model of layers that are pruned differently.

    Args:
        layer: The layer to prune.
        pruning_schedule: A `PruningSchedule`.
        **kwargs: `name` and other arguments of `keras.layers.Layer`.

    Non-trainable weights: per pruned weight `mask` (bool, shape of the weight) and `threshold` (scalar: the
    smallest magnitude that stayed), and one `pruning_step` (int32 scalar: training steps counted).

    Raises:
        ValueError: If `layer` isn't a layer or `pruning_schedule` isn't a schedule.
        RuntimeError: When trained without `UpdatePruningStep`.

    Example:

    ```python
    import keras
    import tb_sparsity

    schedule = tb_sparsity.ConstantSparsity(0.5, begin_step=0)
    model = keras.Sequential([
        keras.Input((8,)),
        tb_sparsity.PruneLowMagnitude(keras.layers.Dense(4), schedule),
    ])
    ```
    """

    def __init__(self, layer: keras.layers.Layer, pruning_schedule: PruningSchedule, **kwargs: Any):
        if not isinstance(pruning_schedule, PruningSchedule):
            raise ValueError(
                "`pruning_schedule` must be a `tb_sparsity.PruningSchedule`, such as "
                f"`ConstantSparsity(0.5, begin_step=0)`. Received: pruning_schedule={pruning_schedule!r}"
            )
        if isinstance(layer, keras.layers.Layer):
            kwargs.setdefault("name", f"prune_low_magnitude_{layer.name}")
        # Under a mixed policy the wrapper must see the stored weights, not copies of lower precision:
        # the wrapped layer casts for itself.
        kwargs["dtype"] = "float32"
        super().__init__(layer, autocast=False, **kwargs)
        self.pruning_schedule = pruning_schedule
        self.supports_masking = layer.supports_masking
        self.has_step_callback = False
        self._advanced_in: Any = lambda: None
        if hasattr(layer, "_input_shape_arg"):  # Dense(…, input_shape=…), as a first layer
            self._input_shape_arg = layer._input_shape_arg

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        self.masks = []
        self.thresholds = []
        for i, weight in enumerate(prunable_weights(self.layer)):
            suffix = f"_{i}" if i else ""
            self.masks.append(
                self.add_weight(
                    name=f"mask{suffix}",
                    shape=weight.shape,
                    dtype="bool",
                    initializer="ones",
                    trainable=False,
                    autocast=False,
                )
            )
            self.thresholds.append(
                self.add_weight(
                    name=f"threshold{suffix}",
                    shape=(),
                    dtype=weight.dtype,
                    initializer="zeros",
                    trainable=False,
                    autocast=False,
                )
            )
        self.pruning_step = self.add_weight(
            name="pruning_step", shape=(), dtype="int32", initializer="zeros", trainable=False
        )
        if keras.backend.backend() != "jax":  # there a constraint would see the mask of the time of tracing
            for weight, mask, _ in self.pruned_weights:
                weight.constraint = _Masked(mask, weight.constraint)
        self.built = True

    @property
    def pruned_weights(self) -> list[PrunedWeight]:
        """The layer's prunable weights, each with its mask and threshold. Empty before `build`."""
        if not self.built and not hasattr(self, "masks"):
            return []
        return [PrunedWeight(*t) for t in zip(prunable_weights(self.layer), self.masks, self.thresholds, strict=True)]

    def call(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        if training:
            self._advance()
        elif keras.backend.backend() == "jax":  # stored kernels may be unmasked between two steps
            self.apply_masks()
        if self.layer._call_has_training_arg:
            kwargs["training"] = training
        return self.layer(inputs, *args, **kwargs)

    def _advance(self) -> None:
        """Counts the training step, updates the masks if they are due, and masks the weights."""
        context = self._get_call_context()
        if self._advanced_in() is context:
            return  # a shared layer: called again within the same step
        self._advanced_in = weakref.ref(context)
        model = context.entry_layer
        if isinstance(model, keras.Model):
            require_step_callback(model)
        if not self.has_step_callback:
            if isinstance(model, keras.Model):
                model.train_function = None  # one whose tracing failed can't be used again; a fresh one can
            raise RuntimeError(MISSING_CALLBACK)

        step = self.pruning_step + 1
        self.pruning_step.assign(step)
        should_prune, sparsity = self.pruning_schedule(step)
        should_prune = ops.cast(should_prune, "bool")
        for weight, mask, threshold in self.pruned_weights:
            values = ops.stop_gradient(ops.convert_to_tensor(weight))
            new_mask, new_threshold = ops.cond(
                should_prune,
                lambda values=values: magnitude_mask(values, sparsity),
                lambda mask=mask, threshold=threshold: (
                    ops.convert_to_tensor(mask),
                    ops.convert_to_tensor(threshold),
                ),
            )
            mask.assign(new_mask)
            threshold.assign(new_threshold)
        self.apply_masks()

    def apply_masks(self) -> None:
        """Sets the stored weights to zero where their masks cut them."""
        for weight, mask, _ in self.pruned_weights:
            weight.assign(_masked(weight, mask))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def compute_output_spec(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        # By the layer itself: from the shape alone, its dtype would be the wrapper's.
        return self.layer.compute_output_spec(*args, **kwargs)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.layer.compute_mask(inputs, previous_mask)

    def get_config(self) -> dict[str, Any]:
        schedule = keras.saving.serialize_keras_object(self.pruning_schedule)
        return {**super().get_config(), "pruning_schedule": schedule}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> PruneLowMagnitude:
        config = dict(config)
        for key in ("layer", "pruning_schedule"):
            config[key] = keras.saving.deserialize_keras_object(config[key], custom_objects=custom_objects)
        return cls(**config)


def collect_wrappers(model: keras.layers.Layer) -> list[PruneLowMagnitude]:
    """All `PruneLowMagnitude` layers of a model, in the order of its layers, each once."""
    layers = model._flatten_layers(include_self=True, recursive=True)
    return [layer for layer in layers if isinstance(layer, PruneLowMagnitude)]


def require_step_callback(model: keras.Model) -> None:
    """Makes `model.fit` without `UpdatePruningStep` fail before anything is traced.

    Models that `prune_low_magnitude` made have this from the start; those wrapped by hand or loaded get it when
    their first training step is traced, where the wrapper checks by itself.
    """
    make_train_function = model.make_train_function
    if getattr(make_train_function, "requires_step_callback", False):
        return

    def checked(force: bool = False) -> Any:
        if not all(wrapper.has_step_callback for wrapper in collect_wrappers(model)):
            raise RuntimeError(MISSING_CALLBACK)
        return make_train_function(force=force)

    checked.requires_step_callback = True  # type: ignore[attr-defined]
    model.make_train_function = checked


class _Masked(keras.constraints.Constraint):
    """Keeps cut weights at zero through the optimizer's update, after the layer's own constraint."""

    def __init__(self, mask: keras.Variable, inner: Any):
        self.mask = mask
        self.inner = inner

    def __call__(self, w: Any) -> Any:
        return _masked(self.inner(w) if self.inner else w, self.mask)


def _masked(weight: Any, mask: Any) -> Any:
    weight = ops.convert_to_tensor(weight)
    return ops.where(ops.convert_to_tensor(mask), weight, ops.zeros_like(weight))
