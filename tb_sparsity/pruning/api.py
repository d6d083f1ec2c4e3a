"""`prune_low_magnitude` and `strip_pruning`: into the wrappers and out of them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
from keras import Layer, Model

from tb_sparsity.pruning.models import Copies, changed_model, copy_layer, walk
from tb_sparsity.pruning.patterns import make_pattern
from tb_sparsity.pruning.plan import Choice, Decision, decide
from tb_sparsity.pruning.policy import PruningPolicy
from tb_sparsity.pruning.report import remember
from tb_sparsity.pruning.wrapper import (
    DEFAULT_SCHEDULE,
    PruneLowMagnitude,
    collect_wrappers,
    require_step_callback,
)
from tb_sparsity.schedules import SCHEDULES, PruningSchedule

for _schedule in SCHEDULES:  # schedules themselves must not import Keras
    keras.saving.register_keras_serializable("tb_sparsity")(_schedule)


def prune_low_magnitude(
    to_prune: Any,
    pruning_schedule: PruningSchedule | Mapping[Any, Any] | Any = DEFAULT_SCHEDULE,
    block_size: Sequence[int] = (1, 1),
    block_pooling_type: str = "AVG",
    pruning_policy: PruningPolicy | None = None,
    sparsity_m_by_n: Sequence[int] | None = None,
    *,
    structure: str | None = None,
    include: Choice | Iterable[Choice] | None = None,
    exclude: Choice | Iterable[Choice] | None = None,
    distribution: str = "uniform",
    on_unsupported: str = "error",
    frequency: int | None = None,
    **kwargs: Any,
) -> Any:
    """Makes a layer, a list of layers or a model ready to be pruned while it trains.

    A Sequential or Functional model is copied, weights and all, down through nested models; the one given stays
    as it is. A subclassed model can't be copied: its layers are exchanged in place, and it is returned. Either
    must be compiled afterwards. Layers with nothing to prune (pooling, dropout, normalisation, …) pass through,
    and layers that are wrapped already stay so. A single layer that has weights is copied too; a new one is
    wrapped itself. Zeros that the weights have already stay zero until the schedule's first mask update.

    `print(tb_sparsity.pruning_report(pruned, steps=1000))` shows what was made of the model.

    Args:
        to_prune: A layer, a list of layers or models, or a model.
        pruning_schedule: When to prune, and how much: a `PruningSchedule`; or a function from step to sparsity;
            or a dict from layers (as in `include`) to schedules, of which the first that matches counts. Defaults
            to `ConstantSparsity(0.5, begin_step=0)`.
        block_size: `(rows, columns)` of blocks that are cut together; see `PruneLowMagnitude`. Defaults to `(1, 1)`.
        block_pooling_type: What a block is worth: `"AVG"` or `"MAX"` of its magnitudes. Defaults to `"AVG"`.
        pruning_policy: A `PruningPolicy` that says which layers may be pruned, and checks the model. Defaults to
            `None`: all.
        sparsity_m_by_n: `(zeros, group size)` for N:M sparsity, such as `(2, 4)`. Defaults to `None`.
        structure: `"channel"` to cut whole output channels. Defaults to `None`.
        include: Prune only these: a name pattern such as `"conv2d*"` or `"backbone/*"` (for the layer's path or
            its name), a compiled regular expression (searched in the path), a class of layers, a function
            `layer -> bool`, or a list of such. Defaults to `None`: all that can be.
        exclude: Leave these alone; as `include`. Defaults to `None`.
        distribution: `"uniform"`: each layer gets the schedule's sparsity; or `"erk"`: small layers get less and
            large ones more, so that the schedule's is that of all weights on it together (Erdős–Rényi kernel:
            Evci et al. 2020, arXiv:1911.11134, section 3). Defaults to `"uniform"`.
        on_unsupported: What to do with a layer whose weights aren't known: `"error"` or `"skip"`. Defaults to
            `"error"`.
        frequency: Steps between two mask updates, if `pruning_schedule` is a function. Defaults to 100 then.
        **kwargs: Further arguments of `PruneLowMagnitude`, for every layer that is wrapped.

    Returns:
        What was given, with each chosen layer inside a `PruneLowMagnitude`.

    Raises:
        ValueError: If `to_prune` is something else, an argument isn't what it should be, a name pattern matches no
            layer, a layer isn't supported or can't be copied, or the policy doesn't support the model.

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
    pattern: dict[str, Any] = {
        "block_size": block_size,
        "block_pooling_type": block_pooling_type,
        "sparsity_m_by_n": sparsity_m_by_n,
        "structure": structure,
    }
    given = list(to_prune) if isinstance(to_prune, (list, tuple)) else [to_prune]
    for item in given:
        _check_layer(item)
        if pruning_policy and isinstance(item, Model):
            pruning_policy.ensure_model_supports_pruning(item)
    layers = [found for item in given for found in walk(item)]
    decisions = decide(
        layers,
        pruning_schedule,
        make_pattern(**pattern),
        frequency,
        include,
        exclude,
        pruning_policy,
        distribution,
        on_unsupported,
    )
    decided = {id(decision.layer): decision for decision in decisions}

    def change(original: Layer, layer: Layer) -> Layer:
        decision = decided[id(original)]
        if decision.schedule is None:
            return layer
        wrapper = PruneLowMagnitude(layer, decision.schedule, **pattern, **kwargs)
        if layer.built:
            wrapper.build()
        return wrapper

    copies: Copies = {}
    pruned = [_pruned(item, change, decisions, copies) for item in given]
    return pruned if isinstance(to_prune, (list, tuple)) else pruned[0]


def strip_pruning(model: Model) -> Model:
    """Takes the pruning wrappers off: the model to save, convert and serve.

    Args:
        model: A model with `PruneLowMagnitude` layers, at any depth of nested models.

    Returns:
        A copy of the model as it was before pruning, with the pruned weights, exactly zero where the masks
        cut them; a subclassed model itself. It is not compiled, so that a saved file holds no optimizer state.

    Raises:
        ValueError: If `model` isn't a Keras 3 model, or a layer can't be copied.

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
    return changed_model(model, lambda original, layer: layer, unwrap=True)


def _pruned(item: Layer, change: Any, decisions: list[Decision], copies: Copies) -> Layer:
    if id(item) in copies:  # given twice, or part of a model that came before
        return copies[id(item)][1]
    if isinstance(item, Model):
        pruned = changed_model(item, change, copies=copies)
        require_step_callback(pruned)
    else:
        wrapped = any(decision.layer is item and decision.schedule for decision in decisions)
        pruned = change(item, copy_layer(item) if wrapped and item.built else item)
    copies[id(item)] = (item, pruned)
    for wrapper in collect_wrappers(pruned):
        if wrapper.built and not int(keras.ops.convert_to_numpy(wrapper.pruning_step)):
            wrapper.keep_zeros()
    remember(pruned, decisions)
    return pruned


def _check_layer(item: Any) -> None:
    if not isinstance(item, Layer):
        raise ValueError(
            "`prune_low_magnitude` takes a Keras 3 layer, a list of layers, or a model. "
            f"Received: {item!r} of type {type(item).__name__}"
            + (" (a legacy tf_keras object)" if type(item).__module__.startswith("tf_keras") else "")
        )
