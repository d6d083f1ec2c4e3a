"""A model's weights under the names that logs, reports and patterns use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import keras

from tb_sparsity.pruning.registry import prunable_weights
from tb_sparsity.pruning.wrapper import PrunedWeight, PruneLowMagnitude


@dataclass(frozen=True)
class TrackedWeight:
    """A weight under its name in the log, and the wrapper that prunes it, if one does."""

    name: str
    layer_name: str
    layer: keras.layers.Layer
    variable: keras.Variable
    prunable: bool
    wrapper: PruneLowMagnitude | None = None
    pruned: PrunedWeight | None = None

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.variable.shape)


def tracked_weights(model: keras.Model) -> list[TrackedWeight]:
    """All weights of a built model, each once, under names that pruning doesn't change.

    A name is made of layer names from the model's own layers down to the variable; the model's name and the
    pruning wrappers are left out: `conv2d/kernel`, in a nested model `backbone/conv2d/kernel`.
    """
    seen: set[int] = set()
    names: set[str] = set()
    found = []
    for weight in _walk(model, "", None):
        if id(weight.variable) in seen:
            continue
        seen.add(id(weight.variable))
        name, n = weight.name, 1
        while name in names:  # two sublayers of one name in one layer
            name, n = f"{weight.name}_{n}", n + 1
        names.add(name)
        found.append(replace(weight, name=name))
    return found


def _walk(layer: Any, path: str, wrapper: PruneLowMagnitude | None) -> Iterator[TrackedWeight]:
    if isinstance(layer, PruneLowMagnitude):
        yield from _walk(layer.layer, path, layer)
        return
    pruned = {id(p.weight): p for p in wrapper.pruned_weights} if wrapper else {}
    prunable = {id(p.weight) for p in prunable_weights(layer)} if layer.built else set()
    for variable, owner_path in _own_variables(layer, path, deep=bool(prunable)):
        yield TrackedWeight(
            name=f"{owner_path}/{variable.name}" if owner_path else variable.name,
            layer_name=path,
            layer=layer,
            variable=variable,
            prunable=id(variable) in prunable,
            wrapper=wrapper,
            pruned=pruned.get(id(variable)),
        )
    if not pruned and not prunable:
        for sub in layer._flatten_layers(include_self=False, recursive=False):
            yield from _walk(sub, f"{path}/{_name(sub)}" if path else _name(sub), None)


def _own_variables(layer: Any, path: str, deep: bool) -> Iterator[tuple[Any, str]]:
    """A layer's weights; if `deep`, those of its parts (a recurrent layer's cell) too."""
    for variable in layer._trainable_variables + layer._non_trainable_variables:
        yield variable, path
    if deep:
        for sub in layer._flatten_layers(include_self=False, recursive=False):
            yield from _own_variables(sub, f"{path}/{_name(sub)}", deep)


def _name(layer: Any) -> str:
    return _name(layer.layer) if isinstance(layer, PruneLowMagnitude) else layer.name


def pruned_or_prunable(weights: list[TrackedWeight]) -> list[TrackedWeight]:
    """The weights a log is about: those that are pruned; in a model without pruning those that could be."""
    pruned = [w for w in weights if w.pruned]
    prunable = [w for w in weights if w.prunable]
    return pruned or [w for w in prunable if w.variable.trainable] or prunable
