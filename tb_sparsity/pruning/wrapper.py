"""The wrapper that prunes one layer while it trains."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops
from keras.src.backend.common.stateless_scope import get_stateless_scope, in_stateless_scope

from tb_sparsity.pruning.patterns import Layout, make_pattern
from tb_sparsity.pruning.registry import Prunable, prunable_weights
from tb_sparsity.schedules import ConstantSparsity, PruningSchedule

DEFAULT_SCHEDULE = ConstantSparsity(0.5, begin_step=0)

MISSING_CALLBACK = (
    "A pruned model is trained with the callback `UpdatePruningStep`, which is missing here. Add this line:\n"
    "    model.fit(..., callbacks=[tb_sparsity.UpdatePruningStep()])\n"
    "In a loop of your own, before the first step:\n"
    "    callback = tb_sparsity.UpdatePruningStep(); callback.set_model(model); callback.on_train_begin()"
)


def _uncompiled(method: Callable[[PruneLowMagnitude], None]) -> Callable[[PruneLowMagnitude], None]:
    """The method, left alone by PyTorch's compiler.

    That would follow each operation of a mask, for longer than the rest of the step takes, only to break off at
    the first condition.
    """
    if keras.backend.backend() != "torch":
        return method
    import torch

    compiler: Any = torch.compiler
    return compiler.disable(method)


class PrunedWeight(NamedTuple):
    """A weight and what the wrapper knows of it: `mask` (bool, its shape) and `threshold` (scalar)."""

    weight: keras.Variable
    mask: keras.Variable
    threshold: keras.Variable
    layout: Layout


@keras.saving.register_keras_serializable("tb_sparsity")
class PruneLowMagnitude(keras.layers.Wrapper):
    """Prunes the weights of a layer by magnitude, on a schedule, while the layer trains.

    At the start of every training step (each call of the model with `training=True`) the wrapper counts it and,
    where the schedule says so, recomputes mask and threshold; all of it inside the compiled step. Weights that the
    mask cuts are zero in the forward pass, and stored as exact zeros after the optimizer's update.

    `prune_low_magnitude` wraps for you; wrap by hand to build a model of layers that are pruned differently.

    Args:
        layer: The layer to prune.
        pruning_schedule: A `PruningSchedule`. Defaults to `ConstantSparsity(0.5, begin_step=0)`.
        block_size: `(rows, columns)` of the blocks that are cut together, on the weight's matrix (output channels
            are its columns, all other axes its rows). Defaults to `(1, 1)`: single weights.
        block_pooling_type: What a block is worth: the mean (`"AVG"`) or the largest (`"MAX"`) of its magnitudes.
            Defaults to `"AVG"`.
        sparsity_m_by_n: `(zeros, group size)`, such as `(2, 4)`: so many zeros among each group of consecutive
            weights along the input channels, at the schedule's steps, whatever its sparsity. Weights without
            input channels (depthwise kernels) are left alone. Defaults to `None`.
        structure: `"channel"` cuts whole output channels. Defaults to `None`.
        **kwargs: `name` and other arguments of `keras.layers.Layer`.

    Non-trainable weights: per pruned weight `mask` (bool, shape of the weight) and `threshold` (scalar: the
    smallest magnitude, of blocks and channels the smallest worth, that stayed; NaN if the weight had values that
    aren't finite), and one `pruning_step` (int32 scalar: training steps counted).

    Raises:
        ValueError: If `layer` isn't a layer, `pruning_schedule` isn't a schedule, or the arguments describe no
            pattern.
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

    def __init__(
        self,
        layer: keras.layers.Layer,
        pruning_schedule: PruningSchedule = DEFAULT_SCHEDULE,
        block_size: Sequence[int] = (1, 1),
        block_pooling_type: str = "AVG",
        sparsity_m_by_n: Sequence[int] | None = None,
        structure: str | None = None,
        **kwargs: Any,
    ):
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
        self.pattern = make_pattern(block_size, block_pooling_type, sparsity_m_by_n, structure)
        self._pattern_config: dict[str, Any] = {
            "block_size": list(block_size),
            "block_pooling_type": block_pooling_type,
            "sparsity_m_by_n": sparsity_m_by_n and list(sparsity_m_by_n),
            "structure": structure,
        }
        self.supports_masking = layer.supports_masking
        self.has_step_callback = False
        self._advanced_in: weakref.WeakSet[Any] = weakref.WeakSet()
        self._layer_inputs: Any = None  # of the call that builds
        # Keras looks at the arguments of a call by its signature: here by that of the layer's.
        self._call_signature = _with_training(inspect.signature(layer.call))
        if hasattr(layer, "_input_shape_arg"):  # Dense(…, input_shape=…), as a first layer
            self._input_shape_arg = layer._input_shape_arg

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.built:
            self._layer_inputs = args, kwargs
        return super().__call__(*args, **kwargs)

    def build(self, input_shape: Any = None) -> None:
        build_whole(self.layer, input_shape, self._layer_inputs)
        self._layer_inputs = None
        super().build(input_shape)
        self.masks = []
        self.thresholds = []
        for i, (weight, _) in enumerate(self._prunable()):
            suffix = f"_{i}" if i else ""
            self.masks.append(self._add_state(f"mask{suffix}", weight.shape, "bool", "ones"))
            self.thresholds.append(self._add_state(f"threshold{suffix}", (), weight.dtype, "zeros"))
        self.pruning_step = self._add_state("pruning_step", (), "int32", "zeros")
        if keras.backend.backend() != "jax":  # there a constraint would see the mask of the time of tracing
            for weight, mask, *_ in self.pruned_weights:
                weight.constraint = _Masked(mask, weight.constraint)
        self.built = True

    def _add_state(self, name: str, shape: Any, dtype: str, initializer: str) -> keras.Variable:
        return self.add_weight(
            name=name, shape=shape, dtype=dtype, initializer=initializer, trainable=False, autocast=False
        )

    def _prunable(self) -> list[Prunable]:
        return [p for p in prunable_weights(self.layer) if self.pattern.supports(p.layout)]

    @property
    def pruned_weights(self) -> list[PrunedWeight]:
        """The layer's prunable weights, each with its mask and threshold. Empty before `build`."""
        if not self.built and not hasattr(self, "masks"):
            return []
        found = zip(self._prunable(), self.masks, self.thresholds, strict=True)
        return [PrunedWeight(p.weight, mask, threshold, p.layout) for p, mask, threshold in found]

    @property
    def state(self) -> list[keras.Variable]:
        """The wrapper's own variables."""
        return [*self.masks, *self.thresholds, self.pruning_step] if self.built else []

    def call(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        model = self._get_call_context().entry_layer
        if isinstance(model, keras.Model):  # as `fit` does before it makes its step, to see what comes out
            require_step_callback(model)
        if training:
            self._advance()
        elif keras.backend.backend() == "jax":  # stored kernels may be unmasked between two steps
            self.apply_masks()
        if self.layer._call_has_training_arg:
            kwargs["training"] = training
        return self.layer(*args, **kwargs)

    @_uncompiled
    def _advance(self) -> None:
        """Counts the training step, updates the masks if they are due, and masks the weights."""
        context = self._get_call_context()
        # JAX's trainer calls the model within a stateless scope and no call of Keras around it.
        step_context = get_stateless_scope() if keras.backend.backend() == "jax" and in_stateless_scope() else context
        if step_context in self._advanced_in:
            return  # a shared layer: called again within the same step
        self._advanced_in.add(step_context)  # several, where TensorFlow traces the replicas of a strategy in turns
        if not self.has_step_callback:
            if isinstance(context.entry_layer, keras.Model):
                context.entry_layer.train_function = None  # one whose tracing failed can't be used again
            raise RuntimeError(MISSING_CALLBACK)

        step = self.pruning_step + 1
        self.pruning_step.assign(step)
        should_prune, sparsity = self.pruning_schedule(step)
        should_prune = ops.cast(should_prune, "bool")
        if keras.backend.backend() == "tensorflow":
            # Between two updates the constraint keeps stored weights masked: there is nothing to write.
            ops.cond(should_prune, lambda: self._update(sparsity), lambda: False)
            return
        for pruned in self.pruned_weights:
            mask, threshold = ops.cond(
                should_prune,
                lambda pruned=pruned: self._recomputed(pruned, sparsity),
                lambda pruned=pruned: (ops.convert_to_tensor(pruned.mask), ops.convert_to_tensor(pruned.threshold)),
            )
            pruned.mask.assign(mask)
            pruned.threshold.assign(threshold)
        self.apply_masks()

    def _update(self, sparsity: Any) -> bool:
        for pruned in self.pruned_weights:
            mask, threshold = self._recomputed(pruned, sparsity)
            pruned.mask.assign(mask)
            pruned.threshold.assign(threshold)
        self.apply_masks()
        return True

    def _recomputed(self, pruned: PrunedWeight, sparsity: Any) -> tuple[Any, Any]:
        """Mask and threshold of this step. No order is known of a weight with NaNs: its mask stays."""
        last_mask = ops.convert_to_tensor(pruned.mask)
        values = ops.stop_gradient(masked(pruned.weight, last_mask))  # what is cut counts as the zero it will be
        mask, threshold = self.pattern.mask(values, sparsity, pruned.layout)
        finite = ops.all(ops.isfinite(values))
        return ops.where(finite, mask, last_mask), ops.where(finite, threshold, ops.full_like(threshold, float("nan")))

    def apply_masks(self) -> None:
        """Sets the stored weights to zero where their masks cut them."""
        for weight, mask, *_ in self.pruned_weights:
            weight.assign(masked(weight, mask))

    def keep_zeros(self) -> None:
        """Cuts what is zero already, until the schedule's first update; a weight that is all zeros may grow."""
        for weight, mask, *_ in self.pruned_weights:
            nonzero = ops.not_equal(ops.convert_to_tensor(weight), ops.zeros((), weight.dtype))
            mask.assign(ops.logical_or(nonzero, ops.logical_not(ops.any(nonzero))))

    def around(self, layer: keras.layers.Layer) -> PruneLowMagnitude:
        """A wrapper like this one around another layer."""
        return type(self)(layer, self.pruning_schedule, name=self.name, **self._pattern_config)

    def release(self) -> keras.layers.Layer:
        """The layer itself, its weights masked and free of the wrapper's constraint."""
        self.apply_masks()
        for weight, *_ in self.pruned_weights:
            if isinstance(weight.constraint, _Masked):
                weight.constraint = weight.constraint.inner
        return self.layer

    def save_own_variables(self, store: Any) -> None:
        self.apply_masks()  # on JAX they aren't between two steps; the layer's weights are saved after these
        super().save_own_variables(store)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def compute_output_spec(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        # By the layer itself: from the shape alone, its dtype would be the wrapper's.
        return self.layer.compute_output_spec(*args, **kwargs)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.layer.compute_mask(inputs, previous_mask)

    def get_config(self) -> dict[str, Any]:
        schedule = keras.saving.serialize_keras_object(self.pruning_schedule)
        return {**super().get_config(), "pruning_schedule": schedule, **self._pattern_config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> PruneLowMagnitude:
        config = dict(config)
        for key in ("layer", "pruning_schedule"):
            config[key] = keras.saving.deserialize_keras_object(config[key], custom_objects=custom_objects)
        return cls(**config)


def _with_training(signature: inspect.Signature) -> inspect.Signature:
    parameters = list(signature.parameters.values())
    if "training" not in signature.parameters:
        training = inspect.Parameter("training", inspect.Parameter.KEYWORD_ONLY, default=None)
        at = len(parameters) - (parameters[-1].kind is inspect.Parameter.VAR_KEYWORD if parameters else 0)
        parameters.insert(at, training)
    return signature.replace(parameters=parameters)


def build_whole(layer: keras.layers.Layer, input_shape: Any = None, inputs: Any = None) -> None:
    """Builds a layer that its first input's shape doesn't tell enough: made of layers, or built from several inputs.

    Args:
        layer: A loaded one may call itself built, its parts not being so.
        input_shape: Of the first input, where nothing else is known.
        inputs: `(args, kwargs)` of a call.
    """
    if all(part.built for part in layer._flatten_layers()) or (inputs is None and input_shape is None):
        return

    def spec(x: Any) -> Any:
        return keras.KerasTensor(x.shape, keras.backend.standardize_dtype(x.dtype)) if hasattr(x, "dtype") else x

    args, kwargs = inputs or ((keras.tree.map_shape_structure(keras.KerasTensor, input_shape),), {})
    args, kwargs = keras.tree.map_structure(spec, (args, kwargs))
    parameters = inspect.signature(layer.call).parameters
    kwargs = {name: value for name, value in kwargs.items() if name in parameters}
    if type(layer).build is keras.Layer.build:
        layer.compute_output_spec(*args, **kwargs)
        return
    wanted = [name for name in inspect.signature(layer.build).parameters if name.endswith("_shape")]
    if len(wanted) > 1 and not layer.built:
        named = {**dict(zip(parameters, args, strict=False)), **kwargs}
        given = {name: named.get(name.removesuffix("_shape")) for name in wanted}
        shapes = {name: keras.tree.map_structure(lambda x: x.shape, x) for name, x in given.items() if x is not None}
        layer.build(**shapes)


def collect_wrappers(model: keras.layers.Layer) -> list[PruneLowMagnitude]:
    """All `PruneLowMagnitude` layers of a model, in the order of its layers, each once."""
    found: dict[int, PruneLowMagnitude] = {}

    def collect(layer: Any) -> None:
        if isinstance(layer, PruneLowMagnitude):
            found[id(layer)] = layer
        for inner in layer._flatten_layers(include_self=False, recursive=False):
            collect(inner)

    collect(model)
    return list(found.values())


def require_step_callback(model: keras.Model) -> None:
    """Makes `model.fit` without `UpdatePruningStep` fail before anything is traced.

    Models that `prune_low_magnitude` made have this from the start; those wrapped by hand or loaded get it when
    they are first called. Later would be too late: on JAX, a model whose step fails loses its weights.
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
        return masked(self.inner(w) if self.inner else w, self.mask)


def masked(weight: Any, mask: Any) -> Any:
    """The weight with zeros where its mask cuts it."""
    weight = ops.convert_to_tensor(weight)
    return ops.where(ops.convert_to_tensor(mask), weight, ops.zeros_like(weight))
