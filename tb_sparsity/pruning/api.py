"""`prune_low_magnitude` and `strip_pruning`: into the wrappers and out of them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import Layer, Model, Sequential
from keras.src.models.functional import Functional  # keras has no public name to test for a Functional model

from tb_sparsity.pruning.registry import is_prunable, passes_through
from tb_sparsity.pruning.wrapper import PruneLowMagnitude, collect_wrappers, require_step_callback
from tb_sparsity.schedules import ConstantSparsity, PolynomialDecay, PruningSchedule

for _schedule in (ConstantSparsity, PolynomialDecay):  # schedules.py itself must not import Keras
    keras.saving.register_keras_serializable("tb_sparsity")(_schedule)

_DEFAULT_SCHEDULE = ConstantSparsity(0.5, begin_step=0)

# tfmot's further arguments, with the values that mean: single weights, everywhere.
_TFMOT_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "block_pooling_type": ("AVG", "MAX"),
    "block_size": ((1, 1), [1, 1]),
    "pruning_policy": (None,),
    "sparsity_m_by_n": (None,),
}


def prune_low_magnitude(to_prune: Any, pruning_schedule: PruningSchedule = _DEFAULT_SCHEDULE, **kwargs: Any) -> Any:
    """Makes a layer, a list of layers or a model ready to be pruned while it trains.

    A model is copied, weights and all, down through nested models; the one given stays as it is. The copy is
    not compiled. Layers with nothing to prune (pooling, dropout, normalisation, …) pass through, and layers
    that are wrapped already stay so. A layer that has weights already is copied too; a new one is wrapped
    itself.

    Args:
        to_prune: A layer, a list of layers, a Sequential or a Functional model.
        pruning_schedule: When to prune, and how much. Defaults to `ConstantSparsity(0.5, begin_step=0)`.
        **kwargs: Further arguments of `PruneLowMagnitude`, for every layer that is wrapped. Of tfmot's
            `block_size`, `block_pooling_type`, `pruning_policy` and `sparsity_m_by_n` the defaults are taken.

    Returns:
        What was given, with each prunable layer inside a `PruneLowMagnitude`.

    Raises:
        ValueError: If `to_prune` is something else, a subclassed model, or holds a layer that has weights and
            isn't supported; or if an argument asks for blocks, N:M patterns or a policy.

    Example:

    ```python
    import keras
    import tb_sparsity

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="head")])
    schedule = tb_sparsity.PolynomialDecay(0.0, 0.75, begin_step=0, end_step=500, frequency=50)
    pruned = tb_sparsity.prune_low_magnitude(model, schedule)
    [layer.name for layer in pruned.layers]  # ['prune_low_magnitude_head']
    ```
    """

    for name in _TFMOT_ARGUMENTS.keys() & kwargs.keys():
        if kwargs.pop(name) not in (allowed := _TFMOT_ARGUMENTS[name]):
            raise ValueError(
                f"`{name}` can only be {allowed[0]!r} here: weights are pruned one by one, in every layer that has "
                "any. Leave it out."
            )

    def wrap(layer: Layer) -> Layer:
        return PruneLowMagnitude(layer, pruning_schedule, **kwargs)

    if isinstance(to_prune, Model):
        pruned = _copy_model(to_prune, lambda layer: wrap(layer) if is_prunable(layer) else layer)
        require_step_callback(pruned)
        return pruned
    if isinstance(to_prune, (list, tuple)):
        return [prune_low_magnitude(layer, pruning_schedule, **kwargs) for layer in to_prune]
    if isinstance(to_prune, Layer):
        _check_supported(to_prune)
        if isinstance(to_prune, PruneLowMagnitude) or not is_prunable(to_prune):
            return to_prune
        return wrap(_copy_layer(to_prune) if to_prune.built else to_prune)
    raise ValueError(
        "`prune_low_magnitude` takes a Keras 3 layer, a list of layers, or a Sequential or Functional model. "
        f"Received: {to_prune!r} of type {type(to_prune).__name__}"
        + (" (a legacy tf_keras object)" if type(to_prune).__module__.startswith("tf_keras") else "")
    )


def strip_pruning(model: Model) -> Model:
    """Takes the pruning wrappers off: the model to save, convert and serve.

    Args:
        model: A model with `PruneLowMagnitude` layers, at any depth of nested models.

    Returns:
        A copy of the model as it was before pruning, with the pruned weights, exactly zero where the masks
        cut them. It is not compiled, so that a saved file holds no optimizer state.

    Raises:
        ValueError: If `model` isn't a Sequential or Functional model.

    Example:

    ```python
    stripped = tb_sparsity.strip_pruning(pruned)
    stripped.save("model.keras")
    ```
    """
    if not isinstance(model, Model):
        raise ValueError(f"`strip_pruning` takes a Keras 3 model. Received: {model!r} of type {type(model).__name__}")
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
    for wrapper in collect_wrappers(model):
        wrapper.apply_masks()
    return _copy_model(model, lambda layer: layer, unwrap=True)


def _copy_model(
    model: Model,
    change: Callable[[Layer], Layer],
    unwrap: bool = False,
    copies: dict[int, tuple[Layer, Layer]] | None = None,
) -> Model:
    """Copies a model with its weights, each layer's copy passed through `change`.

    `copies` has what is copied already, by the original's id: a layer shared with a nested model stays shared.
    """
    if not isinstance(model, (Functional, Sequential)):
        raise ValueError(
            f"Model '{model.name}' of class {type(model).__name__} is subclassed: its layers can't be exchanged. "
            "Wrap them where the model makes them, e.g. "
            "`self.dense = prune_low_magnitude(keras.layers.Dense(10), schedule)`."
        )
    copies = {} if copies is None else copies
    sources: list[tuple[Layer, Layer]] = []

    def copy_and_change(layer: Layer) -> Layer:
        if isinstance(layer, PruneLowMagnitude) and unwrap:
            layer = layer.layer
        if id(layer) in copies:
            return copies[id(layer)][1]
        if isinstance(layer, (Functional, Sequential)):
            changed = _copy_model(layer, change, unwrap, copies)
        else:
            if not unwrap:
                _check_supported(layer)
            copy = layer.__class__.from_config(layer.get_config())
            sources.append((layer, copy))
            changed = change(copy)
        copies[id(layer)] = (layer, changed)
        return changed

    # Inputs keep their names: left to itself, `clone_model` gives those without one of their own new ones.
    inputs = None if isinstance(model, Sequential) else keras.tree.map_structure(_input_like, model.input)
    with _uncompiled(model):
        copied = keras.models.clone_model(model, input_tensors=inputs, clone_function=copy_and_change)
    for layer, copy in sources:
        if layer.built:
            copy.set_weights(layer.get_weights())
    return copied


def _input_like(tensor: Any) -> Any:
    layer = tensor._keras_history.operation
    return layer.__class__.from_config(layer.get_config()).output


def _copy_layer(layer: Layer) -> Layer:
    copy = layer.__class__.from_config(layer.get_config())
    copy.build_from_config(layer.get_build_config())
    copy.set_weights(layer.get_weights())
    return copy


@contextmanager
def _uncompiled(model: Model) -> Iterator[None]:
    """Hides that `model` is compiled: `clone_model` would give its copy an optimizer, and files would hold it."""
    compiled, model.compiled = model.compiled, False
    try:
        yield
    finally:
        model.compiled = compiled


def _check_supported(layer: Layer) -> None:
    supported = isinstance(layer, (PruneLowMagnitude, Functional, Sequential)) or is_prunable(layer)
    if not supported and not passes_through(layer):
        raise ValueError(
            f"Layer '{layer.name}' of class {type(layer).__name__} has weights, and which of them to prune isn't "
            "known. Either give its class a method `get_prunable_weights(self)` that returns a list of its variables "
            "(an empty list: none), or prune the other layers one by one where you build the model: "
            "`prune_low_magnitude(keras.layers.Dense(10), schedule)`."
        )
