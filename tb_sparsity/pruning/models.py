"""Models with some of their layers exchanged: copies of Sequential and Functional ones, subclassed ones in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
from keras import Layer, Model, Sequential

# keras has no public names to test for a Functional model, and to take Lambda layers from memory
from keras.src.models.functional import Functional
from keras.src.saving.serialization_lib import SafeModeScope

from tb_sparsity.pruning.wrapper import PruneLowMagnitude, build_whole, collect_wrappers

# What becomes of a layer: called with the layer of the model given, and what is to stand in its place.
Change = Callable[[Layer, Layer], Layer]
# What has been copied, by the original's id: a layer that models share stays shared.
Copies = dict[int, tuple[Layer, Layer]]


def is_graph(model: Any) -> bool:
    """Whether Keras knows how the model's layers are connected, so that it can be copied."""
    return isinstance(model, (Functional, Sequential))


def walk(layer: Layer, path: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers of a model that aren't models themselves, with their paths: `backbone/conv2d`."""
    name = layer.layer.name if isinstance(layer, PruneLowMagnitude) else layer.name
    if not isinstance(layer, Model):
        yield path or name, layer
        return
    for inner in layer.layers:
        inner_name = inner.layer.name if isinstance(inner, PruneLowMagnitude) else inner.name
        yield from walk(inner, f"{path}/{inner_name}" if path else inner_name)


def changed_model(model: Model, change: Change, unwrap: bool = False, copies: Copies | None = None) -> Model:
    """The model with each layer passed through `change`: a copy if it is Sequential or Functional, else itself.

    Args:
        model: Stays as it is, with its weights, if it is copied.
        change: From a layer of `model` and its copy (in a subclassed model, itself) to what replaces it.
        unwrap: Whether layers are taken out of their `PruneLowMagnitude` first.
        copies: What other models share with this one and has been copied already.
    """
    copies = {} if copies is None else copies
    if is_graph(model):
        return _copy_graph(model, change, unwrap, copies)
    with _strategy_of(model, unwrap):
        _change_all(model, change, unwrap, copies)
    _put_in_place(model, unwrap, copies)
    model.compiled = False  # its optimizer and compiled steps know the old layers
    return model


def copy_layer(layer: Layer) -> Layer:
    """A copy of a built layer, with its weights."""
    copy = _from_config(layer)
    config = layer.get_build_config() or {}
    copy.build_from_config(config)
    build_whole(copy, config.get("input_shape"))
    copy.set_weights(layer.get_weights())
    return copy


def _copy_graph(model: Model, change: Change, unwrap: bool, copies: Copies) -> Model:
    sources: list[tuple[Layer, Layer]] = []

    def copy_and_change(layer: Layer) -> Layer:
        if isinstance(layer, PruneLowMagnitude) and unwrap:
            layer = layer.layer
        if id(layer) in copies:
            return copies[id(layer)][1]
        if not isinstance(layer, Layer):  # `x + y` and the like
            return _from_config(layer)
        if is_graph(layer):
            changed = _copy_graph(layer, change, unwrap, copies)
        elif isinstance(layer, Model):
            changed = _copy_subclassed(layer, change, unwrap)
        else:
            copy = _from_config(layer)
            sources.append((layer, copy))
            changed = change(layer, copy)
        copies[id(layer)] = (layer, changed)
        return changed

    # Inputs keep their names: left to itself, `clone_model` gives those without one of their own new ones.
    inputs = None if isinstance(model, Sequential) else keras.tree.map_structure(_input_like, model.input)
    with uncompiled(model), _strategy_of(model, unwrap):
        copied = keras.models.clone_model(model, input_tensors=inputs, clone_function=copy_and_change)
    for layer, copy in sources:
        if layer.built:
            copy.set_weights(layer.get_weights())
        if unwrap:
            _unwrap_parts(copy)
    if type(copied) is not type(model):  # `clone_model` makes plain ones: a `train_step` of the class's own would go
        copied.__class__ = type(model)
    return copied


def _copy_subclassed(model: Model, change: Change, unwrap: bool) -> Model:
    """A subclassed model inside a model that is copied."""
    copy = _from_config(model)
    if model.built:
        copy.build_from_config(model.get_build_config())
        state = {id(v) for wrapper in collect_wrappers(model) for v in wrapper.state}
        copy.set_weights([keras.ops.convert_to_numpy(v) for v in model.weights if id(v) not in state])
    originals = [layer for _, layer in walk(model)]
    counterparts = [layer for _, layer in walk(copy)]
    if collect_wrappers(model) and not unwrap:
        raise ValueError(
            f"Model '{model.name}' of class {type(model).__name__}, part of another model, is pruned already: its "
            "configuration doesn't tell. Leave the outer model as it is, or prune it before the part."
        )
    if len(originals) != len(counterparts):
        raise ValueError(
            f"Model '{model.name}' of class {type(model).__name__} is subclassed and part of another model: its "
            "configuration doesn't make a copy with the same layers. Prune it by itself before you build that model."
        )
    of_copy = dict(zip(map(id, counterparts), originals, strict=True))
    return changed_model(copy, lambda layer, same: change(of_copy.get(id(layer), layer), same), unwrap)


def _change_all(model: Model, change: Change, unwrap: bool, copies: Copies) -> None:
    """Makes what replaces the layers of a subclassed model, before any of them is replaced."""
    for layer in model.layers:
        if isinstance(layer, Model) and not is_graph(layer):
            _change_all(layer, change, unwrap, copies)
            continue
        key = _key(layer, unwrap)
        if key in copies:
            continue
        if is_graph(layer):
            changed = _copy_graph(layer, change, unwrap, copies)
        elif isinstance(layer, PruneLowMagnitude) and unwrap:
            changed = change(layer, layer.release())
        else:
            changed = change(layer, layer)
        copies[key] = (layer, changed)


def _put_in_place(model: Model, unwrap: bool, copies: Copies) -> None:
    for layer in model.layers:
        if isinstance(layer, Model) and not is_graph(layer):
            _put_in_place(layer, unwrap, copies)
    _replace(model, {id(layer): copies[key][1] for layer in model.layers if (key := _key(layer, unwrap)) in copies})


def _unwrap_parts(layer: Layer) -> None:
    """Takes wrappers off inside a layer that isn't a model, such as `TimeDistributed`."""
    parts = layer._flatten_layers(include_self=False, recursive=False)
    for part in parts:
        _unwrap_parts(part)
    _replace(layer, {id(part): part.release() for part in parts if isinstance(part, PruneLowMagnitude)})


def _key(layer: Layer, unwrap: bool) -> int:
    return id(layer.layer) if unwrap and isinstance(layer, PruneLowMagnitude) else id(layer)


def _replace(owner: Layer, new: dict[int, Layer]) -> None:
    """Puts new layers in the place of the owner's, by the old ones' ids."""
    for layer in owner._flatten_layers(include_self=False, recursive=False):
        if new.get(id(layer), layer) is not layer:
            owner._tracker.replace_tracked_value("layers", layer, new[id(layer)])
    attributes = {**vars(owner), **vars(owner).get("_modules", {})}  # where PyTorch keeps those that are modules
    for name, value in attributes.items():
        if name not in ("_layers", "_modules"):
            exchanged = _exchanged(value, new)
            if exchanged is not value:
                setattr(owner, name, exchanged)


def _exchanged(value: Any, new: dict[int, Layer]) -> Any:
    """The attribute with the new layers in it; lists and dicts are changed themselves."""
    if isinstance(value, Layer):
        return new.get(id(value), value)
    if isinstance(value, (list, dict)):
        for key, item in enumerate(value) if isinstance(value, list) else list(value.items()):
            exchanged = _exchanged(item, new)
            if exchanged is not item:
                value[key] = exchanged
    elif isinstance(value, tuple):
        items = [_exchanged(item, new) for item in value]
        if any(a is not b for a, b in zip(items, value, strict=True)):
            named = hasattr(value, "_fields")  # TensorFlow wraps tuples: only `__class__` tells what they are
            return value.__class__(*items) if named else value.__class__(items)
    return value


def _from_config(layer: Any) -> Any:
    if isinstance(layer, keras.layers.Lambda):  # its function, read back from bytes, wouldn't know its globals
        settings = {name: getattr(layer, name) for name in ("function", "mask", "arguments", "name")}
        return type(layer)(output_shape=layer._output_shape, dtype=layer.dtype_policy, **settings)
    if isinstance(layer, PruneLowMagnitude):  # its schedule may be a function that no file could hold
        return layer.around(_from_config(layer.layer))
    # What is in memory is trusted, and its parts' classes are at hand, registered with Keras or not.
    parts = layer._flatten_layers() if isinstance(layer, Layer) else []
    classes = {type(part).__name__: type(part) for part in parts if type(part).__module__.partition(".")[0] != "keras"}
    try:
        with SafeModeScope(safe_mode=False), keras.saving.custom_object_scope(classes):
            return layer.__class__.from_config(layer.get_config())
    except Exception as error:
        raise ValueError(
            f"Layer '{layer.name}' of class {type(layer).__name__} can't be copied, as `prune_low_magnitude` and "
            f"`strip_pruning` do with all layers of a Sequential or Functional model: {type(error).__name__}: {error}\n"
            "Give its class a `get_config` that returns the arguments of its constructor."
        ) from error


def _input_like(tensor: Any) -> Any:
    layer = tensor._keras_history.operation
    return layer.__class__.from_config(layer.get_config()).output


def _strategy_of(model: Model, unwrap: bool) -> AbstractContextManager[Any]:
    """The scope in which `tf.distribute` made the model, so that what is pruned belongs to it wherever that is done.

    What is stripped doesn't: it is to be saved and served.
    """
    strategy = None if unwrap else getattr(model, "_distribute_strategy", None)
    return strategy.scope() if strategy else nullcontext()


@contextmanager
def uncompiled(model: Model) -> Iterator[None]:
    """Hides that `model` is compiled: `clone_model` would give its copy an optimizer, and files would hold it."""
    compiled, model.compiled = model.compiled, False
    try:
        yield
    finally:
        model.compiled = compiled
